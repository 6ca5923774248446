//! Messages from node to node, beside the log, and who is there to be asked. In: the log's record,
//! which says who came and left, and messages that say who is still there. Out: messages, and a rpc
//! that knows the others. Must not know what is asked.

use std::collections::BTreeMap;

use steadfast_machine::Millis;

use super::session::NatsSession;
use super::supervisor::PRESENCE_MS;
use super::{NatsBroker, NatsShared, PROBE_TIMEOUT, barrier};
use crate::cluster::{GONE_MS, NodeId, Post, RpcRequest, RpcResponses, RpcState};

/// An answer leaves so much of the largest message for what is said of it.
const ENVELOPE_BYTES: usize = 1024;
/// Where the record says so little of a node, it is not there unless it says so itself.
const STALE_MS: u64 = PRESENCE_MS + GONE_MS;

/// The nodes of the record, and when each was last heard. It has no other node, so that it is no
/// larger than the record, and who leaves it is gone at once.
#[derive(Debug, Default)]
pub(super) struct NatsPresence {
    nodes: BTreeMap<String, SeenNode>,
}

/// One of them.
#[derive(Debug)]
struct SeenNode {
    /// When it last said in the record that it is there, by its clock.
    at: u64,
    /// When that or a message came, by the clock of this node.
    heard: Option<Millis>,
}

impl NatsPresence {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
    }

    /// The record has these nodes.
    pub(super) fn record(&mut self, nodes: &BTreeMap<String, u64>, now: Millis, date: u64) {
        self.nodes.retain(|node, _| nodes.contains_key(node));
        for (node, at) in nodes {
            let is_recent = date.saturating_sub(*at) <= STALE_MS;
            let seen = self.nodes.entry(node.clone()).or_insert(SeenNode { at: 0, heard: None });
            if seen.at != *at && is_recent {
                seen.heard = Some(now);
            }
            seen.at = *at;
        }
    }

    /// A node says that it is there.
    pub(super) fn hears(&mut self, node: &str, now: Millis) {
        if let Some(seen) = self.nodes.get_mut(node) {
            seen.heard = Some(now);
        }
    }

    /// When a node was heard.
    #[cfg(test)]
    pub(super) fn heard(&self, node: &str) -> Option<Millis> {
        self.nodes.get(node).and_then(|seen| seen.heard)
    }

    /// Has the rpc know who is there, or was a moment ago.
    fn show(&self, rpc: &RpcState, now: Millis) {
        let is_near = |seen: &SeenNode| seen.heard.is_some_and(|at| now.since(at).0 <= GONE_MS);
        let near = self.nodes.iter().filter(|(_, seen)| is_near(seen));
        rpc.sees(near.map(|(node, _)| &**node));
    }
}

/// Says that this node is there, and takes note of who else is.
pub(super) async fn beat(shared: &NatsShared, session: &NatsSession) {
    let words = format!("here {}", shared.node);
    shared.tell(session, shared.names.control.clone(), words).await;
    if shared.is_here() {
        shared.presence.lock().show(&shared.rpc, shared.clock.now());
    }
}

impl Post for NatsBroker {
    async fn look(&self) -> Option<()> {
        // Whoever can be asked is in the record since before it was ready.
        barrier::pass(&self.shared).await.ok()?;
        self.shared.presence.lock().show(&self.shared.rpc, self.shared.clock.now());
        Some(())
    }

    async fn send(&self, to: Option<&NodeId>, words: String) -> Option<()> {
        let session = self.shared.session().ok()?;
        let names = &self.shared.names;
        let to = to.map_or_else(|| names.control.clone(), |peer| names.to(&peer.word()));
        self.shared.tell(&session, to, words).await;
        Some(())
    }
}

impl NatsBroker {
    /// This node.
    pub(crate) fn peer(&self) -> &NodeId {
        self.shared.rpc.own()
    }

    /// Whether this is the only node, as far as can be found out in a moment.
    pub(crate) async fn is_alone(&self) -> bool {
        // Where nobody answers, what was last seen holds.
        drop(tokio::time::timeout(PROBE_TIMEOUT, Post::look(self)).await);
        self.shared.rpc.is_alone()
    }

    /// Asks the others, or the one of a run.
    pub(crate) async fn ask(&self, question: &str, run: Option<&str>) -> RpcResponses {
        self.shared.rpc.ask(self, question, run).await
    }

    /// The next question of another node.
    pub(crate) async fn asked(&self) -> RpcRequest {
        self.shared.rpc.asked().await
    }

    /// Answers it.
    pub(crate) async fn answer(&self, question: &RpcRequest, answer: &str) {
        // Without the server the asker is told that this node is silent.
        let Ok(session) = self.shared.session() else { return };
        let words = self.shared.rpc.answer(question, answer);
        self.shared.tell(&session, self.shared.names.to(&question.from), words).await;
    }

    /// How long an answer may be, as far as the server goes.
    pub(crate) fn answer_bytes_max(&self) -> usize {
        let session = self.shared.session();
        session.map_or(usize::MAX, |session| session.payload_max.saturating_sub(ENVELOPE_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use steadfast_machine::Millis;

    use super::{GONE_MS, NatsPresence, NodeId, RpcState, STALE_MS};

    const DATE: u64 = 1_000_000;

    fn record(nodes: &[(&str, u64)]) -> BTreeMap<String, u64> {
        nodes.iter().map(|(node, at)| ((*node).to_owned(), *at)).collect()
    }

    /// The runs of those who are there.
    fn there(presence: &NatsPresence, now: u64) -> Vec<String> {
        let rpc = RpcState::new(NodeId::of("own-0").unwrap());
        presence.show(&rpc, Millis(now));
        rpc.others().into_iter().map(|peer| peer.run).collect()
    }

    #[test]
    fn who_came_is_there_until_it_leaves_or_is_not_heard_for_ten_seconds() {
        let mut presence = NatsPresence::default();
        let nodes = [("own-0", DATE), ("a-1", DATE), ("b-2", DATE - STALE_MS)];
        presence.record(&record(&nodes), Millis(0), DATE);
        assert_eq!(there(&presence, GONE_MS), ["1", "2"]);
        presence.hears("a-1", Millis(GONE_MS));
        // Somebody else wrote the record; it says nothing new of these.
        presence.record(&record(&nodes), Millis(GONE_MS), DATE + GONE_MS);
        assert_eq!(there(&presence, GONE_MS + 1), ["1"]);
        assert_eq!(there(&presence, 2 * GONE_MS), ["1"]);
        assert_eq!(there(&presence, 2 * GONE_MS + 1), [""; 0]);
        let later = [("own-0", DATE), ("b-2", DATE + 2 * GONE_MS)];
        presence.record(&record(&later), Millis(3 * GONE_MS), DATE + 3 * GONE_MS);
        assert_eq!(there(&presence, 3 * GONE_MS), ["2"]);
        presence.hears("a-1", Millis(3 * GONE_MS));
        assert_eq!(there(&presence, 3 * GONE_MS), ["2"], "it has left");
        presence.clear();
        assert_eq!(there(&presence, 3 * GONE_MS), [""; 0]);
    }

    #[test]
    fn who_was_killed_long_ago_is_not_there_for_a_new_node_and_who_says_so_is() {
        let mut presence = NatsPresence::default();
        presence.record(&record(&[("a-1", DATE - STALE_MS - 1)]), Millis(7), DATE);
        assert_eq!(there(&presence, 7), [""; 0]);
        presence.hears("a-1", Millis(8));
        assert_eq!(there(&presence, 8), ["1"]);
    }
}
