//! The figures of a nats broker, for statistics and metrics. In: what it has counted. Out: an
//! object for the one, a sheet for the other.

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use serde::Serialize;

use steadfast_broker::NatsFigures;

/// The object in the statistics.
#[derive(Debug, Serialize)]
pub(super) struct Log {
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

impl From<NatsFigures> for Log {
    fn from(figures: NatsFigures) -> Self {
        Self {
            connected: figures.is_here,
            failing: figures.is_failing,
            sessions: figures.sessions,
            fences_raised: figures.fences,
            messages: figures.messages,
            applied: figures.applied,
            channels_repaired: figures.repairs,
            channels_stuck: figures.stuck,
            questions_dropped: figures.unheard,
        }
    }
}

/// Puts the figures among the metrics.
pub(super) fn register(figures: &NatsFigures, registry: &mut Registry) {
    let gauges = [
        ("nats_connected", "1 while this node reads the log", u64::from(figures.is_here)),
        ("nats_failing", "1 while the server takes no messages", u64::from(figures.is_failing)),
        ("nats_channels_stuck", "Channels that the log takes nothing of", figures.stuck as u64),
        ("nats_applied", "The newest message of the log taken in", figures.applied),
    ];
    for (name, about, value) in gauges {
        registry.register(name, about, ConstGauge::new(value));
    }
    let counters = [
        ("nats_sessions", "Sessions with the log begun", figures.sessions),
        ("nats_fences_raised", "Times that events were lost and epochs changed", figures.fences),
        ("nats_channels_repaired", "Channels that lost their newest event", figures.repairs),
        ("nats_messages", "Messages of the log that this node wrote", figures.messages),
        ("nats_questions_dropped", "Questions of other nodes without room", figures.unheard),
    ];
    for (name, about, value) in counters {
        registry.register(name, about, ConstCounter::new(value));
    }
}
