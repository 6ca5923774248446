//! Pending requests between nodes that share a broker: those that this node sent and those that it
//! received. In: requests, responses, and the list of nodes. Out: messages, the responses to a
//! request, and the nodes that sent none within a second. A request for which there is no room is
//! dropped, and its sender counts this node as silent. Must not know how messages travel.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};

use super::membership::{ClusterTransport, Destination};
use super::message::ClusterMessage;
use super::{NodeId, RpcRequest, RpcResponses};

/// How long a request waits for responses.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Requests of this node in flight. More wait, and the wait counts towards their timeout.
const IN_FLIGHT_MAX: usize = 16;
/// Requests of other nodes that wait for a response.
const WAITING_MAX: usize = 64;
/// Other nodes that a node knows.
pub(crate) const NODES_MAX: usize = 256;

/// What a node knows of the other nodes, and the requests between them.
#[derive(Debug)]
pub(crate) struct RpcState {
    own: NodeId,
    /// The number of the last request.
    number: AtomicU64,
    in_flight: Semaphore,
    /// Where responses go, by the number of the request.
    pending: Mutex<BTreeMap<u64, mpsc::Sender<(NodeId, String)>>>,
    requests: mpsc::Sender<RpcRequest>,
    dropped: AtomicU64,
    received: tokio::sync::Mutex<mpsc::Receiver<RpcRequest>>,
    /// The other nodes, as last known.
    others: Mutex<Vec<NodeId>>,
}

impl RpcState {
    pub(crate) fn new(own: NodeId) -> Self {
        let (requests, received) = mpsc::channel(WAITING_MAX);
        Self {
            own,
            number: AtomicU64::new(0),
            in_flight: Semaphore::new(IN_FLIGHT_MAX),
            pending: Mutex::default(),
            requests,
            dropped: AtomicU64::new(0),
            received: tokio::sync::Mutex::new(received),
            others: Mutex::default(),
        }
    }

    /// This node.
    pub(crate) const fn own(&self) -> &NodeId {
        &self.own
    }

    /// Takes over the list of nodes, as texts of their ids. This node may be in it.
    pub(crate) fn set_members<'a>(&self, ids: impl Iterator<Item = &'a str>) {
        let others = ids.filter_map(NodeId::parse).filter(|node| *node != self.own);
        let others = others.take(NODES_MAX).collect();
        *self.others.lock() = others;
    }

    /// Queues a request of another node.
    pub(crate) fn receive_request(&self, server: usize, from: NodeId, number: u64, body: String) {
        if from == self.own {
            return;
        }
        let request = RpcRequest { body, from, number, server };
        if self.requests.try_send(request).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands a response to the request that waits for it, if it still does.
    pub(crate) fn receive_response(&self, number: u64, from: NodeId, body: String) {
        let pending = self.pending.lock().get(&number).cloned();
        if let Some(pending) = pending {
            // It is full only if a node responds more than once.
            drop(pending.try_send((from, body)));
        }
    }

    /// Requests of other nodes that were dropped because there was no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Sends a request to the other nodes, or to the one of a run, and collects the responses. If
    /// no server takes the request, the nodes that were last known are silent.
    pub(crate) async fn request(
        &self,
        transport: &impl ClusterTransport,
        body: &str,
        run: Option<&str>,
    ) -> RpcResponses {
        let mut responses = RpcResponses::default();
        let collecting = self.collect(transport, body, run, &mut responses.received);
        // Responses that arrived before the timeout are kept.
        drop(tokio::time::timeout(RESPONSE_TIMEOUT, collecting).await);
        let has_responded = |node: &NodeId| responses.received.iter().any(|(one, _)| one == node);
        responses.silent = self.nodes(run).into_iter().filter(|one| !has_responded(one)).collect();
        responses
    }

    async fn collect(
        &self,
        transport: &impl ClusterTransport,
        body: &str,
        run: Option<&str>,
        received: &mut Vec<(NodeId, String)>,
    ) -> Option<()> {
        let _permit = self.in_flight.acquire().await.ok()?;
        transport.refresh_members().await?;
        let nodes = self.nodes(run);
        let first = nodes.first()?;
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, mut responses) = mpsc::channel(NODES_MAX);
        let _pending = PendingRequest::new(self, number, sender);
        let (from, body) = (self.own.clone(), body.to_owned());
        let request = ClusterMessage::Request { from, number, body };
        let to = if run.is_some() { Destination::Node(first) } else { Destination::AllNodes };
        transport.send(to, &request).await?;
        while received.len() < nodes.len() {
            let (node, body) = responses.recv().await?;
            if nodes.contains(&node) && received.iter().all(|(one, _)| *one != node) {
                received.push((node, body));
            }
        }
        Some(())
    }

    /// The other nodes, or the one of a run.
    fn nodes(&self, run: Option<&str>) -> Vec<NodeId> {
        let others = self.others.lock();
        let nodes = others.iter().filter(|node| run.is_none_or(|run| node.run == run));
        nodes.cloned().collect()
    }

    /// How many other nodes there were, as last known.
    pub(crate) fn other_nodes(&self) -> usize {
        self.others.lock().len()
    }

    /// The other nodes, as last known.
    #[cfg(test)]
    pub(crate) fn others(&self) -> Vec<NodeId> {
        self.nodes(None)
    }

    /// Waits for the next request of another node.
    pub(crate) async fn next_request(&self) -> RpcRequest {
        match self.received.lock().await.recv().await {
            Some(request) => request,
            None => std::future::pending().await,
        }
    }
}

/// A request that waits for responses. Dropping it discards those that arrive later.
struct PendingRequest<'a> {
    rpc: &'a RpcState,
    number: u64,
}

impl<'a> PendingRequest<'a> {
    fn new(rpc: &'a RpcState, number: u64, to: mpsc::Sender<(NodeId, String)>) -> Self {
        rpc.pending.lock().insert(number, to);
        Self { rpc, number }
    }
}

impl Drop for PendingRequest<'_> {
    fn drop(&mut self) {
        self.rpc.pending.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests;
