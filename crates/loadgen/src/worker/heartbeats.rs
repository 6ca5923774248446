//! When links say that they are alive. In: links that went live. Out: whose turn it is. Each speaks
//! once an interval; the first time sooner, so that links that came together do not speak together.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::Worker;
use super::link::Phase;
use crate::clock::MILLISECOND;
use crate::wire;

/// Turns to come.
#[derive(Debug)]
pub(super) struct Heartbeats {
    interval: u64,
    turns: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Heartbeats {
    pub(super) fn every(interval: u64) -> Self {
        Self { interval, turns: BinaryHeap::new() }
    }

    /// A link is live: its first turn comes after half an interval to a whole one.
    pub(super) fn enter(&mut self, link: usize, now: u64, random: u32) {
        let half = self.interval / 2;
        let spread = (u128::from(random) * u128::from(half)) >> 32;
        let spread = u64::try_from(spread).unwrap_or(half);
        self.turns.push(Reverse((now + half + spread, link)));
    }

    pub(super) fn next_due(&self) -> u64 {
        self.turns.peek().map_or(u64::MAX, |Reverse((due, _))| *due)
    }

    /// The next link whose turn it is; its next one is noted.
    pub(super) fn take_due(&mut self, now: u64) -> Option<usize> {
        let Reverse((due, link)) = *self.turns.peek()?;
        if due > now {
            return None;
        }
        self.turns.pop();
        self.turns.push(Reverse((now + self.interval, link)));
        Some(link)
    }
}

impl Worker {
    /// Says that a link is alive.
    pub(super) fn send_heartbeat(&mut self, at: usize, now: u64) {
        if self.links[at].phase != Phase::Live {
            return;
        }
        let next_ms = self.share.heartbeat_ms;
        let Some(text) = self.share.target.dialect.heartbeat(next_ms) else { return };
        let mut out = Vec::new();
        let mask = self.next_mask();
        wire::push_text(&mut out, &text, mask);
        if let Err(error) = self.links[at].write(&out) {
            self.on_end(at, format!("writing fails: {error}"), now / MILLISECOND * MILLISECOND);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Heartbeats;

    #[test]
    fn each_link_has_its_turn_once_an_interval() {
        let mut heartbeats = Heartbeats::every(1000);
        heartbeats.enter(0, 0, 0);
        heartbeats.enter(1, 0, u32::MAX);
        assert_eq!(heartbeats.next_due(), 500);
        assert_eq!(heartbeats.take_due(499), None);
        assert_eq!(heartbeats.take_due(500), Some(0));
        assert_eq!(heartbeats.take_due(500), None);
        assert_eq!(heartbeats.take_due(1000), Some(1));
        assert_eq!(heartbeats.take_due(1499), None);
        assert_eq!(heartbeats.take_due(1500), Some(0));
    }
}
