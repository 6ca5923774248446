//! How an attempt or a session ended, and what that says. In: what happened to a socket. Out: the
//! reason for the app, and what it is evidence of.

use steadfast_protocol::{Advice, CloseCode};

use crate::{DialFailure, Reason};

/// The end of an attempt or of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The socket did not open.
    Dial(DialFailure),
    /// No welcome came in time.
    Timeout,
    /// The socket was closed or lost.
    Closed(CloseCode),
    /// Nothing was heard in time.
    Silent,
    /// Events of a channel were missing or its request was not answered, and asking again did not
    /// mend it.
    Unrecoverable,
    /// The server had asked to leave.
    Left,
}

/// What an end is evidence of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Nothing in particular: no answer, or a loss.
    Silence,
    /// Something between the link and the server does not pass WebSocket.
    Blocked,
    /// The server is there, and wants patience or another token.
    Busy,
}

impl End {
    /// What the app is told.
    pub(crate) const fn reason(self) -> Reason {
        match self {
            Self::Dial(_) => Reason::Unreachable,
            Self::Timeout => Reason::ConnectTimeout,
            Self::Closed(
                CloseCode::RECONNECT | CloseCode::RESTART | CloseCode::MOVED | CloseCode::DRAINING,
            )
            | Self::Left => Reason::ServerAsked,
            Self::Closed(_) | Self::Unrecoverable => Reason::Lost,
            Self::Silent => Reason::HeartbeatTimeout,
        }
    }

    /// What it is evidence of.
    pub(crate) const fn evidence(self) -> Evidence {
        match self {
            Self::Dial(DialFailure::Blocked | DialFailure::Portal) => Evidence::Blocked,
            Self::Dial(DialFailure::Busy { .. }) | Self::Left => Evidence::Busy,
            Self::Closed(code) => match code.advice() {
                Advice::RetryAfter | Advice::MoveTo | Advice::RefreshToken => Evidence::Busy,
                Advice::RetryNow | Advice::Never => Evidence::Silence,
            },
            Self::Dial(DialFailure::Unreachable | DialFailure::Refused)
            | Self::Timeout
            | Self::Silent
            | Self::Unrecoverable => Evidence::Silence,
        }
    }

    /// Whether nothing can follow.
    pub(crate) const fn is_final(self) -> bool {
        match self {
            Self::Dial(DialFailure::Refused) => true,
            Self::Closed(code) => matches!(code.advice(), Advice::Never),
            Self::Dial(
                DialFailure::Unreachable
                | DialFailure::Blocked
                | DialFailure::Portal
                | DialFailure::Busy { .. },
            )
            | Self::Timeout
            | Self::Silent
            | Self::Unrecoverable
            | Self::Left => false,
        }
    }

    /// Whether an attempt that goes on beside the session that ended may take its place.
    pub(crate) const fn allows_successor(self) -> bool {
        match self {
            Self::Closed(code) => match code.advice() {
                Advice::RetryNow | Advice::RetryAfter | Advice::MoveTo => true,
                Advice::RefreshToken | Advice::Never => false,
            },
            Self::Silent | Self::Unrecoverable => true,
            Self::Dial(_) | Self::Timeout | Self::Left => false,
        }
    }

    /// Whether it was meant by the server, or is about the token: it says nothing of the path.
    pub(crate) fn is_planned(self) -> bool {
        let is_about_token = match self {
            Self::Closed(code) => code.advice() == Advice::RefreshToken,
            Self::Dial(_) | Self::Timeout | Self::Silent | Self::Unrecoverable | Self::Left => {
                false
            }
        };
        is_about_token || self.reason() == Reason::ServerAsked
    }

    /// Whether the shell still has the socket, so that it must be told to close it.
    pub(crate) const fn leaves_socket(self) -> bool {
        match self {
            Self::Dial(_) | Self::Closed(_) => false,
            Self::Timeout | Self::Silent | Self::Unrecoverable | Self::Left => true,
        }
    }

    /// Whether nothing was said at the end, as when a server crashes.
    pub(crate) const fn is_sudden(self) -> bool {
        matches!(self, Self::Closed(CloseCode(1005 | 1006)))
    }
}
