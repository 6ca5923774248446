//! What a broker counts besides what every broker has: metrics for a scrape, and an object for the
//! statistics. In: the counts of one broker. Out: names and values. Must not know any text format.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// A metric of a broker.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerMetric {
    /// The name, without the prefix of all metrics and the suffix of a unit or of a counter.
    pub name: &'static str,
    /// What it counts, in a few words.
    pub help: &'static str,
    /// What tells it from others of the same name: names and values of labels. Metrics of one name
    /// stand together, have the same labels and the same kind of value.
    pub labels: Vec<(&'static str, String)>,
    /// Its value.
    pub value: MetricValue,
}

/// The value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum MetricValue {
    /// A count that only grows.
    Counter(u64),
    /// A number at this time.
    Gauge(u64),
    /// A number of bytes at this time.
    Bytes(u64),
    /// How long something took, each time that it was done.
    Durations(Histogram),
}

/// How often something took how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The sum of all durations, in seconds.
    pub sum_s: f64,
    /// For each class of durations its upper end in seconds and how many were in it; the last one
    /// has no end.
    pub classes: Vec<(f64, u64)>,
}

/// Counts how often something took how long, from any thread.
#[derive(Debug)]
pub struct DurationCounts {
    /// The upper ends of the classes, in microseconds; one more class has no end.
    ends_us: &'static [u64],
    classes: Box<[AtomicU64]>,
    total_us: AtomicU64,
}

/// A value in the statistics of a broker.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerStat {
    /// The name.
    pub name: &'static str,
    /// The value.
    pub value: StatValue,
}

/// A value of the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum StatValue {
    /// A count, or a number at this time.
    Count(u64),
    /// Whether something is so.
    Flag(bool),
    /// A number with a fraction.
    Number(f64),
}

impl DurationCounts {
    /// Nothing counted yet, in classes with these upper ends in microseconds, which grow.
    pub fn new(ends_us: &'static [u64]) -> Self {
        let classes = (0..=ends_us.len()).map(|_| AtomicU64::new(0)).collect();
        Self { ends_us, classes, total_us: AtomicU64::new(0) }
    }

    /// It took this long once more.
    pub fn add(&self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = self.ends_us.partition_point(|end| *end < us);
        if let Some(class) = self.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        self.total_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The end of the class in which the duration lies that `percent` of all are not longer than,
    /// in microseconds; 0 where there is none, the last end where it lies beyond.
    pub fn us_at(&self, percent: u64) -> u64 {
        let classes = self.counts();
        let wanted = (classes.iter().sum::<u64>() * percent).div_ceil(100);
        let mut seen = 0;
        for (count, end) in classes.iter().zip(self.ends_us) {
            seen += count;
            if seen >= wanted {
                return if wanted == 0 { 0 } else { *end };
            }
        }
        self.ends_us.last().copied().unwrap_or(0)
    }

    /// What a scrape gets.
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
    pub fn histogram(&self) -> Histogram {
        let seconds = |us: u64| us as f64 / 1e6;
        let ends = self.ends_us.iter().map(|end| seconds(*end)).chain([f64::INFINITY]);
        let classes = ends.zip(self.counts()).collect();
        Histogram { sum_s: seconds(self.total_us.load(Ordering::Relaxed)), classes }
    }

    fn counts(&self) -> Vec<u64> {
        self.classes.iter().map(|class| class.load(Ordering::Relaxed)).collect()
    }
}

impl BrokerMetric {
    /// A metric without labels.
    pub const fn new(name: &'static str, help: &'static str, value: MetricValue) -> Self {
        Self { name, help, labels: Vec::new(), value }
    }

    /// A counter without labels.
    pub const fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::new(name, help, MetricValue::Counter(value))
    }

    /// A gauge without labels.
    pub const fn gauge(name: &'static str, help: &'static str, value: u64) -> Self {
        Self::new(name, help, MetricValue::Gauge(value))
    }
}

impl BrokerStat {
    /// A count.
    pub const fn count(name: &'static str, value: u64) -> Self {
        Self { name, value: StatValue::Count(value) }
    }

    /// Whether something is so.
    pub const fn flag(name: &'static str, value: bool) -> Self {
        Self { name, value: StatValue::Flag(value) }
    }

    /// A number with a fraction.
    pub const fn number(name: &'static str, value: f64) -> Self {
        Self { name, value: StatValue::Number(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::DurationCounts;
    use std::time::Duration;

    #[test]
    fn durations_fall_into_classes() {
        let durations = DurationCounts::new(&[1_000, 2_500, 1_000_000]);
        assert_eq!(durations.us_at(99), 0);
        for ms in [1, 1, 1, 2, 3_000] {
            durations.add(Duration::from_millis(ms));
        }
        let histogram = durations.histogram();
        let classes = [(0.001, 3), (0.0025, 1), (1.0, 0), (f64::INFINITY, 1)];
        assert_eq!(histogram.classes, classes);
        assert!((histogram.sum_s - 3.005).abs() < 1e-9, "{histogram:?}");
        assert_eq!([50, 80, 99].map(|percent| durations.us_at(percent)), [1_000, 2_500, 1_000_000]);
    }
}
