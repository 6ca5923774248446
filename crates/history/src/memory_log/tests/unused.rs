//! Channels that nobody uses: kept while there is room, gone when there is little.

use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{GapCause, Position, Since, Timestamp};

use super::{ALL, channel, event};
use crate::{ChannelInfo, EVENT_OVERHEAD, HistoryConfig, MemoryLog, Retention};

const LASTS: Span = Span::seconds(300);
const DAY: Span = Span::seconds(86_400);

fn log(channels_max: usize, age_max: Span) -> MemoryLog {
    MemoryLog::new(HistoryConfig {
        channels_max,
        retention: Retention { age_max, ..Retention::default() },
        reserved_epoch_lasts: LASTS,
        ..HistoryConfig::default()
    })
}

/// Publishes an event to each of these channels.
fn put(log: &mut MemoryLog, now: Millis, names: &[&str]) {
    for name in names {
        log.publish(now, Timestamp(0), event(name)).unwrap();
    }
}

fn names(log: &MemoryLog) -> Vec<alloc::string::String> {
    log.list(None, 99).iter().map(|info| info.channel.as_str().into()).collect()
}

#[test]
fn with_room_only_those_go_that_keep_nothing_for_a_day() {
    let mut log = log(100, Span::seconds(60));
    put(&mut log, Millis(0), &["a"]);
    let day = Millis(DAY.0);
    log.expire(day);
    assert_eq!(names(&log), ["a"]);
    log.expire(day + Span(1));
    assert_eq!((names(&log).len(), log.yields().channels), (0, 0), "nothing is said of it");
}

#[test]
fn when_nearly_full_those_without_events_go_early_and_what_is_followed_stays() {
    let mut log = log(4, Span::seconds(60));
    put(&mut log, Millis(0), &["a", "b", "c", "d"]);
    let late = Millis(LASTS.0);
    log.keep(Millis(240_000), &channel("a"));
    log.expire(late);
    assert_eq!(log.len(), 4, "all have been used in time");
    log.expire(late + Span(1));
    // As many go as have to.
    assert_eq!((names(&log).join(" "), log.yields().channels), ("a c d".into(), 1));
    assert_eq!(log.yields().last_channel, Some(late + Span(1)));
}

#[test]
fn when_full_unused_ones_with_events_go_and_their_readers_are_told() {
    let mut log = log(4, DAY);
    put(&mut log, Millis(0), &["a", "b"]);
    let epoch = log.info(&channel("a")).unwrap().epoch;
    put(&mut log, Millis(200_000), &["c", "d"]);
    assert!(log.publish(Millis(LASTS.0), Timestamp(0), event("e")).is_err());
    log.expire(Millis(LASTS.0 + 1));
    assert_eq!((names(&log).join(" "), log.yields().channels), ("b c d".into(), 1));
    let held = |info: &ChannelInfo| info.bytes + info.events * EVENT_OVERHEAD;
    assert_eq!(log.bytes(), log.list(None, 9).iter().map(held).sum::<usize>());
    put(&mut log, Millis(LASTS.0 + 2), &["e"]);
    let since = Since::After(Position::new(epoch, 1));
    let page = log.read(Millis(LASTS.0 + 3), &channel("a"), &since, ALL).unwrap();
    assert_eq!(page.gap.map(|gap| gap.cause), Some(GapCause::EpochChanged));
}
