//! How fast a session may speak: a token bucket of whole numbers.

use steadfast_machine::Millis;

/// Holds at most `burst` frames, refilled at `per_second`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// Thousandths of a frame.
    left: u64,
    refilled: Millis,
}

impl Rate {
    pub(crate) const fn new(now: Millis, burst: u32) -> Self {
        Self { left: burst as u64 * 1000, refilled: now }
    }

    /// Takes one frame; false where there is none left.
    pub(crate) fn take(&mut self, now: Millis, per_second: u32, burst: u32) -> bool {
        // A frame a second is a thousandth of a frame a millisecond.
        let refill = now.since(self.refilled).0.saturating_mul(u64::from(per_second));
        self.left = self.left.saturating_add(refill).min(u64::from(burst) * 1000);
        self.refilled = now;
        if self.left < 1000 {
            return false;
        }
        self.left -= 1000;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;
    use steadfast_machine::Millis;

    #[test]
    fn a_burst_passes_and_one_more_waits_for_the_refill() {
        let mut rate = Rate::new(Millis(0), 3);
        let mut take = |at| rate.take(Millis(at), 10, 3);
        assert!(take(0) && take(0) && take(0));
        assert!(!take(99));
        assert!(take(100));
        assert!(!take(100));
        assert!(take(10_000) && take(10_000) && take(10_000));
        assert!(!take(10_000));
    }
}
