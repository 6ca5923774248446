//! The snapshot of a nats broker, for statistics and metrics. In: what it has counted. Out: an
//! object for the one, a sheet for the other.

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use steadfast_broker::NatsMetrics;

/// The object in the statistics.
#[derive(Debug, Serialize)]
pub(super) struct NatsStats {
    connected: bool,
    failing: bool,
    sessions: u64,
    fences_raised: u64,
    messages: u64,
    applied: u64,
    channels_repaired: u64,
    channels_stuck: usize,
    questions_dropped: u64,
}

impl From<NatsMetrics> for NatsStats {
    fn from(snapshot: NatsMetrics) -> Self {
        Self {
            connected: snapshot.is_here,
            failing: snapshot.is_failing,
            sessions: snapshot.sessions,
            fences_raised: snapshot.fences,
            messages: snapshot.messages,
            applied: snapshot.applied,
            channels_repaired: snapshot.repairs,
            channels_stuck: snapshot.stuck,
            questions_dropped: snapshot.unheard,
        }
    }
}

/// Puts the snapshot among the metrics.
pub(super) fn register(snapshot: &NatsMetrics, registry: &mut Registry) {
    let gauges = [
        ("nats_connected", "1 while this node reads the log", u64::from(snapshot.is_here)),
        ("nats_failing", "1 while the server takes no messages", u64::from(snapshot.is_failing)),
        ("nats_channels_stuck", "Channels that the log takes nothing of", snapshot.stuck as u64),
        ("nats_applied", "The newest message of the log taken in", snapshot.applied),
    ];
    for (name, about, value) in gauges {
        registry.register(name, about, ConstGauge::new(value));
    }
    let counters = [
        ("nats_sessions", "Sessions with the log begun", snapshot.sessions),
        ("nats_fences_raised", "Times that events were lost and epochs changed", snapshot.fences),
        ("nats_channels_repaired", "Channels that lost their newest event", snapshot.repairs),
        ("nats_messages", "Messages of the log that this node wrote", snapshot.messages),
        ("nats_questions_dropped", "Questions of other nodes without room", snapshot.unheard),
    ];
    for (name, about, value) in counters {
        registry.register(name, about, ConstCounter::new(value));
    }
}
