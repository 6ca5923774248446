//! What servers say to a link and want to hear from it. In: the texts of messages. Out: what they
//! mean to a reader that counts. Must not know: sockets, time, other links.

mod socket_io;
mod steadfast;

use serde::{Deserialize, Serialize};

use crate::payload::{self, Mark};

/// What a link speaks over its WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dialect {
    /// The protocol of this server.
    Steadfast,
    /// Nothing but events: the path says what is followed, and a message is an event's data.
    Plain,
    /// Socket.IO 4, where the query of the path says what is followed.
    SocketIo,
}

/// Who is speaking.
#[derive(Clone, Debug)]
pub(crate) struct Speaker<'a> {
    pub(crate) link: &'a str,
    pub(crate) channel: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) heartbeat_ms: u64,
}

/// What a message means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The channel is followed, behind this offset.
    Live {
        /// Of the event before the first that will come.
        offset: u64,
    },
    /// One event.
    Event {
        /// Its place.
        offset: u64,
        /// What it says of itself; none where somebody else published it.
        mark: Option<Mark>,
    },
    /// This has to be answered.
    Answer(String),
    /// This link is not wanted, and why.
    Refused(String),
    /// Nothing that counts.
    Other,
}

impl Dialect {
    /// What is said first once the WebSocket is open.
    pub(crate) fn greeting(self, speaker: &Speaker<'_>) -> Option<String> {
        match self {
            Self::Steadfast => Some(steadfast::hello(speaker)),
            Self::Plain | Self::SocketIo => None,
        }
    }

    /// Whether a link is live as soon as its WebSocket is open.
    pub(crate) fn is_live_at_once(self) -> bool {
        match self {
            Self::Plain => true,
            Self::Steadfast | Self::SocketIo => false,
        }
    }

    /// What is said from time to time.
    pub(crate) fn heartbeat(self, next_ms: u64) -> Option<String> {
        match self {
            Self::Steadfast => Some(steadfast::heartbeat(next_ms)),
            Self::Plain | Self::SocketIo => None,
        }
    }

    /// Understands one text message.
    pub(crate) fn hear(self, text: &[u8]) -> Heard {
        match self {
            Self::Steadfast => steadfast::hear(text),
            Self::Plain => event(text),
            Self::SocketIo => socket_io::hear(text),
        }
    }
}

/// An event of a server without offsets: its number stands for one.
fn event(text: &[u8]) -> Heard {
    payload::find(text)
        .map_or(Heard::Other, |mark| Heard::Event { offset: mark.number, mark: Some(mark) })
}
