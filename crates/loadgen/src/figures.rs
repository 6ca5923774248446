//! What a run found, and its arithmetic. In: counts, histograms, times. Out: rates, spreads. Must
//! not know: sockets, processes.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::clock::{MILLISECOND, SECOND};
use crate::delivery_check::Faults;
use crate::worker_protocol::Counted;

/// The longest time that is told apart, in nanoseconds: ten minutes.
const LONGEST: u64 = 600 * SECOND;
/// How exactly times are kept: three digits.
const DIGITS: u8 = 3;

/// Times, counted.
#[derive(Clone, Debug)]
pub(crate) struct Times {
    histogram: Histogram<u64>,
}

impl Default for Times {
    fn default() -> Self {
        let bounded = Histogram::new_with_bounds(1, LONGEST, DIGITS);
        // These bounds are good; otherwise an unbounded one is, too.
        let histogram = bounded.or_else(|_| Histogram::new(DIGITS));
        Self { histogram: histogram.unwrap_or_else(|_| unreachable!("{DIGITS} digits are few")) }
    }
}

impl Times {
    pub(crate) fn count(&mut self, nanoseconds: u64) {
        self.histogram.saturating_record(nanoseconds);
    }

    pub(crate) fn counted(&self) -> Counted {
        let values = self.histogram.iter_recorded();
        values.map(|value| (value.value_iterated_to(), value.count_at_value())).collect()
    }

    pub(crate) fn add(&mut self, counted: &Counted) {
        for (value, count) in counted {
            self.histogram.saturating_record_n((*value).min(LONGEST), *count);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.histogram.reset();
    }

    pub(crate) fn spread(&self) -> Spread {
        let at = |quantile| self.histogram.value_at_quantile(quantile) as f64 / MILLISECOND as f64;
        Spread {
            p50_ms: at(0.5),
            p99_ms: at(0.99),
            max_ms: self.histogram.max() as f64 / MILLISECOND as f64,
        }
    }
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half of them took no longer.
    pub p50_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// None took longer.
    pub max_ms: f64,
}

/// What became of opening links.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Connects {
    /// Links that follow their channel.
    pub live: u64,
    /// The others, by reason.
    pub failed: BTreeMap<String, u64>,
    /// From the first packet of the first link to the last link, in seconds.
    pub seconds: f64,
    /// Live links a second.
    pub per_second: f64,
    /// From a link's first packet to following its channel.
    pub latency: Spread,
}

impl Connects {
    /// How many failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// What became of events.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Deliveries {
    /// Events that the server took.
    pub published: u64,
    /// Events that it refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Events that the server neither took nor refused in time.
    pub unanswered: u64,
    /// Events that were due and not published, because too many were on their way.
    pub held_back: u64,
    /// Deliveries that should have come.
    pub expected: u64,
    /// Deliveries that came, doubled ones left out.
    pub delivered: u64,
    /// Deliveries that never came, by offsets.
    pub lost: u64,
    /// Deliveries that came again.
    pub doubled: u64,
    /// Deliveries that came behind a later one.
    pub out_of_order: u64,
    /// Links that ended meanwhile, by reason.
    pub ended_links: BTreeMap<String, u64>,
    /// Bytes that links read.
    pub bytes: u64,
    /// From the first publish to the last delivery, in seconds.
    pub seconds: f64,
    /// Deliveries a second.
    pub per_second: f64,
    /// From the publish to the reader.
    pub latency: Spread,
}

impl Deliveries {
    /// Whether everything that was taken came, once and in order.
    pub fn is_whole(&self) -> bool {
        let ended: u64 = self.ended_links.values().sum();
        let faults = self.lost + self.doubled + self.out_of_order;
        faults + ended + self.unanswered == 0
            && self.delivered == self.expected
            && self.refused.is_empty()
    }

    pub(crate) fn faults(&mut self, faults: Faults) {
        self.lost += faults.lost;
        self.doubled += faults.doubled;
        self.out_of_order += faults.out_of_order;
    }
}

/// How many a second; 0 where no time passed.
pub(crate) fn rate(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// Seconds between two times; 0 where they are the wrong way round.
pub(crate) fn seconds(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / SECOND as f64
}

/// Adds counts by reason.
pub(crate) fn merge(into: &mut BTreeMap<String, u64>, from: BTreeMap<String, u64>) {
    for (reason, count) in from {
        *into.entry(reason).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::{Deliveries, LONGEST, Times, rate, seconds};
    use crate::delivery_check::Faults;

    #[test]
    fn times_travel_between_processes_without_loss() {
        let (mut first, mut second) = (Times::default(), Times::default());
        for n in 1..=99 {
            first.count(n * 1_000_000);
        }
        second.count(500_000_000);
        second.add(&first.counted());
        let spread = second.spread();
        assert!((spread.p50_ms - 50.0).abs() < 0.1, "{spread:?}");
        assert!((spread.p99_ms - 99.0).abs() < 0.1, "{spread:?}");
        assert!((spread.max_ms - 500.0).abs() < 0.5, "{spread:?}");
        second.clear();
        assert_eq!(second.counted(), []);
    }

    #[test]
    fn times_beyond_the_longest_count_as_the_longest() {
        let mut times = Times::default();
        times.count(LONGEST);
        times.count(LONGEST * 1000);
        assert!((times.spread().max_ms - 600_000.0).abs() < 600.0, "{:?}", times.spread());
        assert_eq!(times.counted().iter().map(|(_, count)| count).sum::<u64>(), 2);
    }

    #[test]
    fn rates_are_counts_by_time_and_never_infinite() {
        assert!((rate(500, 2.0) - 250.0).abs() < 1e-9);
        assert!(rate(500, 0.0).abs() < 1e-9);
        assert!((seconds(1_000_000_000, 3_500_000_000) - 2.5).abs() < 1e-9);
        assert!(seconds(2, 1).abs() < 1e-9);
    }

    #[test]
    fn a_load_is_whole_when_everything_came_once_and_in_order() {
        let good = Deliveries { expected: 7, delivered: 7, ..Deliveries::default() };
        assert!(good.is_whole());
        assert!(!Deliveries { delivered: 6, ..good.clone() }.is_whole());
        for faults in [
            Faults { lost: 1, ..Faults::default() },
            Faults { doubled: 1, ..Faults::default() },
            Faults { out_of_order: 1, ..Faults::default() },
        ] {
            let mut bad = good.clone();
            bad.faults(faults);
            assert!(!bad.is_whole(), "{faults:?}");
        }
        assert!(!Deliveries { unanswered: 1, ..good.clone() }.is_whole());
        let mut cut = good;
        cut.ended_links.insert("cut".into(), 1);
        assert!(!cut.is_whole());
    }
}
