//! An event on its way to subscribers: written once as text, then shared by all of them.
//! The frame of a WebSocket and the entry of a poll's answer are the same bytes, cut differently.

use alloc::boxed::Box;

use bytes::Bytes;

use crate::{ChannelName, Epoch, EventName, Payload};

/// An event as a client reads it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// Its channel.
    pub channel: ChannelName,
    /// The epoch of `offset`; left out where it is the one last told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// Its place in the channel.
    pub offset: u64,
    /// Its kind.
    pub event: EventName,
    /// The app's own value.
    #[serde(default = "Payload::null")]
    pub data: Payload,
    /// When it was published: RFC 3339 with milliseconds.
    pub time: Box<str>,
}

/// An event written once. Cloning shares the bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedEvent {
    frame: Bytes,
    entry_at: u32,
    data: (u32, u32),
    time_at: u32,
}

impl EncodedEvent {
    /// Of `frame`, a whole `event` frame: where the part begins that every transport shares, where
    /// the payload lies in it, and where the text of the time begins.
    pub(crate) const fn new(frame: Bytes, entry_at: u32, data: (u32, u32), time_at: u32) -> Self {
        Self { frame, entry_at, data, time_at }
    }

    /// The whole `event` frame as JSON text.
    pub const fn frame(&self) -> &Bytes {
        &self.frame
    }

    /// `"offset":…,"event":…,"data":…,"time":…}`: an entry of a poll's answer, but for its first
    /// brace.
    pub fn entry(&self) -> &[u8] {
        self.frame.get(self.entry_at as usize..).unwrap_or_default()
    }

    /// The payload's text.
    pub fn data(&self) -> &[u8] {
        self.frame.get(self.data.0 as usize..self.data.1 as usize).unwrap_or_default()
    }

    /// The time of publication, without quotes.
    pub fn time(&self) -> &[u8] {
        let end = self.frame.len().saturating_sub(2);
        self.frame.get(self.time_at as usize..end).unwrap_or_default()
    }

    /// How many bytes it takes in a history.
    pub const fn len(&self) -> usize {
        self.frame.len()
    }

    /// Never: a frame has at least its braces.
    pub const fn is_empty(&self) -> bool {
        self.frame.is_empty()
    }
}
