//! Answers of polls, alone and beside a session.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::{
    ChannelName, Epoch, EventName, Gap, GapCause, Payload, PollEvent, PollPage, Position, Since,
    Subscribed,
};

use super::{Continuity, Subscription};
use crate::Notice;

fn channel() -> ChannelName {
    ChannelName::new("a:1").unwrap()
}

fn position(epoch: &str, offset: u64) -> Position {
    Position::new(Epoch::new(epoch).unwrap(), offset)
}

fn answer(epoch: &str, offsets: &[u64], offset: u64) -> PollPage {
    let event = |&offset: &u64| PollEvent {
        offset,
        event: EventName::new("progress").unwrap(),
        data: Payload::null(),
        time: Box::from("2026-02-28T00:00:00.000Z"),
    };
    PollPage {
        channel: channel(),
        epoch: Epoch::new(epoch).unwrap(),
        offset,
        events: offsets.iter().map(event).collect(),
        is_final: false,
        gap: None,
    }
}

fn subscribed(epoch: &str, offset: u64, gap: Option<Gap>) -> Subscribed {
    Subscribed {
        id: None,
        channel: channel(),
        epoch: Epoch::new(epoch).unwrap(),
        offset,
        head: offset,
        recovered: gap.is_none(),
        gap,
    }
}

fn gap(from: Position, to: Position, cause: GapCause) -> Gap {
    Gap { from, to, cause }
}

/// The offsets told, and 0 for each gap.
fn told(notices: &[Notice]) -> Vec<u64> {
    let offsets = notices.iter().filter_map(|notice| match notice {
        Notice::Event(event) => Some(event.offset),
        Notice::Gap { .. } => Some(0),
        Notice::State { .. }
        | Notice::Subscribed { .. }
        | Notice::Finished { .. }
        | Notice::Quality(_)
        | Notice::Refused { .. }
        | Notice::Message { .. }
        | Notice::Published { .. }
        | Notice::PublishFailed { .. } => None,
    });
    offsets.collect()
}

fn take(one: &mut Subscription, answer: PollPage, asked: &Since) -> (bool, Vec<u64>) {
    let mut notices = Vec::new();
    let taken = one.on_page(answer, asked, false, &mut |notice| notices.push(notice));
    (taken, told(&notices))
}

/// P-23
#[test]
fn an_answer_tells_only_what_is_new() {
    let asked = Since::After(position("e1", 3));
    let mut one = Subscription::new(1, channel(), Since::After(position("e1", 5)));
    assert_eq!(take(&mut one, answer("e1", &[4, 5, 6, 7], 7), &asked), (true, vec![6, 7]));
    assert_eq!(one.position(), Some(&position("e1", 7)));
}

/// P-71
#[test]
fn what_an_answer_leaves_out_is_told_as_a_gap() {
    let asked = Since::After(position("e1", 3));
    let mut one = Subscription::new(1, channel(), asked.clone());
    assert_eq!(take(&mut one, answer("e1", &[5, 8], 9), &asked), (true, vec![0, 5, 0, 8, 0]));
    assert_eq!(one.position(), Some(&position("e1", 9)));
}

/// P-74
#[test]
fn an_answer_from_a_place_the_link_has_left_is_not_taken() {
    let mut one = Subscription::new(1, channel(), Since::After(position("e2", 1)));
    let asked = Since::After(position("e1", 3));
    assert_eq!(take(&mut one, answer("e1", &[4], 4), &asked), (false, vec![]));
    assert_eq!(take(&mut one, answer("e2", &[9], 9), &Since::Now), (false, vec![]));
    assert_eq!(one.position(), Some(&position("e2", 1)));
}

/// P-21, P-23
#[test]
fn a_session_asked_from_now_does_not_skip_what_polling_began_behind() {
    let mut one = Subscription::new(1, channel(), Since::Now);
    one.request(Millis(0), None);
    assert_eq!(take(&mut one, answer("e1", &[], 5), &Since::Now), (true, vec![]));
    let frame = subscribed("e1", 7, None);
    assert_eq!(one.on_subscribed(&frame, None, &mut |_| {}), Continuity::Broken);
    assert_eq!(one.position(), Some(&position("e1", 5)));
}

/// P-21, P-27
#[test]
fn news_of_an_epoch_that_polling_has_left_behind_is_asked_for_again() {
    let mut one = Subscription::new(1, channel(), Since::After(position("e1", 2)));
    one.request(Millis(0), None);
    assert_eq!(one.on_subscribed(&subscribed("e1", 2, None), None, &mut |_| {}), Continuity::Kept);
    let asked = one.since();
    assert_eq!(take(&mut one, answer("e2", &[1], 1), &asked), (true, vec![0, 1]));
    let asked = one.since();
    assert_eq!(take(&mut one, answer("e3", &[1], 1), &asked), (true, vec![0, 1]));
    let late = gap(position("e1", 2), position("e2", 0), GapCause::EpochChanged);
    let order = one.on_subscribed(&subscribed("e2", 0, Some(late)), None, &mut |_| {});
    assert_eq!((order, one.position()), (Continuity::Broken, Some(&position("e3", 1))));
    let passed = gap(position("e2", 0), position("e3", 0), GapCause::EpochChanged);
    let order = one.on_subscribed(&subscribed("e3", 0, Some(passed)), None, &mut |_| {});
    assert_eq!((order, one.position()), (Continuity::Kept, Some(&position("e3", 1))));
}
