//! What a disk broker counts: commits, how long they took, what the store takes on disk. In: one
//! note a commit, from the writer. Out: the figures at one time, for statistics and metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The upper ends of the histogram's classes, in microseconds; one more class is without end.
pub const COMMIT_US: [u64; 12] =
    [250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000];

/// Counts that go on.
#[derive(Debug, Default)]
pub(super) struct DiskCounters {
    commits: AtomicU64,
    events: AtomicU64,
    total_us: AtomicU64,
    classes: [AtomicU64; COMMIT_US.len() + 1],
    failures: AtomicU64,
    bytes_on_disk: AtomicU64,
    is_failing: AtomicBool,
    is_healing: AtomicBool,
}

/// The figures of a disk broker at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskMetrics {
    /// Commits that the disk has.
    pub commits: u64,
    /// Events in them.
    pub events: u64,
    /// How long they took in all, in microseconds.
    pub total_us: u64,
    /// How many of them took at most as long as [`COMMIT_US`] says, class by class, then the rest.
    pub classes: [u64; COMMIT_US.len() + 1],
    /// Commits that failed.
    pub failures: u64,
    /// Bytes that the store takes on disk, as of the last look.
    pub bytes_on_disk: u64,
    /// Whether the store takes nothing for now.
    pub is_failing: bool,
}

impl DiskCounters {
    pub(super) fn committed(&self, events: usize, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = COMMIT_US.iter().position(|end| us <= *end).unwrap_or(COMMIT_US.len());
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        self.total_us.fetch_add(us, Ordering::Relaxed);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
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

    /// Whether the writer is busy with the store itself.
    pub(super) fn is_healing(&self) -> bool {
        self.is_healing.load(Ordering::Relaxed)
    }

    pub(super) fn set_bytes_on_disk(&self, bytes: u64) {
        self.bytes_on_disk.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> DiskMetrics {
        let count = |number: &AtomicU64| number.load(Ordering::Relaxed);
        DiskMetrics {
            commits: count(&self.commits),
            events: count(&self.events),
            total_us: count(&self.total_us),
            classes: self.classes.each_ref().map(count),
            failures: count(&self.failures),
            bytes_on_disk: count(&self.bytes_on_disk),
            is_failing: self.is_failing.load(Ordering::Relaxed),
        }
    }
}

impl DiskMetrics {
    /// The end of the class in which the commit lies that `percent` of all are not slower than, in
    /// microseconds; 0 where there is none, the last end where it lies beyond.
    pub fn commit_us_at(&self, percent: u64) -> u64 {
        let wanted = (self.classes.iter().sum::<u64>() * percent).div_ceil(100);
        let mut seen = 0;
        for (count, end) in self.classes.iter().zip(COMMIT_US) {
            seen += count;
            if seen >= wanted {
                return if wanted == 0 { 0 } else { end };
            }
        }
        COMMIT_US.last().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::DiskCounters;
    use std::time::Duration;

    #[test]
    fn commits_fall_into_classes() {
        let tally = DiskCounters::default();
        assert_eq!(tally.figures().commit_us_at(99), 0);
        for ms in [1, 1, 1, 2, 3_000] {
            tally.committed(2, Duration::from_millis(ms));
        }
        let figures = tally.figures();
        assert_eq!((figures.commits, figures.events), (5, 10));
        assert_eq!((figures.classes[2], figures.classes[3], figures.classes[12]), (3, 1, 1));
        assert_eq!(figures.commit_us_at(50), 1_000);
        assert_eq!(figures.commit_us_at(80), 2_500);
        assert_eq!(figures.commit_us_at(99), 1_000_000);
    }
}
