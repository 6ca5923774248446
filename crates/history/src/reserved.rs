//! Epochs of channels that have no events yet. Whoever reads such a name is told the epoch that its
//! first event will have, so that the event is no gap. In: names. Out: what is reserved for each.
//! A name that is only read takes no place among the channels: the least recently read one goes
//! when there are too many. One that somebody follows is kept while it is followed, and a while
//! longer, so that a session that was cut resumes without a gap.

use alloc::collections::BTreeMap;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::ChannelName;

use crate::HistoryConfig;

/// What nobody has read for this long is forgotten.
const IDLE_FORGOTTEN: Span = Span::seconds(86_400);

/// Epochs, or what they are made of, by name.
#[derive(Debug)]
pub struct ReservedEpochs<E> {
    names: BTreeMap<ChannelName, Reserved<E>>,
    /// By until when they are kept, then by when they were read last.
    order: BTreeMap<Place, ChannelName>,
    reads: u64,
    dropped: u64,
    names_max: usize,
    kept_max: usize,
    kept_for: Span,
}

/// How many epochs are reserved, and how often there was no room for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReservedTotals {
    /// Names that have a reserved epoch.
    pub names: usize,
    /// Names that lost theirs for want of room, though somebody follows them or did a while ago.
    pub dropped: u64,
}

/// Until when a name is kept (it was read then, where nobody follows it), and the count of reads.
type Place = (Millis, u64);

#[derive(Debug)]
struct Reserved<E> {
    epoch: E,
    place: Place,
}

impl<E: Clone> ReservedEpochs<E> {
    /// None yet. There are never more than `channels_max` that nobody follows, and
    /// `reserved_epochs_max` in all; one that was followed is kept for `reserved_epoch_lasts`.
    pub const fn new(config: &HistoryConfig) -> Self {
        Self {
            names: BTreeMap::new(),
            order: BTreeMap::new(),
            reads: 0,
            dropped: 0,
            names_max: config.channels_max,
            kept_max: config.reserved_epochs_max,
            kept_for: config.reserved_epoch_lasts,
        }
    }

    /// What is reserved for a name, which is read now.
    pub fn read(&mut self, now: Millis, name: &ChannelName) -> Option<E> {
        let epoch = self.names.get(name)?.epoch.clone();
        self.put(now, name, epoch.clone());
        Some(epoch)
    }

    /// What is reserved for a name.
    pub fn get(&self, name: &ChannelName) -> Option<&E> {
        self.names.get(name).map(|reserved| &reserved.epoch)
    }

    /// Somebody follows a name: it is kept for a while. What is reserved for it.
    pub fn keep(&mut self, now: Millis, name: &ChannelName) -> Option<E> {
        let epoch = self.names.get(name)?.epoch.clone();
        self.put_until(now, name, epoch.clone(), now + self.kept_for);
        Some(epoch)
    }

    /// Reserves an epoch for a name, which is read now.
    pub fn put(&mut self, now: Millis, name: &ChannelName, epoch: E) {
        self.put_until(now, name, epoch, now);
    }

    fn put_until(&mut self, now: Millis, name: &ChannelName, epoch: E, until: Millis) {
        let before = self.names.remove(name).map(|reserved| reserved.place);
        if let Some(place) = before {
            self.order.remove(&place);
        }
        self.make_room(now);
        self.reads += 1;
        let until = before.map_or(until, |(kept, _)| until.max(kept));
        let place = (until, self.reads);
        self.names.insert(name.clone(), Reserved { epoch, place });
        self.order.insert(place, name.clone());
    }

    /// Has room for one more that nobody follows, unless all are followed.
    fn make_room(&mut self, now: Millis) {
        while self.names.len() >= self.names_max.min(self.kept_max)
            && let Some((&(until, _), _)) = self.order.first_key_value()
            && (until <= now || self.names.len() >= self.kept_max)
        {
            self.dropped += u64::from(until > now);
            self.drop_oldest();
        }
    }

    /// The name becomes a channel.
    pub fn take(&mut self, name: &ChannelName) -> Option<E> {
        let reserved = self.names.remove(name)?;
        self.order.remove(&reserved.place);
        Some(reserved.epoch)
    }

    /// Forgets what nobody has read for a day.
    pub fn expire(&mut self, now: Millis) {
        while let Some((&(until, _), _)) = self.order.first_key_value()
            && now.since(until) > IDLE_FORGOTTEN
        {
            self.drop_oldest();
        }
    }

    /// What is reserved: what is followed first, then the most recently read.
    pub fn recent(&self) -> impl Iterator<Item = (&ChannelName, &E)> {
        let names = self.order.values().rev();
        names.filter_map(|name| self.names.get(name).map(|one| (name, &one.epoch)))
    }

    /// How many there are, and how many were dropped for want of room.
    pub fn totals(&self) -> ReservedTotals {
        ReservedTotals { names: self.names.len(), dropped: self.dropped }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, name)) = self.order.pop_first() {
            self.names.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IDLE_FORGOTTEN, ReservedEpochs, ReservedTotals};
    use crate::HistoryConfig;
    use steadfast_machine::{Millis, Span};
    use steadfast_protocol::ChannelName;

    fn name(name: &str) -> ChannelName {
        ChannelName::new(name).unwrap()
    }

    /// Room for two names that nobody follows, for `kept_max` in all.
    fn reserving(kept_max: usize) -> ReservedEpochs<u32> {
        ReservedEpochs::new(&HistoryConfig {
            channels_max: 2,
            reserved_epochs_max: kept_max,
            reserved_epoch_lasts: Span(1_000),
            ..HistoryConfig::default()
        })
    }

    #[test]
    fn as_many_names_as_may_be_and_one_more_puts_out_the_least_recently_read() {
        let (mut reserved, now) = (reserving(8), Millis(5));
        reserved.put(now, &name("a"), 1);
        reserved.put(now, &name("b"), 2);
        assert_eq!((reserved.read(now, &name("a")), reserved.names.len()), (Some(1), 2));
        reserved.put(now, &name("c"), 3);
        assert_eq!((reserved.read(now, &name("b")), reserved.names.len()), (None, 2));
        assert_eq!((reserved.take(&name("a")), reserved.take(&name("a"))), (Some(1), None));
        assert_eq!((reserved.get(&name("c")), reserved.names.len()), (Some(&3), 1));
        assert_eq!(reserved.order.len(), 1);
        reserved.put(now, &name("d"), 4);
        assert!(reserved.recent().eq([(&name("d"), &4), (&name("c"), &3)]));
    }

    #[test]
    fn a_name_that_is_followed_stays_and_a_while_longer() {
        let (mut reserved, now) = (reserving(8), Millis(5));
        reserved.put(now, &name("followed"), 1);
        assert_eq!(reserved.keep(now, &name("followed")), Some(1));
        assert_eq!(reserved.keep(now, &name("unknown")), None);
        let end = now + Span(1_000);
        for (at, n) in (0..99).map(|n| (Millis(end.0 - 1), n)) {
            reserved.put(at, &name(&alloc::format!("other-{n}")), 2);
            assert_eq!(reserved.read(at, &name("followed")), Some(1), "to read it ends nothing");
            assert!(reserved.names.len() <= 2, "others take no more room than they had");
        }
        for n in 0..2 {
            reserved.put(end, &name(&alloc::format!("another-{n}")), 3);
        }
        assert_eq!(reserved.get(&name("followed")), None, "its time is over");
        assert_eq!(reserved.totals(), ReservedTotals { names: 2, dropped: 0 });
    }

    #[test]
    fn as_many_followed_names_as_may_be_and_one_more_puts_out_the_first() {
        let (mut reserved, now) = (reserving(8), Millis(5));
        let one = |n: u32| name(&alloc::format!("one-{n}"));
        for n in 0..8 {
            reserved.put(now, &one(n), n);
            reserved.keep(now, &one(n));
        }
        assert_eq!(reserved.totals(), ReservedTotals { names: 8, dropped: 0 });
        assert_eq!(reserved.get(&one(0)), Some(&0));
        reserved.put(now, &one(8), 8);
        assert_eq!(reserved.totals(), ReservedTotals { names: 8, dropped: 1 });
        assert_eq!((reserved.get(&one(0)), reserved.get(&one(1))), (None, Some(&1)));
    }

    #[test]
    fn fewer_may_be_reserved_than_there_may_be_channels() {
        let (mut reserved, now) = (reserving(1), Millis(5));
        reserved.put(now, &name("a"), 1);
        reserved.put(now, &name("b"), 2);
        assert_eq!((reserved.get(&name("a")), reserved.get(&name("b"))), (None, Some(&2)));
        assert_eq!(reserved.totals(), ReservedTotals { names: 1, dropped: 0 });
    }

    #[test]
    fn what_nobody_reads_for_a_day_is_forgotten() {
        let (mut reserved, day) = (reserving(8), Millis(IDLE_FORGOTTEN.0));
        reserved.put(Millis(0), &name("a"), 1);
        reserved.put(Millis(0), &name("b"), 2);
        reserved.read(Millis(1), &name("a"));
        reserved.expire(day);
        assert_eq!(reserved.names.len(), 2);
        reserved.expire(Millis(day.0 + 1));
        assert_eq!((reserved.get(&name("a")), reserved.get(&name("b"))), (Some(&1), None));
        reserved.expire(Millis(day.0 + 2));
        assert!(reserved.names.is_empty() && reserved.order.is_empty());
    }
}
