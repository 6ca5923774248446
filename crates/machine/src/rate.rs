//! How often, or how much, something may happen: a token bucket of whole numbers.

use crate::{Millis, Span};

/// Holds at most a burst of pieces (frames, bytes, requests), refilled at a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Thousandths of a piece.
    left: u64,
    refilled: Millis,
}

impl Rate {
    /// A full bucket.
    pub const fn new(now: Millis, burst: u32) -> Self {
        Self { left: burst as u64 * 1000, refilled: now }
    }

    /// Takes so many pieces; if there are too few, none, and how long it takes until there are.
    pub fn take(
        &mut self,
        now: Millis,
        pieces: usize,
        (per_second, burst): (u32, u32),
    ) -> Result<(), Span> {
        self.refill(now, per_second, burst);
        let wanted = (pieces as u64).saturating_mul(1000);
        match self.left.checked_sub(wanted) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Span((wanted - self.left).div_ceil(u64::from(per_second).max(1)))),
        }
    }

    /// Gives back pieces that were taken for nothing.
    pub fn give_back(&mut self, pieces: u32, burst: u32) {
        let back = u64::from(pieces) * 1000;
        self.left = self.left.saturating_add(back).min(u64::from(burst) * 1000);
    }

    /// Whether there would be no more after a new start.
    pub fn is_full(&mut self, now: Millis, (per_second, burst): (u32, u32)) -> bool {
        self.refill(now, per_second, burst);
        self.left >= u64::from(burst) * 1000
    }

    fn refill(&mut self, now: Millis, per_second: u32, burst: u32) {
        // A piece a second is a thousandth of a piece a millisecond.
        let refill = now.since(self.refilled).0.saturating_mul(u64::from(per_second));
        self.left = self.left.saturating_add(refill).min(u64::from(burst) * 1000);
        self.refilled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;
    use crate::{Millis, Span};

    #[test]
    fn a_burst_passes_and_one_more_waits_for_the_refill() {
        let mut rate = Rate::new(Millis(0), 3);
        let mut take = |at| rate.take(Millis(at), 1, (10, 3)).is_ok();
        assert!(take(0) && take(0) && take(0));
        assert!(!take(99));
        assert!(take(100));
        assert!(!take(100));
        assert!(take(10_000) && take(10_000) && take(10_000));
        assert!(!take(10_000));
    }

    #[test]
    fn many_at_once_are_taken_together_or_not_at_all() {
        let mut rate = Rate::new(Millis(0), 1_000);
        let mut take = |at, pieces| rate.take(Millis(at), pieces, (100, 1_000));
        assert_eq!(take(0, 900), Ok(()));
        assert_eq!(take(0, 101), Err(Span(10)));
        assert_eq!(take(9, 101), Err(Span(1)));
        assert_eq!(take(10, 101), Ok(()));
        assert_eq!(take(10, 1), Err(Span(10)));
        assert_eq!(take(10, 0), Ok(()));
    }

    #[test]
    fn a_bucket_is_full_again_after_its_time() {
        let mut rate = Rate::new(Millis(0), 1);
        assert!(rate.is_full(Millis(0), (3, 1)));
        assert_eq!(rate.take(Millis(0), 1, (3, 1)), Ok(()));
        assert!(!rate.is_full(Millis(333), (3, 1)));
        assert!(rate.is_full(Millis(334), (3, 1)));
    }
}
