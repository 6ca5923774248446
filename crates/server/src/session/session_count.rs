//! How many sessions all shards have together: now, and at most so far. The sum of the shards' own
//! maxima would be too high, because they need not occur at the same time.

use std::sync::atomic::{AtomicU64, Ordering};

/// Sessions of the whole node.
#[derive(Debug, Default)]
pub struct SessionCount {
    now: AtomicU64,
    peak: AtomicU64,
}

impl SessionCount {
    /// A session has begun.
    pub fn begin(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    /// A session has ended.
    pub fn one_less(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    /// The most sessions that there were at the same time.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::SessionCount;

    #[test]
    fn the_peak_stays_when_sessions_end() {
        let session_count = SessionCount::default();
        session_count.begin();
        session_count.begin();
        session_count.one_less();
        session_count.begin();
        assert_eq!(session_count.peak(), 2);
    }
}
