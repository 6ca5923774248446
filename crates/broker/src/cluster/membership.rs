//! Which nodes share the broker, and the requests between them. In: a request, the response to
//! one. Out: the other nodes and their responses. A broker implements [`ClusterTransport`], which
//! only sends messages and looks up nodes. Must not know what a request asks.

use super::message::ClusterMessage;
use super::rpc::RpcState;
use super::supervision::PROBE_TIMEOUT;
use super::{NodeId, RpcRequest, RpcResponses};

/// A node that was last heard of longer ago than this is not a member, in ms.
pub(crate) const ABSENT_AFTER_MS: u64 = 10_000;

/// Whether a node that was last heard of at `seen_ms` is a member at `now_ms`.
pub(crate) const fn is_present(now_ms: u64, seen_ms: u64) -> bool {
    now_ms.saturating_sub(seen_ms) <= ABSENT_AFTER_MS
}

/// Which nodes a message is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Destination<'a> {
    /// Every node, the sender included.
    AllNodes,
    /// One node.
    Node(&'a NodeId),
    /// The node that sent a request, by way of the server that the request arrived from.
    SenderOf(&'a RpcRequest),
}

/// The part of a cluster that differs between brokers: how a message travels, and where the list
/// of nodes is.
pub(crate) trait ClusterTransport: Sized {
    /// The requests of this node and the nodes that it knows.
    fn rpc(&self) -> &RpcState;

    /// Looks up which nodes there are, for [`Self::rpc`]; `None` if no server tells.
    async fn refresh_members(&self) -> Option<()>;

    /// Sends a message; `None` if no server takes it.
    async fn send(&self, to: Destination<'_>, message: &ClusterMessage) -> Option<()>;

    /// The largest body of a response that a server takes, in bytes.
    fn response_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// This node.
    fn node_id(&self) -> &NodeId {
        self.rpc().own()
    }

    /// See [`crate::Broker::other_nodes`].
    async fn other_nodes(&self) -> usize {
        // If no server tells in time, the nodes that were last known count.
        drop(tokio::time::timeout(PROBE_TIMEOUT, self.refresh_members()).await);
        self.rpc().other_nodes()
    }

    /// See [`crate::Broker::request`].
    async fn request(&self, body: &str, run: Option<&str>) -> RpcResponses {
        self.rpc().request(self, body, run).await
    }

    /// See [`crate::Broker::next_request`].
    async fn next_request(&self) -> RpcRequest {
        self.rpc().next_request().await
    }

    /// See [`crate::Broker::respond`].
    async fn respond(&self, request: &RpcRequest, body: &str) {
        let (from, body) = (self.node_id().clone(), body.to_owned());
        let response = ClusterMessage::Response { number: request.number, from, body };
        // If it is not sent, the other node counts this one as silent.
        let _ = self.send(Destination::SenderOf(request), &response).await;
    }
}
