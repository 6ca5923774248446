//! A log drops the oldest, pages the rest, and counts its bytes.

use super::{ChannelLog, DatedEvent, LoggedEvent};
use crate::{PageBuilder, PageLimit, Retention};
use alloc::vec::Vec;
use steadfast_machine::{Millis, Span};
use steadfast_protocol::{Epoch, GapCause, Position, ReplaceKey, Since};

#[derive(Debug, PartialEq, Eq)]
struct Event(u64, usize, Option<ReplaceKey>);

impl DatedEvent for Event {
    fn at(&self) -> Millis {
        Millis(self.0)
    }
}

impl LoggedEvent for Event {
    fn bytes(&self) -> usize {
        self.1
    }

    fn replace(&self) -> Option<&ReplaceKey> {
        self.2.as_ref()
    }
}

fn event(at: u64, bytes: usize, key: &str) -> Event {
    Event(at, bytes, ReplaceKey::new(key).ok())
}

const ALL: PageLimit = PageLimit { events_max: 99, bytes_max: 99, is_thinned: false };

#[test]
fn a_log_is_empty_while_it_keeps_no_event() {
    let mut log = ChannelLog::new(7);
    assert!(log.is_empty());
    log.append(event(1, 10, ""));
    assert!(!log.is_empty());
    log.drop_oldest();
    assert!(log.is_empty());
}

fn page(log: &ChannelLog<Event>, start: u64, limit: PageLimit) -> (Vec<u64>, u64) {
    let page = log.fill(PageBuilder::new(start, None, limit), |offset, _| offset);
    let page = page.finish(&Epoch::new("e").unwrap(), log.head(), false);
    (page.events, page.end)
}

fn drop_over(log: &mut ChannelLog<Event>, now: u64, retention: &Retention) -> usize {
    core::iter::from_fn(|| log.drop_over(Millis(now), retention)).count()
}

#[test]
fn offsets_go_on_behind_the_head_and_bytes_are_those_of_what_is_kept() {
    let mut log = ChannelLog::new(7);
    assert_eq!((log.append(event(1, 10, "")), log.append(event(2, 20, ""))), (8, 9));
    assert_eq!((log.len(), log.bytes(), log.before_oldest(), log.head()), (2, 30, 7, 9));
    assert_eq!(log.drop_oldest(), Some(event(1, 10, "")));
    assert_eq!((log.bytes(), log.before_oldest()), (20, 8));
    assert_eq!((log.oldest(), log.newest()), (Some(&event(2, 20, "")), log.oldest()));
    assert!(log.event_mut(8).is_none() && log.event_mut(10).is_none());
    log.event_mut(9).unwrap().0 = 3;
    assert_eq!(log.oldest(), Some(&event(3, 20, "")));
    log.restart_at(12);
    assert_eq!((log.len(), log.bytes(), log.before_oldest(), log.head()), (0, 0, 12, 12));
}

#[test]
fn retention_keeps_what_is_at_its_limits_and_drops_one_past_them() {
    let filled = || {
        let mut log = ChannelLog::new(0);
        for at in 1..=3 {
            log.append(event(at, 10, ""));
        }
        log
    };
    let keeps =
        |events_max, bytes_max, age| Retention { events_max, bytes_max, age_max: Span(age) };
    for (retention, dropped) in [
        (keeps(3, 99, 99), 0),
        (keeps(2, 99, 99), 1),
        (keeps(9, 30, 99), 0),
        (keeps(9, 29, 99), 1),
        (keeps(9, 99, 9), 0),
        (keeps(9, 99, 8), 1),
        (keeps(0, 99, 99), 3),
    ] {
        assert_eq!(drop_over(&mut filled(), 10, &retention), dropped, "{retention:?}");
    }
}

#[test]
fn a_page_ends_where_its_limit_is_reached() {
    let mut log = ChannelLog::new(0);
    for at in 1..=4 {
        log.append(event(at, 10, ""));
    }
    assert_eq!(page(&log, 0, ALL), (Vec::from([1, 2, 3, 4]), 4));
    assert_eq!(page(&log, 2, ALL), (Vec::from([3, 4]), 4));
    assert_eq!(page(&log, 4, ALL), (Vec::new(), 4));
    assert_eq!(page(&log, 0, PageLimit { events_max: 2, ..ALL }), (Vec::from([1, 2]), 2));
    assert_eq!(page(&log, 0, PageLimit { bytes_max: 20, ..ALL }), (Vec::from([1, 2]), 2));
    assert_eq!(page(&log, 0, PageLimit { bytes_max: 19, ..ALL }), (Vec::from([1]), 1));
    assert_eq!(page(&log, 0, PageLimit { bytes_max: 1, ..ALL }), (Vec::from([1]), 1));
    assert_eq!(page(&log, 0, PageLimit { events_max: 0, ..ALL }), (Vec::new(), 0));
}

#[test]
fn a_thinned_page_leaves_out_what_a_kept_event_stands_in_for() {
    let mut log = ChannelLog::new(0);
    for key in ["bar", "", "bar", "other", "bar"] {
        log.append(event(1, 10, key));
    }
    let thin = PageLimit { is_thinned: true, ..ALL };
    assert_eq!(page(&log, 0, thin), (Vec::from([2, 4, 5]), 5));
    assert_eq!(page(&log, 0, PageLimit { events_max: 2, ..thin }), (Vec::from([2, 4]), 4));
    assert_eq!(page(&log, 0, PageLimit { events_max: 1, ..thin }), (Vec::from([2]), 3));
    // What was dropped is the newest of its key no more.
    for _ in 0..4 {
        log.drop_oldest();
    }
    assert_eq!(log.newest_of_key.len(), 1);
    log.drop_oldest();
    assert!(log.newest_of_key.is_empty());
}

#[test]
fn a_reader_starts_where_it_was_or_is_told_what_is_missing() {
    let (mut log, epoch) = (ChannelLog::new(2), Epoch::new("e").unwrap());
    log.append(event(1, 10, ""));
    let after =
        |epoch: &str, offset| Since::After(Position::new(Epoch::new(epoch).unwrap(), offset));
    let start = |since| {
        let (start, gap) = log.start(&since, &epoch);
        (start, gap.map(|gap| gap.cause))
    };
    assert_eq!(start(Since::Start), (2, None));
    assert_eq!(start(Since::Now), (3, None));
    assert_eq!(start(after("e", 2)), (2, None));
    assert_eq!(start(after("e", 3)), (3, None));
    assert_eq!(start(after("e", 1)), (2, Some(GapCause::Retention)));
    assert_eq!(start(after("e", 4)), (2, Some(GapCause::EpochChanged)));
    assert_eq!(start(after("other", 3)), (2, Some(GapCause::EpochChanged)));
}

#[test]
fn a_page_looks_at_a_bounded_number_of_events() {
    let mut log = ChannelLog::new(0);
    for _ in 0..super::LOOKED_AT_MAX + 2 {
        log.append(event(1, 0, "bar"));
    }
    let thin = PageLimit { is_thinned: true, ..ALL };
    let looked_at = super::LOOKED_AT_MAX as u64;
    assert_eq!(page(&log, 0, thin), (Vec::new(), looked_at));
    assert_eq!(page(&log, 1, thin), (Vec::new(), looked_at + 1));
    assert_eq!(page(&log, 2, thin), (Vec::from([looked_at + 2]), looked_at + 2));
}
