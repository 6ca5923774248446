//! The memory broker keeps what it acked, in order, and says what it no longer has.

mod unused;
mod yields;

use alloc::boxed::Box;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{
    ChannelName, EventName, GapCause, Payload, Position, ReplaceKey, Since, Timestamp,
};

use super::{MemoryLog, YieldTotals};
use crate::{
    EVENT_OVERHEAD, HistoryConfig, Page, PageLimit, Publish, PublishError, Published, Retention,
};

const ALL: PageLimit = PageLimit { events_max: 1_000, bytes_max: usize::MAX, is_thinned: false };
const THIN: PageLimit = PageLimit { is_thinned: true, ..ALL };

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn event(name: &str) -> Publish {
    Publish {
        channel: channel(name),
        event: EventName::new("progress").unwrap(),
        data: Payload::new("{}").unwrap(),
        is_final: false,
        replace: None,
        idempotency_key: None,
    }
}

fn with_key(name: &str, key: &str) -> Publish {
    Publish { replace: Some(ReplaceKey::new(key).unwrap()), ..event(name) }
}

fn put(streams: &mut MemoryLog, publish: Publish) -> Published {
    streams.publish(Millis(0), Timestamp(0), publish).unwrap()
}

fn read(streams: &mut MemoryLog, since: &Since, limit: PageLimit) -> Page {
    streams.read(Millis(0), &channel("a"), since, limit).unwrap()
}

fn offsets(page: &Page) -> Vec<u64> {
    page.events.iter().map(|event| event.offset).collect()
}

fn keeping(events_max: usize) -> MemoryLog {
    let retention = Retention { events_max, ..Retention::default() };
    MemoryLog::new(HistoryConfig { retention, ..HistoryConfig::default() })
}

#[test]
fn offsets_count_from_one_in_each_channel() {
    let mut streams = keeping(10);
    assert_eq!(put(&mut streams, event("a")).offset, 1);
    assert_eq!(put(&mut streams, event("a")).offset, 2);
    assert_eq!(put(&mut streams, event("b")).offset, 1);
    let page = read(&mut streams, &Since::Start, ALL);
    assert_eq!(offsets(&page), [1, 2]);
    assert_eq!((page.end, page.head, page.start.offset), (2, 2, 0));
    assert!(read(&mut streams, &Since::Now, ALL).events.is_empty());
}

/// P-22
#[test]
fn retention_at_the_limit_keeps_all_and_one_past_it_tells_a_gap() {
    let mut streams = keeping(3);
    let first = put(&mut streams, event("a"));
    put(&mut streams, event("a"));
    put(&mut streams, event("a"));
    let from_zero = Since::After(Position::new(first.epoch.clone(), 0));
    assert_eq!(read(&mut streams, &from_zero, ALL).gap, None);
    put(&mut streams, event("a"));
    let page = read(&mut streams, &from_zero, ALL);
    let gap = page.gap.clone().unwrap();
    assert_eq!((gap.cause, gap.from.offset, gap.to.offset), (GapCause::Retention, 0, 1));
    assert_eq!(offsets(&page), [2, 3, 4]);
    let from_one = Since::After(Position::new(first.epoch, 1));
    assert_eq!(read(&mut streams, &from_one, ALL).gap, None);
    assert_eq!(read(&mut streams, &Since::Start, ALL).gap, None);
}

#[test]
fn age_and_bytes_bound_a_history_too() {
    let retention = Retention { age_max: Span(100), bytes_max: 400, ..Retention::default() };
    let mut streams = MemoryLog::new(HistoryConfig { retention, ..HistoryConfig::default() });
    for _ in 0..10 {
        put(&mut streams, event("a"));
    }
    assert!(streams.info(&channel("a")).unwrap().bytes <= 400);
    assert!(!read(&mut streams, &Since::Start, ALL).events.is_empty());
    assert!(streams.info(&channel("a")).unwrap().events > 0);
    streams.expire(Millis(101));
    assert_eq!(streams.info(&channel("a")).unwrap().events, 0);
    assert_eq!(streams.bytes(), 0);
    // The numbering goes on, and a later event has the next offset.
    assert_eq!(put(&mut streams, event("a")).offset, 11);
}

#[test]
fn an_unknown_epoch_or_a_position_ahead_is_a_changed_epoch() {
    let mut streams = keeping(10);
    let first = put(&mut streams, event("a"));
    let other = Since::After(Position::new(steadfast_protocol::Epoch::new("other").unwrap(), 1));
    let page = read(&mut streams, &other, ALL);
    assert_eq!(page.gap.clone().unwrap().cause, GapCause::EpochChanged);
    assert_eq!(offsets(&page), [1]);
    let ahead = Since::After(Position::new(first.epoch, 2));
    assert_eq!(read(&mut streams, &ahead, ALL).gap.unwrap().cause, GapCause::EpochChanged);
}

#[test]
fn a_deleted_channel_starts_a_new_epoch() {
    let mut streams = keeping(10);
    let first = put(&mut streams, event("a"));
    assert!(streams.delete(&channel("a")));
    assert!(!streams.delete(&channel("a")));
    assert_eq!(streams.bytes(), 0);
    let second = put(&mut streams, event("a"));
    assert_ne!(first.epoch, second.epoch);
    assert_eq!(second.offset, 1);
}

#[test]
fn the_final_event_ends_a_channel_and_is_kept() {
    let mut streams = keeping(10);
    put(&mut streams, Publish { is_final: true, ..event("a") });
    let again = streams.publish(Millis(0), Timestamp(0), event("a"));
    assert_eq!(again, Err(PublishError::Finished));
    let page = read(&mut streams, &Since::Start, ALL);
    assert!(page.reaches_the_end());
    assert_eq!(offsets(&page), [1]);
}

/// P-25
#[test]
fn a_thinned_page_keeps_the_newest_of_each_key_and_every_event_without_one() {
    let mut streams = keeping(10);
    for publish in [
        with_key("a", "bar"),
        event("a"),
        with_key("a", "bar"),
        with_key("a", "other"),
        with_key("a", "bar"),
    ] {
        put(&mut streams, publish);
    }
    assert_eq!(offsets(&read(&mut streams, &Since::Start, THIN)), [2, 4, 5]);
    assert_eq!(offsets(&read(&mut streams, &Since::Start, ALL)), [1, 2, 3, 4, 5]);
    let two = PageLimit { events_max: 2, ..THIN };
    let page = read(&mut streams, &Since::Start, two);
    assert_eq!((offsets(&page), page.end), (Vec::from([2, 4]), 4));
}

#[test]
fn a_page_is_bounded_in_events_and_bytes_but_never_empty() {
    let mut streams = keeping(10);
    for _ in 0..5 {
        put(&mut streams, event("a"));
    }
    let tiny = PageLimit { bytes_max: 1, ..ALL };
    let page = read(&mut streams, &Since::Start, tiny);
    assert_eq!((offsets(&page), page.end, page.head), (Vec::from([1]), 1, 5));
    let three = PageLimit { events_max: 3, ..ALL };
    assert_eq!(offsets(&read(&mut streams, &Since::Start, three)), [1, 2, 3]);
}

/// P-30
#[test]
fn a_repeated_key_gets_the_first_answer_until_the_window_ends() {
    let mut streams = keeping(10);
    let keyed = || Publish { idempotency_key: Some(Box::from("k")), ..event("a") };
    let first = put(&mut streams, keyed());
    let again = streams.publish(Millis(300_000), Timestamp(0), keyed()).unwrap();
    assert_eq!((again.offset, again.publication), (first.offset, None));
    assert_eq!(put(&mut streams, Publish { channel: channel("b"), ..keyed() }).offset, 1);
    let later = streams.publish(Millis(300_001), Timestamp(0), keyed()).unwrap();
    assert_eq!(later.offset, 2);
}

#[test]
fn every_table_is_full_at_its_limit_and_refuses_one_past_it() {
    let mut streams = MemoryLog::new(HistoryConfig {
        channels_max: 1,
        idempotency_keys_max: 1,
        bytes_total_max: 300 + 2 * EVENT_OVERHEAD,
        ..HistoryConfig::default()
    });
    put(&mut streams, Publish { idempotency_key: Some(Box::from("k")), ..event("a") });
    let publish = |streams: &mut MemoryLog, publish| {
        streams.publish(Millis(0), Timestamp(0), publish).unwrap_err()
    };
    let second_key = Publish { idempotency_key: Some(Box::from("k2")), ..event("a") };
    assert_eq!(publish(&mut streams, second_key), PublishError::IdempotencyFull { max: 1 });
    assert_eq!(publish(&mut streams, event("b")), PublishError::TooManyChannels { max: 1 });
    let unread = streams.read(Millis(0), &channel("b"), &Since::Start, ALL).unwrap();
    assert_eq!((unread.head, streams.len()), (0, 1), "to read takes no place");
    put(&mut streams, event("a"));
    let bytes_max = 300 + 2 * EVENT_OVERHEAD;
    let data = Payload::new(&alloc::format!("\"{}\"", "x".repeat(bytes_max))).unwrap();
    let large = Publish { data, ..event("a") };
    assert_eq!(publish(&mut streams, large), PublishError::StorageFull { bytes_max });
    assert_eq!(streams.info(&channel("a")).unwrap().events, 2, "nothing went for it in vain");
}

/// What the events take that a reader of `a` is given at that time.
fn bytes_read(log: &mut MemoryLog, now: u64) -> usize {
    let page = log.read(Millis(now), &channel("a"), &Since::Start, ALL).unwrap();
    page.events.iter().map(|event| event.encoded.len() + EVENT_OVERHEAD).sum()
}

#[test]
fn the_bytes_are_those_of_the_kept_events() {
    let retention = Retention { events_max: 3, age_max: Span(100), ..Retention::default() };
    let mut log = MemoryLog::new(HistoryConfig { retention, ..HistoryConfig::default() });
    for at in [0, 10, 20, 30, 40] {
        log.publish(Millis(at), Timestamp(0), event("a")).unwrap();
        let bytes = bytes_read(&mut log, at);
        assert!(bytes > 0 && log.bytes() == bytes, "{} for {bytes} at {at}", log.bytes());
    }
    // Reading drops those of 20 and 30, which have grown too old.
    let bytes = bytes_read(&mut log, 135);
    assert_eq!((log.bytes(), log.info(&channel("a")).unwrap().events), (bytes, 1));
    log.expire(Millis(141));
    assert_eq!(log.bytes(), 0);
}

#[test]
fn the_storage_is_full_at_its_limit_and_the_oldest_event_of_the_largest_channel_makes_room() {
    let size = {
        let mut log = keeping(9);
        put(&mut log, event("a"));
        log.bytes()
    };
    let retention = Retention { age_max: Span(100), ..Retention::default() };
    let bytes_total_max = 2 * size;
    let config = HistoryConfig { retention, bytes_total_max, ..HistoryConfig::default() };
    let mut log = MemoryLog::new(config);
    let publish = |log: &mut MemoryLog, at, name| {
        log.publish(Millis(at), Timestamp(0), event(name)).unwrap();
    };
    publish(&mut log, 0, "a");
    publish(&mut log, 0, "a");
    assert_eq!((log.bytes(), log.yields()), (2 * size, YieldTotals::default()));
    publish(&mut log, 100, "b");
    assert_eq!(
        log.yields(),
        YieldTotals { events: 1, last_event: Some(Millis(100)), ..YieldTotals::default() }
    );
    let kept = |log: &MemoryLog, name| log.info(&channel(name)).unwrap().events;
    assert_eq!((kept(&log, "a"), kept(&log, "b"), log.bytes()), (1, 1, 2 * size));
    // Who has read the first is told of the other what has become of it.
    let since = Since::After(Position::new(log.info(&channel("a")).unwrap().epoch, 0));
    let gap = read(&mut log, &since, ALL).gap.unwrap();
    assert_eq!((gap.to.offset, gap.cause), (1, GapCause::Retention));
    // What has grown too old goes first.
    publish(&mut log, 101, "a");
    assert_eq!((log.yields().events, log.bytes()), (1, 2 * size));
}

#[test]
fn a_log_is_empty_while_it_has_no_channel() {
    let mut log = keeping(9);
    assert!(log.is_empty());
    let epoch = read(&mut log, &Since::Start, ALL).start.epoch;
    assert!(log.is_empty());
    assert_eq!(log.reserved_epochs().names, 1);
    assert_eq!(put(&mut log, event("a")).epoch, epoch);
    assert_eq!((log.is_empty(), log.len(), log.reserved_epochs().names), (false, 1, 0));
    put(&mut log, event("b"));
    assert_eq!(log.len(), 2);
}

#[test]
fn a_page_of_an_open_channel_or_of_its_first_events_does_not_reach_the_end() {
    let mut log = keeping(9);
    put(&mut log, event("a"));
    assert!(!read(&mut log, &Since::Start, ALL).reaches_the_end());
    put(&mut log, Publish { is_final: true, ..event("a") });
    let first = PageLimit { events_max: 1, ..ALL };
    assert!(!read(&mut log, &Since::Start, first).reaches_the_end());
    assert!(read(&mut log, &Since::Start, ALL).reaches_the_end());
}

#[test]
fn another_event_with_a_used_key_is_refused_and_stores_nothing() {
    let mut log = keeping(9);
    let keyed = |data| Publish {
        data: Payload::new(data).unwrap(),
        idempotency_key: Some(Box::from("k")),
        ..event("a")
    };
    put(&mut log, keyed("1"));
    let other = log.publish(Millis(0), Timestamp(0), keyed("2"));
    assert_eq!(other, Err(PublishError::IdempotencyMismatch));
    assert_eq!(put(&mut log, keyed("1")).publication, None);
    assert_eq!(offsets(&read(&mut log, &Since::Start, ALL)), [1]);
}
