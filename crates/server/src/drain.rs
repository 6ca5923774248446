//! How a node leaves: it takes nobody new, sends every link away, gives them the time for it and
//! closes what is left. In: SIGTERM, or `POST /v1/drain`. Out: the plan at once, and the end. Both
//! may ask, in any order: the node leaves once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use steadfast_machine::Span;
use steadfast_protocol::CloseCode;
use tokio::sync::OnceCell;

use crate::config::Config;
use crate::node::Node;

/// How often a draining node checks whether its sessions have ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);
/// How long links may take to leave if there is no other node of this service: a client with
/// another endpoint goes there, and no other client can connect before this node is back.
const ALONE_SPREAD_MS: u64 = 1_000;
const ALONE_DEADLINE_MS: u64 = 2_000;
/// How long the last close frames may take to be sent …
const CLOSE_GRACE_MS: u64 = 3_000;
/// … and by a node that is alone, which is gone within three seconds.
const ALONE_CLOSE_GRACE_MS: u64 = 800;
/// The part of the rate at which other nodes accept connections that the links of this one may
/// take: one in so many. The rest is for clients that come anyway.
const RATE_PART: u64 = 2;

/// Whether a node leaves, and how.
#[derive(Debug, Default)]
pub(crate) struct DrainState {
    is_begun: AtomicBool,
    spread_ms: AtomicU64,
    plan: OnceCell<DrainPlan>,
    end: OnceCell<()>,
}

/// When the links of a node are told to leave, and until when they may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DrainPlan {
    /// How many sessions there were.
    pub(crate) connections: u64,
    /// How many other nodes there are for them.
    pub(crate) other_nodes: usize,
    /// When the first leaves.
    pub(crate) after_ms: u64,
    /// Over how long they leave then.
    pub(crate) spread_ms: u64,
    /// When what is left is closed.
    pub(crate) deadline_ms: u64,
    /// How long that may take.
    #[serde(skip)]
    grace_ms: u64,
}

impl DrainState {
    /// Whether the node leaves.
    pub(crate) fn is_begun(&self) -> bool {
        self.is_begun.load(Ordering::Acquire)
    }

    /// Over how long clients are sent away.
    pub(crate) fn spread_ms(&self) -> u64 {
        self.spread_ms.load(Ordering::Relaxed)
    }

    /// From now on no new session is accepted, and HTTP clients are told to come back within this
    /// time.
    pub(crate) fn set_begun(&self, spread_ms: u64) {
        self.spread_ms.store(spread_ms, Ordering::Relaxed);
        self.is_begun.store(true, Ordering::Release);
    }
}

impl DrainPlan {
    /// Sends this many links to so many other nodes. They leave over `drain.spread_ms`, or longer
    /// where the others would otherwise be sent more than a part of what each accepts in a second,
    /// which is taken to be what this node accepts.
    fn new(config: &Config, connections: u64, other_nodes: usize) -> Self {
        let (settings, rate) = (&config.drain, config.public.connects_per_second_max);
        let after_ms = settings.after_ms;
        if other_nodes == 0 {
            return Self {
                connections,
                other_nodes,
                after_ms,
                spread_ms: settings.spread_ms.min(ALONE_SPREAD_MS),
                deadline_ms: settings.deadline_ms.min(after_ms + ALONE_DEADLINE_MS),
                grace_ms: ALONE_CLOSE_GRACE_MS,
            };
        }
        let taken = u64::from(rate).saturating_mul(other_nodes as u64);
        let needed_ms = (connections * 1_000 * RATE_PART).checked_div(taken).unwrap_or(0);
        let longest_ms = settings.deadline_ms.saturating_sub(after_ms);
        Self {
            connections,
            other_nodes,
            after_ms,
            spread_ms: needed_ms.min(longest_ms).max(settings.spread_ms),
            deadline_ms: settings.deadline_ms,
            grace_ms: CLOSE_GRACE_MS,
        }
    }

    /// How long it takes at most.
    pub(crate) const fn duration(&self) -> Duration {
        Duration::from_millis(self.deadline_ms + self.grace_ms)
    }
}

/// Takes nobody new from now on. Returns the plan, the same however often this is called.
pub(crate) async fn begin(node: &Node) -> DrainPlan {
    let plan = node.drain.plan.get_or_init(|| async {
        // It may take a moment to find out how many other nodes there are.
        node.drain.set_begun(node.config.drain.spread_ms);
        let other_nodes = node.broker.other_nodes().await;
        let plan = DrainPlan::new(&node.config, node.totals().connections, other_nodes);
        node.drain.set_begun(plan.spread_ms);
        let DrainPlan { connections, spread_ms, deadline_ms, .. } = plan;
        tracing::info!(connections, other_nodes, spread_ms, deadline_ms, "draining");
        plan
    });
    *plan.await
}

/// Sends every link away, gives them the time for it, then closes what is left. Returns once that
/// is done, whoever began it.
pub(crate) async fn complete(node: &Node) {
    let end = node.drain.end.get_or_init(|| async {
        let plan = begin(node).await;
        let (after, spread) = (Span(plan.after_ms), Span(plan.spread_ms));
        for shard in &*node.shards {
            shard.with(|hub, now| hub.go_away(now, after, spread, None));
        }
        until_empty(node, plan.deadline_ms).await;
        for shard in &*node.shards {
            let (code, reason) = (CloseCode::RESTART, "the server restarts");
            shard.with(|hub, now| hub.close_all(now, code, reason));
        }
        until_empty(node, plan.grace_ms).await;
        tracing::info!(connections = node.totals().connections, "drained");
    });
    end.await;
}

/// Waits until no session is left, at most this long.
async fn until_empty(node: &Node, at_most_ms: u64) {
    let empty = async {
        while node.totals().connections > 0 {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
    };
    // A session that is still open then has had its time.
    drop(tokio::time::timeout(Duration::from_millis(at_most_ms), empty).await);
}

#[cfg(test)]
mod tests {
    use super::DrainPlan;
    use crate::config::Config;

    fn plan(connections: u64, other_nodes: usize, rate: u32) -> (u64, u64) {
        let mut config = Config::default();
        config.public.connects_per_second_max = rate;
        let plan = DrainPlan::new(&config, connections, other_nodes);
        (plan.spread_ms, plan.deadline_ms)
    }

    #[test]
    fn links_leave_no_faster_than_the_others_can_take_them() {
        assert_eq!(plan(16_000, 2, 10_000), (10_000, 30_000), "the setting is enough");
        assert_eq!(plan(16_000, 2, 1_000), (16_000, 30_000));
        assert_eq!(plan(16_000, 1, 1_000), (30_000, 30_000), "the deadline holds");
        assert_eq!(plan(16_000, 4, 1_000), (10_000, 30_000));
        assert_eq!(plan(16_000, 2, 0), (10_000, 30_000), "no limit");
        assert_eq!(plan(0, 2, 1), (10_000, 30_000));
    }

    #[test]
    fn a_node_that_is_alone_is_gone_within_three_seconds() {
        assert_eq!(plan(16_000, 0, 10), (1_000, 2_000));
        let plan = DrainPlan::new(&Config::default(), 1, 0);
        assert!(plan.duration().as_millis() < 3_000, "{plan:?}");
    }
}
