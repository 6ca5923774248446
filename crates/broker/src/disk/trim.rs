//! The metadata of the oldest events of channels, for retention: read from the store in pieces, so
//! that dropping one event costs a small part of a read. In: an offset. Out: the event's metadata.

use std::collections::{BTreeMap, VecDeque};

use steadfast_history::Retention;
use steadfast_machine::Millis;

use super::record::{self, ChannelNumbers, Item, StoredEvent};
use super::store::{Store, StoreError};

/// Events read at once.
const PIECE_EVENTS: usize = 64;
/// Channels whose oldest events are in memory; beyond that all are dropped from it.
const CHANNELS_MAX: usize = 1_024;

/// The oldest events of some channels.
#[derive(Debug, Default)]
pub(super) struct OldestEvents {
    of_channel: BTreeMap<u64, Front>,
}

#[derive(Debug)]
struct Front {
    first: u64,
    items: VecDeque<Item>,
}

impl OldestEvents {
    /// The oldest stored event of a channel.
    pub(super) fn oldest(
        &mut self,
        store: &Store,
        numbers: &ChannelNumbers,
        stored_head: u64,
    ) -> Result<Item, StoreError> {
        let (id, first) = (numbers.id, numbers.first);
        let known = self.of_channel.get(&id).filter(|front| front.first == first);
        if let Some(item) = known.and_then(|front| front.items.front()) {
            return Ok(item.clone());
        }
        if self.of_channel.len() >= CHANNELS_MAX {
            self.of_channel.clear();
        }
        let range = (record::event_key(id, first), record::event_key(id, stored_head));
        let mut items = VecDeque::new();
        for (offset, pair) in (first..).zip(store.between(&range.0, &range.1).take(PIECE_EVENTS)) {
            let (key, value) = pair?;
            match StoredEvent::of_bytes(&value) {
                Some(kept) if record::offset_of_key(&key) == Some(offset) => {
                    items.push_back(kept.item);
                }
                Some(_) | None => break,
            }
        }
        let Some(item) = items.front().cloned() else {
            let epoch = &numbers.epoch;
            return Err(StoreError::Damaged(format!("event {first} of {epoch} is missing")));
        };
        self.of_channel.insert(id, Front { first, items });
        Ok(item)
    }

    /// Advances to the next event.
    pub(super) fn drop_oldest(&mut self, id: u64) {
        if let Some(front) = self.of_channel.get_mut(&id) {
            front.first += 1;
            front.items.pop_front();
        }
    }

    /// Forgets a channel.
    pub(super) fn forget(&mut self, id: u64) {
        self.of_channel.remove(&id);
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.of_channel.clear();
    }
}

/// Whether a channel exceeds its retention at `now`, by the store's clock.
pub(super) fn is_over(numbers: &ChannelNumbers, retention: &Retention, now: u64) -> bool {
    let (events, oldest_at) = (numbers.events(), Millis(numbers.oldest_at));
    events > 0 && retention.is_over(events, numbers.bytes, oldest_at, Millis(now))
}
