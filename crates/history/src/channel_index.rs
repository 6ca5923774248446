//! Channels by name: found by one hash, listed in order. In: names and what stands for them. Out:
//! the same. Every event looks its channel up twice, so a search by comparison, which costs a cache
//! miss a step, is too dear; operators and sweeps want pages in a stable order.

use alloc::collections::BTreeSet;
use core::ops::Bound::{Excluded, Unbounded};

use foldhash::quality::FixedState;
use hashbrown::HashMap;
use steadfast_protocol::ChannelName;

/// A table by channel.
#[derive(Debug)]
pub struct ChannelIndex<T> {
    found: HashMap<ChannelName, T, FixedState>,
    order: BTreeSet<ChannelName>,
}

impl<T> ChannelIndex<T> {
    /// An empty table. `seed` is random where names come from strangers: they could choose names
    /// that collide if they knew it.
    pub fn new(seed: u64) -> Self {
        let found = HashMap::with_hasher(FixedState::with_seed(seed));
        Self { found, order: BTreeSet::new() }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What stands for the name.
    pub fn get(&self, name: &ChannelName) -> Option<&T> {
        self.found.get(name)
    }

    /// What stands for the name, to be changed.
    pub fn entry_of(&mut self, name: &ChannelName) -> Option<&mut T> {
        self.found.get_mut(name)
    }

    /// The same, with the name that the table holds: whoever keeps that one shares its memory.
    pub fn with_name(&mut self, name: &ChannelName) -> Option<(&ChannelName, &mut T)> {
        self.found.get_key_value_mut(name)
    }

    /// Adds an entry, in the place of an earlier one.
    pub fn insert(&mut self, name: ChannelName, entry: T) {
        self.order.insert(name.clone());
        self.found.insert(name, entry);
    }

    /// Takes out an entry.
    pub fn remove(&mut self, name: &ChannelName) -> Option<T> {
        self.order.remove(name);
        let removed = self.found.remove(name);
        // A table that was large once is no reason to keep its memory.
        if self.found.len() < self.found.capacity() / 8 {
            self.found.shrink_to(self.found.len() * 2);
        }
        removed
    }

    /// Names in order, after `after`.
    pub fn after(&self, after: Option<&ChannelName>) -> impl Iterator<Item = &ChannelName> {
        let from = after.map_or(Unbounded, Excluded);
        self.order.range::<ChannelName, _>((from, Unbounded))
    }
}

#[cfg(test)]
mod tests {
    use super::ChannelIndex;
    use alloc::format;
    use alloc::vec::Vec;
    use steadfast_protocol::ChannelName;

    fn name(at: u32) -> ChannelName {
        ChannelName::new(&format!("n:{at:04}")).unwrap()
    }

    #[test]
    fn what_is_found_and_what_is_listed_are_the_same() {
        let mut names = ChannelIndex::new(7);
        for at in (0..1_000).rev() {
            names.insert(name(at), at);
        }
        names.insert(name(3), 33);
        for at in 0..990 {
            assert_eq!(names.remove(&name(at)), Some(if at == 3 { 33 } else { at }));
            assert_eq!(names.remove(&name(at)), None);
            assert_eq!(names.get(&name(at)), None);
        }
        assert_eq!(names.len(), 10);
        let left: Vec<_> = names.after(Some(&name(990))).cloned().collect();
        assert_eq!(left, (991..1_000).map(name).collect::<Vec<_>>());
        assert!(left.iter().all(|name| names.get(name).is_some()));
        assert!(names.found.capacity() < 100, "{}", names.found.capacity());
    }

    #[test]
    fn a_table_is_empty_until_it_has_an_entry() {
        let mut index = ChannelIndex::new(1);
        assert!(index.is_empty());
        index.insert(name(1), ());
        assert!(!index.is_empty());
        index.remove(&name(1));
        assert!(index.is_empty());
    }
}
