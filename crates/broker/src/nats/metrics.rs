//! What a node counts of the log, for metrics and statistics. In: counters that the node's tasks
//! raise. Out: the values of a scrape.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::NatsShared;
use crate::metrics::{BrokerMetric, BrokerStat};

/// The counters of the metrics.
#[derive(Debug, Default)]
pub(super) struct NatsCounters {
    pub(super) is_failing: AtomicBool,
    pub(super) sessions: AtomicU64,
    pub(super) fences: AtomicU64,
    pub(super) messages: AtomicU64,
    pub(super) repairs: AtomicU64,
}

impl NatsShared {
    /// The metrics of a scrape.
    pub(super) fn metrics(&self) -> Vec<BrokerMetric> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (connected, stuck) = (u64::from(self.is_connected()), self.stuck() as u64);
        let failing = u64::from(self.counters.is_failing.load(Ordering::Relaxed));
        let [fences, repairs, messages] =
            [&self.counters.fences, &self.counters.repairs, &self.counters.messages].map(count);
        let (gauge, counter) = (BrokerMetric::gauge, BrokerMetric::counter);
        let lost = "Times that events were lost and epochs changed";
        let dropped = self.rpc.dropped();
        vec![
            gauge("nats_connected", "1 while this node reads the log", connected),
            gauge("nats_failing", "1 while the server refuses messages", failing),
            gauge("nats_channels_stuck", "Channels whose messages the stream refuses", stuck),
            gauge(
                "nats_applied",
                "Sequence number of the last applied message",
                *self.applied.borrow(),
            ),
            counter("nats_sessions", "Sessions with the log begun", self.sessions()),
            counter("nats_fences_raised", lost, fences),
            counter("nats_channels_repaired", "Channels whose last event was deleted", repairs),
            counter("nats_messages", "Messages that this node appended", messages),
            counter(
                "nats_questions_dropped",
                "Requests of other nodes dropped for lack of room",
                dropped,
            ),
        ]
    }

    /// The object of the statistics.
    pub(super) fn stats(&self) -> Vec<BrokerStat> {
        let count =
            |name, counter: &AtomicU64| BrokerStat::count(name, counter.load(Ordering::Relaxed));
        vec![
            BrokerStat::flag("connected", self.is_connected()),
            BrokerStat::flag("failing", self.counters.is_failing.load(Ordering::Relaxed)),
            BrokerStat::count("sessions", self.sessions()),
            count("fences_raised", &self.counters.fences),
            count("messages", &self.counters.messages),
            BrokerStat::count("applied", *self.applied.borrow()),
            count("channels_repaired", &self.counters.repairs),
            BrokerStat::count("channels_stuck", self.stuck() as u64),
            BrokerStat::count("questions_dropped", self.rpc.dropped()),
        ]
    }
}
