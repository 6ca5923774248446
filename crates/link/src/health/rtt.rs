//! How long answers take on this path, and so how long one is waited for. In: round trips, and how
//! long the path had been idle before them. Out: estimates in microseconds, and two deadlines.
//! Must not know what is asked; whoever feeds it leaves out what a sleep of the device stretched.
//!
//! Sources: RFC 6298 for the estimator (1/8 and 1/4). A radio that has gone to sleep takes up to
//! two seconds to wake, which says nothing of the path: so there are two estimators.

use steadfast_machine::Span;

/// Up to this much silence the radio is still awake.
const WARM_MAX: Span = Span::seconds(5);
/// The longest round trip that is told from a longer one.
const SAMPLE_MAX: Span = Span::seconds(3600);
/// Misses in a row after which patience no longer grows.
const MISSES_MAX: u32 = 16;

/// The state of the path when something was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Something came over it moments ago.
    Warm,
    /// It had been idle.
    Cold,
}

/// The bounds of patience.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The least soft deadline on a warm path.
    pub(crate) warm_min: Span,
    /// The least soft deadline on a cold path.
    pub(crate) cold_min: Span,
    /// The largest soft deadline. Default 5 s.
    pub(crate) soft_max: Span,
    /// The least hard deadline. Default 4 s.
    pub(crate) hard_min: Span,
    /// The largest hard deadline. Default 10 s.
    pub(crate) hard_max: Span,
}

/// A smoothed round trip and how far it varies, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Estimator {
    smoothed: u64,
    variation: u64,
}

/// The estimates of one path.
#[derive(Clone, Debug)]
pub(crate) struct Rtt {
    bounds: Bounds,
    warm: Option<Estimator>,
    cold: Option<Estimator>,
    misses: u32,
}

impl Path {
    /// The state of a path on which nothing came for `idle`.
    pub(crate) fn after(idle: Span) -> Self {
        if idle <= WARM_MAX { Self::Warm } else { Self::Cold }
    }
}

impl Estimator {
    /// What one round trip tells.
    pub(crate) fn new(sample: Span) -> Self {
        let sample = microseconds(sample);
        Self { smoothed: sample, variation: sample / 2 }
    }

    /// Takes one more round trip into account.
    pub(crate) fn sample(&mut self, sample: Span) {
        let sample = microseconds(sample);
        self.variation = (3 * self.variation + self.smoothed.abs_diff(sample)) / 4;
        self.smoothed = (7 * self.smoothed + sample) / 8;
    }

    /// One way, with room for what comes late: half of the round trip and twice its variation.
    /// In microseconds.
    pub(crate) const fn delay(&self) -> u64 {
        self.smoothed / 2 + 2 * self.variation
    }

    /// By when nearly every answer has come.
    fn answer_timeout(self) -> Span {
        Span((self.smoothed + 4 * self.variation).div_ceil(1000))
    }
}

impl Rtt {
    /// Nothing known yet.
    pub(crate) const fn new(bounds: Bounds) -> Self {
        Self { bounds, warm: None, cold: None, misses: 0 }
    }

    /// From now on, patience has these bounds.
    pub(crate) const fn bound(&mut self, bounds: Bounds) {
        self.bounds = bounds;
    }

    /// An answer came to something that was asked on such a path.
    pub(crate) fn sample(&mut self, path: Path, sample: Span) {
        self.misses = 0;
        let estimator = match path {
            Path::Warm => &mut self.warm,
            Path::Cold => &mut self.cold,
        };
        match estimator {
            Some(estimator) => estimator.sample(sample),
            None => *estimator = Some(Estimator::new(sample)),
        }
    }

    /// The soft deadline has passed: the next one is twice as long, until an answer comes.
    pub(crate) fn miss(&mut self) {
        self.misses = (self.misses + 1).min(MISSES_MAX);
    }

    /// What is known of the warm path.
    pub(crate) const fn warm(&self) -> Option<&Estimator> {
        self.warm.as_ref()
    }

    /// A smoothed round trip in milliseconds: of the warm path, or else of the cold one.
    pub(crate) fn round_trip(&self) -> Option<u64> {
        let estimator = self.warm.or(self.cold);
        estimator.map(|estimator| (estimator.smoothed + 500) / 1000)
    }

    /// After how long without an answer there is reason for doubt; the longest such time where
    /// nothing is known of such a path.
    pub(crate) fn soft(&self, path: Path) -> Span {
        let (estimator, least) = match path {
            Path::Warm => (self.warm, self.bounds.warm_min),
            Path::Cold => (self.cold, self.bounds.cold_min),
        };
        let Some(estimator) = estimator else { return self.bounds.soft_max };
        let timeout = estimator.answer_timeout().max(least);
        timeout.times(1 << self.misses).min(self.bounds.soft_max)
    }

    /// After how long without any sign of life the peer counts as dead.
    pub(crate) fn hard(&self, path: Path) -> Span {
        let doubled = self.soft(path).times(2) + Span::seconds(1);
        doubled.max(self.bounds.hard_min).min(self.bounds.hard_max)
    }
}

fn microseconds(span: Span) -> u64 {
    span.min(SAMPLE_MAX).0 * 1000
}

#[cfg(test)]
mod tests;
