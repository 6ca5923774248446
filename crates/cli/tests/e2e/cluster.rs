//! Two nodes on one store: one service. Whatever is done at one is seen at the other.

use std::time::Duration;

use serde_json::{Value, json};
use steadfast_chaos::cluster::Balancer;
use steadfast_chaos::load::Amount;
use steadfast_chaos::nodes;

use crate::front::{Authority, Front};
use crate::raw::Raw;
use crate::server::{Server, answer};
use crate::store::Store;

async fn two() -> (Store, Server, Server) {
    let store = Store::start().await;
    let (one, two) = (store.node("one").await, store.node("two").await);
    (store, one, two)
}

#[tokio::test]
async fn an_event_published_at_one_node_comes_to_links_of_both() {
    let (_store, one, two) = two().await;
    let mut here = Raw::follow(&one, "link-here", &[("demo:1", json!("now"))]).await;
    let mut there = Raw::follow(&two, "link-there", &[("demo:1", json!("now"))]).await;
    here.expect("subscribed").await;
    there.expect("subscribed").await;
    for n in 1..=50 {
        let node = if n % 2 == 0 { &one } else { &two };
        assert_eq!(node.publishes("demo:1", n).await["offset"], n);
    }
    here.expect_events(1..=50).await;
    there.expect_events(1..=50).await;
}

/// P-40: a session does not wait for its broker.
#[tokio::test]
async fn a_broker_that_stalls_holds_up_no_heartbeat_and_closes_no_link() {
    let store = Store::start().await;
    let node = store.node("one").await;
    let mut raw = Raw::follow(&node, "link-0001", &[("demo:1", json!("now"))]).await;
    raw.expect("subscribed").await;
    store.freeze();
    let publish = |id: u64| json!({"type": "publish", "id": id, "channel": "demo:1", "event": "e"});
    for id in 1..=3 {
        raw.says(&publish(id)).await;
    }
    raw.says(&json!({"type": "subscribe", "id": 4, "channel": "demo:2"})).await;
    raw.says(&json!({"type": "heartbeat", "id": 5, "timestamp": "now"})).await;
    // Before anything that the broker has to say.
    assert_eq!(raw.hears().await["type"], "heartbeat_ack");
    // A link may begin meanwhile, too.
    let mut other = Raw::open(&node).await;
    other.hello("link-0002", 1, &[]).await;
    other.expect("welcome").await;
    store.thaw();
    let mut answers = Vec::new();
    while answers.len() < 3 {
        let frame = raw.hears().await;
        if matches!(frame["type"].as_str(), Some("published" | "error")) {
            answers.push(frame["id"].clone());
        }
    }
    assert_eq!(answers, [1, 2, 3], "in their order");
    raw.says(&json!({"type": "ping", "id": 6})).await;
    while raw.hears().await["type"] != "pong" {}
}

/// P-15, P-21, P-23
#[tokio::test]
async fn a_link_that_moves_loses_nothing_and_its_older_session_is_closed() {
    let (_store, one, two) = two().await;
    let mut old = Raw::open(&one).await;
    old.hello("link-moves", 1, &[("demo:1", json!("start"))]).await;
    old.expect("welcome").await;
    old.expect("subscribed").await;
    let epoch = one.publishes("demo:1", 1).await["epoch"].clone();
    old.expect_events(1..=1).await;

    let mut new = Raw::open(&two).await;
    let since = json!({"epoch": epoch, "offset": 1});
    new.hello("link-moves", 2, &[("demo:1", since)]).await;
    assert_eq!(new.expect("welcome").await["node"], "two");
    let subscribed = new.expect("subscribed").await;
    assert_eq!((&subscribed["recovered"], &subscribed["offset"]), (&json!(true), &json!(1)));
    assert_eq!(old.closed().await.0, 4401);
    one.publishes("demo:1", 2).await;
    new.expect_events(2..=2).await;

    // And a hello that comes late, with a generation that is over, gets nowhere.
    let mut late = Raw::open(&one).await;
    late.hello("link-moves", 1, &[]).await;
    assert_eq!(late.closed().await.0, 4401);
    one.publishes("demo:1", 3).await;
    new.expect_events(3..=3).await;
}

/// P-70, P-72
#[tokio::test]
async fn any_node_answers_a_poll_and_a_waiting_one_hears_of_events_published_elsewhere() {
    let (_store, one, two) = two().await;
    let epoch = one.publishes("demo:1", 1).await["epoch"].as_str().unwrap().to_owned();
    let page = two.polls("demo:1", "").await;
    assert_eq!((&page["epoch"], &page["offset"]), (&json!(epoch), &json!(1)));
    let query = format!("epoch={epoch}&offset=1&wait=25");
    let waiting = two.polls("demo:1", &query);
    let publishing = async {
        two.is_followed(1).await;
        one.publishes("demo:1", 2).await;
    };
    let (page, ()) = tokio::join!(waiting, publishing);
    assert_eq!(page["events"][0]["data"], json!({"n": 2}));
}

/// P-27
#[tokio::test]
async fn a_channel_deleted_at_one_node_is_a_gap_at_the_other_and_both_list_the_same() {
    let (_store, one, two) = two().await;
    one.publishes("demo:1", 1).await;
    two.publishes("demo:2", 1).await;
    let names = async |node: &Server| -> Vec<Value> {
        let list = node.looks("/v1/channels").await.json();
        let list = list["channels"].as_array().unwrap().clone();
        list.iter().map(|channel| channel["channel"].clone()).collect()
    };
    assert_eq!(names(&one).await, ["demo:1", "demo:2"]);
    assert_eq!(names(&two).await, ["demo:1", "demo:2"]);
    let mut there = Raw::follow(&two, "link-there", &[("demo:1", json!("start"))]).await;
    there.expect("subscribed").await;
    there.expect_events(1..=1).await;
    let delete = one.http.delete(one.internal_url("/v1/channels/demo:1"));
    assert_eq!(answer(delete).await.status, 204);
    let told = there.expect("subscribed").await;
    assert_eq!(told["gap"]["cause"], "epoch_changed", "{told}");
    assert_eq!(names(&two).await.last(), Some(&json!("demo:2")));
    one.publishes("demo:1", 1).await;
    there.expect_events(1..=1).await;
}

#[tokio::test]
async fn while_the_store_is_away_links_stay_and_publishers_are_told() {
    let (mut store, one, two) = two().await;
    let mut there = Raw::follow(&two, "link-there", &[("demo:1", json!("start"))]).await;
    there.expect("subscribed").await;
    one.publishes("demo:1", 1).await;
    there.expect_events(1..=1).await;
    store.kill().await;
    let event = json!({"event": "progress", "data": {"n": 2}});
    let refused = one.posts("/v1/channels/demo:1/events", &event).await;
    refused.assert_problem(503, "broker_unavailable");
    assert_eq!(refused.header("retry-after"), "1");
    for node in [&one, &two] {
        node.looks("/readyz").await.assert_problem(503, "broker_unavailable");
        assert_eq!(node.looks("/livez").await.status, 200);
    }
    // History is the store's; what the node itself knows can still be seen.
    let poll = two.asked("/v1/channels/demo:1/events").await;
    poll.assert_problem(503, "broker_unavailable");
    assert_ne!(poll.header("retry-after"), "");
    let list = two.looks("/v1/connections").await.json();
    assert_eq!(list["connections"][0]["link"], "link-there", "{list}");
    there.says(&json!({"type": "ping", "id": 7})).await;
    assert_eq!(there.expect("pong").await["id"], 7);
    // Who joins meanwhile is welcomed, and answered when there is something to answer.
    let mut late = Raw::follow(&one, "link-late", &[("demo:1", json!("start"))]).await;

    store.restart().await;
    one.is_ready().await;
    assert_eq!(one.publishes("demo:1", 2).await["offset"], 2);
    there.expect_events(2..=2).await;
    late.expect("subscribed").await;
    late.expect_events(1..=2).await;
    let stats = two.looks("/v1/stats").await.json();
    assert_eq!((&stats["broker"], &stats["redis"]["fences_raised"]), (&json!("redis"), &json!(0)));
    assert_eq!(stats["redis"]["connected"], 1, "{stats}");
    assert!(two.looks("/metrics").await.text.contains("steadfast_redis_servers_connected 1"));
}

/// The trial in short; `steadfast-chaos nodes` has the long one. nginx is as in `deploy/nginx`.
#[tokio::test]
async fn behind_nginx_links_lose_nothing_when_nodes_are_killed() {
    let settings = nodes::Settings {
        server: env!("CARGO_BIN_EXE_steadfast").into(),
        rounds: 3,
        every: Duration::from_millis(500),
        balancer: Balancer::Nginx,
        amount: Amount { links: 30, channels: 6, writers: 3, rate: 60 },
    };
    let report = nodes::run(&settings, |_| {}).await.unwrap();
    assert!(report.is_kept(), "{report}");
    assert_eq!(report.sums.handed, report.acked * 5, "{report}");
    assert!(report.sums.back.count > 0, "{report}");
}

#[tokio::test]
async fn a_store_is_reached_by_tls_and_by_nobody_who_does_not_trust_it() {
    let (store, authority, other) = (Store::start().await, Authority::new(), Authority::new());
    let front = Front::start(&authority, store.address()).await;
    let url = front.url().replace("https", "rediss");
    let settings = [("BROKER__KIND", "redis"), ("BROKER__REDIS__SERVERS", &*url)];
    let node = async |trusted: &Authority| {
        let script = format!("export SSL_CERT_FILE='{}'", trusted.file());
        Server::start_after(&script, &["--dev"], &settings).await
    };
    let one = node(&authority).await;
    one.is_ready().await;
    assert_eq!(one.publishes("demo:1", 1).await["offset"], 1);
    let stranger = node(&other).await;
    // Two connections of the one, and two attempts of the other.
    front.is_dialled(4).await;
    stranger.looks("/readyz").await.assert_problem(503, "broker_unavailable");
}

/// A node that leaves in peace is waited for by nobody: the store's next process is trusted.
#[tokio::test]
async fn a_node_that_left_in_peace_does_not_cost_an_epoch() {
    let (mut store, one, mut two) = two().await;
    let first = one.publishes("demo:1", 1).await;
    two.process.signal("TERM").await;
    assert_eq!(two.process.code().await, Some(0));
    store.kill().await;
    store.restart().await;
    one.is_ready().await;
    let second = one.publishes("demo:1", 2).await;
    assert_eq!((&second["epoch"], &second["offset"]), (&first["epoch"], &json!(2)));
}
