//! `GET /v1/stats`: the node's statistics in one object.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hyper::Uri;
use serde::Serialize;
use steadfast_protocol::Timestamp;

use crate::node::Node;
use crate::problem::Problem;

use super::disk_metrics::DiskStats;
use super::nats_metrics::NatsStats;
use super::query::Query;
use super::redis_metrics::RedisStats;
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
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<DiskStats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<RedisStats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nats: Option<NatsStats>,
    polls: u64,
    sockets: u64,
    requests_rejected: u64,
    version: &'static str,
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

/// ChannelStats: those with history, those with subscribers, and all subscriptions.
#[derive(Debug, Serialize)]
struct ChannelStats {
    kept: usize,
    followed: usize,
    subscriptions: u64,
}

/// Events that came in, went out, waited for a slow reader, or were refused.
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
        disk: snapshot.disk.map(DiskStats::from),
        redis: snapshot.redis.map(RedisStats::from),
        nats: snapshot.nats.map(NatsStats::from),
        polls: snapshot.polls,
        sockets: snapshot.sockets,
        requests_rejected: snapshot.rejected,
        version: env!("CARGO_PKG_VERSION"),
    }))
}
