//! The counters of a disk broker: commits, their durations, the store's size. In: one note per
//! commit, from the writer. Out: the values of statistics and metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::metrics::{BrokerMetric, BrokerStat, DurationCounts, MetricValue};

/// The upper bounds of the histogram's buckets, in microseconds; one more bucket is unbounded.
const COMMIT_US: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];

/// The counters.
#[derive(Debug)]
pub(super) struct DiskCounters {
    commits: AtomicU64,
    events: AtomicU64,
    durations: DurationCounts,
    failures: AtomicU64,
    bytes_on_disk: AtomicU64,
    is_failing: AtomicBool,
    is_healing: AtomicBool,
}

impl Default for DiskCounters {
    fn default() -> Self {
        Self {
            commits: AtomicU64::new(0),
            events: AtomicU64::new(0),
            durations: DurationCounts::new(&COMMIT_US),
            failures: AtomicU64::new(0),
            bytes_on_disk: AtomicU64::new(0),
            is_failing: AtomicBool::new(false),
            is_healing: AtomicBool::new(false),
        }
    }
}

impl DiskCounters {
    pub(super) fn committed(&self, events: usize, took: Duration) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        self.durations.add(took);
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_failing(&self, is_failing: bool) {
        self.is_failing.store(is_failing, Ordering::Relaxed);
    }

    pub(super) fn set_healing(&self, is_healing: bool) {
        self.is_healing.store(is_healing, Ordering::Relaxed);
    }

    /// Whether the writer is reopening the store.
    pub(super) fn is_healing(&self) -> bool {
        self.is_healing.load(Ordering::Relaxed)
    }

    pub(super) fn set_bytes_on_disk(&self, bytes: u64) {
        self.bytes_on_disk.store(bytes, Ordering::Relaxed);
    }

    /// Whether the store accepts no writes at the moment.
    pub(super) fn is_failing(&self) -> bool {
        self.is_failing.load(Ordering::Relaxed)
    }

    /// The metrics of a scrape.
    pub(super) fn metrics(&self) -> Vec<BrokerMetric> {
        let commits = self.durations.histogram();
        let failing = u64::from(self.is_failing());
        let bytes = MetricValue::Bytes(count(&self.bytes_on_disk));
        vec![
            BrokerMetric::counter(
                "disk_committed_events",
                "Events that the disk has",
                count(&self.events),
            ),
            BrokerMetric::counter(
                "disk_commit_failures",
                "Commits that failed",
                count(&self.failures),
            ),
            BrokerMetric::gauge("disk_failing", "1 while the store takes no writes", failing),
            BrokerMetric::new("disk", "What the store takes on disk", bytes),
            BrokerMetric::new(
                "disk_commit",
                "Time a commit takes",
                MetricValue::Durations(commits),
            ),
        ]
    }

    /// The object of the statistics. Times are upper bounds of buckets, in milliseconds.
    #[expect(clippy::cast_precision_loss, reason = "statistics are for people")]
    pub(super) fn stats(&self) -> Vec<BrokerStat> {
        let commits = count(&self.commits);
        let per_commit = count(&self.events) as f64 / commits.max(1) as f64;
        let ms_at = |percent| self.durations.us_at(percent) as f64 / 1e3;
        vec![
            BrokerStat::count("commits", commits),
            BrokerStat::number("events_per_commit", (per_commit * 100.0).round() / 100.0),
            BrokerStat::number("commit_ms_p50", ms_at(50)),
            BrokerStat::number("commit_ms_p99", ms_at(99)),
            BrokerStat::count("failures", count(&self.failures)),
            BrokerStat::flag("failing", self.is_failing()),
            BrokerStat::count("bytes", count(&self.bytes_on_disk)),
        ]
    }
}

fn count(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::DiskCounters;
    use crate::metrics::BrokerStat;
    use std::time::Duration;

    #[test]
    fn commits_are_counted_and_timed() {
        let tally = DiskCounters::default();
        for ms in [1, 1, 1, 2, 3_000] {
            tally.committed(2, Duration::from_millis(ms));
        }
        let stats = tally.stats();
        assert!(stats.contains(&BrokerStat::count("commits", 5)));
        assert!(stats.contains(&BrokerStat::number("events_per_commit", 2.0)));
        assert!(stats.contains(&BrokerStat::number("commit_ms_p50", 1.0)));
        assert!(stats.contains(&BrokerStat::number("commit_ms_p99", 1_000.0)));
    }
}
