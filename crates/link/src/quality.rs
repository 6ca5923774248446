//! How good a link is: one score, its parts, and a word for it. In: answers, misses, lost sessions,
//! what flows, sleep. Out: a report at any instant. Must not know frames, sockets or channels.
//!
//! Time is counted while the device is awake and the app wants the link; the rest adds nothing.
//! The score follows `100 - parts` under the ceiling of what flows: in 15 s by 4/5 of the way down,
//! by 2/5 of the way up. See `fixed` for the units.

pub(crate) mod fixed;
mod gaps;
mod grade;
mod parts;
mod window;

use steadfast_machine::{Millis, Span};

use fixed::{ONE, POINT, halved, product, whole_points};
use gaps::Gaps;
use grade::GradeState;
use parts::Costs;
use window::{Lost, WINDOW, Window};

pub use grade::Grade;
pub use parts::{Part, Parts};

/// The largest score on a network that the device calls weak: fair at best.
const WEAK_CEILING: u64 = 60 * POINT;
/// An answer that took longer counts as half a miss.
const LATE_AFTER: Span = Span(1500);
/// Heartbeats after which a miss counts half: their share of a halving.
const MISS_HALF_LIFE: u64 = 5;
/// How long until a lost session counts half, in milliseconds.
const DISCONNECT_HALF_LIFE: u64 = 20 * 60_000;
/// More lost sessions than this are not told apart.
const DISCONNECTS_MAX: u64 = 16 * ONE;
/// Heartbeats before anything is said of a link.
const SAMPLES_MIN: u8 = 3;
/// How much a millisecond halves what is left of the way down, and up, in thousandths of a 2^24th:
/// log2(5) and log2(5/3) in 15 s.
const FALL_RATE: u64 = 2_597_033;
const RISE_RATE: u64 = 824_282;
/// After so many milliseconds nothing is left of the way.
const WAY_MAX: u64 = 1_000_000;

/// What flows, as far as it bounds the score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Nothing, and nothing is wanted.
    Unwanted,
    /// Nothing: the device has no network.
    Offline,
    /// Nothing, though there is a network.
    Down,
    /// Events, by polling.
    Polled,
    /// Perhaps nothing: an answer is overdue.
    Suspect,
    /// Events, on a session.
    Live,
}

/// How good a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize))]
pub struct QualityReport {
    /// 0 to 100. Not worth showing while the grade is [`Grade::Unknown`].
    pub score: u8,
    /// The score in a word, steadier than the score itself.
    pub grade: Grade,
    /// What takes points off. They are of this instant; the score follows them in time.
    pub parts: Parts,
    /// The largest of them, if any takes a point off.
    pub reason: Option<Part>,
}

/// The account that reports are drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Quality {
    flow: Flow,
    is_weak: bool,
    counted_to: Millis,
    /// Milliseconds counted: awake, and wanted.
    awake: u64,
    window: Window,
    gaps: Gaps,
    /// One way, with its variation, in microseconds.
    delay: u64,
    /// The share of heartbeats missed, a ratio.
    missed: u64,
    /// Lost sessions, a ratio, as of `disconnects_at` of the time counted.
    disconnects: u64,
    disconnects_at: u64,
    samples: u8,
    score: u64,
    scored_at: u64,
    grade_state: GradeState,
}

impl Flow {
    /// The largest score.
    const fn ceiling(self) -> u64 {
        match self {
            Self::Offline => 0,
            Self::Down => 20 * POINT,
            Self::Suspect => 40 * POINT,
            Self::Polled => 55 * POINT,
            Self::Live | Self::Unwanted => 100 * POINT,
        }
    }

    const fn lost(self, span: u64) -> Lost {
        match self {
            Self::Offline | Self::Down => Lost { polled: 0, off: span },
            Self::Polled => Lost { polled: span, off: 0 },
            Self::Suspect | Self::Live | Self::Unwanted => Lost { polled: 0, off: 0 },
        }
    }
}

impl Quality {
    /// Nothing known, nothing wanted.
    pub(crate) const fn new() -> Self {
        Self {
            flow: Flow::Unwanted,
            is_weak: false,
            counted_to: Millis::ZERO,
            awake: 0,
            window: Window::new(),
            gaps: Gaps::new(),
            delay: 0,
            missed: 0,
            disconnects: 0,
            disconnects_at: 0,
            samples: 0,
            score: 100 * POINT,
            scored_at: 0,
            grade_state: GradeState::new(),
        }
    }

    /// A heartbeat was answered after `rtt`.
    pub(crate) fn on_answer(&mut self, now: Millis, rtt: Span) {
        self.on_sample(now, if rtt > LATE_AFTER { ONE / 2 } else { 0 });
    }

    /// A heartbeat was not answered.
    pub(crate) fn on_miss(&mut self, now: Millis) {
        self.on_sample(now, ONE);
    }

    /// The path delays by this, in microseconds: see `Estimator::delay`. Counts from the next
    /// answer on.
    pub(crate) const fn on_delay(&mut self, microseconds: u64) {
        self.delay = microseconds;
    }

    /// A session was lost; one that was meant to end does not count.
    pub(crate) fn on_disconnect(&mut self, now: Millis, is_planned: bool) {
        if !is_planned {
            self.pass(now);
            self.disconnects = (self.disconnects_left() + ONE).min(DISCONNECTS_MAX);
            self.disconnects_at = self.awake;
        }
    }

    /// An event came that was published `gap` ago.
    pub(crate) fn on_delivery(&mut self, now: Millis, gap: Span) {
        self.pass(now);
        self.gaps.push(gap.0);
    }

    /// From now on, this flows.
    pub(crate) fn on_flow(&mut self, now: Millis, flow: Flow) {
        self.pass(now);
        if self.flow != flow {
            self.evaluate();
            self.flow = flow;
            self.evaluate();
        }
    }

    /// The device calls its network weak, or no longer does.
    pub(crate) fn on_weak(&mut self, now: Millis, is_weak: bool) {
        self.pass(now);
        if self.is_weak != is_weak {
            self.evaluate();
            self.is_weak = is_weak;
            self.evaluate();
        }
    }

    /// The device slept from `from` to `to`.
    pub(crate) fn on_sleep(&mut self, from: Millis, to: Millis) {
        self.pass(from);
        self.counted_to = self.counted_to.max(to);
    }

    /// How good the link is at `now`.
    pub(crate) fn report(&self, now: Millis) -> QualityReport {
        let mut quality = self.clone();
        quality.pass(now);
        quality.evaluate();
        let costs = quality.costs();
        QualityReport {
            score: whole_points(quality.score),
            grade: quality.grade_state.grade,
            parts: costs.parts(),
            reason: costs.largest(),
        }
    }

    /// The grade as of the last input that could change it.
    pub(crate) const fn grade(&self) -> Grade {
        self.grade_state.grade
    }

    fn on_sample(&mut self, now: Millis, missed: u64) {
        self.pass(now);
        let kept = halved(ONE / MISS_HALF_LIFE);
        self.missed = product(self.missed, kept) + product(missed, ONE - kept);
        self.samples = (self.samples + 1).min(SAMPLES_MIN);
        self.evaluate();
    }

    /// Counts the time up to `now`.
    fn pass(&mut self, now: Millis) {
        let span = now.since(self.counted_to).0;
        self.counted_to = self.counted_to.max(now);
        if self.flow != Flow::Unwanted {
            let from = self.awake;
            self.awake = from.saturating_add(span);
            let flow = self.flow;
            self.window.pass(from, self.awake, |span| flow.lost(span));
        }
    }

    /// Moves the score towards what now speaks for it, and the grade after the score.
    fn evaluate(&mut self) {
        let weak = if self.is_weak { WEAK_CEILING } else { 100 * POINT };
        let ceiling = self.flow.ceiling().min(weak);
        let raw = self.costs().raw().min(ceiling);
        let span = self.awake - self.scored_at;
        self.scored_at = self.awake;
        if self.samples < SAMPLES_MIN {
            self.score = raw;
        } else if self.flow != Flow::Unwanted {
            self.score = approach(self.score, raw, span).min(ceiling);
            let is_capped = ceiling < 100 * POINT;
            self.grade_state.update(self.awake, whole_points(self.score), is_capped);
        }
    }

    fn costs(&self) -> Costs {
        let Lost { polled, off } = self.window.lost();
        Costs {
            delay: parts::delay(self.delay),
            loss: parts::loss(self.missed),
            disconnects: parts::disconnects(self.disconnects_left()),
            outage: parts::outage(polled, off, WINDOW),
            delivery: parts::delivery(self.gaps.at_95_percent()),
        }
    }

    fn disconnects_left(&self) -> u64 {
        let span = self.awake - self.disconnects_at;
        product(
            self.disconnects,
            halved(span.min(24 * DISCONNECT_HALF_LIFE) * ONE / DISCONNECT_HALF_LIFE),
        )
    }
}

/// What becomes of a score in `span` milliseconds on its way to `raw`.
fn approach(score: u64, raw: u64, span: u64) -> u64 {
    let rate = if raw < score { FALL_RATE } else { RISE_RATE };
    let left = halved(span.min(WAY_MAX) * rate / 1000);
    let way = product(score.abs_diff(raw), left);
    if raw < score { raw + way } else { raw - way }
}

#[cfg(test)]
mod tests;
