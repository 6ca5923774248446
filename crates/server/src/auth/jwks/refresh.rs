//! When a JWK set is fetched, and what a token with an unknown `kid` is told meanwhile, pure. In:
//! what tokens ask for, how fetches end, the time. Out: fetches, one at a time and never too often
//! whatever strangers ask for; and the end of a set that is too old. Must not know: HTTP, keys.

use std::collections::VecDeque;

use steadfast_machine::{Machine, Millis, Rng, Span, Wake};

/// The most unknown `kid`s that are remembered until the next fetch has ended.
const ASKED_MAX: usize = 32;
/// The first pause after a failure, while there is no set at all.
const EMPTY_PAUSE: Span = Span::seconds(1);
/// By how much a time may be longer or shorter, as a part of it.
const JITTER_PART: u64 = 10;

/// How often the set is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RefreshRules {
    /// How often, if nothing asks for it; and the longest pause after failures.
    pub(super) refresh: Span,
    /// The shortest pause between two fetches, and the first one after a failure.
    pub(super) pause: Span,
    /// How long a set is used that could not be fetched again, if not for ever.
    pub(super) stale_max: Option<Span>,
}

/// What happens to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshInput {
    /// Time passes.
    Tick,
    /// The fetch brought a set.
    Fetched,
    /// The fetch failed.
    Failed,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshOutput {
    /// Fetch the set.
    Fetch,
    /// Use the set no more.
    Discard,
}

/// Why the machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefreshWhy {
    /// A fetch is due.
    Fetch,
    /// The set is too old.
    Stale,
}

/// What becomes of a token whose key is not in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyAnswer {
    /// A fetch is running or about to: wait for its end.
    Wait,
    /// The key may be known after so long.
    Later(Span),
    /// The set was fetched a moment ago because of this `kid`, and does not have it.
    Unknown,
}

/// Decides when the set is fetched.
#[derive(Debug)]
pub(super) struct JwksRefresh {
    rules: RefreshRules,
    rng: Rng,
    state: RefreshState,
    /// When the set in use was fetched.
    loaded: Option<Millis>,
    /// Fetches that have failed since the last one that succeeded.
    failures: u32,
    /// What tokens have asked for since the last set came; a token without `kid` asks for "".
    asked: Vec<Box<str>>,
    /// What they had asked for when it came.
    absent: Vec<Box<str>>,
    outputs: VecDeque<RefreshOutput>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefreshState {
    /// The next fetch is at `due`; a token may bring it forward to `earliest`.
    Waiting { earliest: Millis, due: Millis },
    /// A fetch is running.
    Fetching,
}

impl JwksRefresh {
    /// A machine without a set, which fetches one at once.
    pub(super) fn new(now: Millis, rules: RefreshRules, seed: u32) -> Self {
        Self {
            rules,
            rng: Rng::new(seed),
            state: RefreshState::Waiting { earliest: now, due: now },
            loaded: None,
            failures: 0,
            asked: Vec::new(),
            absent: Vec::new(),
            outputs: VecDeque::new(),
        }
    }

    /// What becomes of a token with this `kid`, for which there is no key. The next tick may fetch.
    pub(super) fn ask(&mut self, now: Millis, kid: Option<&str>) -> KeyAnswer {
        let kid = kid.unwrap_or_default();
        match self.state {
            RefreshState::Fetching => {
                self.note(kid);
                KeyAnswer::Wait
            }
            RefreshState::Waiting { earliest, due } if now < earliest => {
                if self.absent.iter().any(|absent| **absent == *kid) {
                    return KeyAnswer::Unknown;
                }
                self.note(kid);
                self.state = RefreshState::Waiting { earliest, due: due.min(earliest) };
                KeyAnswer::Later(earliest.since(now))
            }
            RefreshState::Waiting { .. } => {
                self.note(kid);
                self.state = RefreshState::Waiting { earliest: now, due: now };
                KeyAnswer::Wait
            }
        }
    }

    /// How old the set is, if there is one.
    pub(super) fn age(&self, now: Millis) -> Option<Span> {
        self.loaded.map(|loaded| now.since(loaded))
    }

    /// Fetches that have failed since the last one that succeeded.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }

    fn note(&mut self, kid: &str) {
        if self.asked.len() < ASKED_MAX && self.asked.iter().all(|asked| **asked != *kid) {
            self.asked.push(kid.into());
        }
    }

    fn enter_waiting(&mut self, now: Millis, earliest: Span, due: Span) {
        self.state = RefreshState::Waiting { earliest: now + earliest, due: now + due };
    }

    fn on_tick(&mut self, now: Millis) {
        if self.stale_at().is_some_and(|at| now >= at) {
            self.loaded = None;
            self.outputs.push_back(RefreshOutput::Discard);
        }
        if matches!(self.state, RefreshState::Waiting { due, .. } if now >= due) {
            self.state = RefreshState::Fetching;
            self.outputs.push_back(RefreshOutput::Fetch);
        }
    }

    fn on_fetched(&mut self, now: Millis) {
        self.loaded = Some(now);
        self.failures = 0;
        self.absent = std::mem::take(&mut self.asked);
        let due = self.jittered(self.rules.refresh);
        self.enter_waiting(now, self.rules.pause, due);
    }

    fn on_failed(&mut self, now: Millis) {
        let RefreshRules { pause, refresh, .. } = self.rules;
        let first = if self.loaded.is_some() { pause } else { pause.min(EMPTY_PAUSE) };
        let grown = first.times(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        let pause = self.jittered(grown.min(refresh.max(first)));
        self.enter_waiting(now, pause, pause);
    }

    fn stale_at(&self) -> Option<Millis> {
        Some(self.loaded? + self.rules.stale_max?)
    }

    /// The span, up to a tenth longer or shorter.
    fn jittered(&mut self, span: Span) -> Span {
        let part = span.0 / JITTER_PART;
        let width = u32::try_from(part.saturating_mul(2)).unwrap_or(u32::MAX);
        Span(span.0 - part + u64::from(self.rng.between(0, width)))
    }
}

impl Machine for JwksRefresh {
    type Input = RefreshInput;
    type Output = RefreshOutput;
    type Why = RefreshWhy;

    fn handle(&mut self, now: Millis, input: RefreshInput) {
        match (input, self.state) {
            (RefreshInput::Fetched, RefreshState::Fetching) => self.on_fetched(now),
            (RefreshInput::Failed, RefreshState::Fetching) => self.on_failed(now),
            // Without a fetch, its end was handed in before.
            (RefreshInput::Tick, _)
            | (RefreshInput::Fetched | RefreshInput::Failed, RefreshState::Waiting { .. }) => {}
        }
        self.on_tick(now);
    }

    fn poll(&mut self) -> Option<RefreshOutput> {
        self.outputs.pop_front()
    }

    fn wake(&self) -> Option<Wake<RefreshWhy>> {
        let stale = self.stale_at().map(|at| Wake::new(at, RefreshWhy::Stale));
        match self.state {
            RefreshState::Waiting { due, .. } => {
                Some(Wake::new(due, RefreshWhy::Fetch).earlier(stale))
            }
            RefreshState::Fetching => stale,
        }
    }
}

#[cfg(test)]
mod tests;
