//! The figures of a redis broker, for statistics and metrics. In: what it has counted. Out: an
//! object for the one, a sheet for the other.

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use steadfast_broker::RedisFigures;

/// The object in the statistics.
#[derive(Debug, Serialize)]
pub(super) struct Servers {
    all: usize,
    connected: usize,
    sessions: u64,
    fences_raised: u64,
    announcements_dropped: u64,
    questions_dropped: u64,
}

impl From<RedisFigures> for Servers {
    fn from(figures: RedisFigures) -> Self {
        Self {
            all: figures.servers,
            connected: figures.here,
            sessions: figures.sessions,
            fences_raised: figures.fences,
            announcements_dropped: figures.dropped,
            questions_dropped: figures.unheard,
        }
    }
}

/// Puts the figures among the metrics.
pub(super) fn register(figures: &RedisFigures, registry: &mut Registry) {
    let gauges = [
        ("redis_servers", "Servers of the broker", figures.servers),
        ("redis_servers_connected", "Servers that this node has a session with", figures.here),
    ];
    for (name, about, value) in gauges {
        registry.register(name, about, ConstGauge::new(value as u64));
    }
    let counters = [
        ("redis_sessions", "Sessions with servers begun", figures.sessions),
        ("redis_fences_raised", "Times that events were lost and epochs changed", figures.fences),
        ("redis_announcements_dropped", "Times that history made up for them", figures.dropped),
        ("redis_questions_dropped", "Questions of other nodes without room", figures.unheard),
    ];
    for (name, about, value) in counters {
        registry.register(name, about, ConstCounter::new(value));
    }
}
