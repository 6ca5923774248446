//! All numbers of the node at one time, for statistics and metrics. In: a node. Out: numbers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use steadfast_history::{ReservedTotals, YieldTotals};
use steadfast_hub::Totals;

use crate::node::Node;

/// Names that are read under one lock of a hub.
const NAMES_PER_LOCK: usize = 1_000;

/// The numbers of a node.
#[derive(Clone, Debug)]
pub(super) struct NodeSnapshot {
    /// Counts of sessions and members.
    pub(super) totals: Totals,
    /// Channels that sessions follow.
    pub(super) followed: usize,
    /// Channels that the broker knows.
    pub(super) kept: usize,
    /// Bytes of all events kept.
    pub(super) history_bytes: usize,
    /// What has gone before its time to make room.
    pub(super) yields: YieldTotals,
    /// Epochs reserved for names without events.
    pub(super) reserved_epochs: ReservedTotals,
    /// Connections refused because there were too many.
    pub(super) refused: u64,
    /// Requests and handshakes refused for another reason.
    pub(super) rejected: u64,
    /// Events published.
    pub(super) published: u64,
    /// Publishes that repeated an earlier one.
    pub(super) repeated: u64,
    /// Publishes refused.
    pub(super) publish_errors: u64,
    /// Tokens whose slow signatures are not checked yet.
    pub(super) tokens_waiting: usize,
    /// Tickets of the last 30 s.
    pub(super) tickets: usize,
    /// Revocations of tokens.
    pub(super) revocations: usize,
    /// Polls answered.
    pub(super) polls: u64,
    /// Polls refused because other answers held all that they may.
    pub(super) polls_refused: u64,
    /// Bytes of events that the answers to polls hold.
    pub(super) poll_bytes: usize,
    /// Responses given up because their peer took them too slowly.
    pub(super) responses_slow: u64,
    /// Sockets open on the public port.
    pub(super) sockets: u64,
    /// The same of the internal port.
    pub(super) internal_refused: u64,
    /// The same of the internal port.
    pub(super) internal_sockets: u64,
    /// Updates on their way to the hubs.
    pub(super) in_flight: usize,
    /// Seconds since the start.
    pub(super) uptime_seconds: u64,
}

impl NodeSnapshot {
    /// Reads all numbers.
    pub(super) async fn of(node: &Node) -> Self {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &node.counters;
        let (kept, history_bytes) = node.broker.size();
        Self {
            totals: node.totals(),
            followed: followed(node).await,
            kept,
            history_bytes,
            yields: node.broker.yields(),
            reserved_epochs: node.broker.reserved_epochs(),
            refused: count(&counters.refused),
            rejected: count(&counters.rejected),
            published: count(&counters.published),
            repeated: count(&counters.repeated),
            publish_errors: count(&counters.publish_errors),
            tickets: node.tickets.len(),
            revocations: node.revocations.len(),
            tokens_waiting: node.admissions.waiting(),
            polls: count(&counters.polls),
            polls_refused: count(&counters.polls_refused),
            poll_bytes: node.answer_budget.taken(),
            responses_slow: count(&counters.responses_slow),
            sockets: count(&counters.sockets),
            internal_refused: count(&counters.internal_refused),
            internal_sockets: count(&counters.internal_sockets),
            in_flight: node.updates.in_flight(),
            uptime_seconds: node.clock.now().0 / 1000,
        }
    }
}

/// Channels with members on any shard, each counted once.
async fn followed(node: &Node) -> usize {
    let mut names = BTreeSet::new();
    for shard in &*node.shards {
        let mut after = None;
        loop {
            let page = shard.with(|hub, _| hub.followed(after.as_ref(), NAMES_PER_LOCK));
            after = page.last().cloned();
            let is_last = page.len() < NAMES_PER_LOCK;
            names.extend(page);
            if is_last {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    names.len()
}
