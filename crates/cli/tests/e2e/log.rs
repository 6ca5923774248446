//! Two nodes on one log of NATS JetStream: one service. The server is one for each test, on a port
//! and in a folder of its own; it is killed with its owner.

use std::process::Stdio;

use serde_json::json;
use steadfast_broker::testing::ReservedPort;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::raw::Raw;
use crate::server::Server;
use crate::store::opens;

pub(crate) struct Store {
    child: Child,
    port: ReservedPort,
    folder: TempDir,
}

impl Store {
    pub(crate) async fn start() -> Self {
        // Another program than a test may take the port before the server does: then once more.
        for _ in 0..20 {
            let (port, folder) = (ReservedPort::take(), tempfile::tempdir().unwrap());
            let child = spawn(port.number(), &folder);
            let mut store = Self { child, port, folder };
            if opens(&mut store.child, store.port.address()).await {
                return store;
            }
        }
        panic!("no nats-server would start");
    }

    pub(crate) async fn node(&self, name: &str) -> Server {
        let server = format!("nats://{}", self.port.address());
        let settings =
            [("BROKER__KIND", "nats"), ("BROKER__NATS__SERVERS", &server), ("NODE", name)];
        let node = Server::dev_with(&settings).await;
        node.is_ready().await;
        node
    }
}

fn spawn(port: u16, folder: &TempDir) -> Child {
    let mut command = Command::new("nats-server");
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(folder.path());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.kill_on_drop(true).spawn();
    child.unwrap_or_else(|error| panic!("{error}: is Debian's package `nats-server` installed?"))
}

async fn two() -> (Store, Server, Server) {
    let store = Store::start().await;
    let (one, two) = (store.node("one").await, store.node("two.x").await);
    (store, one, two)
}

/// P-15, P-21, P-23
#[tokio::test]
async fn a_link_moves_from_node_to_node_of_a_log_and_its_older_session_is_closed() {
    let (_store, one, two) = two().await;
    let mut old = Raw::open(&one).await;
    old.hello("link-moves", 1, &[("demo:1", json!("start"))]).await;
    old.expect("welcome").await;
    old.expect("subscribed").await;
    let epoch = two.publishes("demo:1", 1).await["epoch"].clone();
    old.expect_events(1..=1).await;

    let mut new = Raw::open(&two).await;
    let since = json!({"epoch": epoch, "offset": 1});
    new.hello("link-moves", 2, &[("demo:1", since)]).await;
    assert_eq!(new.expect("welcome").await["node"], "two.x");
    let subscribed = new.expect("subscribed").await;
    assert_eq!((&subscribed["recovered"], &subscribed["offset"]), (&json!(true), &json!(1)));
    assert_eq!(old.closed().await.0, 4401);

    // And a hello that comes late, with a generation that is over, gets nowhere.
    let mut late = Raw::open(&one).await;
    late.hello("link-moves", 1, &[]).await;
    assert_eq!(late.closed().await.0, 4401);
    for n in 2..=50 {
        let node = if n % 2 == 0 { &one } else { &two };
        assert_eq!(node.publishes("demo:1", n).await["offset"], n);
    }
    new.expect_events(2..=50).await;
}

#[tokio::test]
async fn while_the_log_is_away_links_stay_and_publishers_are_told() {
    let (mut store, one, two) = two().await;
    let mut there = Raw::follow(&two, "link-there", &[("demo:1", json!("start"))]).await;
    there.expect("subscribed").await;
    one.publishes("demo:1", 1).await;
    there.expect_events(1..=1).await;
    store.child.kill().await.unwrap();
    let event = json!({"event": "progress", "data": {"n": 2}});
    let refused = one.posts("/v1/channels/demo:1/events", &event).await;
    refused.assert_problem(503, "broker_unavailable");
    for node in [&one, &two] {
        node.looks("/readyz").await.assert_problem(503, "broker_unavailable");
        assert_eq!(node.looks("/livez").await.status, 200);
    }
    there.says(&json!({"type": "ping", "id": 7})).await;
    assert_eq!(there.expect("pong").await["id"], 7);
    // Who joins meanwhile is welcomed, and answered when there is something to answer.
    let mut late = Raw::follow(&one, "link-late", &[("demo:1", json!("start"))]).await;

    store.child = spawn(store.port.number(), &store.folder);
    assert!(opens(&mut store.child, store.port.address()).await, "it did not come back");
    one.is_ready().await;
    assert_eq!(one.publishes("demo:1", 2).await["offset"], 2);
    there.expect_events(2..=2).await;
    late.expect("subscribed").await;
    late.expect_events(1..=2).await;
    two.is_ready().await;
    let stats = two.looks("/v1/stats").await.json();
    assert_eq!((&stats["broker"], &stats["nats"]["fences_raised"]), (&json!("nats"), &json!(0)));
    assert_eq!(stats["nats"]["connected"], true, "{stats}");
    assert!(two.looks("/metrics").await.text.contains("steadfast_nats_connected 1"));
}
