//! What many runs of one fault come to: medians, 95th percentiles and maxima. In: what was
//! measured in each. Out: figures, and what is not as promised.

use serde::Serialize;

use super::row::Row;
use crate::timeline::Delivery;

/// What was measured in one run.
#[derive(Clone, Debug)]
pub(super) struct Measured {
    /// From the fault to the app being told; none where the session outlived it.
    pub(super) noticed_ms: Option<u64>,
    /// From the path being good to the first new event.
    pub(super) again_ms: Option<u64>,
    pub(super) attempts: u64,
    pub(super) false_deaths: u64,
    pub(super) delivery: Delivery,
    pub(super) violation: Option<String>,
}

/// What all runs of a fault come to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Figures {
    /// In so many runs the session was given up.
    pub(super) noticed_runs: usize,
    pub(super) noticed_ms: Option<Spread>,
    pub(super) again_ms: Option<Spread>,
    pub(super) attempts: Option<Spread>,
    /// Runs in which nothing new came any more.
    pub(super) never_again: usize,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) reordered: u64,
    pub(super) false_deaths: u64,
    pub(super) violations: Vec<String>,
    #[serde(skip)]
    bounds_ms: [u64; 2],
}

/// The middle and the end of a set of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Spread {
    pub(super) median: u64,
    pub(super) p95: u64,
    pub(super) max: u64,
}

impl Figures {
    /// Of all runs of a fault.
    pub(super) fn of(row: &Row, runs: &[Measured]) -> Self {
        let noticed: Vec<u64> = runs.iter().filter_map(|run| run.noticed_ms).collect();
        let again: Vec<u64> = runs.iter().filter_map(|run| run.again_ms).collect();
        let sum = |count: fn(&Delivery) -> u64| runs.iter().map(|run| count(&run.delivery)).sum();
        Self {
            noticed_runs: noticed.len(),
            never_again: runs.len() - again.len(),
            noticed_ms: Spread::of(noticed),
            again_ms: Spread::of(again),
            attempts: Spread::of(runs.iter().map(|run| run.attempts).collect()),
            lost: sum(|delivery| delivery.lost),
            doubled: sum(|delivery| delivery.doubled),
            reordered: sum(|delivery| delivery.reordered),
            false_deaths: runs.iter().map(|run| run.false_deaths).sum(),
            violations: runs.iter().filter_map(|run| run.violation.clone()).collect(),
            bounds_ms: row.bounds_ms,
        }
    }

    /// What is not as promised.
    pub(super) fn problems(&self) -> Vec<String> {
        let max = |spread: Option<Spread>| spread.map_or(0, |spread| spread.max);
        let [noticed_max, again_max] = self.bounds_ms;
        let beyond = |value: u64, bound: u64| value.saturating_sub(bound);
        let counts = [
            ("events lost", self.lost),
            ("events doubled", self.doubled),
            ("events out of order", self.reordered),
            ("runs without data at the end", self.never_again as u64),
            ("ms too late noticed", beyond(max(self.noticed_ms), noticed_max)),
            ("ms too late recovered", beyond(max(self.again_ms), again_max)),
        ];
        let broken = counts.iter().filter(|(_, count)| *count > 0);
        let broken = broken.map(|(what, count)| format!("{count} {what}"));
        broken.chain(self.violations.first().cloned()).collect()
    }
}

impl Spread {
    /// Of these numbers; none where there are none.
    pub(super) fn of(mut numbers: Vec<u64>) -> Option<Self> {
        numbers.sort_unstable();
        let last = numbers.len().checked_sub(1)?;
        let at = |percent: usize| numbers[last * percent / 100];
        Some(Self { median: at(50), p95: at(95), max: at(100) })
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn a_spread_is_of_sorted_numbers() {
        assert_eq!(Spread::of(Vec::new()), None);
        assert_eq!(Spread::of(vec![7]), Some(Spread { median: 7, p95: 7, max: 7 }));
        let numbers = (0..=100).rev().collect();
        assert_eq!(Spread::of(numbers), Some(Spread { median: 50, p95: 95, max: 100 }));
    }
}
