//! What a link is doing: one of five things, each with all that belongs to it and nothing else.
//! The five are what the app is shown.

use alloc::vec::Vec;

use steadfast_machine::Millis;

use crate::connect_race::ConnectRace;
use crate::fallback_policy::FallbackPolicy;
use crate::poll::Polls;
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
    Live(Live),
    /// Polling, and trying to get a session.
    Polling(Polling),
}

/// Getting a session.
#[derive(Clone, Debug)]
pub(crate) struct Trying {
    pub(crate) attempt: Attempt,
    pub(crate) shown_as: ShownAs,
    pub(crate) policy: FallbackPolicy,
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

/// Following channels on a session.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    /// The attempt to get the session that takes its place.
    pub(crate) successor: Option<Successor>,
    pub(crate) origin: Origin,
}

/// What a session took the place of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing, or another session.
    Attempt,
    /// Polling.
    Polling,
}

/// An attempt beside a live session.
#[derive(Clone, Debug)]
pub(crate) struct Successor {
    pub(crate) attempt: Attempt,
    pub(crate) cause: SuccessorCause,
}

/// Why a session is to have a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuccessorCause {
    /// The server asked to leave.
    Leaving,
    /// The device has moved or slept, so that the session may be dead.
    Moved,
}

/// Polling.
#[derive(Clone, Debug)]
pub(crate) struct Polling {
    /// Of each channel.
    pub(crate) polls: Polls,
    /// The way back to a session.
    pub(crate) return_path: ReturnPath,
    /// How many attempts have failed since polling began or the network changed.
    pub(crate) returns: u32,
    /// When a poll last brought an answer, or polling began.
    pub(crate) answered_at: Millis,
    /// Whether the attempt under way began before anything was known to get through.
    pub(crate) is_inconclusive: bool,
}

/// How far the way back from polling to a session is gone.
#[derive(Clone, Debug)]
pub(crate) enum ReturnPath {
    /// An attempt is planned or under way.
    Attempt(Attempt),
    /// A session is live, but does not follow every channel yet.
    Joining,
}

/// One attempt to get a session.
#[derive(Clone, Debug)]
pub(crate) enum Attempt {
    /// It begins at this time.
    Waiting { at: Millis },
    /// Its time has come, and it begins when the app has given a token.
    AwaitingToken,
    /// The socket is opening.
    Opening(ConnectRace),
    /// `hello` was sent.
    Handshake { socket: SocketId, endpoint: u8, until: Millis },
}

/// How far a socket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketStage {
    /// It is opening.
    Opening,
    /// `hello` was sent on it.
    Handshake,
    /// It was welcomed.
    Welcomed,
}

impl Attempt {
    /// The sockets it has.
    fn sockets(&self) -> Vec<SocketId> {
        match self {
            Self::Opening(connect_race) => {
                connect_race.all().into_iter().map(|dial| dial.socket).collect()
            }
            Self::Handshake { socket, .. } => alloc::vec![*socket],
            Self::Waiting { .. } | Self::AwaitingToken => Vec::new(),
        }
    }

    /// The endpoint it went to last, if it has begun.
    pub(crate) const fn endpoint(&self) -> Option<u8> {
        match self {
            Self::Opening(connect_race) => Some(connect_race.newest.endpoint),
            Self::Handshake { endpoint, .. } => Some(*endpoint),
            Self::Waiting { .. } | Self::AwaitingToken => None,
        }
    }
}

impl Phase {
    /// What the app is shown.
    pub(crate) const fn shown(&self) -> LinkState {
        match self {
            Self::Resting | Self::Offline => LinkState::Disconnected,
            Self::Trying(Trying { shown_as: ShownAs::Connecting, .. }) => LinkState::Connecting,
            Self::Trying(Trying { shown_as: ShownAs::Reconnecting, .. }) => LinkState::Reconnecting,
            Self::Trying(Trying { shown_as: ShownAs::Connected, .. }) | Self::Live(_) => {
                LinkState::Connected
            }
            Self::Polling(_) => LinkState::Fallback,
        }
    }

    pub(crate) const fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Trying(trying) => Some(&trying.attempt),
            Self::Live(Live { successor: Some(successor), .. }) => Some(&successor.attempt),
            Self::Polling(Polling { return_path: ReturnPath::Attempt(attempt), .. }) => {
                Some(attempt)
            }
            Self::Polling(Polling { return_path: ReturnPath::Joining, .. })
            | Self::Resting
            | Self::Offline
            | Self::Live(Live { successor: None, .. }) => None,
        }
    }

    pub(crate) const fn attempt_mut(&mut self) -> Option<&mut Attempt> {
        match self {
            Self::Trying(trying) => Some(&mut trying.attempt),
            Self::Live(Live { successor: Some(successor), .. }) => Some(&mut successor.attempt),
            Self::Polling(Polling { return_path: ReturnPath::Attempt(attempt), .. }) => {
                Some(attempt)
            }
            Self::Polling(Polling { return_path: ReturnPath::Joining, .. })
            | Self::Resting
            | Self::Offline
            | Self::Live(Live { successor: None, .. }) => None,
        }
    }

    pub(crate) const fn live_mut(&mut self) -> Option<&mut Live> {
        match self {
            Self::Live(live) => Some(live),
            Self::Resting | Self::Offline | Self::Trying(_) | Self::Polling(_) => None,
        }
    }

    pub(crate) const fn polling_mut(&mut self) -> Option<&mut Polling> {
        match self {
            Self::Polling(polling) => Some(polling),
            Self::Resting | Self::Offline | Self::Trying(_) | Self::Live(_) => None,
        }
    }

    /// The sockets of the attempt.
    pub(crate) fn attempt_sockets(&self) -> Vec<SocketId> {
        self.attempt().map(Attempt::sockets).unwrap_or_default()
    }

    /// How far this socket of the attempt has come; `None` where the attempt has no such socket.
    pub(crate) fn stage(&self, socket: SocketId) -> Option<SocketStage> {
        match self.attempt()? {
            Attempt::Opening(connect_race) => {
                connect_race.find(socket).map(|_| SocketStage::Opening)
            }
            Attempt::Handshake { socket: own, .. } => {
                (*own == socket).then_some(SocketStage::Handshake)
            }
            Attempt::Waiting { .. } | Attempt::AwaitingToken => None,
        }
    }
}
