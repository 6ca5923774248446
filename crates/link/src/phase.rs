//! What a link is doing: one of five things, which are what the app is shown.

use crate::LinkState;

/// What a link is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing, until the app asks.
    Resting,
    /// Nothing, until the device has a network.
    Offline,
    /// Getting a session.
    Trying(ShownAs),
    /// Following channels on a session.
    Live(Origin),
    /// Polling, and trying to get a session or having one that has to prove itself.
    Polling,
}

/// What an attempt is to the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShownAs {
    /// The first since it asked.
    Connecting,
    /// Any later one.
    Reconnecting,
    /// None of its business: a session made way for the next one, which has said `hello`.
    Connected,
}

/// What a session took the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing, or another session.
    Attempt,
    /// Polling.
    Polling,
}

impl Phase {
    /// What the app is shown.
    pub(crate) const fn shown(self) -> LinkState {
        match self {
            Self::Resting | Self::Offline => LinkState::Disconnected,
            Self::Trying(ShownAs::Connecting) => LinkState::Connecting,
            Self::Trying(ShownAs::Reconnecting) => LinkState::Reconnecting,
            Self::Trying(ShownAs::Connected) | Self::Live(_) => LinkState::Connected,
            Self::Polling => LinkState::Fallback,
        }
    }
}
