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
    is_wanted: bool,
    /// When the app gave the token, where it was asked for it and the server has not taken it yet.
    on_trial_since: Option<Millis>,
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
        Self { token, version: 0, is_refused: false, is_wanted: false, on_trial_since: None }
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
        self.is_wanted
    }

    /// A fresh token is needed now. Whether the app is yet to be asked.
    pub(crate) const fn want(&mut self) -> bool {
        !core::mem::replace(&mut self.is_wanted, true)
    }

    /// The app gave a token.
    pub(crate) fn give(&mut self, now: Millis, token: Token) {
        self.token = Some(token);
        self.version = self.version.wrapping_add(1);
        self.is_refused = false;
        self.on_trial_since = self.is_wanted.then_some(now);
        self.is_wanted = false;
    }

    /// The app is no longer asked, and what it gave begins anew.
    pub(crate) const fn rest(&mut self) {
        self.is_refused = false;
        self.is_wanted = false;
        self.on_trial_since = None;
    }

    /// The server took the token of this version.
    pub(crate) const fn accept(&mut self, version: u32) {
        if version == self.version {
            self.on_trial_since = None;
        }
    }

    /// The server refused the token of this version, which was sent at `used_at`.
    pub(crate) fn refuse(&mut self, version: u32, used_at: Millis, fault: Fault) -> Refusal {
        if version != self.version {
            return Refusal::Again;
        }
        let is_to_blame = self.on_trial_since.is_some_and(|given_at| match fault {
            Fault::Age => used_at.since(given_at) <= FRESH_SPAN,
            Fault::Content => true,
        });
        if is_to_blame && !self.is_wanted {
            return Refusal::Stop;
        }
        self.is_refused = true;
        self.on_trial_since = None;
        Refusal::Renew
    }
}

#[cfg(test)]
mod tests;
