//! Epochs of channels that have no events yet. Whoever reads such a name is told the epoch that its
//! first event will have, so that the event is no gap. In: names. Out: what is reserved for each.
//! A name that is only read takes no place among the channels: the least recently read one goes
//! when there are too many, and its readers are then told of a gap.

use alloc::collections::BTreeMap;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::ChannelName;

/// What nobody has read for this long is forgotten.
const IDLE_FORGOTTEN: Span = Span::seconds(86_400);

/// Epochs, or what they are made of, by name.
#[derive(Debug)]
pub struct ReservedEpochs<E> {
    names: BTreeMap<ChannelName, Reserved<E>>,
    /// By when they were read last.
    order: BTreeMap<u64, ChannelName>,
    reads: u64,
    names_max: usize,
}

#[derive(Debug)]
struct Reserved<E> {
    epoch: E,
    read: u64,
    at: Millis,
}

impl<E: Clone> ReservedEpochs<E> {
    /// None yet, and never more than `names_max`.
    pub const fn new(names_max: usize) -> Self {
        Self { names: BTreeMap::new(), order: BTreeMap::new(), reads: 0, names_max }
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

    /// Reserves an epoch for a name, which is read now.
    pub fn put(&mut self, now: Millis, name: &ChannelName, epoch: E) {
        self.reads += 1;
        let reserved = Reserved { epoch, read: self.reads, at: now };
        if let Some(before) = self.names.insert(name.clone(), reserved) {
            self.order.remove(&before.read);
        }
        self.order.insert(self.reads, name.clone());
        while self.names.len() > self.names_max {
            self.drop_oldest();
        }
    }

    /// The name becomes a channel.
    pub fn take(&mut self, name: &ChannelName) -> Option<E> {
        let reserved = self.names.remove(name)?;
        self.order.remove(&reserved.read);
        Some(reserved.epoch)
    }

    /// Forgets what nobody has read for a day.
    pub fn expire(&mut self, now: Millis) {
        while let Some((_, name)) = self.order.first_key_value()
            && self.names.get(name).is_none_or(|one| now.since(one.at) > IDLE_FORGOTTEN)
        {
            self.drop_oldest();
        }
    }

    /// What is reserved, the most recently read first.
    pub fn recent(&self) -> impl Iterator<Item = (&ChannelName, &E)> {
        let names = self.order.values().rev();
        names.filter_map(|name| self.names.get(name).map(|one| (name, &one.epoch)))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn drop_oldest(&mut self) {
        if let Some((_, name)) = self.order.pop_first() {
            self.names.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{IDLE_FORGOTTEN, ReservedEpochs};
    use steadfast_machine::Millis;
    use steadfast_protocol::ChannelName;

    fn name(name: &str) -> ChannelName {
        ChannelName::new(name).unwrap()
    }

    #[test]
    fn as_many_names_as_may_be_and_one_more_puts_out_the_least_recently_read() {
        let (mut reserved, now) = (ReservedEpochs::new(2), Millis(5));
        reserved.put(now, &name("a"), 1);
        reserved.put(now, &name("b"), 2);
        assert_eq!((reserved.read(now, &name("a")), reserved.len()), (Some(1), 2));
        reserved.put(now, &name("c"), 3);
        assert_eq!((reserved.read(now, &name("b")), reserved.len()), (None, 2));
        assert_eq!((reserved.take(&name("a")), reserved.take(&name("a"))), (Some(1), None));
        assert_eq!((reserved.get(&name("c")), reserved.len()), (Some(&3), 1));
        assert_eq!(reserved.order.len(), 1);
        reserved.put(now, &name("d"), 4);
        assert!(reserved.recent().eq([(&name("d"), &4), (&name("c"), &3)]));
    }

    #[test]
    fn what_nobody_reads_for_a_day_is_forgotten() {
        let (mut reserved, day) = (ReservedEpochs::new(9), Millis(IDLE_FORGOTTEN.0));
        reserved.put(Millis(0), &name("a"), 1);
        reserved.put(Millis(0), &name("b"), 2);
        reserved.read(Millis(1), &name("a"));
        reserved.expire(day);
        assert_eq!(reserved.len(), 2);
        reserved.expire(Millis(day.0 + 1));
        assert_eq!((reserved.get(&name("a")), reserved.get(&name("b"))), (Some(&1), None));
        reserved.expire(Millis(day.0 + 2));
        assert!(reserved.is_empty() && reserved.order.is_empty());
    }
}
