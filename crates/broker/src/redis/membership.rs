//! Messages between nodes, published to one node or to all of them, and the list of nodes. In:
//! messages. Out: messages sent, and the nodes in a server's list. Must not know the contents of
//! requests.

use std::collections::BTreeMap;

use redis::RedisError;

use super::RedisBroker;
use super::server::{RedisNode, RedisUnavailable};
use crate::cluster::{ClusterMessage, ClusterTransport, Destination, RpcState, is_present};

/// A server's time in seconds and microseconds, and when it saw each node, in milliseconds.
type Presence = ((u64, u64), BTreeMap<String, u64>);

/// Reads a server's list of nodes.
pub(super) async fn refresh(rpc: &RpcState, server: &RedisNode) -> Result<(), RedisUnavailable> {
    let session = server.session()?;
    let mut both = redis::pipe();
    both.cmd("TIME").cmd("HGETALL").arg(&server.keys.nodes);
    let answer: Result<Presence, RedisError> =
        both.query_async(&mut session.commands.clone()).await;
    let ((seconds, micros), nodes) =
        answer.map_err(|error| server.note_failure(&session, &error))?;
    rpc.set_members(present(seconds * 1000 + micros / 1000, &nodes));
    Ok(())
}

/// The nodes of the list that are present.
fn present(now: u64, nodes: &BTreeMap<String, u64>) -> impl Iterator<Item = &str> {
    let present = nodes.iter().filter(move |(_, seen)| is_present(now, **seen));
    present.map(|(id, _)| &**id)
}

impl ClusterTransport for RedisBroker {
    fn rpc(&self) -> &RpcState {
        &self.shared.rpc
    }

    async fn refresh_members(&self) -> Option<()> {
        refresh(&self.shared.rpc, self.connected()?).await.ok()
    }

    async fn send(&self, to: Destination<'_>, message: &ClusterMessage) -> Option<()> {
        let (server, channel) = match to {
            Destination::AllNodes => {
                let server = self.connected()?;
                (server, server.keys.control.clone())
            }
            Destination::Node(node) => {
                let server = self.connected()?;
                (server, server.keys.to(node))
            }
            // If that server cannot be reached, the sender has lost it as well.
            Destination::SenderOf(request) => {
                let server = self.servers.get(request.server)?;
                (server, server.keys.to(&request.from))
            }
        };
        server.send_message(&channel, message).await.ok()
    }
}

impl RedisBroker {
    /// The first server with a session.
    fn connected(&self) -> Option<&RedisNode> {
        self.servers.iter().find(|server| server.session().is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::present;
    use crate::cluster::ABSENT_AFTER_MS;

    #[test]
    fn a_node_that_was_not_seen_for_ten_seconds_is_absent() {
        let now = 100_000;
        let seen =
            [("own-1", now), ("b-1", now - ABSENT_AFTER_MS), ("c-1", now - ABSENT_AFTER_MS - 1)];
        let nodes: BTreeMap<String, u64> =
            seen.into_iter().map(|(id, at)| (id.to_owned(), at)).collect();
        assert_eq!(present(now, &nodes).collect::<Vec<_>>(), ["b-1", "own-1"]);
    }
}
