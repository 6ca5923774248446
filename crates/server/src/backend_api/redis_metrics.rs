//! The snapshot of a redis broker, for statistics and metrics. In: what it has counted. Out: an
//! object for the one, a sheet for the other.

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use steadfast_broker::RedisMetrics;

/// The object in the statistics.
#[derive(Debug, Serialize)]
pub(super) struct RedisStats {
    all: usize,
    connected: usize,
    sessions: u64,
    fences_raised: u64,
    announcements_dropped: u64,
    questions_dropped: u64,
}

impl From<RedisMetrics> for RedisStats {
    fn from(snapshot: RedisMetrics) -> Self {
        Self {
            all: snapshot.servers,
            connected: snapshot.here,
            sessions: snapshot.sessions,
            fences_raised: snapshot.fences,
            announcements_dropped: snapshot.dropped,
            questions_dropped: snapshot.unheard,
        }
    }
}

/// Puts the snapshot among the metrics.
pub(super) fn register(snapshot: &RedisMetrics, registry: &mut Registry) {
    let gauges = [
        ("redis_servers", "RedisStats of the broker", snapshot.servers),
        ("redis_servers_connected", "RedisStats that this node has a session with", snapshot.here),
    ];
    for (name, about, value) in gauges {
        registry.register(name, about, ConstGauge::new(value as u64));
    }
    let counters = [
        ("redis_sessions", "Sessions with servers begun", snapshot.sessions),
        ("redis_fences_raised", "Times that events were lost and epochs changed", snapshot.fences),
        ("redis_announcements_dropped", "Times that history made up for them", snapshot.dropped),
        ("redis_questions_dropped", "Questions of other nodes without room", snapshot.unheard),
    ];
    for (name, about, value) in counters {
        registry.register(name, about, ConstCounter::new(value));
    }
}
