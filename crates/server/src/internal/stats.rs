//! `GET /v1/stats`: the node's statistics in one object.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hyper::Uri;
use serde::Serialize;
use steadfast_protocol::Timestamp;

use crate::node::Node;
use crate::problem::Problem;

use super::disk::Disk;
use super::figures::Figures;
use super::log::Log;
use super::query::Query;
use super::servers::Servers;

/// The statistics.
#[derive(Debug, Serialize)]
pub(super) struct Stats {
    node: String,
    region: String,
    broker: &'static str,
    started_at: Timestamp,
    uptime_seconds: u64,
    draining: bool,
    connections: Connections,
    channels: Channels,
    events: Events,
    history_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Disk>,
    #[serde(skip_serializing_if = "Option::is_none")]
    redis: Option<Servers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nats: Option<Log>,
    polls: u64,
    sockets: u64,
    requests_rejected: u64,
    version: &'static str,
}

/// Sessions. `healthy` is as of the last sweep.
#[derive(Debug, Serialize)]
struct Connections {
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
struct Channels {
    kept: usize,
    followed: usize,
    subscriptions: u64,
}

/// Events that came in, went out, waited for a slow reader, or were refused.
#[derive(Debug, Serialize)]
struct Events {
    published: u64,
    deliveries: u64,
    lagged: u64,
    repeated: u64,
    publish_errors: u64,
}

/// Answers with the statistics.
pub(super) async fn stats(State(node): State<Arc<Node>>, uri: Uri) -> Result<Json<Stats>, Problem> {
    Query::read(&uri, &[])?;
    let figures = Figures::of(&node).await;
    let totals = figures.totals;
    Ok(Json(Stats {
        node: node.config.node.name.clone(),
        region: node.config.node.region.clone(),
        broker: node.broker.name(),
        started_at: node.started,
        uptime_seconds: figures.uptime_seconds,
        draining: node.is_draining(),
        connections: Connections {
            now: totals.connections,
            peak: totals.peak,
            accepted: totals.accepted,
            refused: figures.refused,
            closed: totals.closed,
            replaced: totals.replaced,
            stale: totals.stale,
            slow: totals.slow,
            healthy: totals.healthy,
        },
        channels: Channels {
            kept: figures.kept,
            followed: figures.followed,
            subscriptions: totals.members,
        },
        events: Events {
            published: figures.published,
            deliveries: totals.deliveries,
            lagged: totals.lagged,
            repeated: figures.repeated,
            publish_errors: figures.publish_errors,
        },
        history_bytes: figures.history_bytes,
        disk: figures.disk.map(Disk::from),
        redis: figures.redis.map(Servers::from),
        nats: figures.nats.map(Log::from),
        polls: figures.polls,
        sockets: figures.sockets,
        requests_rejected: figures.rejected,
        version: env!("CARGO_PKG_VERSION"),
    }))
}
