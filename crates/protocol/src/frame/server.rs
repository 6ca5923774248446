//! Frames from a server to a client.

use alloc::boxed::Box;

use crate::{ChannelName, Epoch, Event, Gap, HeartbeatTerms, LinkId, Scalar};

/// What a server says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerFrame {
    /// The answer to `hello`: the session is live.
    Welcome(Box<Welcome>),
    /// A channel is followed from here on; sent again where its numbering changed.
    Subscribed(Box<Subscribed>),
    /// One event.
    Event(Event),
    /// Offsets that will not come, because newer events stand in for them.
    Superseded(Superseded),
    /// The channel has ended; nothing more will come.
    Finished {
        /// Which.
        channel: ChannelName,
    },
    /// The broker has the event.
    Published {
        /// The publish frame's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
        /// Its numbering.
        epoch: Epoch,
        /// Its place.
        offset: u64,
        /// Whether an earlier publish with the same key made it.
        #[serde(skip_serializing_if = "core::ops::Not::not")]
        repeated: bool,
    },
    /// The newer token is in force.
    Refreshed {
        /// The refresh frame's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
        /// When the session ends with it, in milliseconds from now; none: it does not.
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_in_ms: Option<u64>,
    },
    /// The answer to `heartbeat`.
    HeartbeatAck {
        /// The heartbeat's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
        /// The heartbeat's own, or the server's time where it had none.
        timestamp: Scalar,
        /// The server's time.
        server_time: Box<str>,
    },
    /// I am here.
    Pong {
        /// The ping's.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
    },
    /// Are you there?
    Ping {
        /// Echoed in the `pong`.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Scalar>,
    },
    /// The server will leave; reconnect within a window.
    GoAway(GoAway),
    /// Something was wrong with what the client said; the session lives.
    Error(ErrorFrame),
}

/// The answer to `hello`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Welcome {
    /// The link that is now live here.
    pub link: LinkId,
    /// The node's name.
    pub node: Box<str>,
    /// The node's region.
    pub region: Box<str>,
    /// The terms in force.
    pub heartbeat: HeartbeatTerms,
    /// What this link may do.
    pub limits: LinkLimits,
    /// After a sudden loss, spread the first attempt over this many milliseconds.
    pub crash_window_ms: u64,
    /// How long the path in front of the server lets a link be idle, in milliseconds, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_idle_limit_ms: Option<u64>,
    /// When the session ends with its token unless a newer one comes by `refresh`, in milliseconds
    /// from now. A server without that frame does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expires_in_ms: Option<u64>,
    /// The server's time: RFC 3339 with milliseconds.
    pub server_time: Box<str>,
}

/// What a link may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LinkLimits {
    /// The largest message in bytes, either way.
    pub message_bytes: u64,
    /// How many messages may wait for a link before it is thinned.
    pub queue_messages: u64,
    /// How many channels it may follow.
    pub channels: u64,
    /// How many frames a second are taken from it in the long run.
    #[serde(default = "frames_per_second")]
    pub frames_per_second: u64,
    /// How many frames are taken from it at once.
    #[serde(default = "frames_burst")]
    pub frames_burst: u64,
    /// How many bytes of `publish` frames a second are taken from it in the long run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_bytes_per_second: Option<u64>,
    /// How many bytes of `publish` frames are taken from it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub publish_bytes_burst: Option<u64>,
}

/// What a server takes that does not say: as those do that are in the field.
const fn frames_per_second() -> u64 {
    50
}

const fn frames_burst() -> u64 {
    200
}

/// A channel is followed from here on.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Subscribed {
    /// The request's; none where it was part of `hello`, or nothing was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Scalar>,
    /// Which.
    pub channel: ChannelName,
    /// The numbering of everything that follows.
    pub epoch: Epoch,
    /// The next event is the one after this.
    pub offset: u64,
    /// The newest event there is now: until it is reached, history is being delivered.
    #[serde(default)]
    pub head: u64,
    /// Whether everything after the position asked for will come.
    pub recovered: bool,
    /// What will not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
}

/// Offsets that will not come, because newer events with the same key stand in for them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Superseded {
    /// Which channel.
    pub channel: ChannelName,
    /// The first offset left out.
    pub from: u64,
    /// The last one.
    pub to: u64,
}

/// The server will leave.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct GoAway {
    /// Why: `drain`, or the operator's word.
    pub reason: Box<str>,
    /// Wait this long, in milliseconds …
    pub after_ms: u64,
    /// … and up to this much longer, drawn at random.
    pub spread_ms: u64,
    /// Where to go instead, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Box<str>>,
}

/// Something was wrong.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ErrorFrame {
    /// The request's, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Scalar>,
    /// The channel concerned, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelName>,
    /// A stable word.
    pub code: Box<str>,
    /// What was wrong and what to do, for a developer.
    pub message: Box<str>,
    /// Whether the same request may succeed later.
    pub retry: bool,
    /// In how many milliseconds it may succeed, where the server knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}
