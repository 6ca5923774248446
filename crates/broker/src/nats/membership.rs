//! Messages between nodes, outside the log, and the list of present nodes. In: the log's record,
//! which lists the nodes that joined and did not leave, and heartbeats of nodes. Out: messages, and
//! the list of nodes. Must not know the contents of requests.

use std::collections::BTreeMap;

use steadfast_machine::Millis;

use super::session::NatsSession;
use super::supervisor::PRESENCE_MS;
use super::{NatsBroker, NatsShared, barrier};
use crate::cluster::{
    ABSENT_AFTER_MS, ClusterMessage, ClusterTransport, Destination, RpcState, is_present,
};

/// Bytes of the largest message that are reserved for the envelope of a response.
const ENVELOPE_BYTES: usize = 1024;
/// A node whose entry in the record is older than this is absent until a message of it arrives.
const STALE_MS: u64 = PRESENCE_MS + ABSENT_AFTER_MS;

/// The nodes of the record, and when each was last heard from. It has no other nodes, so it is no
/// larger than the record, and a node that leaves the record is absent at once.
#[derive(Debug, Default)]
pub(super) struct NatsPresence {
    nodes: BTreeMap<String, SeenNode>,
}

/// One of them.
#[derive(Debug)]
struct SeenNode {
    /// When it last wrote its entry in the record, by its clock.
    at: u64,
    /// When that or a message of it arrived, by the clock of this node.
    heard: Option<Millis>,
}

impl NatsPresence {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
    }

    /// Takes over the nodes of the record.
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

    /// A message of the node arrived.
    pub(super) fn hears(&mut self, node: &str, now: Millis) {
        if let Some(seen) = self.nodes.get_mut(node) {
            seen.heard = Some(now);
        }
    }

    /// When the node was last heard from.
    #[cfg(test)]
    pub(super) fn heard(&self, node: &str) -> Option<Millis> {
        self.nodes.get(node).and_then(|seen| seen.heard)
    }

    /// Hands the nodes that are present to `rpc`.
    fn show(&self, rpc: &RpcState, now: Millis) {
        let is_connected = |seen: &SeenNode| seen.heard.is_some_and(|at| is_present(now.0, at.0));
        let present = self.nodes.iter().filter(|(_, seen)| is_connected(seen));
        rpc.set_members(present.map(|(node, _)| &**node));
    }
}

/// Sends a heartbeat to the other nodes, and updates which of them are present.
pub(super) async fn beat(shared: &NatsShared, session: &NatsSession) {
    let alive = ClusterMessage::Alive { node: shared.rpc.own().clone() };
    shared.send_message(session, shared.names.control.clone(), &alive).await;
    if shared.is_connected() {
        shared.presence.lock().show(&shared.rpc, shared.clock.now());
    }
}

impl ClusterTransport for NatsBroker {
    fn rpc(&self) -> &RpcState {
        &self.shared.rpc
    }

    async fn refresh_members(&self) -> Option<()> {
        // A node is in the record before it is ready.
        barrier::pass(&self.shared).await.ok()?;
        self.shared.presence.lock().show(&self.shared.rpc, self.shared.clock.now());
        Some(())
    }

    async fn send(&self, to: Destination<'_>, message: &ClusterMessage) -> Option<()> {
        let session = self.shared.session().ok()?;
        let names = &self.shared.names;
        let subject = match to {
            Destination::AllNodes => names.control.clone(),
            Destination::Node(node) => names.to(node),
            Destination::SenderOf(request) => names.to(&request.from),
        };
        self.shared.send_message(&session, subject, message).await;
        Some(())
    }

    fn response_bytes_max(&self) -> usize {
        let session = self.shared.session();
        session.map_or(usize::MAX, |session| session.payload_max.saturating_sub(ENVELOPE_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use steadfast_machine::Millis;

    use super::{ABSENT_AFTER_MS, NatsPresence, RpcState, STALE_MS};
    use crate::cluster::NodeId;

    const DATE: u64 = 1_000_000;

    fn record(nodes: &[(&str, u64)]) -> BTreeMap<String, u64> {
        nodes.iter().map(|(node, at)| ((*node).to_owned(), *at)).collect()
    }

    /// The runs of the nodes that are present.
    fn there(presence: &NatsPresence, now: u64) -> Vec<String> {
        let rpc = RpcState::new(NodeId::parse("own-0").unwrap());
        presence.show(&rpc, Millis(now));
        rpc.others().into_iter().map(|node| node.run).collect()
    }

    #[test]
    fn who_came_is_there_until_it_leaves_or_is_not_heard_for_ten_seconds() {
        let mut presence = NatsPresence::default();
        let nodes = [("own-0", DATE), ("a-1", DATE), ("b-2", DATE - STALE_MS)];
        presence.record(&record(&nodes), Millis(0), DATE);
        assert_eq!(there(&presence, ABSENT_AFTER_MS), ["1", "2"]);
        presence.hears("a-1", Millis(ABSENT_AFTER_MS));
        // Somebody else wrote the record; it says nothing new of these.
        presence.record(&record(&nodes), Millis(ABSENT_AFTER_MS), DATE + ABSENT_AFTER_MS);
        assert_eq!(there(&presence, ABSENT_AFTER_MS + 1), ["1"]);
        assert_eq!(there(&presence, 2 * ABSENT_AFTER_MS), ["1"]);
        assert_eq!(there(&presence, 2 * ABSENT_AFTER_MS + 1), [""; 0]);
        let later = [("own-0", DATE), ("b-2", DATE + 2 * ABSENT_AFTER_MS)];
        presence.record(&record(&later), Millis(3 * ABSENT_AFTER_MS), DATE + 3 * ABSENT_AFTER_MS);
        assert_eq!(there(&presence, 3 * ABSENT_AFTER_MS), ["2"]);
        presence.hears("a-1", Millis(3 * ABSENT_AFTER_MS));
        assert_eq!(there(&presence, 3 * ABSENT_AFTER_MS), ["2"], "it has left");
        presence.clear();
        assert_eq!(there(&presence, 3 * ABSENT_AFTER_MS), [""; 0]);
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
