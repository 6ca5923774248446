//! What all shards count together of their sessions. How many there are now, and were at most: the
//! sum of the shards' own maxima would be too high, because they need not occur at the same time.
//! With which codes they ended, and how long it took to write events to them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use steadfast_broker::{DurationCounts, Histogram};
use steadfast_protocol::CloseCode;

/// The upper ends of the classes of durations of a fan-out, in microseconds.
const FANOUT_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];

/// Sessions of the whole node.
#[derive(Debug)]
pub struct SessionCount {
    now: AtomicU64,
    peak: AtomicU64,
    /// Ended sessions by close code; those with a code that is not known are under `None`.
    closes: Mutex<BTreeMap<Option<CloseCode>, u64>>,
    fanout: DurationCounts,
}

impl Default for SessionCount {
    fn default() -> Self {
        Self {
            now: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            closes: Mutex::default(),
            fanout: DurationCounts::new(&FANOUT_US),
        }
    }
}

impl SessionCount {
    /// A session has begun.
    pub fn begin(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.peak.fetch_max(now, Ordering::Relaxed);
    }

    /// A session has ended with this code, which its peer may have made up.
    pub fn end(&self, code: CloseCode) {
        self.now.fetch_sub(1, Ordering::Relaxed);
        let code = CloseCode::KNOWN.contains(&code).then_some(code);
        *self.closes.lock().entry(code).or_default() += 1;
    }

    /// The most sessions that there were at the same time.
    pub fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// How many have ended with each code; `other` stands for those that are not known.
    pub fn closes(&self) -> Vec<(String, u64)> {
        let closes = self.closes.lock();
        let count = |code| closes.get(&code).copied().unwrap_or(0);
        let known = CloseCode::KNOWN.into_iter().map(|code| (code.to_string(), count(Some(code))));
        known.chain([("other".into(), count(None))]).collect()
    }

    /// A shard has written all that it had to write, which it had begun to get this long ago.
    pub(crate) fn fanned_out(&self, took: Duration) {
        self.fanout.add(took);
    }

    /// How long that took.
    pub fn fanout(&self) -> Histogram {
        self.fanout.histogram()
    }
}

#[cfg(test)]
mod tests {
    use super::SessionCount;
    use steadfast_protocol::CloseCode;

    #[test]
    fn the_peak_stays_when_sessions_end() {
        let session_count = SessionCount::default();
        session_count.begin();
        session_count.begin();
        session_count.end(CloseCode::NORMAL);
        session_count.begin();
        assert_eq!(session_count.peak(), 2);
    }

    #[test]
    fn peers_cannot_make_up_labels() {
        let session_count = SessionCount::default();
        for code in [1000, 1001, 1000, 3000, 4999] {
            session_count.begin();
            session_count.end(CloseCode(code));
        }
        let mut closes = session_count.closes();
        assert_eq!(closes.len(), CloseCode::KNOWN.len() + 1);
        closes.retain(|(_, count)| *count > 0);
        let expected = [("1000", 2), ("1001", 1), ("other", 2)];
        assert_eq!(closes, expected.map(|(code, count)| (code.into(), count)));
    }
}
