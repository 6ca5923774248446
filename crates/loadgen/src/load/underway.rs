//! Events on their way: which workers have not reported them yet. In: events published, reports,
//! time. Out: how many are on their way, and whether there is room for another.

use std::collections::VecDeque;

use crate::clock::SECOND;
use crate::sizes::IN_FLIGHT_MAX;

/// How long an event may be on its way before another takes its place.
const PATIENCE: u64 = 10 * SECOND;

/// Events on their way.
#[derive(Debug)]
pub(super) struct Underway {
    /// Workers that have not reported an event, by its number modulo the length; 0 is none.
    left: Box<[(u64, u32)]>,
    pub(super) count: usize,
    /// In the order in which they were published, with the time; those that are done go with the
    /// first. No more than places: nobody passes one that is not done.
    order: VecDeque<(u64, u64)>,
}

impl Underway {
    pub(super) fn new() -> Self {
        let left = vec![(0, 0); IN_FLIGHT_MAX].into_boxed_slice();
        Self { left, count: 0, order: VecDeque::new() }
    }

    fn place(message: u64) -> usize {
        usize::try_from(message).unwrap_or(0) % IN_FLIGHT_MAX
    }

    pub(super) fn is_free(&self, message: u64) -> bool {
        self.left[Self::place(message)].1 == 0
    }

    pub(super) fn enter(&mut self, message: u64, workers: u32, now: u64) {
        self.left[Self::place(message)] = (message, workers);
        self.count += 1;
        self.order.push_back((message, now));
    }

    /// Those that are too long on their way make room; whether they are lost is seen at the end.
    pub(super) fn give_up_late(&mut self, now: u64) {
        while let Some(&(message, at)) = self.order.front() {
            let (holder, left) = self.left[Self::place(message)];
            let is_done = holder != message || left == 0;
            if !is_done && at + PATIENCE > now {
                return;
            }
            self.on_done(message, true);
            self.order.pop_front();
        }
    }

    /// One more worker has it everywhere; or nobody will, where `is_over`.
    pub(super) fn on_done(&mut self, message: u64, is_over: bool) {
        let one = &mut self.left[Self::place(message)];
        if one.0 != message || one.1 == 0 {
            return;
        }
        one.1 = if is_over { 0 } else { one.1 - 1 };
        if one.1 == 0 {
            self.count -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, Underway};
    use crate::sizes::IN_FLIGHT_MAX;

    #[test]
    fn an_event_is_on_its_way_until_every_worker_has_it_everywhere() {
        let mut underway = Underway::new();
        underway.enter(5, 2, 0);
        underway.enter(6, 1, 0);
        underway.on_done(5, false);
        assert_eq!(underway.count, 2);
        underway.on_done(6, false);
        underway.on_done(6, false);
        assert_eq!(underway.count, 1);
        let same_place = 5 + IN_FLIGHT_MAX as u64;
        assert!(!underway.is_free(same_place));
        underway.on_done(same_place, false);
        underway.on_done(5, true);
        assert_eq!(underway.count, 0);
        assert!(underway.is_free(same_place));
    }

    #[test]
    fn an_event_that_never_arrives_makes_room_for_another_after_a_while() {
        let mut underway = Underway::new();
        underway.enter(0, 1, 100);
        underway.enter(1, 1, 200);
        underway.enter(2, 1, 300);
        underway.on_done(1, false);
        underway.give_up_late(99 + PATIENCE);
        assert_eq!((underway.count, underway.order.len()), (2, 3));
        underway.give_up_late(100 + PATIENCE);
        assert_eq!((underway.count, underway.order.len()), (1, 1));
        underway.on_done(0, false);
        assert_eq!(underway.count, 1);
        underway.give_up_late(300 + PATIENCE);
        assert_eq!((underway.count, underway.order.len()), (0, 0));
    }
}
