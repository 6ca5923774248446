//! The events that are kept of one channel, oldest first, without holes up to the newest offset.
//! In: events in order. Out: which of them a page has, and what retention drops. Must not know the
//! channel's name, its epoch, or what an event consists of.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use steadfast_machine::Millis;
use steadfast_protocol::{Epoch, Gap, ReplaceKey, Since};

use crate::page::LOOKED_AT_MAX;
use crate::{PageBuilder, Publication, Retention, start_of_page};

/// What a log has to know of an event.
pub trait LoggedEvent {
    /// Its encoded bytes, as they count for retention and for pages.
    fn bytes(&self) -> usize;
    /// The key of the events that it may stand in for.
    fn replace(&self) -> Option<&ReplaceKey>;
}

/// What retention has to know of an event besides.
pub trait DatedEvent: LoggedEvent {
    /// When it came, by the clock that its age is measured with.
    fn at(&self) -> Millis;
}

impl LoggedEvent for Arc<Publication> {
    fn bytes(&self) -> usize {
        self.encoded.len()
    }

    fn replace(&self) -> Option<&ReplaceKey> {
        self.as_ref().replace.as_ref()
    }
}

/// Events with offsets from [`Self::before_oldest`] + 1 to [`Self::head`].
#[derive(Debug)]
pub struct ChannelLog<E> {
    kept: VecDeque<E>,
    newest_of_key: BTreeMap<ReplaceKey, u64>,
    head: u64,
    bytes: usize,
}

impl<E> ChannelLog<E> {
    /// A log that keeps nothing. Its first event will have the offset `head + 1`.
    pub const fn new(head: u64) -> Self {
        Self { kept: VecDeque::new(), newest_of_key: BTreeMap::new(), head, bytes: 0 }
    }

    /// The newest offset; 0 where there was no event.
    pub const fn head(&self) -> u64 {
        self.head
    }

    /// The bytes of the kept events.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many events are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether no event is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The offset before the oldest kept event: the head where nothing is kept.
    pub fn before_oldest(&self) -> u64 {
        self.head - self.kept.len() as u64
    }

    /// The oldest kept event.
    pub fn oldest(&self) -> Option<&E> {
        self.kept.front()
    }

    /// The newest kept event.
    pub fn newest(&self) -> Option<&E> {
        self.kept.back()
    }

    /// The event with this offset, if it is kept.
    pub fn event_mut(&mut self, offset: u64) -> Option<&mut E> {
        let at = offset.checked_sub(self.before_oldest() + 1)?;
        self.kept.get_mut(usize::try_from(at).ok()?)
    }

    /// Where a reader starts, and what is missing before that. `epoch` is the channel's.
    pub fn start(&self, since: &Since, epoch: &Epoch) -> (u64, Option<Gap>) {
        start_of_page(since, epoch, self.before_oldest(), self.head)
    }
}

impl<E: LoggedEvent> ChannelLog<E> {
    /// Appends the next event; its offset.
    pub fn append(&mut self, event: E) -> u64 {
        self.head += 1;
        self.bytes += event.bytes();
        if let Some(key) = event.replace() {
            self.newest_of_key.insert(key.clone(), self.head);
        }
        self.kept.push_back(event);
        self.head
    }

    /// Takes out the oldest kept event.
    pub fn drop_oldest(&mut self) -> Option<E> {
        let offset = self.before_oldest() + 1;
        let oldest = self.kept.pop_front()?;
        self.bytes -= oldest.bytes();
        if let Some(key) = oldest.replace()
            && self.newest_of_key.get(key) == Some(&offset)
        {
            self.newest_of_key.remove(key);
        }
        if self.kept.is_empty() {
            // A log that was long once is no reason to keep its memory.
            self.kept = VecDeque::new();
        }
        Some(oldest)
    }

    /// Drops everything, and goes on behind this offset.
    pub fn restart_at(&mut self, head: u64) {
        *self = Self::new(head);
    }

    /// Adds the events after the start of `page`, as far as they are kept and have a place. `item`
    /// makes an entry of the page of an offset and its event.
    pub fn fill<T>(&self, mut page: PageBuilder<T>, item: impl Fn(u64, &E) -> T) -> PageBuilder<T> {
        let from = page.end().saturating_sub(self.before_oldest());
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let offsets = page.end() + 1..;
        for (offset, event) in offsets.zip(self.kept.iter().skip(from)).take(LOOKED_AT_MAX) {
            if page.is_thinned() && self.is_superseded(offset, event) {
                page.skip(offset);
            } else if !page.offer(offset, event.bytes(), || item(offset, event)) {
                break;
            }
        }
        page
    }

    /// Whether a newer event stands in for this one.
    fn is_superseded(&self, offset: u64, event: &E) -> bool {
        let newest = event.replace().and_then(|key| self.newest_of_key.get(key));
        newest.is_some_and(|newest| *newest > offset)
    }
}

impl<E: DatedEvent> ChannelLog<E> {
    /// Takes out the oldest kept event if retention does not let it stay.
    pub fn drop_over(&mut self, now: Millis, retention: &Retention) -> Option<E> {
        let oldest = self.kept.front()?;
        let is_over =
            retention.is_over(self.kept.len() as u64, self.bytes as u64, oldest.at(), now);
        if is_over { self.drop_oldest() } else { None }
    }
}

#[cfg(test)]
mod tests {
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
}
