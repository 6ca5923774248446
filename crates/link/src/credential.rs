//! The link's token, whether it was refused, and whether the app is being asked for another.
//! In: tokens of the app, verdicts of the server. Out: what to do about a verdict.

use steadfast_machine::{Millis, Rng, Span};
use steadfast_protocol::Token;

use crate::Config;
use crate::backoff::{doubled, jittered};

mod renewal;

pub(crate) use renewal::Renewal;

/// A token used this soon after the app gave it cannot have expired in the link's hands.
const FRESH_SPAN: Span = Span::seconds(10);

/// The token in use. Every token has a version, so that a late verdict on an older one is known.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    token: Option<Token>,
    version: u32,
    is_refused: bool,
    asking: Asking,
    /// Whether it is asked before the token in use ends, so that the link can do without.
    is_early: bool,
    /// How often in a row the app could not say.
    deferrals: u32,
    trial: Trial,
}

/// Whether the app is being asked for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    /// It is not.
    Idle,
    /// It is.
    Asked,
    /// It is, and the device has slept since: its answer may have waited as long.
    Slept,
    /// It could not say, and is asked again at this time, where it is hurried no sooner than that.
    Deferred { at: Millis, soonest: Millis },
}

/// Whether the token would be the app's answer to a refusal that is refused in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trial {
    /// The app was not asked for it, or the server has taken it.
    Over,
    /// The app was asked for it, and gave it then.
    Fresh { given_at: Millis },
    /// The same, and the device has slept since: nobody knows how old it is.
    Aged,
}

/// Why a token was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is too old, or may be.
    Age,
    /// It would not have been taken at any time.
    Content,
}

/// What to do about a refused token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A newer token is here already: try with that.
    Again,
    /// The next one to need a token is to ask the app first.
    Renew,
    /// The token came fresh from the app: another would not help.
    Stop,
}

impl Credential {
    /// The first token, if any.
    pub(crate) const fn new(token: Option<Token>) -> Self {
        Self {
            token,
            version: 0,
            is_refused: false,
            asking: Asking::Idle,
            is_early: false,
            deferrals: 0,
            trial: Trial::Over,
        }
    }

    /// The token to send.
    pub(crate) const fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The version of that token.
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// Whether that token was refused, so that sending it again is of no use.
    pub(crate) const fn is_refused(&self) -> bool {
        self.is_refused
    }

    /// Whether the link needs a token for which the app is being asked, or will be again.
    pub(crate) const fn is_wanted(&self) -> bool {
        !matches!(self.asking, Asking::Idle) && !self.is_early
    }

    /// A fresh token is needed now. Whether the app is yet to be asked.
    pub(crate) const fn want(&mut self) -> bool {
        let is_new = matches!(self.asking, Asking::Idle);
        if is_new {
            self.asking = Asking::Asked;
        }
        self.is_early = false;
        is_new
    }

    /// The token in use will soon end. Whether the app is yet to be asked for the next one.
    pub(crate) const fn want_early(&mut self) -> bool {
        let is_new = matches!(self.asking, Asking::Idle);
        if is_new {
            self.asking = Asking::Asked;
            self.is_early = true;
        }
        is_new
    }

    /// The app has no newer token, and the one in use holds for now: it is no longer asked.
    pub(crate) const fn do_without(&mut self) {
        if self.is_early {
            self.asking = Asking::Idle;
            self.is_early = false;
        }
    }

    /// Whether the app has been asked and has not answered.
    pub(crate) const fn is_asked(&self) -> bool {
        matches!(self.asking, Asking::Asked | Asking::Slept)
    }

    /// The app cannot say now: it is asked again after a pause, which doubles each time in a row.
    pub(crate) fn defer(&mut self, now: Millis, config: &Config, rng: &mut Rng) {
        let pause = doubled(config.backoff_min, self.deferrals, config.backoff_max);
        let pause = jittered(pause, config.jitter_percent, rng).max(config.delay_floor);
        self.deferrals = self.deferrals.saturating_add(1);
        self.is_refused |= !self.is_early;
        self.asking = Asking::Deferred { at: now + pause, soonest: now + config.delay_floor };
    }

    /// The reason why the app could not say may be gone: it is asked again as soon as may be.
    pub(crate) const fn expedite(&mut self, now: Millis) {
        if let Asking::Deferred { at, soonest } = &mut self.asking {
            let sooner = if soonest.0 > now.0 { *soonest } else { now };
            if at.0 > sooner.0 {
                *at = sooner;
            }
        }
    }

    /// Whether the app is to be asked again now; true once.
    pub(crate) fn take_due(&mut self, now: Millis) -> bool {
        let is_due = self.wake().is_some_and(|at| at <= now);
        if is_due {
            self.asking = Asking::Asked;
        }
        is_due
    }

    /// When the app is to be asked again, where it could not say.
    pub(crate) const fn wake(&self) -> Option<Millis> {
        match self.asking {
            Asking::Deferred { at, .. } => Some(at),
            Asking::Idle | Asking::Asked | Asking::Slept => None,
        }
    }

    /// The app gave a token.
    pub(crate) fn give(&mut self, now: Millis, token: Token) {
        self.token = Some(token);
        self.version = self.version.wrapping_add(1);
        self.is_refused = false;
        self.trial = match self.asking {
            Asking::Idle => Trial::Over,
            Asking::Asked | Asking::Deferred { .. } => Trial::Fresh { given_at: now },
            Asking::Slept => Trial::Aged,
        };
        self.asking = Asking::Idle;
        self.is_early = false;
        self.deferrals = 0;
    }

    /// The app is no longer asked, and what it gave begins anew.
    pub(crate) const fn rest(&mut self) {
        self.is_refused = false;
        self.asking = Asking::Idle;
        self.is_early = false;
        self.deferrals = 0;
        self.trial = Trial::Over;
    }

    /// The server took the token of this version.
    pub(crate) const fn accept(&mut self, version: u32) {
        if version == self.version {
            self.trial = Trial::Over;
        }
    }

    /// The device slept: the link's clock may have stood still while the token grew older.
    pub(crate) const fn sleep(&mut self) {
        if let Trial::Fresh { .. } = self.trial {
            self.trial = Trial::Aged;
        }
        if let Asking::Asked = self.asking {
            self.asking = Asking::Slept;
        }
    }

    /// The server refused the token of this version, which was sent at `used_at`.
    pub(crate) fn refuse(&mut self, version: u32, used_at: Millis, fault: Fault) -> Refusal {
        if version != self.version {
            return Refusal::Again;
        }
        let is_in_vain = match (self.trial, fault) {
            (Trial::Over, Fault::Age | Fault::Content) | (Trial::Aged, Fault::Age) => false,
            (Trial::Fresh { given_at }, Fault::Age) => used_at.since(given_at) <= FRESH_SPAN,
            (Trial::Fresh { .. } | Trial::Aged, Fault::Content) => true,
        };
        if is_in_vain {
            return Refusal::Stop;
        }
        self.is_refused = true;
        self.trial = Trial::Over;
        Refusal::Renew
    }
}

#[cfg(test)]
mod tests;
