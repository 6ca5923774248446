//! Which events of all channels stay in memory beside a store: the newest, up to a number of bytes
//! and of events. In: events as they come, in order. Out: the oldest one to let go of. The events
//! themselves are in their channels.

use alloc::collections::VecDeque;

use steadfast_protocol::ChannelName;

/// The most events that are hot, whatever their size.
const HOT_EVENTS_MAX: usize = 1_000_000;

/// The order and the size of hot events.
#[derive(Debug)]
pub struct HotCache {
    order: VecDeque<(ChannelName, u64)>,
    bytes: usize,
    bytes_max: usize,
}

impl HotCache {
    /// An empty cache. `bytes_max` bounds the encoded events in it; 0 turns it off.
    pub const fn new(bytes_max: usize) -> Self {
        Self { order: VecDeque::new(), bytes: 0, bytes_max }
    }

    /// Whether an event may be hot at all.
    pub const fn is_on(&self) -> bool {
        self.bytes_max > 0
    }

    /// The bytes that all hot events may take.
    pub const fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// The bytes that all hot events take.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// One more event is hot.
    pub fn put(&mut self, channel: ChannelName, offset: u64, bytes: usize) {
        self.order.push_back((channel, offset));
        self.bytes += bytes;
    }

    /// Events of so many bytes are not hot any more. Their places in the order go when their turn
    /// comes.
    pub const fn free(&mut self, bytes: usize) {
        self.bytes -= bytes;
    }

    /// The next event to let go of, while there is too much: oldest first. It may have been freed
    /// before; where it was not, the caller lets go of it and calls [`Self::free`].
    pub fn pop_over(&mut self) -> Option<(ChannelName, u64)> {
        let is_over = self.bytes > self.bytes_max || self.order.len() > HOT_EVENTS_MAX;
        if is_over { self.order.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::{HOT_EVENTS_MAX, HotCache};
    use steadfast_protocol::ChannelName;

    fn name() -> ChannelName {
        ChannelName::new("a").unwrap()
    }

    #[test]
    fn the_oldest_goes_one_byte_past_the_limit_and_none_at_it() {
        let mut hot = HotCache::new(10);
        hot.put(name(), 1, 4);
        hot.put(name(), 2, 6);
        assert_eq!((hot.pop_over(), hot.bytes()), (None, 10));
        hot.put(name(), 3, 1);
        assert_eq!(hot.pop_over(), Some((name(), 1)));
        hot.free(4);
        assert_eq!((hot.pop_over(), hot.bytes()), (None, 7));
    }

    #[test]
    fn what_was_freed_keeps_its_place_in_the_order_until_its_turn_comes() {
        let mut hot = HotCache::new(10);
        hot.put(name(), 1, 4);
        hot.free(4);
        hot.put(name(), 2, 11);
        assert_eq!((hot.pop_over(), hot.pop_over()), (Some((name(), 1)), Some((name(), 2))));
        assert!(HotCache::new(1).is_on() && !HotCache::new(0).is_on());
    }

    #[test]
    fn events_are_bounded_in_number_too() {
        let (mut hot, channel) = (HotCache::new(10), name());
        for offset in 0..HOT_EVENTS_MAX as u64 {
            hot.put(channel.clone(), offset, 0);
        }
        assert_eq!(hot.pop_over(), None);
        hot.put(channel.clone(), HOT_EVENTS_MAX as u64, 0);
        assert_eq!((hot.pop_over(), hot.pop_over()), (Some((channel, 0)), None));
    }
}
