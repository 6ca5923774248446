//! `steadfast subscribe` with two endpoints of a service: one that says nothing, one that is not
//! there, one that leaves. P-55, P-66

use serde_json::json;
use steadfast_broker::testing::ReservedPort;

use crate::process::Process;
use crate::proxy::{Mode, Proxy};
use crate::server::Server;

fn subscriber(servers: [&str; 2]) -> Process {
    let [first, second] = servers;
    Process::start(&["subscribe", "demo:1", "--server", first, "--server", second], &[])
}

/// Publishes the last event of the channel, waits until the subscriber has printed it and ended,
/// and gives back all its states.
async fn states_to_the_end(server: &Server, mut subscriber: Process) -> Vec<String> {
    let last = json!({"event": "complete", "data": {"n": 7}, "final": true});
    server.publishes_event("demo:1", &last).await;
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 7}));
    let (code, _, told) = subscriber.finish().await;
    assert_eq!(code, Some(0), "{told}");
    let states = told.lines().filter(|line| line.starts_with("state: "));
    states.map(ToOwned::to_owned).collect()
}

/// One session from the first attempt to the end.
const UNBROKEN: [&str; 3] = [
    "state: connecting (was disconnected): asked",
    "state: connected (was connecting): welcomed",
    "state: disconnected (was connected): finished",
];

#[tokio::test]
async fn an_endpoint_that_says_nothing_is_overtaken() {
    let server = Server::dev().await;
    let silent = Proxy::start(server.public).await;
    silent.set(Mode::Swallow);
    server.publishes("demo:1", 1).await;
    let mut subscriber = subscriber([&silent.url(), &server.url("")]);
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 1}));
    assert_eq!(silent.asked(), ["GET /v1/ws"], "it was asked first, and has not answered");
    // The attempt that asked it is the one that succeeded.
    assert_eq!(states_to_the_end(&server, subscriber).await, UNBROKEN);
}

#[tokio::test]
async fn where_nobody_listens_the_next_endpoint_is_tried_in_the_same_attempt() {
    let server = Server::dev().await;
    server.publishes("demo:1", 1).await;
    let free = ReservedPort::take();
    let nobody = format!("http://{}", free.address());
    let mut subscriber = subscriber([&nobody, &server.url("")]);
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 1}));
    assert_eq!(states_to_the_end(&server, subscriber).await, UNBROKEN);
}

/// The nodes share nothing but the channel's name, so that what the first had is told as a gap.
#[tokio::test]
async fn a_node_that_leaves_is_left_for_another_and_nobody_notices() {
    let drain = [("DRAIN__SPREAD_MS", "300"), ("DRAIN__DEADLINE_MS", "20000")];
    let (mut leaving, staying) = tokio::join!(Server::dev_with(&drain), Server::dev());
    let mut subscriber = subscriber([&leaving.url(""), &staying.url("")]);
    leaving.is_followed(1).await;
    leaving.publishes("demo:1", 1).await;
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 1}));

    leaving.process.signal("TERM").await;
    // It ends before its deadline: the session has left of its own accord.
    assert_eq!(leaving.process.code().await, Some(0));
    staying.is_followed(1).await;
    assert_eq!(subscriber.out.json().await["gap"]["cause"], "epoch_changed");
    assert_eq!(states_to_the_end(&staying, subscriber).await, UNBROKEN);
}
