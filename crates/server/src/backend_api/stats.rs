//! `GET /v1/stats`: the node's statistics in one object.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use hyper::Uri;
use serde::{Serialize, Serializer};
use steadfast_broker::BrokerStat;
use steadfast_hub::Totals;
use steadfast_protocol::Timestamp;

use crate::node::Node;
use crate::problem::Problem;

use super::limit_use::{self, LimitUse};
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
    transports: TransportStats,
    quality: QualityStats,
    history_bytes: usize,
    /// What the process holds, as far as the system tells.
    memory_bytes: Option<u64>,
    limits: Vec<LimitUse>,
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

/// Live sessions by transport: whatever is no WebSocket is a fallback.
#[derive(Debug, Serialize)]
struct TransportStats {
    websocket: u64,
    sse: u64,
    poll: u64,
}

/// What the links of live sessions last said of themselves.
#[derive(Debug, Serialize)]
struct QualityStats {
    excellent: u64,
    good: u64,
    fair: u64,
    poor: u64,
    bad: u64,
    /// Those that have said nothing, or not enough.
    unknown: u64,
    /// The mean over the links that told theirs, in percent.
    availability: Option<f64>,
    /// The same of realtime availability.
    realtime_availability: Option<f64>,
}

impl QualityStats {
    fn of(totals: &Totals) -> Self {
        let quality = &totals.quality;
        let [_, bad, poor, fair, good, excellent] = quality.grades;
        let known = bad + poor + fair + good + excellent;
        let mean = |sum: u64| {
            // Both are far below 2^53, and a mean of percents needs no more digits.
            #[expect(clippy::cast_precision_loss, reason = "a few digits are enough")]
            let mean = |count: u64| (sum / count) as f64 / 100.0;
            (quality.reporting > 0).then(|| mean(quality.reporting))
        };
        Self {
            excellent,
            good,
            fair,
            poor,
            bad,
            unknown: totals.connections.saturating_sub(known),
            availability: mean(quality.availability),
            realtime_availability: mean(quality.realtime_availability),
        }
    }
}

/// Answers with the statistics.
pub(super) async fn stats(State(node): State<Arc<Node>>, uri: Uri) -> Result<Json<Stats>, Problem> {
    Query::read(&uri, &[])?;
    let snapshot = NodeSnapshot::of(&node).await;
    let totals = snapshot.totals;
    let [websocket, sse, poll] = totals.transports;
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
        transports: TransportStats { websocket, sse, poll },
        quality: QualityStats::of(&totals),
        memory_bytes: resident_bytes(),
        limits: limit_use::of(&node, &snapshot),
        history_bytes: snapshot.history_bytes,
        of_broker: BrokerStats { broker: node.broker.name(), stats: node.broker.stats() },
        polls: snapshot.polls,
        sockets: snapshot.sockets,
        requests_rejected: snapshot.rejected,
        version: env!("CARGO_PKG_VERSION"),
    }))
}

/// The memory that the process holds, from `/proc`; `None` where there is none.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024)
}
