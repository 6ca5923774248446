//! The link's token, and whether the app is being asked for another.
//! In: tokens of the app, verdicts of the server. Out: what to do about a verdict.

use steadfast_protocol::Token;

/// The token in use. Every token has a version, so that a late verdict on an older one is known.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    token: Option<Token>,
    version: u32,
    is_wanted: bool,
    is_on_trial: bool,
}

/// What to do about a refused token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A newer token is here already: try with that.
    Again,
    /// Ask the app for one.
    Ask,
    /// The app is being asked already.
    Asked,
    /// The token came fresh from the app: another would not help.
    Stop,
}

impl Credential {
    /// The first token, if any.
    pub(crate) const fn new(token: Option<Token>) -> Self {
        Self { token, version: 0, is_wanted: false, is_on_trial: false }
    }

    /// The token to send.
    pub(crate) const fn token(&self) -> Option<&Token> {
        self.token.as_ref()
    }

    /// The version of that token.
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// Whether the app is being asked.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.is_wanted
    }

    /// The app gave a token.
    pub(crate) fn give(&mut self, token: Token) {
        self.token = Some(token);
        self.version = self.version.wrapping_add(1);
        self.is_on_trial = self.is_wanted;
        self.is_wanted = false;
    }

    /// The app is no longer asked, and what it gave is not on trial.
    pub(crate) const fn rest(&mut self) {
        self.is_wanted = false;
        self.is_on_trial = false;
    }

    /// The server took the token of this version.
    pub(crate) const fn accept(&mut self, version: u32) {
        if version == self.version {
            self.is_on_trial = false;
        }
    }

    /// The server refused the token of this version.
    pub(crate) const fn refuse(&mut self, version: u32) -> Refusal {
        if self.is_wanted {
            Refusal::Asked
        } else if version != self.version {
            Refusal::Again
        } else if self.is_on_trial {
            Refusal::Stop
        } else {
            self.is_wanted = true;
            Refusal::Ask
        }
    }
}
