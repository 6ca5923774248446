//! What a link is doing: one of five things, each with all that belongs to it and nothing else.
//! The five are what the app is shown.

use alloc::vec::Vec;

use steadfast_machine::Millis;

use crate::effort::Effort;
use crate::poll::ChannelPoll;
use crate::session::Session;
use crate::{LinkState, SocketId};

/// What a link is doing.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// Nothing, until the app asks.
    Resting,
    /// Nothing, until the device has a network.
    Offline,
    /// Getting a session.
    Trying(Trying),
    /// Following channels on a session.
    Live(Session),
    /// Polling, and trying to get a session.
    Polling(Polling),
}

/// Getting a session.
#[derive(Clone, Debug)]
pub(crate) struct Trying {
    pub(crate) attempt: Attempt,
    /// Whether this is the first attempt since the app asked.
    pub(crate) is_first: bool,
    pub(crate) effort: Effort,
}

/// Polling.
#[derive(Clone, Debug)]
pub(crate) struct Polling {
    /// One entry for each channel, in the same order.
    pub(crate) polls: Vec<ChannelPoll>,
    /// The way back to a session.
    pub(crate) way_back: WayBack,
    /// How many attempts have failed since polling began or the network changed.
    pub(crate) returns: u32,
    /// When a poll last brought an answer, or polling began.
    pub(crate) answered_at: Millis,
}

/// How far the way back from polling to a session is gone.
#[derive(Clone, Debug)]
pub(crate) enum WayBack {
    /// An attempt is planned or under way.
    Attempt(Attempt),
    /// A session is live, but does not follow every channel yet.
    Joining(Session),
}

/// One attempt to get a session.
#[derive(Clone, Debug)]
pub(crate) enum Attempt {
    /// It begins at this time.
    Waiting { at: Millis },
    /// Its time has come, and it begins when the app has given a token.
    WantingToken,
    /// The socket is opening.
    Opening { socket: SocketId, until: Millis },
    /// `hello` was sent.
    Greeting { socket: SocketId, until: Millis },
}

/// How far a socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is opening.
    Opening,
    /// `hello` was sent on it.
    Greeting,
    /// It was welcomed.
    Welcomed,
}

impl Phase {
    /// What the app is shown.
    pub(crate) const fn shown(&self) -> LinkState {
        match self {
            Self::Resting | Self::Offline => LinkState::Disconnected,
            Self::Trying(Trying { is_first: true, .. }) => LinkState::Connecting,
            Self::Trying(Trying { is_first: false, .. }) => LinkState::Reconnecting,
            Self::Live(_) => LinkState::Connected,
            Self::Polling(_) => LinkState::Fallback,
        }
    }

    pub(crate) const fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Trying(trying) => Some(&trying.attempt),
            Self::Polling(Polling { way_back: WayBack::Attempt(attempt), .. }) => Some(attempt),
            Self::Polling(Polling { way_back: WayBack::Joining(_), .. })
            | Self::Resting
            | Self::Offline
            | Self::Live(_) => None,
        }
    }

    pub(crate) const fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match self {
            Self::Trying(trying) => Some(&mut trying.attempt),
            Self::Polling(Polling { way_back: WayBack::Attempt(attempt), .. }) => Some(attempt),
            Self::Polling(Polling { way_back: WayBack::Joining(_), .. })
            | Self::Resting
            | Self::Offline
            | Self::Live(_) => None,
        }
    }

    pub(crate) const fn session(&self) -> Option<&Session> {
        match self {
            Self::Live(session)
            | Self::Polling(Polling { way_back: WayBack::Joining(session), .. }) => Some(session),
            Self::Polling(Polling { way_back: WayBack::Attempt(_), .. })
            | Self::Resting
            | Self::Offline
            | Self::Trying(_) => None,
        }
    }

    pub(crate) const fn session_mut(&mut self) -> Option<&mut Session> {
        match self {
            Self::Live(session)
            | Self::Polling(Polling { way_back: WayBack::Joining(session), .. }) => Some(session),
            Self::Polling(Polling { way_back: WayBack::Attempt(_), .. })
            | Self::Resting
            | Self::Offline
            | Self::Trying(_) => None,
        }
    }

    pub(crate) const fn polling_mut(&mut self) -> Option<&mut Polling> {
        match self {
            Self::Polling(polling) => Some(polling),
            Self::Resting | Self::Offline | Self::Trying(_) | Self::Live(_) => None,
        }
    }

    /// The socket that is wanted, and how far it has come.
    pub(crate) fn socket(&self) -> Option<(SocketId, Stage)> {
        match self.attempt() {
            Some(Attempt::Opening { socket, .. }) => Some((*socket, Stage::Opening)),
            Some(Attempt::Greeting { socket, .. }) => Some((*socket, Stage::Greeting)),
            Some(Attempt::Waiting { .. } | Attempt::WantingToken) | None => {
                self.session().map(|session| (session.socket, Stage::Welcomed))
            }
        }
    }

    /// How far this socket has come; none where it is no longer wanted.
    pub(crate) fn stage(&self, socket: SocketId) -> Option<Stage> {
        self.socket().and_then(|(wanted, stage)| (wanted == socket).then_some(stage))
    }
}
