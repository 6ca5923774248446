//! Letters from node to node, beside the log, and who is there to be asked. In: the log's record,
//! which says who came and left, and letters that say who is still there. Out: letters, and a desk
//! that knows the others. Must not know what is asked.

use std::collections::BTreeMap;

use steadfast_machine::Millis;

use super::life::PRESENCE_MS;
use super::session::Session;
use super::{NatsBroker, PROBE_TIMEOUT, Shared, barrier};
use crate::peers::{Answers, Desk, GONE_MS, Peer, Post, Question};

/// An answer leaves so much of the largest message for what is said of it.
const ENVELOPE_BYTES: usize = 1024;
/// Where the record says so little of a node, it is not there unless it says so itself.
const STALE_MS: u64 = PRESENCE_MS + GONE_MS;

/// The nodes of the record, and when each was last heard. It has no other node, so that it is no
/// larger than the record, and who leaves it is gone at once.
#[derive(Debug, Default)]
pub(super) struct Presence {
    nodes: BTreeMap<String, Seen>,
}

/// One of them.
#[derive(Debug)]
struct Seen {
    /// When it last said in the record that it is there, by its clock.
    at: u64,
    /// When that or a letter came, by the clock of this node.
    heard: Option<Millis>,
}

impl Presence {
    pub(super) fn clear(&mut self) {
        self.nodes.clear();
    }

    /// The record has these nodes.
    pub(super) fn record(&mut self, nodes: &BTreeMap<String, u64>, now: Millis, date: u64) {
        self.nodes.retain(|node, _| nodes.contains_key(node));
        for (node, at) in nodes {
            let is_recent = date.saturating_sub(*at) <= STALE_MS;
            let seen = self.nodes.entry(node.clone()).or_insert(Seen { at: 0, heard: None });
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

    /// Has the desk know who is there, or was a moment ago.
    fn show(&self, desk: &Desk, now: Millis) {
        let is_near = |seen: &Seen| seen.heard.is_some_and(|at| now.since(at).0 <= GONE_MS);
        let near = self.nodes.iter().filter(|(_, seen)| is_near(seen));
        desk.sees(near.map(|(node, _)| &**node));
    }
}

/// Says that this node is there, and takes note of who else is.
pub(super) async fn beat(shared: &Shared, session: &Session) {
    let words = format!("here {}", shared.node);
    shared.tell(session, shared.names.control.clone(), words).await;
    if shared.is_here() {
        shared.presence.lock().show(&shared.desk, shared.clock.now());
    }
}

impl Post for NatsBroker {
    async fn look(&self) -> Option<()> {
        // Whoever can be asked is in the record since before it was ready.
        barrier::pass(&self.shared).await.ok()?;
        self.shared.presence.lock().show(&self.shared.desk, self.shared.clock.now());
        Some(())
    }

    async fn send(&self, to: Option<&Peer>, words: String) -> Option<()> {
        let session = self.shared.session().ok()?;
        let names = &self.shared.names;
        let to = to.map_or_else(|| names.control.clone(), |peer| names.to(&peer.word()));
        self.shared.tell(&session, to, words).await;
        Some(())
    }
}

impl NatsBroker {
    /// This node.
    pub(crate) fn peer(&self) -> &Peer {
        self.shared.desk.own()
    }

    /// Whether this is the only node, as far as can be found out in a moment.
    pub(crate) async fn is_alone(&self) -> bool {
        // Where nobody answers, what was last seen holds.
        drop(tokio::time::timeout(PROBE_TIMEOUT, Post::look(self)).await);
        self.shared.desk.is_alone()
    }

    /// Asks the others, or the one of a run.
    pub(crate) async fn ask(&self, question: &str, run: Option<&str>) -> Answers {
        self.shared.desk.ask(self, question, run).await
    }

    /// The next question of another node.
    pub(crate) async fn asked(&self) -> Question {
        self.shared.desk.asked().await
    }

    /// Answers it.
    pub(crate) async fn answer(&self, question: &Question, answer: &str) {
        // Without the server the asker is told that this node is silent.
        let Ok(session) = self.shared.session() else { return };
        let words = self.shared.desk.answer(question, answer);
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

    use super::{Desk, GONE_MS, Peer, Presence, STALE_MS};

    const DATE: u64 = 1_000_000;

    fn record(nodes: &[(&str, u64)]) -> BTreeMap<String, u64> {
        nodes.iter().map(|(node, at)| ((*node).to_owned(), *at)).collect()
    }

    /// The runs of those who are there.
    fn there(presence: &Presence, now: u64) -> Vec<String> {
        let desk = Desk::new(Peer::of("own-0").unwrap());
        presence.show(&desk, Millis(now));
        desk.others().into_iter().map(|peer| peer.run).collect()
    }

    #[test]
    fn who_came_is_there_until_it_leaves_or_is_not_heard_for_ten_seconds() {
        let mut presence = Presence::default();
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
        let mut presence = Presence::default();
        presence.record(&record(&[("a-1", DATE - STALE_MS - 1)]), Millis(7), DATE);
        assert_eq!(there(&presence, 7), [""; 0]);
        presence.hears("a-1", Millis(8));
        assert_eq!(there(&presence, 8), ["1"]);
    }
}
