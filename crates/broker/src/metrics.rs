//! What a broker counts besides what every broker has: metrics for a scrape, and an object for the
//! statistics. In: the counts of one broker. Out: names and values. Must not know any text format.

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
