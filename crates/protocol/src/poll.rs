//! The answer to a poll, as a client reads it. A server writes it from already encoded events.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::{ChannelName, Epoch, Event, EventName, Gap, Payload, Position};

/// What a poll brought: of one channel (`GET /v1/channels/{channel}/events`) or of many
/// (`POST /v1/poll`). Reads either body.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "Body")]
pub struct PollAnswer {
    /// One for each channel that has something to say.
    pub pages: Vec<PollPage>,
    /// The channels that are not served, each with the reason.
    pub refused: Vec<PollRefusal>,
    /// How long to wait before the next poll, in milliseconds.
    pub next_poll_ms: u64,
}

/// One channel's events after a position, and where that leaves the reader.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PollPage {
    /// Which channel.
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
}

/// One entry of a poll that the server does not serve.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PollRefusal {
    /// Its channel, or `[n]` where it has no name.
    pub channel: Box<str>,
    /// The stable word.
    pub code: Box<str>,
    /// In words, for a developer.
    pub detail: Box<str>,
}

/// The fields of both bodies. Not an untagged enum, since that would buffer the payloads.
#[derive(serde::Deserialize)]
struct Body {
    pages: Option<Vec<PollPage>>,
    #[serde(default)]
    refused: Vec<PollRefusal>,
    next_poll_ms: u64,
    channel: Option<ChannelName>,
    epoch: Option<Epoch>,
    offset: Option<u64>,
    events: Option<Vec<PollEvent>>,
    #[serde(rename = "final")]
    is_final: Option<bool>,
    gap: Option<Gap>,
}

impl PollPage {
    /// Nothing new behind this position.
    pub fn empty(channel: ChannelName, position: Position) -> Self {
        let Position { epoch, offset } = position;
        Self { channel, epoch, offset, events: Vec::new(), is_final: false, gap: None }
    }
}

impl TryFrom<Body> for PollAnswer {
    type Error = &'static str;

    fn try_from(body: Body) -> Result<Self, Self::Error> {
        let Body { refused, next_poll_ms, gap, .. } = body;
        let pages = match (body.pages, body.channel, body.epoch, body.offset, body.events) {
            (Some(pages), _, _, _, _) => pages,
            (None, Some(channel), Some(epoch), Some(offset), Some(events)) => {
                let is_final = body.is_final.ok_or("`final` is missing")?;
                alloc::vec![PollPage { channel, epoch, offset, events, is_final, gap }]
            }
            (None, _, _, _, _) => return Err("neither a page nor a list of pages"),
        };
        Ok(Self { pages, refused, next_poll_ms })
    }
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
