//! Everything that can happen to a link: what its app asks, what its device knows, what came of
//! the things it asked its shell to do, and the time.

use alloc::boxed::Box;

use steadfast_protocol::{
    ChannelName, CloseCode, EventName, Payload, PollAnswer, ReplaceKey, ServerFrame, Since, Token,
};

use crate::NetworkKey;

/// One socket of a link; never used again for another.
pub type SocketId = u32;

/// One poll of a link; never used again for another.
pub type PollId = u32;

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The app wants the link up. Ignored while it is.
    Connect,
    /// Somebody asks to try again now, rather than when it is planned: within the floor of a
    /// second, the budget and what the server asked for. Ignored while a session is live or an
    /// attempt is under way.
    Retry,
    /// The app wants to follow a channel. Ignored while the link follows it.
    Subscribe {
        /// Which.
        channel: ChannelName,
        /// From where.
        since: Since,
    },
    /// The app no longer wants a channel.
    Unsubscribe {
        /// Which.
        channel: ChannelName,
    },
    /// The app publishes an event. It is sent in the order of its channel while there is a session,
    /// and waits while there is none: also while the link polls. Answered by exactly one
    /// [`crate::Notice::Published`] or [`crate::Notice::PublishFailed`].
    Publish {
        /// Chosen by the shell, and never again for another; named in the answer.
        ticket: u64,
        /// Where to.
        channel: ChannelName,
        /// Its kind.
        event: EventName,
        /// The app's own value.
        data: Payload,
        /// Whether it ends the channel.
        is_final: bool,
        /// The key of the events it may stand in for.
        replace: Option<ReplaceKey>,
    },
    /// The app gives a token, at first or in answer to [`crate::Output::WantToken`]; `None` when
    /// there is none, which ends the link.
    Token(Option<Token>),
    /// The app cannot say now whether there is a token: asking it failed or took too long. It is
    /// asked again after a pause.
    TokenUnavailable,
    /// The app ends the link.
    Close,

    /// The device reports a network.
    Online,
    /// The device reports no network.
    Offline,
    /// The device moved to another network.
    NetworkChanged {
        /// What that one is.
        kind: NetworkKind,
        /// What it is called, so that it is known again; where there is none, networks of a kind
        /// are taken for the same.
        key: Option<NetworkKey>,
    },
    /// The device calls its network weak, or no longer does.
    WeakNetwork(bool),
    /// The device woke from sleep, or a page became visible again.
    Resumed,
    /// Somebody looks at the app. So it is taken to be at first.
    Foreground,
    /// Nobody looks at the app any more.
    Background,

    /// A socket is open; nothing was said on it yet.
    SocketOpened {
        /// Which.
        socket: SocketId,
    },
    /// A socket could not be opened.
    SocketFailed {
        /// Which.
        socket: SocketId,
        /// How.
        failure: DialFailure,
    },
    /// A frame came.
    SocketFrame {
        /// On which socket.
        socket: SocketId,
        /// What the server said.
        frame: Box<ServerFrame>,
    },
    /// Bytes or a frame of a kind that is only a sign of life came.
    SocketAlive {
        /// On which socket.
        socket: SocketId,
    },
    /// A socket is gone, by a close frame or without one (1006).
    SocketClosed {
        /// Which.
        socket: SocketId,
        /// The code of the close frame, or 1006.
        code: CloseCode,
    },
    /// A poll has come back.
    Polled {
        /// Which.
        poll: PollId,
        /// With what.
        outcome: Result<Box<PollAnswer>, PollFailure>,
    },
    /// A probe has come back.
    Probed {
        /// Whether our server answered it over plain HTTP.
        is_ok: bool,
    },
    /// The time has come that `Link::wake` named, or some later time.
    Tick,
}

/// What a network is, as far as the device knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "snake_case"))]
pub enum NetworkKind {
    /// Wi-Fi.
    Wifi,
    /// A mobile network.
    Cellular,
    /// A cable.
    Wired,
    /// Something else.
    Other,
    /// It does not say.
    #[default]
    Unknown,
}

impl NetworkKind {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wifi => "wifi",
            Self::Cellular => "cellular",
            Self::Wired => "wired",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

/// How a socket failed to open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(tag = "kind", rename_all = "snake_case"))]
pub enum DialFailure {
    /// No connection: refused, reset, no route, no name.
    Unreachable,
    /// Connected, but the upgrade was answered with something that is not a WebSocket and not
    /// our server's refusal: a proxy, a portal, a firewall.
    Blocked,
    /// Blocked, by a network that sends everybody to a page of its own, to sign in there.
    Portal,
    /// Our server refused, and says when to come back.
    Busy {
        /// No sooner than this, in milliseconds.
        retry_after_ms: u64,
    },
    /// Our server refused for good: bad request, origin, version.
    Refused,
}

/// How a poll failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(tag = "kind", rename_all = "snake_case"))]
pub enum PollFailure {
    /// No answer, or not from our server.
    Unreachable,
    /// Our server is busy or draining, and says when to come back.
    Busy {
        /// No sooner than this, in milliseconds.
        retry_after_ms: u64,
    },
    /// The token is missing, expired or not accepted.
    Unauthorized,
    /// The token does not permit this channel, or the request can never succeed; or the server
    /// knows no requests for many channels.
    Refused,
}
