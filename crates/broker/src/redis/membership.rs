//! Messages between nodes, published to one node or to all of them, and the list of nodes. In:
//! messages. Out: messages sent, and the nodes that told a server of themselves. Must not know what
//! is asked.

use std::collections::BTreeMap;

use redis::RedisError;

use super::server::{RedisNode, RedisUnavailable};
use super::{PROBE_TIMEOUT, RedisBroker};
use crate::cluster::{GONE_MS, NodeId, Post, RpcRequest, RpcResponses, RpcState};

/// A server's time in seconds and microseconds, and when it saw each node, in milliseconds.
type Presence = ((u64, u64), BTreeMap<String, u64>);

/// Asks a server who is there.
pub(super) async fn look(rpc: &RpcState, server: &RedisNode) -> Result<(), RedisUnavailable> {
    let session = server.session()?;
    let mut both = redis::pipe();
    both.cmd("TIME").cmd("HGETALL").arg(&server.keys.nodes);
    let answer: Result<Presence, RedisError> =
        both.query_async(&mut session.commands.clone()).await;
    let ((seconds, micros), nodes) = answer.map_err(|error| server.failed(&session, &error))?;
    rpc.sees(near(seconds * 1000 + micros / 1000, &nodes));
    Ok(())
}

/// Who is there, or was a moment ago.
fn near(now: u64, nodes: &BTreeMap<String, u64>) -> impl Iterator<Item = &str> {
    let near = nodes.iter().filter(move |(_, seen)| now.saturating_sub(**seen) <= GONE_MS);
    near.map(|(word, _)| &**word)
}

impl Post for RedisBroker {
    async fn look(&self) -> Option<()> {
        look(&self.shared.rpc, self.near()?).await.ok()
    }

    async fn send(&self, to: Option<&NodeId>, words: String) -> Option<()> {
        let server = self.near()?;
        let to = match to {
            Some(peer) => server.keys.to(&peer.word()),
            None => server.keys.control.clone(),
        };
        server.tell(&to, &words).await.ok()
    }
}

impl RedisBroker {
    /// A server that is there.
    fn near(&self) -> Option<&RedisNode> {
        self.servers.iter().find(|server| server.session().is_ok())
    }

    /// This node.
    pub(crate) const fn peer(&self) -> &NodeId {
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

    /// Answers it, the way it came.
    pub(crate) async fn answer(&self, question: &RpcRequest, answer: &str) {
        let Some(server) = self.servers.get(question.by) else { return };
        let words = self.shared.rpc.answer(question, answer);
        // Where the server is gone, the asker has lost it as well.
        drop(server.tell(&server.keys.to(&question.from), &words).await);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{GONE_MS, near};

    #[test]
    fn who_was_not_seen_for_ten_seconds_is_not_there() {
        let now = 100_000;
        let seen = [("own-1", now), ("b-1", now - GONE_MS), ("c-1", now - GONE_MS - 1)];
        let nodes: BTreeMap<String, u64> =
            seen.into_iter().map(|(word, at)| (word.to_owned(), at)).collect();
        assert_eq!(near(now, &nodes).collect::<Vec<_>>(), ["b-1", "own-1"]);
    }
}
