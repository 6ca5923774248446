//! The nodes that share a broker. In: a request of this node, or the response to a request of
//! another one. Out: the responses of the other nodes, and the names of those that sent none in
//! time. Must not know what a request asks.

#![cfg_attr(
    not(all(feature = "redis", feature = "nats")),
    allow(
        dead_code,
        unused_imports,
        unused_variables,
        clippy::unused_async,
        reason = "a broker that nodes share uses a part of this, and one of them may not be built"
    )
)]

#[cfg(any(feature = "redis", feature = "nats"))]
mod backoff;
#[cfg(any(feature = "redis", feature = "nats"))]
mod membership;
#[cfg(any(feature = "redis", feature = "nats"))]
mod message;
#[cfg(any(feature = "redis", feature = "nats"))]
mod rpc;
#[cfg(any(feature = "redis", feature = "nats"))]
mod supervision;

use std::fmt;

use super::Broker;
#[cfg(any(feature = "redis", feature = "nats"))]
pub(super) use backoff::Backoff;
#[cfg(any(feature = "redis", feature = "nats"))]
pub(super) use membership::{ABSENT_AFTER_MS, ClusterTransport, Destination, is_present};
#[cfg(any(feature = "redis", feature = "nats"))]
pub(super) use message::ClusterMessage;
#[cfg(any(feature = "redis", feature = "nats"))]
pub(super) use rpc::RpcState;
#[cfg(any(feature = "redis", feature = "nats"))]
pub(super) use supervision::{
    BEAT, BEATS_PER_CHECK, MessageOutcome, PROBE_TIMEOUT, SupervisedServer, beats, handle_message,
    supervise,
};

/// The largest body of a response, in bytes, whatever the broker could carry.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;

/// One run of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NodeId {
    /// The run, in hexadecimal: no two runs of any node have the same. Nodes are sorted by it, and
    /// the ids of their sessions end with it.
    pub run: String,
    /// The name of the node.
    pub name: String,
}

impl NodeId {
    /// The longest id, in bytes.
    const BYTES_MAX: usize = 128;

    /// Parses an id as it is displayed: the name, a hyphen and the run.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, run) = text.rsplit_once('-')?;
        let is_valid = !name.is_empty() && !run.is_empty() && text.len() <= Self::BYTES_MAX;
        is_valid.then(|| Self { run: run.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.name, self.run)
    }
}

/// A request of another node.
#[derive(Debug)]
pub struct RpcRequest {
    /// What it asks.
    pub body: String,
    /// The node that sent it.
    pub(super) from: NodeId,
    /// Its number among the requests of that node.
    pub(super) number: u64,
    /// Which of the broker's servers it arrived from.
    pub(super) server: usize,
}

/// The responses to a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RpcResponses {
    /// Each node that responded, with the body of its response.
    pub received: Vec<(NodeId, String)>,
    /// The nodes that did not respond in time.
    pub silent: Vec<NodeId>,
}

impl RpcResponses {
    /// The names of the nodes that did not respond, each once, in order.
    pub fn silent_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.silent.iter().map(|node| node.name.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

impl Broker {
    /// This node among those that share the broker; `None` for a broker that no node shares.
    pub fn node_id(&self) -> Option<&NodeId> {
        shared!(self, broker => Some(broker.node_id()), else None)
    }

    /// How many other nodes there are, as far as can be found out within a second.
    pub async fn other_nodes(&self) -> usize {
        shared!(self, broker => broker.other_nodes().await, else 0)
    }

    /// Sends a request to every other node, or only to the one of this run. Takes a second at most.
    pub async fn request(&self, body: &str, run: Option<&str>) -> RpcResponses {
        shared!(self, broker => broker.request(body, run).await, else RpcResponses::default())
    }

    /// Waits for the next request of another node. The caller responds to it.
    pub async fn next_request(&self) -> RpcRequest {
        shared!(self, broker => broker.next_request().await, else std::future::pending().await)
    }

    /// Responds to a request. The body has at most [`Self::response_bytes_max`].
    pub async fn respond(&self, request: &RpcRequest, body: &str) {
        shared!(self, broker => broker.respond(request, body).await, else {});
    }

    /// The largest body of a response, in bytes.
    pub fn response_bytes_max(&self) -> usize {
        let carried = shared!(self, broker => broker.response_bytes_max(), else usize::MAX);
        carried.min(RESPONSE_BYTES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{NodeId, RpcResponses};

    #[test]
    fn the_name_in_an_id_may_have_hyphens() {
        let node = NodeId::parse("node-1-00ff").unwrap();
        assert_eq!((&*node.name, &*node.run), ("node-1", "00ff"));
        assert_eq!(node.to_string(), "node-1-00ff");
        for bad in ["node", "-1", "node-", ""] {
            assert_eq!(NodeId::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_of_silent_nodes_come_once() {
        let silent = ["b-2", "a-3", "b-1"].iter().filter_map(|id| NodeId::parse(id)).collect();
        assert_eq!(RpcResponses { received: Vec::new(), silent }.silent_names(), ["a", "b"]);
    }
}
