//! Limits at and one past, order, the pace, and what is certain when.

use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Rng, Span};
use steadfast_protocol::{ChannelName, EventName, LinkId, Payload, PublishFrame};

use super::{
    ErrorOutcome, IN_FLIGHT_BYTES_MAX, IN_FLIGHT_MAX, Publisher, PublisherStep, TRIES_MAX,
};
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
fn sent(publisher: &mut Publisher, now: u64, request: &mut u32) -> Vec<(u32, u32)> {
    let mut all = Vec::new();
    while let Some(next) = publisher.next(Millis(now), || {
        *request += 1;
        *request
    }) {
        let PublisherStep::Send(frame) = next else { panic!("{next:?}") };
        let number = |text: &str| text.parse().unwrap();
        let key = frame.idempotency_key.unwrap();
        all.push((number(frame.id.unwrap().as_json()), number(key.as_str())));
    }
    all
}

fn next_at(publisher: &Publisher, open_at: Option<Millis>) -> Option<Millis> {
    publisher.next_deadline(open_at).map(|wake| wake.at)
}

fn refuse(publisher: &mut Publisher, now: u64, request: u32) -> ErrorOutcome {
    publisher.refuse(Millis(now), request, true, (0, &mut Rng::new(1)))
}

const fn failed(ticket: u64, is_uncertain: bool) -> ErrorOutcome {
    ErrorOutcome::Failed { ticket, is_uncertain }
}

#[test]
fn as_many_publishes_as_allowed_and_not_one_more() {
    let (config, mut publisher) = (config(), Publisher::new());
    for ticket in 1..=256 {
        assert_eq!(publisher.add(ticket, frame("a:1", 1), &config), Ok(()));
    }
    assert_eq!(publisher.add(257, frame("a:1", 1), &config), Err(PublishFailure::OutboxFull));
    sent(&mut publisher, 0, &mut 0);
    assert_eq!(publisher.take_answered(1), Some(1));
    assert_eq!(publisher.add(257, frame("a:1", 1), &config), Ok(()));
}

#[test]
fn as_many_bytes_as_allowed_and_not_one_more() {
    let config = config();
    let names = "a:1progress".len();
    let whole = config.publish_bytes_max - names;
    let add = |publisher: &mut Publisher, bytes| publisher.add(1, frame("a:1", bytes), &config);
    assert_eq!(add(&mut Publisher::new(), whole + 1), Err(PublishFailure::TooLarge));
    let mut publisher = Publisher::new();
    assert_eq!(add(&mut publisher, whole - names - 1), Ok(()));
    assert_eq!(add(&mut publisher, 2), Err(PublishFailure::OutboxFull));
    assert_eq!(add(&mut publisher, 1), Ok(()));
    assert_eq!(add(&mut publisher, 1), Err(PublishFailure::OutboxFull));
}

#[test]
fn a_frame_that_the_server_does_not_take_is_not_sent() {
    let (config, mut publisher) = (config(), Publisher::new());
    publisher.on_welcome(1000);
    let fits = 1000 - super::FRAME_BYTES - "a:1progressprogress".len();
    publisher.add(1, frame("a:1", fits + 1), &config).unwrap();
    let next = publisher.next(Millis(0), || 1);
    assert!(matches!(next, Some(PublisherStep::Fail(1, PublishFailure::TooLarge))), "{next:?}");
    publisher.add(2, frame("a:1", fits), &config).unwrap();
    assert_eq!(sent(&mut publisher, 0, &mut 0).len(), 1);
}

/// P-33
#[test]
fn only_so_many_are_under_way_and_one_of_each_channel() {
    let (config, mut publisher, mut request) = (config(), Publisher::new(), 0);
    for ticket in 0..20 {
        publisher.add(ticket, frame(&format!("a:{}", ticket / 2), 1), &config).unwrap();
    }
    let keys: Vec<u32> = sent(&mut publisher, 0, &mut request).iter().map(|one| one.1).collect();
    assert_eq!(keys, [1, 3, 5, 7, 9, 11, 13, 15, 17, 19]);
    assert_eq!(publisher.take_answered(2), Some(2));
    assert_eq!(sent(&mut publisher, 0, &mut request), [(11, 4)]);

    let mut publisher = Publisher::new();
    for ticket in 0..=IN_FLIGHT_MAX as u64 {
        publisher.add(ticket, frame(&format!("a:{ticket}"), 1), &config).unwrap();
    }
    assert_eq!(sent(&mut publisher, 0, &mut 0).len(), IN_FLIGHT_MAX);
    assert_eq!(
        next_at(&publisher, Some(Millis(0))),
        Some(Millis(240_000)),
        "nothing but the end of timeouts"
    );
}

#[test]
fn large_publishes_wait_for_one_another() {
    let (config, mut publisher, mut request) = (config(), Publisher::new(), 0);
    let half = IN_FLIGHT_BYTES_MAX / 2 - "a:1progress".len();
    for (ticket, bytes) in [(1, half), (2, half + 1), (3, 3 * half)] {
        publisher.add(ticket, frame(&format!("a:{ticket}"), bytes), &config).unwrap();
    }
    for (id, ticket) in [(1, 1), (2, 2), (3, 3)] {
        assert_eq!(sent(&mut publisher, 0, &mut request), [(id, id)]);
        assert_eq!(publisher.take_answered(id), Some(ticket));
    }
}

#[test]
fn a_burst_is_followed_by_a_pace() {
    let (config, mut publisher, mut request) = (config(), Publisher::new(), 0);
    for ticket in 1..=100 {
        publisher.add(ticket, frame("a:1", 1), &config).unwrap();
    }
    let mut at_once = 0;
    while let [(id, _)] = sent(&mut publisher, 0, &mut request)[..] {
        publisher.take_answered(id).unwrap();
        at_once += 1;
    }
    // The 41st may be sent at the very instant at which 40 are paid for.
    assert_eq!((at_once, next_at(&publisher, Some(Millis(0)))), (41, Some(Millis(25))));
    assert_eq!(next_at(&publisher, None), None);
    assert_eq!(sent(&mut publisher, 24, &mut request), []);
    assert_eq!(sent(&mut publisher, 25, &mut request), [(42, 42)]);
}

/// P-33, P-34
#[test]
fn what_was_sent_is_sent_again_first_with_its_key() {
    let (config, mut publisher, mut request) = (config(), Publisher::new(), 0);
    for ticket in 1..=2 {
        publisher.add(ticket, frame("a:1", 1), &config).unwrap();
    }
    assert_eq!(sent(&mut publisher, 0, &mut request), [(1, 1)]);
    publisher.on_session_lost();
    assert_eq!(sent(&mut publisher, 239_999, &mut request), [(2, 1)]);
    assert_eq!(publisher.take_answered(1), None, "an answer of an earlier session");
    assert_eq!(publisher.take_overdue(Millis(239_999)), None);
    assert_eq!(publisher.take_overdue(Millis(240_000)), Some(1));
    assert_eq!(sent(&mut publisher, 240_000, &mut request), [(3, 2)]);
}

#[test]
fn after_sleep_of_unknown_length_nothing_is_sent_again_but_answers_count() {
    let (config, mut publisher, mut request) = (config(), Publisher::new(), 0);
    for (ticket, channel) in [(1, "a:1"), (2, "b:1"), (3, "b:1")] {
        publisher.add(ticket, frame(channel, 1), &config).unwrap();
    }
    assert_eq!(sent(&mut publisher, 0, &mut request).len(), 2);
    publisher.on_resumed();
    assert_eq!(publisher.take_answered(1), Some(1));
    publisher.on_session_lost();
    let next = publisher.next(Millis(9), || 9);
    assert!(matches!(next, Some(PublisherStep::Fail(2, PublishFailure::Uncertain))), "{next:?}");
    assert_eq!(sent(&mut publisher, 9, &mut request), [(3, 3)]);
}

#[test]
fn later_is_tried_so_often_and_then_told() {
    let (config, mut publisher, mut request) = (config(), Publisher::new(), 0);
    publisher.add(1, frame("a:1", 1), &config).unwrap();
    publisher.add(2, frame("a:1", 1), &config).unwrap();
    let mut now = 0;
    let mut pauses = vec![];
    for id in 1..TRIES_MAX {
        assert_eq!(sent(&mut publisher, now, &mut request), [(id, 1)]);
        assert_eq!(refuse(&mut publisher, now, id), ErrorOutcome::Again);
        let at = next_at(&publisher, Some(Millis(0))).unwrap();
        pauses.push(at.since(Millis(now)));
        assert_eq!(sent(&mut publisher, at.0 - 1, &mut request), []);
        now = at.0;
    }
    assert_eq!(pauses, [1000, 2000, 4000, 8000].map(Span));
    assert_eq!(sent(&mut publisher, now, &mut request), [(TRIES_MAX, 1)]);
    assert_eq!(refuse(&mut publisher, now, 99), ErrorOutcome::Other);
    assert_eq!(refuse(&mut publisher, now, TRIES_MAX), failed(1, false));
    assert_eq!(publisher.give_up(), Some((2, PublishFailure::Closed)));
    assert!(publisher.is_empty());
}

/// P-34
#[test]
fn an_error_says_nothing_of_an_earlier_time() {
    let (config, mut publisher, mut request) = (config(), Publisher::new(), 0);
    publisher.add(1, frame("a:1", 1), &config).unwrap();
    assert_eq!(sent(&mut publisher, 0, &mut request), [(1, 1)]);
    publisher.on_session_lost();
    assert_eq!(sent(&mut publisher, 9, &mut request), [(2, 1)]);
    assert_eq!(refuse(&mut publisher, 9, 2), ErrorOutcome::Again);
    assert_eq!(next_at(&publisher, None), Some(Millis(240_000)), "since it was first sent");
    assert_eq!(sent(&mut publisher, 2_000, &mut request), [(3, 1)]);
    let answer = publisher.refuse(Millis(2_000), 3, false, (0, &mut Rng::new(1)));
    assert_eq!(answer, failed(1, true));
}

/// P-34
#[test]
fn what_may_have_come_through_is_uncertain_and_the_rest_is_not() {
    let (config, mut publisher, mut request) = (config(), Publisher::new(), 0);
    for (ticket, channel) in [(1, "a:1"), (2, "a:1"), (3, "b:1")] {
        publisher.add(ticket, frame(channel, 1), &config).unwrap();
    }
    assert_eq!(sent(&mut publisher, 0, &mut request), [(1, 1), (2, 3)]);
    assert_eq!(refuse(&mut publisher, 0, 2), ErrorOutcome::Again);
    publisher.on_session_lost();
    assert_eq!(publisher.give_up(), Some((1, PublishFailure::Uncertain)));
    assert_eq!(publisher.give_up(), Some((2, PublishFailure::Closed)));
    assert_eq!(publisher.give_up(), Some((3, PublishFailure::Closed)));
    assert_eq!(publisher.give_up(), None);
}
