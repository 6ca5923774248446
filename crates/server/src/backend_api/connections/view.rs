//! One session as JSON. In: the hub's view of it. Out: the object for operators, with dates instead
//! of instants.

use std::net::IpAddr;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use steadfast_hub::{ConnectionView, TimelineEntry, TimelineEvent};
use steadfast_protocol::codec::json::LinkStats;
use steadfast_protocol::{ChannelName, ClientInfo, Generation, LinkId, Payload, Timestamp, UserId};

use super::session_id::SessionId;
use crate::node::Node;

/// One session.
#[derive(Debug, Serialize)]
pub(in crate::backend_api) struct Connection {
    id: String,
    node: Box<str>,
    user: Option<UserId>,
    link: LinkId,
    address: Option<IpAddr>,
    generation: Generation,
    transport: &'static str,
    client: Option<ClientInfo>,
    channels: Vec<ChannelName>,
    connected_at: Timestamp,
    last_heartbeat: Timestamp,
    idle_seconds: u64,
    healthy: bool,
    message_count: u64,
    event_count: u64,
    bytes_sent: u64,
    bytes_received: u64,
    queued: usize,
    stats: Option<Payload>,
    /// What happened to its link on this node; only where one session is looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    timeline: Option<Vec<TimelineRow>>,
}

/// One entry of a timeline.
#[derive(Debug, Serialize)]
struct TimelineRow {
    at: Timestamp,
    #[serde(flatten)]
    event: TimelineText,
}

/// What happened.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum TimelineText {
    Opened { generation: Generation, transport: &'static str },
    Reported { grade: &'static str, score: Option<u8>, rtt_ms: Option<u32> },
    FellBehind,
    Closed { code: u16, reason: Box<str> },
}

impl Connection {
    /// The session of the shard with this index.
    pub(super) fn new(node: &Node, shard: usize, view: ConnectionView) -> Self {
        Self {
            id: SessionId::id(node, shard, view.session),
            node: node.config.node.name.as_str().into(),
            user: view.user,
            link: view.link,
            address: view.address.map(|address| address.to_canonical()),
            generation: view.generation,
            transport: view.transport.as_str(),
            client: view.client,
            channels: view.channels,
            connected_at: node.clock.date_of(view.opened),
            last_heartbeat: node.clock.date_of(view.last_heard),
            idle_seconds: view.idle.0 / 1000,
            healthy: view.is_healthy,
            message_count: view.message_count,
            event_count: view.event_count,
            bytes_sent: view.bytes_sent,
            bytes_received: view.bytes_received,
            queued: view.queued,
            stats: view.stats,
            timeline: None,
        }
    }

    /// The same with its timeline.
    pub(super) fn with_timeline(mut self, node: &Node, entries: Vec<TimelineEntry>) -> Self {
        let row = |entry: TimelineEntry| TimelineRow {
            at: node.clock.date_of(entry.at),
            event: TimelineText::from(entry.event),
        };
        self.timeline = Some(entries.into_iter().map(row).collect());
        self
    }

    /// As JSON text. It has only numbers and names, which can always be written.
    pub(super) fn row(&self) -> Option<Box<RawValue>> {
        to_raw_value(self).ok()
    }
}

impl From<TimelineEvent> for TimelineText {
    fn from(event: TimelineEvent) -> Self {
        match event {
            TimelineEvent::Opened { generation, transport } => {
                Self::Opened { generation, transport: transport.as_str() }
            }
            TimelineEvent::Reported(LinkStats { grade, score, rtt_ms, .. }) => {
                Self::Reported { grade: grade.as_str(), score, rtt_ms }
            }
            TimelineEvent::FellBehind => Self::FellBehind,
            TimelineEvent::Closed { code, reason } => Self::Closed { code: code.0, reason },
        }
    }
}
