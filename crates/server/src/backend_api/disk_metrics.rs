//! The snapshot of a disk broker, for statistics and metrics. In: what it has counted. Out: an
//! object for the one, lines for the other.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use serde::Serialize;

use steadfast_broker::{COMMIT_US, DiskMetrics};

/// The object in the statistics. Times are upper ends of classes, in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct DiskStats {
    commits: u64,
    events_per_commit: f64,
    commit_ms_p50: f64,
    commit_ms_p99: f64,
    failures: u64,
    failing: bool,
    bytes: u64,
}

#[expect(clippy::cast_precision_loss, reason = "statistics are for people")]
impl From<DiskMetrics> for DiskStats {
    fn from(snapshot: DiskMetrics) -> Self {
        let per_commit = snapshot.events as f64 / snapshot.commits.max(1) as f64;
        Self {
            commits: snapshot.commits,
            events_per_commit: (per_commit * 100.0).round() / 100.0,
            commit_ms_p50: snapshot.commit_us_at(50) as f64 / 1e3,
            commit_ms_p99: snapshot.commit_us_at(99) as f64 / 1e3,
            failures: snapshot.failures,
            failing: snapshot.is_failing,
            bytes: snapshot.bytes_on_disk,
        }
    }
}

/// Puts the snapshot among the metrics.
pub(super) fn register(snapshot: &DiskMetrics, registry: &mut Registry) {
    let counters = [
        ("disk_committed_events", "Events that the disk has", snapshot.events),
        ("disk_commit_failures", "Commits that failed", snapshot.failures),
    ];
    for (name, about, value) in counters {
        registry.register(name, about, ConstCounter::new(value));
    }
    let failing = ConstGauge::new(u64::from(snapshot.is_failing));
    registry.register("disk_failing", "1 while the store takes no writes", failing);
    let bytes = ConstGauge::new(snapshot.bytes_on_disk);
    registry.register_with_unit("disk", "What the store takes on disk", Unit::Bytes, bytes);
    let commits = Commits(snapshot.clone());
    registry.register_with_unit("disk_commit", "Time a commit takes", Unit::Seconds, commits);
}

/// The histogram of commits.
#[derive(Debug)]
struct Commits(DiskMetrics);

impl EncodeMetric for Commits {
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let seconds = |us: u64| us as f64 / 1e6;
        let ends = COMMIT_US.into_iter().map(seconds).chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = ends.zip(self.0.classes).collect();
        let count = self.0.classes.iter().sum();
        encoder.encode_histogram::<NoLabelSet>(seconds(self.0.total_us), count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}
