//! How many sessions all shards have together, now and at most. A sum of the shards' own peaks
//! would be too high: they need not fall on the same moment.

use std::sync::atomic::{AtomicU64, Ordering};

/// Sessions of the whole node.
#[derive(Debug, Default)]
pub struct Headcount {
    now: AtomicU64,
    peak: AtomicU64,
}

impl Headcount {
    /// A session has begun.
    pub fn one_more(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    /// A session has ended.
    pub fn one_less(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    /// The most there were at once.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::Headcount;

    #[test]
    fn the_peak_stays_when_sessions_end() {
        let headcount = Headcount::default();
        headcount.one_more();
        headcount.one_more();
        headcount.one_less();
        headcount.one_more();
        assert_eq!(headcount.peak(), 2);
    }
}
