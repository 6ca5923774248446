//! Limits at and one past, order, the pace, and what is certain when.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Rng, Span};
use steadfast_protocol::{ChannelName, EventName, LinkId, Payload, PublishFrame};

use super::{ErrorOutcome, IN_FLIGHT_BYTES_MAX, IN_FLIGHT_MAX, Outbox, OutboxStep, TRIES_MAX};
use crate::{Config, PublishFailure};

fn config() -> Config {
    Config::new(LinkId::new("link-0001").unwrap(), 1)
}

fn frame(channel: &str, data_bytes: usize) -> PublishFrame {
    PublishFrame {
        id: None,
        channel: ChannelName::new(channel).unwrap(),
        event: EventName::new("progress").unwrap(),
        data: Payload::new(&"7".repeat(data_bytes)).unwrap(),
        is_final: false,
        replace: None,
        idempotency_key: None,
    }
}

/// The ids and keys of all that is sent now.
fn sent(outbox: &mut Outbox, now: u64, request: &mut u32) -> Vec<(u32, u32)> {
    let mut all = Vec::new();
    while let Some(next) = outbox.next(Millis(now), || {
        *request += 1;
        *request
    }) {
        let OutboxStep::Send(frame) = next else { panic!("{next:?}") };
        let number = |text: &str| text.parse().unwrap();
        let key = frame.idempotency_key.unwrap();
        all.push((number(frame.id.unwrap().as_json()), number(key.as_str())));
    }
    all
}

fn refuse(outbox: &mut Outbox, now: u64, request: u32) -> ErrorOutcome {
    outbox.refuse(Millis(now), request, true, (0, &mut Rng::new(1)))
}

const fn failed(ticket: u64, is_uncertain: bool) -> ErrorOutcome {
    ErrorOutcome::Failed { ticket, is_uncertain }
}

#[test]
fn as_many_publishes_as_allowed_and_not_one_more() {
    let (config, mut outbox) = (config(), Outbox::new());
    for ticket in 1..=256 {
        assert_eq!(outbox.add(ticket, frame("a:1", 1), &config), Ok(()));
    }
    assert_eq!(outbox.add(257, frame("a:1", 1), &config), Err(PublishFailure::OutboxFull));
    sent(&mut outbox, 0, &mut 0);
    assert_eq!(outbox.take_answered(1), Some(1));
    assert_eq!(outbox.add(257, frame("a:1", 1), &config), Ok(()));
}

#[test]
fn as_many_bytes_as_allowed_and_not_one_more() {
    let config = config();
    let names = "a:1progress".len();
    let whole = config.publish_bytes_max - names;
    let add = |outbox: &mut Outbox, bytes| outbox.add(1, frame("a:1", bytes), &config);
    assert_eq!(add(&mut Outbox::new(), whole + 1), Err(PublishFailure::TooLarge));
    let mut outbox = Outbox::new();
    assert_eq!(add(&mut outbox, whole - names - 1), Ok(()));
    assert_eq!(add(&mut outbox, 2), Err(PublishFailure::OutboxFull));
    assert_eq!(add(&mut outbox, 1), Ok(()));
    assert_eq!(add(&mut outbox, 1), Err(PublishFailure::OutboxFull));
}

#[test]
fn a_frame_that_the_server_does_not_take_is_not_sent() {
    let (config, mut outbox) = (config(), Outbox::new());
    outbox.on_welcome(1000);
    let fits = 1000 - super::FRAME_BYTES - "a:1progressprogress".len();
    outbox.add(1, frame("a:1", fits + 1), &config).unwrap();
    let next = outbox.next(Millis(0), || 1);
    assert!(matches!(next, Some(OutboxStep::Fail(1, PublishFailure::TooLarge))), "{next:?}");
    outbox.add(2, frame("a:1", fits), &config).unwrap();
    assert_eq!(sent(&mut outbox, 0, &mut 0).len(), 1);
}

/// P-33
#[test]
fn only_so_many_are_under_way_and_one_of_each_channel() {
    let (config, mut outbox, mut request) = (config(), Outbox::new(), 0);
    for ticket in 0..20 {
        outbox.add(ticket, frame(&format!("a:{}", ticket / 2), 1), &config).unwrap();
    }
    let keys: Vec<u32> = sent(&mut outbox, 0, &mut request).iter().map(|one| one.1).collect();
    assert_eq!(keys, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    assert_eq!(outbox.take_answered(2), Some(2));
    assert_eq!(sent(&mut outbox, 0, &mut request), [(11, 4)]);

    let mut outbox = Outbox::new();
    for ticket in 0..=IN_FLIGHT_MAX as u64 {
        outbox.add(ticket, frame(&format!("a:{ticket}"), 1), &config).unwrap();
    }
    assert_eq!(sent(&mut outbox, 0, &mut 0).len(), IN_FLIGHT_MAX);
    assert_eq!(
        outbox.wake(Some(Millis(0))),
        Some(Millis(240_000)),
        "nothing but the end of timeouts"
    );
}

#[test]
fn large_publishes_wait_for_one_another() {
    let (config, mut outbox, mut request) = (config(), Outbox::new(), 0);
    let half = IN_FLIGHT_BYTES_MAX / 2 - "a:1progress".len();
    for (ticket, bytes) in [(1, half), (2, half + 1), (3, 3 * half)] {
        outbox.add(ticket, frame(&format!("a:{ticket}"), bytes), &config).unwrap();
    }
    for (id, ticket) in [(1, 1), (2, 2), (3, 3)] {
        assert_eq!(sent(&mut outbox, 0, &mut request), [(id, id)]);
        assert_eq!(outbox.take_answered(id), Some(ticket));
    }
}

#[test]
fn a_burst_is_followed_by_a_pace() {
    let (config, mut outbox, mut request) = (config(), Outbox::new(), 0);
    for ticket in 1..=100 {
        outbox.add(ticket, frame("a:1", 1), &config).unwrap();
    }
    let mut at_once = 0;
    while let [(id, _)] = sent(&mut outbox, 0, &mut request)[..] {
        outbox.take_answered(id).unwrap();
        at_once += 1;
    }
    // The 41st may be sent at the very instant at which 40 are paid for.
    assert_eq!((at_once, outbox.wake(Some(Millis(0)))), (41, Some(Millis(25))));
    assert_eq!(outbox.wake(None), None);
    assert_eq!(sent(&mut outbox, 24, &mut request), []);
    assert_eq!(sent(&mut outbox, 25, &mut request), [(42, 42)]);
}

/// P-33, P-34
#[test]
fn what_was_sent_is_sent_again_first_with_its_key() {
    let (config, mut outbox, mut request) = (config(), Outbox::new(), 0);
    for ticket in 1..=2 {
        outbox.add(ticket, frame("a:1", 1), &config).unwrap();
    }
    assert_eq!(sent(&mut outbox, 0, &mut request), [(1, 1)]);
    outbox.on_session_lost();
    assert_eq!(sent(&mut outbox, 239_999, &mut request), [(2, 1)]);
    assert_eq!(outbox.take_answered(1), None, "an answer of an earlier session");
    assert_eq!(outbox.take_overdue(Millis(239_999)), None);
    assert_eq!(outbox.take_overdue(Millis(240_000)), Some(1));
    assert_eq!(sent(&mut outbox, 240_000, &mut request), [(3, 2)]);
}

#[test]
fn after_sleep_of_unknown_length_nothing_is_sent_again_but_answers_count() {
    let (config, mut outbox, mut request) = (config(), Outbox::new(), 0);
    for (ticket, channel) in [(1, "a:1"), (2, "b:1"), (3, "b:1")] {
        outbox.add(ticket, frame(channel, 1), &config).unwrap();
    }
    assert_eq!(sent(&mut outbox, 0, &mut request).len(), 2);
    outbox.sleep();
    assert_eq!(outbox.take_answered(1), Some(1));
    outbox.on_session_lost();
    let next = outbox.next(Millis(9), || 9);
    assert!(matches!(next, Some(OutboxStep::Fail(2, PublishFailure::Uncertain))), "{next:?}");
    assert_eq!(sent(&mut outbox, 9, &mut request), [(3, 3)]);
}

#[test]
fn later_is_tried_so_often_and_then_told() {
    let (config, mut outbox, mut request) = (config(), Outbox::new(), 0);
    outbox.add(1, frame("a:1", 1), &config).unwrap();
    outbox.add(2, frame("a:1", 1), &config).unwrap();
    let mut now = 0;
    let mut pauses = vec![];
    for id in 1..TRIES_MAX {
        assert_eq!(sent(&mut outbox, now, &mut request), [(id, 1)]);
        assert_eq!(refuse(&mut outbox, now, id), ErrorOutcome::Again);
        let at = outbox.wake(Some(Millis(0))).unwrap();
        pauses.push(at.since(Millis(now)));
        assert_eq!(sent(&mut outbox, at.0 - 1, &mut request), []);
        now = at.0;
    }
    assert_eq!(pauses, [1000, 2000, 4000, 8000].map(Span));
    assert_eq!(sent(&mut outbox, now, &mut request), [(TRIES_MAX, 1)]);
    assert_eq!(refuse(&mut outbox, now, 99), ErrorOutcome::Other);
    assert_eq!(refuse(&mut outbox, now, TRIES_MAX), failed(1, false));
    assert_eq!(outbox.give_up(), Some((2, PublishFailure::Closed)));
    assert!(outbox.is_empty());
}

/// P-34
#[test]
fn an_error_says_nothing_of_an_earlier_time() {
    let (config, mut outbox, mut request) = (config(), Outbox::new(), 0);
    outbox.add(1, frame("a:1", 1), &config).unwrap();
    assert_eq!(sent(&mut outbox, 0, &mut request), [(1, 1)]);
    outbox.on_session_lost();
    assert_eq!(sent(&mut outbox, 9, &mut request), [(2, 1)]);
    assert_eq!(refuse(&mut outbox, 9, 2), ErrorOutcome::Again);
    assert_eq!(outbox.wake(None), Some(Millis(240_000)), "since it was first sent");
    assert_eq!(sent(&mut outbox, 2_000, &mut request), [(3, 1)]);
    let answer = outbox.refuse(Millis(2_000), 3, false, (0, &mut Rng::new(1)));
    assert_eq!(answer, failed(1, true));
}

/// P-34
#[test]
fn what_may_have_come_through_is_uncertain_and_the_rest_is_not() {
    let (config, mut outbox, mut request) = (config(), Outbox::new(), 0);
    for (ticket, channel) in [(1, "a:1"), (2, "a:1"), (3, "b:1")] {
        outbox.add(ticket, frame(channel, 1), &config).unwrap();
    }
    assert_eq!(sent(&mut outbox, 0, &mut request), [(1, 1), (2, 3)]);
    assert_eq!(refuse(&mut outbox, 0, 2), ErrorOutcome::Again);
    outbox.on_session_lost();
    assert_eq!(outbox.give_up(), Some((1, PublishFailure::Uncertain)));
    assert_eq!(outbox.give_up(), Some((2, PublishFailure::Closed)));
    assert_eq!(outbox.give_up(), Some((3, PublishFailure::Closed)));
    assert_eq!(outbox.give_up(), None);
}
