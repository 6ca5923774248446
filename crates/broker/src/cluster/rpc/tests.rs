//! Requests between nodes: their limits, in virtual time and without a broker.

use tokio::time::timeout;

use super::{IN_FLIGHT_MAX, NODES_MAX, RESPONSE_TIMEOUT, RpcState, WAITING_MAX};
use crate::cluster::{ClusterMessage, ClusterTransport, Destination, NodeId, RpcResponses};

/// No server takes a message.
struct Unreachable<'a>(&'a RpcState);

impl ClusterTransport for Unreachable<'_> {
    fn rpc(&self) -> &RpcState {
        self.0
    }

    async fn refresh_members(&self) -> Option<()> {
        None
    }

    async fn send(&self, _: Destination<'_>, _: &ClusterMessage) -> Option<()> {
        None
    }
}

/// One other node, which responds to everything twice, and a node that is no member.
struct Echo<'a>(&'a RpcState);

impl ClusterTransport for Echo<'_> {
    fn rpc(&self) -> &RpcState {
        self.0
    }

    async fn refresh_members(&self) -> Option<()> {
        self.0.set_members(["own-1", "a-1", "b-2"].into_iter());
        Some(())
    }

    async fn send(&self, to: Destination<'_>, message: &ClusterMessage) -> Option<()> {
        let ClusterMessage::Request { number, body, .. } = message else { return None };
        let from = match to {
            Destination::AllNodes => id("a-1"),
            Destination::Node(node) => node.clone(),
            Destination::SenderOf(_) => return None,
        };
        for from in [from.clone(), from, id("c-3")] {
            self.0.receive_response(*number, from, format!("{body}!"));
        }
        Some(())
    }
}

fn id(text: &str) -> NodeId {
    NodeId::parse(text).unwrap()
}

fn rpc() -> RpcState {
    RpcState::new(id("own-1"))
}

fn silent(responses: &RpcResponses) -> (usize, Vec<String>) {
    (responses.received.len(), responses.silent_names())
}

#[test]
fn a_limited_number_of_other_nodes_is_known_and_never_the_node_itself() {
    let rpc = rpc();
    rpc.set_members(["own-1", "odd", "own-0", "b-1"].into_iter());
    assert_eq!(rpc.nodes(None), ["own-0", "b-1"].map(id));
    assert_eq!(rpc.nodes(Some("1")), [id("b-1")]);
    for (members, known) in [(NODES_MAX, NODES_MAX), (NODES_MAX + 1, NODES_MAX)] {
        let ids: Vec<String> = (0..members).map(|run| format!("d-{run}")).collect();
        rpc.set_members(ids.iter().map(|id| &**id));
        assert_eq!(rpc.nodes(None).len(), known);
    }
}

#[tokio::test(start_paused = true)]
async fn each_node_counts_once_and_one_that_sends_nothing_in_a_second_is_silent() {
    let rpc = rpc();
    let responses = Echo(&rpc).request("what is it?", None).await;
    assert_eq!(responses.received, [(id("a-1"), "what is it?!".to_owned())]);
    assert_eq!(responses.silent_names(), ["b"]);
    let responses = Echo(&rpc).request("and you?", Some("2")).await;
    assert_eq!(responses.received, [(id("b-2"), "and you?!".to_owned())]);
    assert_eq!(responses.silent_names(), [""; 0]);
    assert!(rpc.pending.lock().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_beyond_those_in_flight_waits_and_the_wait_counts() {
    let rpc = rpc();
    let nowhere = Unreachable(&rpc);
    rpc.set_members(["a-1"].into_iter());
    let all = rpc.in_flight.acquire_many(u32::try_from(IN_FLIGHT_MAX).unwrap()).await.unwrap();
    let early = RESPONSE_TIMEOUT / 2;
    assert!(timeout(early, nowhere.request("what?", None)).await.is_err(), "it waits");
    let responses = timeout(RESPONSE_TIMEOUT * 2, nowhere.request("what?", None)).await.unwrap();
    assert_eq!(silent(&responses), (0, vec!["a".to_owned()]));
    drop(all);
    // There is room and no server: that is known at once.
    let responses = timeout(early, nowhere.request("what?", None)).await.unwrap();
    assert_eq!(silent(&responses), (0, vec!["a".to_owned()]));
    let nobody = nowhere.request("what?", Some("2")).await;
    assert_eq!(silent(&nobody), (0, vec![]), "there is no node of that run");
    assert!(rpc.pending.lock().is_empty());
}

#[tokio::test]
async fn requests_beyond_those_that_may_wait_are_dropped() {
    let rpc = rpc();
    rpc.receive_request(0, id("own-1"), 1, "of itself".into());
    for number in 0..=WAITING_MAX as u64 {
        rpc.receive_request(3, id("a-1"), number, "what is it?".into());
    }
    let mut received = rpc.received.lock().await;
    for number in 0..WAITING_MAX as u64 {
        let request = received.recv().await.unwrap();
        assert_eq!((&request.from, request.number), (&id("a-1"), number));
        assert_eq!((&*request.body, request.server), ("what is it?", 3));
    }
    assert!(received.try_recv().is_err());
    assert_eq!(rpc.dropped(), 1);
}
