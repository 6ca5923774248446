//! One session as JSON. In: the hub's view of it. Out: the object for operators, with dates instead
//! of instants.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use steadfast_hub::ConnectionView;
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
}

impl Connection {
    /// The session of the shard with this index.
    pub(super) fn new(node: &Node, shard: usize, view: ConnectionView) -> Self {
        Self {
            id: SessionId::id(node, shard, view.session),
            node: node.config.node.name.as_str().into(),
            user: view.user,
            link: view.link,
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
        }
    }

    /// As JSON text. It has only numbers and names, which can always be written.
    pub(super) fn row(&self) -> Option<Box<RawValue>> {
        to_raw_value(self).ok()
    }
}
