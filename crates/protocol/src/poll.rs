//! The answer to a poll, as a client reads it. A server writes it from already encoded events.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{ChannelName, Epoch, Event, EventName, Gap, Payload};

/// `GET /v1/channels/{channel}/events`: events after a position, and where that leaves the reader.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PollAnswer {
    /// The channel asked for.
    pub channel: ChannelName,
    /// The epoch of every offset here.
    pub epoch: Epoch,
    /// The position behind the last of `events`: what to ask for next.
    pub offset: u64,
    /// In offset order.
    pub events: Vec<PollEvent>,
    /// Whether the channel has ended and `events` reach its end.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// What can no longer be given, if anything.
    #[serde(default)]
    pub gap: Option<Gap>,
    /// How long to wait before the next poll, in milliseconds.
    pub next_poll_ms: u64,
}

/// One event of a poll's answer.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PollEvent {
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

impl PollEvent {
    /// The same event with its channel and epoch.
    pub fn into_event(self, channel: &ChannelName, epoch: &Epoch) -> Event {
        Event {
            channel: channel.clone(),
            epoch: Some(epoch.clone()),
            offset: self.offset,
            event: self.event,
            data: self.data,
            time: self.time,
        }
    }
}
