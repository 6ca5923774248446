//! Frames from a client to a server.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::{
    ChannelName, DecodeError, EventName, Generation, Limits, LinkId, Payload, ReplaceKey, Since,
};

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientFrame {
    /// The first frame of a session: connects, subscribes and resumes in one.
    Hello(Box<Hello>),
    /// Starts to follow a channel.
    Subscribe(ChannelRequest),
    /// Stops following a channel.
    Unsubscribe {
        /// Echoed in an error.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
        /// The channel to leave.
        channel: ChannelName,
    },
    /// Publishes from a link.
    Publish(Box<PublishFrame>),
    /// A newer token for the session, in time before the one in force ends.
    Refresh {
        /// Echoed in `refreshed` or `error`.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
        /// Of the same user.
        token: Token,
    },
    /// I am here, and will say so again within `next_ms`.
    Heartbeat(Heartbeat),
    /// Are you there?
    Ping {
        /// Echoed in the `pong`.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
    },
    /// I am here.
    Pong {
        /// The ping's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
    },
}

/// The first frame of a session.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hello {
    /// The link, the same over all of its sessions.
    pub link: LinkId,
    /// Higher for every new session of the link, from 1.
    #[serde(deserialize_with = "generation")]
    pub generation: Generation,
    /// Where the server wants one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// Who is speaking, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientInfo>,
    /// What the client proposes; the server's answer in `welcome` is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<HeartbeatTerms>,
    /// What to follow, each from its position.
    #[serde(skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelRequest>,
    /// What is wrong with those of `channels` that cannot be followed. Never sent.
    #[serde(skip)]
    pub bad_channels: Vec<DecodeError>,
}

/// Who is speaking. Each field has at most [`Limits::CLIENT_FIELD_BYTES_MAX`] bytes. P-11
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ClientInfo {
    /// The client library or app.
    #[serde(default, deserialize_with = "client_field")]
    pub name: Box<str>,
    /// Its version.
    #[serde(default, deserialize_with = "client_field")]
    pub version: Box<str>,
    /// What it runs on.
    #[serde(default, deserialize_with = "client_field")]
    pub platform: Box<str>,
}

impl ClientInfo {
    /// The same with each field cut to the bytes that a server accepts.
    #[must_use]
    pub fn clipped(mut self) -> Self {
        for field in [&mut self.name, &mut self.version, &mut self.platform] {
            let end = field.floor_char_boundary(Limits::CLIENT_FIELD_BYTES_MAX);
            if end < field.len() {
                *field = field.get(..end).unwrap_or_default().into();
            }
        }
        self
    }
}

/// How often a client will be heard, and how long it may be late. Milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct HeartbeatTerms {
    /// The longest silence between two heartbeats, in milliseconds.
    #[serde(alias = "interval_ms")]
    pub interval: u64,
    /// How long an answer, or a late heartbeat, is waited for, in milliseconds.
    #[serde(alias = "timeout_ms")]
    pub timeout: u64,
}

/// A wish to follow a channel.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ChannelRequest {
    /// Echoed in `subscribed` or `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Scalar>,
    /// The channel.
    pub channel: ChannelName,
    /// Where to start.
    #[serde(default)]
    pub since: Since,
}

/// An event published by a link.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PublishFrame {
    /// Echoed in `published` or `error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Scalar>,
    /// Where to.
    pub channel: ChannelName,
    /// Its kind.
    pub event: EventName,
    /// The app's own value.
    #[serde(default = "Payload::null")]
    pub data: Payload,
    /// Whether it ends the channel.
    #[serde(default, rename = "final", skip_serializing_if = "core::ops::Not::not")]
    pub is_final: bool,
    /// The key of the events it may stand in for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<ReplaceKey>,
    /// Repeating a frame with the same key makes no second event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<ReplaceKey>,
}

/// A sign of life.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Heartbeat {
    /// Echoed in `heartbeat_ack`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Scalar>,
    /// The client's own time, echoed unread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Scalar>,
    /// When the next one will come at the latest, in milliseconds from now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
    /// The link's own statistics, for operators.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "stats")]
    pub stats: Option<Payload>,
}

fn client_field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    let text = Box::<str>::deserialize(deserializer)?;
    let (bytes, max) = (text.len(), Limits::CLIENT_FIELD_BYTES_MAX);
    if bytes <= max {
        return Ok(text);
    }
    let message = "a field of `client` has at most";
    Err(D::Error::custom(format_args!("{message} {max} bytes, this one has {bytes}")))
}

/// Reads the statistics of a heartbeat, which the server keeps for as long as the session lives.
fn stats<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Payload>, D::Error> {
    let stats = Option::<Payload>::deserialize(deserializer)?;
    let (bytes, max) =
        (stats.as_ref().map_or(0, |stats| stats.as_str().len()), Limits::STATS_BYTES_MAX);
    if bytes <= max {
        return Ok(stats);
    }
    Err(D::Error::custom(format_args!("`stats` has at most {max} bytes, this one has {bytes}")))
}

fn generation<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Generation, D::Error> {
    let generation = Generation::deserialize(deserializer)?;
    if (1..=Limits::INTEGER_MAX).contains(&generation) {
        Ok(generation)
    } else {
        Err(D::Error::custom("a generation is from 1 to 2^53"))
    }
}

/// A number or a short string that the other side echoes without reading it.
#[derive(Clone, PartialEq, Eq)]
pub struct Scalar(Payload);

impl Scalar {
    /// A number.
    pub fn number(n: u64) -> Self {
        Self(Payload::new(&alloc::format!("{n}")).unwrap_or_else(|_| Payload::null()))
    }

    /// A string, cut to what may be echoed.
    pub fn text(text: &str) -> Self {
        let longest = Limits::SCALAR_BYTES_MAX - 2;
        let cut = (0..=longest).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        let json = serde_json::to_string(text.get(..cut).unwrap_or(text)).unwrap_or_default();
        Self(Payload::new(&json).unwrap_or_else(|_| Payload::null()))
    }

    /// The JSON text.
    pub fn as_json(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Scalar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let payload = Payload::deserialize(deserializer)?;
        let text = payload.as_str();
        if text.len() > Limits::SCALAR_BYTES_MAX {
            return Err(D::Error::custom("a value to echo has at most 64 bytes"));
        }
        match text.as_bytes().first() {
            Some(b'"' | b'-' | b'0'..=b'9') => Ok(Self(payload)),
            Some(_) | None => Err(D::Error::custom("a value to echo is a number or a string")),
        }
    }
}

/// A signed token. Never shown.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Token(Box<str>);

impl Token {
    /// Keeps a token.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The token itself: for the verifier and the wire, never for a log.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
