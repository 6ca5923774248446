//! The one scheduler of every attempt to open a socket: how long to wait, and how often at most.
//! In: failures, hints of a server, sessions that held. Out: the instant of the next attempt.
//! Must not know why the link wants to connect, nor what it shows to its app.

use steadfast_machine::{Millis, Rng, Span};

use crate::Config;

/// What one attempt costs: time earns it back, so at most one in 15 s in the long run.
pub(crate) const ATTEMPT_COST: Span = Span::seconds(15);
/// Ten attempts at once; with what a minute earns, at most 14 in any 60 s.
pub(crate) const CREDIT_MAX: Span = Span::seconds(150);
/// A session that held this long earns everything back.
const REFILL_AFTER: Span = Span::seconds(60);
/// At most one attempt without a delay in this time.
const FREE_PAUSE: Span = Span::seconds(5);
/// The least delay after a server that said "later" and named no time.
const LATER_MIN: Span = Span::seconds(5);
/// The longest that a server's hint is followed.
pub(crate) const HINT_MAX: Span = Span::seconds(3600);

/// Delays, budget and hints of one link.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    failures: u32,
    credit: Span,
    credited_at: Millis,
    last: Option<Millis>,
    last_free: Option<Millis>,
    held_until: Millis,
}

impl Schedule {
    /// Nothing tried yet.
    pub(crate) const fn new() -> Self {
        Self {
            failures: 0,
            credit: CREDIT_MAX,
            credited_at: Millis::ZERO,
            last: None,
            last_free: None,
            held_until: Millis::ZERO,
        }
    }

    /// The next delay: doubled for each failure in a row, capped, then jittered, then floored.
    pub(crate) fn delay(&mut self, config: &Config, rng: &mut Rng) -> Span {
        self.failures = self.failures.saturating_add(1);
        let doubled = doubled(config.backoff_min, self.failures - 1, config.backoff_max);
        jittered(doubled, config.jitter_percent, rng).max(config.delay_floor)
    }

    /// The delay after a session was lost without a word, as in a crash of its server: spread over
    /// half of the server's window, and no sooner than the usual delay once failures repeat.
    pub(crate) fn crash_delay(&mut self, window: Span, config: &Config, rng: &mut Rng) -> Span {
        let spread = Span(u64::from(rng.between(0, fit(Span(window.min(HINT_MAX).0 / 2)))));
        if self.failures == 0 {
            self.failures = 1;
            return spread.max(config.delay_floor);
        }
        spread.max(self.delay(config, rng))
    }

    /// No attempt before `hint` from `now` has passed, whatever else wants one.
    pub(crate) fn hold(&mut self, now: Millis, hint: Span) {
        self.held_until = self.held_until.max(now + hint.min(HINT_MAX));
    }

    /// As [`Schedule::hold`], where the server named no time.
    pub(crate) fn hold_a_while(&mut self, now: Millis, config: &Config, rng: &mut Rng) {
        let most = LATER_MIN.0 + LATER_MIN.0 * u64::from(config.jitter_percent) / 100;
        let hint = Span(u64::from(rng.between(fit(LATER_MIN), fit(Span(most)))));
        self.hold(now, hint);
    }

    /// The first instant from `wanted` on that budget and hints permit.
    pub(crate) fn admit(&self, wanted: Millis) -> Millis {
        let wanted = wanted.max(self.held_until);
        wanted + (ATTEMPT_COST - self.credit_at(wanted))
    }

    /// The instant for an attempt asked for by the app or by the server: now, but never within the
    /// floor of the last attempt.
    pub(crate) fn admit_asked(&self, now: Millis, config: &Config) -> Millis {
        let floor = self.last.map_or(now, |last| last + config.delay_floor);
        self.admit(now.max(floor))
    }

    /// The instant for the first attempt after a change of network: now, but once in 5 s.
    pub(crate) fn admit_free(&mut self, now: Millis) -> Millis {
        let at = match self.last_free {
            Some(pending) if pending > now => pending,
            Some(last) => now.max(last + FREE_PAUSE),
            None => now,
        };
        let at = self.admit(at);
        self.last_free = Some(at);
        at
    }

    /// An attempt begins.
    pub(crate) fn spend(&mut self, now: Millis) {
        debug_assert!(self.credit_at(now) >= ATTEMPT_COST, "an attempt without budget");
        self.credit = self.credit_at(now) - ATTEMPT_COST;
        self.credited_at = now;
        self.last = Some(now);
    }

    /// A session ended that had held for `held`.
    pub(crate) fn credit_session(
        &mut self,
        now: Millis,
        held: Span,
        is_answered: bool,
        config: &Config,
    ) {
        if held >= config.stable_after && is_answered {
            self.failures = 0;
        }
        if held >= REFILL_AFTER {
            self.credit = CREDIT_MAX;
            self.credited_at = now;
        }
    }

    fn credit_at(&self, at: Millis) -> Span {
        (self.credit + at.since(self.credited_at)).min(CREDIT_MAX)
    }
}

/// `min` doubled `times` over, at most `max`.
pub(crate) fn doubled(min: Span, times: u32, max: Span) -> Span {
    min.times(1 << times.min(31)).min(max)
}

/// `span` up to `percent` shorter or longer.
pub(crate) fn jittered(span: Span, percent: u32, rng: &mut Rng) -> Span {
    let away = span.0.saturating_mul(u64::from(percent)) / 100;
    Span(u64::from(rng.between(fit(span - Span(away)), fit(span + Span(away)))))
}

/// Milliseconds as a number to draw from.
pub(crate) fn fit(span: Span) -> u32 {
    u32::try_from(span.0).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
