//! `GET /v1/stats`: the node's statistics in one object.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hyper::Uri;
use serde::{Serialize, Serializer};
use steadfast_broker::BrokerStat;
use steadfast_protocol::Timestamp;

use crate::node::Node;
use crate::problem::Problem;

use super::query::Query;
use super::snapshot::NodeSnapshot;

/// The statistics.
#[derive(Debug, Serialize)]
pub(super) struct Stats {
    node: String,
    region: String,
    broker: &'static str,
    started_at: Timestamp,
    uptime_seconds: u64,
    draining: bool,
    connections: ConnectionStats,
    channels: ChannelStats,
    events: EventStats,
    history_bytes: usize,
    #[serde(flatten)]
    of_broker: BrokerStats,
    polls: u64,
    sockets: u64,
    requests_rejected: u64,
    version: &'static str,
}

/// What the broker tells of itself, as an object under its name.
#[derive(Debug)]
struct BrokerStats {
    broker: &'static str,
    stats: Vec<BrokerStat>,
}

impl Serialize for BrokerStats {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let stats = StatsObject(&self.stats);
        serializer.collect_map((!self.stats.is_empty()).then_some((self.broker, stats)))
    }
}

/// An object with its members in the order of a list.
struct StatsObject<'a>(&'a [BrokerStat]);

impl Serialize for StatsObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|stat| (stat.name, stat.value)))
    }
}

/// Sessions. `healthy` is as of the last sweep.
#[derive(Debug, Serialize)]
struct ConnectionStats {
    now: u64,
    peak: u64,
    accepted: u64,
    refused: u64,
    closed: u64,
    replaced: u64,
    stale: u64,
    slow: u64,
    healthy: u64,
}

/// Channels: those with history, those with subscribers, and all subscriptions.
#[derive(Debug, Serialize)]
struct ChannelStats {
    kept: usize,
    followed: usize,
    subscriptions: u64,
}

/// Events that were published, were delivered, waited for a slow reader, or were refused.
#[derive(Debug, Serialize)]
struct EventStats {
    published: u64,
    deliveries: u64,
    lagged: u64,
    repeated: u64,
    publish_errors: u64,
}

/// Answers with the statistics.
pub(super) async fn stats(State(node): State<Arc<Node>>, uri: Uri) -> Result<Json<Stats>, Problem> {
    Query::read(&uri, &[])?;
    let snapshot = NodeSnapshot::of(&node).await;
    let totals = snapshot.totals;
    Ok(Json(Stats {
        node: node.config.node.name.clone(),
        region: node.config.node.region.clone(),
        broker: node.broker.name(),
        started_at: node.started,
        uptime_seconds: snapshot.uptime_seconds,
        draining: node.is_draining(),
        connections: ConnectionStats {
            now: totals.connections,
            peak: totals.peak,
            accepted: totals.accepted,
            refused: snapshot.refused,
            closed: totals.closed,
            replaced: totals.replaced,
            stale: totals.stale,
            slow: totals.slow,
            healthy: totals.healthy,
        },
        channels: ChannelStats {
            kept: snapshot.kept,
            followed: snapshot.followed,
            subscriptions: totals.members,
        },
        events: EventStats {
            published: snapshot.published,
            deliveries: totals.deliveries,
            lagged: totals.lagged,
            repeated: snapshot.repeated,
            publish_errors: snapshot.publish_errors,
        },
        history_bytes: snapshot.history_bytes,
        of_broker: BrokerStats { broker: node.broker.name(), stats: node.broker.stats() },
        polls: snapshot.polls,
        sockets: snapshot.sockets,
        requests_rejected: snapshot.rejected,
        version: env!("CARGO_PKG_VERSION"),
    }))
}
