//! Everything a link asks its shell to do, and everything it tells its app.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use steadfast_protocol::{
    ChannelName, ChannelRequest, ClientFrame, CloseCode, Epoch, Event, Gap, Position,
};

use crate::{LinkState, Message, PollId, QualityReport, Reason, SocketId};

/// What to do, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize))]
#[cfg_attr(
    feature = "scenario",
    serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")
)]
pub enum Output {
    /// Open a WebSocket; answer with `SocketOpened` or `SocketFailed`.
    OpenSocket {
        /// Its id from now on.
        socket: SocketId,
        /// Another address than any endpoint's, as the server named it.
        to: Option<Box<str>>,
        /// Otherwise to this endpoint.
        #[cfg_attr(feature = "scenario", serde(skip_serializing_if = "is_first"))]
        endpoint: u8,
    },
    /// Send a frame.
    Send {
        /// On this socket.
        socket: SocketId,
        /// What to say.
        frame: Box<ClientFrame>,
    },
    /// Close a socket and forget it: nothing about it is wanted any more.
    CloseSocket {
        /// Which, open or still opening.
        socket: SocketId,
        /// With this code.
        #[cfg_attr(feature = "scenario", serde(serialize_with = "crate::scenario::close_code"))]
        code: CloseCode,
    },
    /// Poll over HTTP; answer with `Polled`, within 10 s beyond `wait_ms`, or it is cancelled.
    Poll {
        /// Its id.
        poll: PollId,
        /// Which channels, 1 to 128, and from where. One alone is asked for by the route of that
        /// channel.
        channels: Vec<ChannelRequest>,
        /// How long the server may wait for an event, in milliseconds.
        wait_ms: u64,
        /// Which endpoint to ask.
        #[cfg_attr(feature = "scenario", serde(skip_serializing_if = "is_first"))]
        endpoint: u8,
    },
    /// Give up a poll: its answer is not wanted any more.
    CancelPoll {
        /// Which.
        poll: PollId,
    },
    /// See whether plain HTTP gets through to the server; answer with `Probed` within 5 s, or it
    /// does not count.
    Probe {
        /// Which endpoint to ask.
        #[cfg_attr(feature = "scenario", serde(skip_serializing_if = "is_first"))]
        endpoint: u8,
    },
    /// Get a fresh token from the app; answer with `Token`.
    WantToken,
    /// Tell the app.
    #[cfg_attr(feature = "scenario", serde(untagged))]
    Tell(Notice),
}

/// Scenarios leave the first endpoint out: most know no other.
#[cfg(feature = "scenario")]
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_first(endpoint: &u8) -> bool {
    *endpoint == 0
}

/// What an app is told, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize))]
#[cfg_attr(
    feature = "scenario",
    serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")
)]
pub enum Notice {
    /// The link's state changed. Reported once for every change.
    State {
        /// The state now.
        new: LinkState,
        /// The state before.
        old: LinkState,
        /// Why.
        reason: Reason,
    },
    /// A channel is followed from this position on. Told once for each session or first poll.
    Subscribed {
        /// Which.
        channel: ChannelName,
        /// The next event is the one after this.
        position: Position,
        /// Whether everything after the app's position will come.
        is_recovered: bool,
    },
    /// The next event, each offset once, in order. Its `epoch` is always filled in.
    Event(Box<Event>),
    /// Events that cannot be given; told before the next event.
    Gap {
        /// Of which channel.
        channel: ChannelName,
        /// What is missing and why.
        gap: Gap,
    },
    /// The channel has ended; the link has left it.
    Finished {
        /// Which.
        channel: ChannelName,
    },
    /// The quality's grade changed. Heartbeats are what it is drawn from, so it is first told after
    /// the third.
    Quality(QualityReport),
    /// The server will not serve a channel; the link has left it.
    Refused {
        /// Which.
        channel: ChannelName,
        /// The stable word.
        code: Box<str>,
        /// In words, for a developer.
        message: String,
    },
    /// What people are to be told from now on. Told once for every change.
    Message {
        /// The most severe message that is true; none for nothing.
        message: Option<Message>,
    },
    /// The server has the event that was published with this ticket.
    Published {
        /// Which.
        ticket: u64,
        /// Its numbering.
        epoch: Epoch,
        /// Its place.
        offset: u64,
    },
    /// What was published with this ticket is given up. But for `uncertain` the server does not
    /// have it.
    PublishFailed {
        /// Which.
        ticket: u64,
        /// The stable word: the server's, or that of a [`PublishFailure`].
        code: Box<str>,
        /// In words, for a developer.
        message: String,
        /// Whether the same may be published again, and may succeed then.
        is_retryable: bool,
    },
}

/// Why a link gives up a publish of its own accord.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishFailure {
    /// As many wait to be answered as may.
    OutboxFull,
    /// It is larger than all that may wait, or than the server takes.
    TooLarge,
    /// The link is at rest, or came to rest before it was sent.
    Closed,
    /// It was sent and not answered: the server may or may not have it. It is too late to send it
    /// again, since the server may have forgotten that it was sent before.
    Uncertain,
}

impl PublishFailure {
    const ALL: [Self; 4] = [Self::OutboxFull, Self::TooLarge, Self::Closed, Self::Uncertain];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OutboxFull => "outbox_full",
            Self::TooLarge => "too_large",
            Self::Closed => "closed",
            Self::Uncertain => "uncertain",
        }
    }

    /// The failure of this word; `None` for a word of the server.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == code)
    }

    /// Whether the same may be published again, and may succeed then. After
    /// [`PublishFailure::Uncertain`] it might make a second event.
    pub const fn is_retryable(self) -> bool {
        match self {
            Self::OutboxFull | Self::Closed => true,
            Self::TooLarge | Self::Uncertain => false,
        }
    }
}
