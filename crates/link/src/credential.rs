//! The link's token, whether it was refused, and whether the app is being asked for another.
//! In: tokens of the app, verdicts of the server. Out: what to do about a verdict.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::Token;

/// A token used this soon after the app gave it cannot have expired in the link's hands.
const FRESH_SPAN: Span = Span::seconds(10);

/// The token in use. Every token has a version, so that a late verdict on an older one is known.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    token: Option<Token>,
    version: u32,
    is_refused: bool,
    asking: Asking,
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
        Self { token, version: 0, is_refused: false, asking: Asking::Idle, trial: Trial::Over }
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

    /// Whether the app is being asked.
    pub(crate) const fn is_wanted(&self) -> bool {
        !matches!(self.asking, Asking::Idle)
    }

    /// A fresh token is needed now. Whether the app is yet to be asked.
    pub(crate) const fn want(&mut self) -> bool {
        let is_asked = self.is_wanted();
        if !is_asked {
            self.asking = Asking::Asked;
        }
        !is_asked
    }

    /// The app gave a token.
    pub(crate) fn give(&mut self, now: Millis, token: Token) {
        self.token = Some(token);
        self.version = self.version.wrapping_add(1);
        self.is_refused = false;
        self.trial = match self.asking {
            Asking::Idle => Trial::Over,
            Asking::Asked => Trial::Fresh { given_at: now },
            Asking::Slept => Trial::Aged,
        };
        self.asking = Asking::Idle;
    }

    /// The app is no longer asked, and what it gave begins anew.
    pub(crate) const fn rest(&mut self) {
        self.is_refused = false;
        self.asking = Asking::Idle;
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
