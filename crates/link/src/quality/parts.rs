//! What speaks against a link, part by part. In: what was counted and measured. Out: points to take
//! off, in 2^16ths. Each part grows with what it is drawn from, up to its own limit.

use super::fixed::{ONE, POINT, halved, log2, product, whole_points};

/// Delays up to this cost nothing, in microseconds.
const DELAY_FREE: u64 = 100_000;
/// Points for each doubling of the delay beyond that.
const DELAY_DOUBLING: u64 = 10;
const DELAY_MAX: u64 = 40 * POINT;
const LOSS_MAX: u64 = 45 * POINT;
/// Halvings, in millionths, of what is left of the points at a loss of one: log2(e) / 0.15.
const LOSS_STEEPNESS: u64 = 9_617_967;
/// Points for each disconnect.
const DISCONNECT_COST: u64 = 7;
const DISCONNECTS_MAX: u64 = 35 * POINT;
/// Points for polling all the time.
const POLLED_COST: u64 = 25;
/// Points for having nothing all the time.
const OFF_COST: u64 = 60;
/// The gap of delivery that makes a doubling when it is added again, in milliseconds.
const GAP_UNIT: u64 = 2000;
/// Points for each doubling.
const GAP_DOUBLING: u64 = 5;
const GAP_MAX: u64 = 20 * POINT;
/// Beyond this ratio both logarithms have reached their limits.
const RATIO_MAX: u64 = 16 * ONE;

/// Why a score is not 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "snake_case"))]
pub enum Part {
    /// Answers take long, or their time varies.
    Delay,
    /// Heartbeats are answered late or not at all.
    Loss,
    /// Sessions were lost that nobody meant to end.
    Disconnects,
    /// Events came by polling, or could not come.
    Outage,
    /// Events take long from the server to here.
    Delivery,
}

/// Whole points that each part takes off a score of 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize))]
pub struct Parts {
    /// For delay: 0 to 40.
    pub delay: u8,
    /// For heartbeats without an answer in time: 0 to 45.
    pub loss: u8,
    /// For lost sessions: 0 to 35.
    pub disconnects: u8,
    /// For time without a session in the last ten minutes: 0 to 60.
    pub outage: u8,
    /// For the age of events on arrival, by the server's clock: 0 to 20.
    pub delivery: u8,
}

/// The same, in 2^16ths of a point.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Costs {
    pub(crate) delay: u64,
    pub(crate) loss: u64,
    pub(crate) disconnects: u64,
    pub(crate) outage: u64,
    pub(crate) delivery: u64,
}

impl Part {
    /// The word that users see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Loss => "loss",
            Self::Disconnects => "disconnects",
            Self::Outage => "outage",
            Self::Delivery => "delivery",
        }
    }
}

impl Costs {
    /// What is left of 100 points.
    pub(crate) fn raw(&self) -> u64 {
        let all = self.delay + self.loss + self.disconnects + self.outage + self.delivery;
        (100 * POINT).saturating_sub(all)
    }

    pub(crate) fn parts(&self) -> Parts {
        Parts {
            delay: whole_points(self.delay),
            loss: whole_points(self.loss),
            disconnects: whole_points(self.disconnects),
            outage: whole_points(self.outage),
            delivery: whole_points(self.delivery),
        }
    }

    /// The largest part, the first of equals; none where not even that takes a point off.
    pub(crate) fn largest(&self) -> Option<Part> {
        let all = [
            (self.delay, Part::Delay),
            (self.loss, Part::Loss),
            (self.disconnects, Part::Disconnects),
            (self.outage, Part::Outage),
            (self.delivery, Part::Delivery),
        ];
        let (most, part) =
            all.into_iter().reduce(|most, one| if one.0 > most.0 { one } else { most })?;
        (whole_points(most) > 0).then_some(part)
    }
}

/// For a delay of so many microseconds.
pub(crate) fn delay(microseconds: u64) -> u64 {
    let bounded = microseconds.min(DELAY_FREE * 16);
    (DELAY_DOUBLING * log2(bounded * ONE / DELAY_FREE)).min(DELAY_MAX)
}

/// For this share of heartbeats not answered in time, a ratio.
pub(crate) fn loss(missed: u64) -> u64 {
    let times = missed.min(ONE) * LOSS_STEEPNESS / 1_000_000;
    product(LOSS_MAX, ONE - halved(times))
}

/// For so many disconnects, a ratio.
pub(crate) fn disconnects(count: u64) -> u64 {
    let bounded = count.min(8 * ONE);
    (DISCONNECT_COST * bounded / (ONE / POINT)).min(DISCONNECTS_MAX)
}

/// For these shares of the window, polled and without anything, in milliseconds of `window`.
pub(crate) fn outage(polled: u64, off: u64, window: u64) -> u64 {
    POINT * (POLLED_COST * polled + OFF_COST * off) / window
}

/// For events that took this long from the server to here, in milliseconds.
pub(crate) fn delivery(gap: u64) -> u64 {
    let ratio = ONE + gap.min(GAP_UNIT * 16) * ONE / GAP_UNIT;
    (GAP_DOUBLING * log2(ratio.min(RATIO_MAX))).min(GAP_MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ONE, POINT, delay, delivery, disconnects, loss, outage};

    /// In thousandths, to compare.
    fn thousandths(points: u64) -> u64 {
        (points * 1000 + POINT / 2) / POINT
    }

    #[test]
    fn the_parts_are_those_of_the_formula() {
        let delays = [0, 100_000, 200_000, 400_000, 800_000, 1_600_000, u64::MAX].map(delay);
        assert_eq!(delays.map(|points| points / POINT), [0, 0, 10, 20, 30, 40, 40]);
        assert_eq!(thousandths(delay(150_000)), 5850);
        // 45 * (1 - exp(-m / 0.15)) of 0.05, 0.1, 0.2 and 1.
        let losses = [ONE / 20, ONE / 10, ONE / 5, ONE].map(loss).map(thousandths);
        assert_eq!(losses, [12_756, 21_896, 33_138, 44_943]);
        let lost = [0, ONE / 2, ONE, 5 * ONE, 6 * ONE].map(disconnects).map(thousandths);
        assert_eq!(lost, [0, 3500, 7000, 35_000, 35_000]);
        let outages = [outage(600, 0, 600), outage(0, 600, 600), outage(60, 60, 600)];
        assert_eq!(outages.map(thousandths), [25_000, 60_000, 8500]);
        let gaps = [0, 2000, 6000, 30_000, u64::MAX].map(delivery).map(thousandths);
        assert_eq!(gaps, [0, 5000, 10_000, 20_000, 20_000]);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn worse_never_costs_less(a in 0_u64..40_000_000, more in 0_u64..40_000_000) {
            let b = a + more;
            prop_assert!(delay(a) <= delay(b));
            prop_assert!(loss(a) <= loss(b));
            prop_assert!(disconnects(a * 5) <= disconnects(b * 5));
            prop_assert!(delivery(a / 1000) <= delivery(b / 1000));
        }
    }
}
