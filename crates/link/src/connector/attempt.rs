//! One attempt to get a session: it waits for its time or for a token, opens sockets, and sends
//! `hello` on the first that is open. In: the time. Out: what is due, and its sockets.

use alloc::vec::Vec;

use steadfast_machine::{Millis, Wake};

use super::connect_race::ConnectRace;
use crate::{SocketId, Why};

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

/// What is due of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptStep {
    /// It begins.
    Begin,
    /// Another endpoint is dialled beside the first.
    Race,
    /// It has taken too long.
    Timeout,
}

impl Attempt {
    /// Its sockets.
    pub(crate) fn sockets(&self) -> Vec<SocketId> {
        match self {
            Self::Opening(connect_race) => {
                connect_race.all().into_iter().map(|dial| dial.socket).collect()
            }
            Self::Handshake { socket, .. } => alloc::vec![*socket],
            Self::Waiting { .. } | Self::AwaitingToken => Vec::new(),
        }
    }

    /// The endpoint that it dialled last, once it has begun.
    pub(crate) const fn endpoint(&self) -> Option<u8> {
        match self {
            Self::Opening(connect_race) => Some(connect_race.newest.endpoint),
            Self::Handshake { endpoint, .. } => Some(*endpoint),
            Self::Waiting { .. } | Self::AwaitingToken => None,
        }
    }

    /// How far this socket has come; `None` where it is not one of the attempt's.
    pub(crate) fn stage(&self, socket: SocketId) -> Option<SocketStage> {
        match self {
            Self::Opening(connect_race) => connect_race.find(socket).map(|_| SocketStage::Opening),
            Self::Handshake { socket: own, .. } => {
                (*own == socket).then_some(SocketStage::Handshake)
            }
            Self::Waiting { .. } | Self::AwaitingToken => None,
        }
    }

    /// An attempt that waits need not wait any longer than until `at`.
    pub(crate) fn hasten(&mut self, at: Millis) {
        if let Self::Waiting { at: planned } = self {
            *planned = at.min(*planned);
        }
    }

    /// An attempt that has begun may take until `at`.
    pub(crate) const fn renew(&mut self, at: Millis) {
        match self {
            Self::Opening(ConnectRace { until, .. }) | Self::Handshake { until, .. } => *until = at,
            Self::Waiting { .. } | Self::AwaitingToken => {}
        }
    }

    /// What is due.
    pub(crate) fn next_step(&self, now: Millis) -> Option<AttemptStep> {
        match self {
            Self::Waiting { at } => (*at <= now).then_some(AttemptStep::Begin),
            Self::Opening(ConnectRace { until, .. }) | Self::Handshake { until, .. }
                if *until <= now =>
            {
                Some(AttemptStep::Timeout)
            }
            Self::Opening(ConnectRace { race_at: Some(at), .. }) => {
                (*at <= now).then_some(AttemptStep::Race)
            }
            Self::AwaitingToken | Self::Opening(_) | Self::Handshake { .. } => None,
        }
    }

    /// When something will be due; `waiting` is why an attempt that waits is to begin.
    pub(crate) fn wake(&self, waiting: Why) -> Option<Wake<Why>> {
        match self {
            Self::Waiting { at } => Some(Wake::new(*at, waiting)),
            Self::AwaitingToken => None,
            Self::Opening(ConnectRace { until, race_at, .. }) => {
                let race = race_at.map(|at| Wake::new(at, Why::Race));
                Some(Wake::new(*until, Why::ConnectTimeout).earlier(race))
            }
            Self::Handshake { until, .. } => Some(Wake::new(*until, Why::ConnectTimeout)),
        }
    }
}
