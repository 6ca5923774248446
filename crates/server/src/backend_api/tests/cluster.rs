//! Two nodes that share a broker's server, for operators: each answers for both. The same for each
//! kind of server.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};
use steadfast_hub::Outgoing;
use steadfast_protocol::{CloseCode, LinkId};
use tokio::task::JoinHandle;

use super::{Answer, TestApi};
use crate::backend_api::cluster_rpc;
use crate::config::{BrokerKind, Config, Secret};
use steadfast_broker::testing::{NatsServer, RedisServer};

/// Runs each of these functions as a test on each kind of server.
macro_rules! on_each {
    ($($name:ident;)*) => {
        mod redis {
            $(#[tokio::test] async fn $name() {
                super::$name(super::Store::redis().await).await;
            })*
        }

        mod nats {
            $(#[tokio::test] async fn $name() {
                super::$name(super::Store::nats().await).await;
            })*
        }
    };
}

on_each! {
    either_node_lists_the_connections_of_both_in_the_same_pages;
    a_part_that_no_letter_could_carry_is_given_in_several_pages;
    a_connection_is_found_and_ended_by_way_of_any_node;
    subscribers_are_counted_at_every_node;
    a_node_that_does_not_answer_is_named;
    a_node_that_leaves_is_asked_no_more;
    without_its_store_a_node_speaks_for_itself_and_says_so;
}

/// What nodes share.
enum Store {
    Redis(RedisServer),
    Nats(NatsServer),
}

impl Store {
    async fn redis() -> Self {
        Self::Redis(RedisServer::start(&[]).await)
    }

    async fn nats() -> Self {
        Self::Nats(NatsServer::start().await)
    }

    /// Makes a node use it.
    fn settle(&self, config: &mut Config) {
        match self {
            Self::Redis(servers) => {
                config.broker.kind = Some(BrokerKind::Redis);
                config.broker.redis.servers = vec![Secret::new(servers.url())];
            }
            Self::Nats(log) => {
                config.broker.kind = Some(BrokerKind::Nats);
                config.broker.nats.servers = vec![Secret::new(log.url())];
            }
        }
    }

    fn kill(&mut self) {
        match self {
            Self::Redis(servers) => servers.kill(),
            Self::Nats(log) => log.kill(),
        }
    }
}

/// A node on the store. If it is alive, it responds to the others.
async fn node(store: &Store, name: &str, is_alive: bool) -> TestApi {
    running(store, name, is_alive).await.0
}

/// The same, with the task that keeps it on the store.
async fn running(store: &Store, name: &str, is_alive: bool) -> (TestApi, JoinHandle<()>) {
    let mut config = Config { dev: true, ..Config::default() };
    config.node.name = name.into();
    // No task takes what the hubs have for sessions, which may last on a busy machine.
    config.limits.slow_timeout_ms = 3_600_000;
    store.settle(&mut config);
    let api = TestApi::with(config);
    let node = Arc::clone(&api.node);
    let life = tokio::spawn(async move { node.broker.run().await });
    if is_alive {
        answers(&api);
    }
    while !api.node.broker.is_ready().await {
        tokio::task::yield_now().await;
    }
    (api, life)
}

fn answers(api: &TestApi) -> JoinHandle<()> {
    tokio::spawn(cluster_rpc::respond(Arc::clone(&api.node)))
}

/// The names have all characters that a name may have.
async fn two(store: &Store) -> (TestApi, TestApi) {
    (node(store, "one", true).await, node(store, "a-1.two", true).await)
}

/// Repeats a request until every node has responded in time, however busy the machine is.
async fn whole(api: &TestApi, target: &str) -> Value {
    loop {
        let page = api.ask("GET", target).await.json();
        if page["unanswered"] == json!([]) {
            return page;
        }
        assert!(page["unanswered"].is_array(), "{page}");
    }
}

/// The same of one connection; a node may be late.
async fn sure(api: &TestApi, method: &str, target: &str) -> Answer {
    loop {
        let answer = api.ask(method, target).await;
        if answer.status != 503 {
            return answer;
        }
    }
}

fn rows(page: &Value) -> Vec<(String, String)> {
    let rows = page["connections"].as_array().unwrap().iter();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    rows.map(|row| (text(row, "link"), text(row, "node"))).collect()
}

/// The code of the close that waits for a session, if one does.
fn close_of(api: &TestApi, link: &str, id: &str) -> Option<CloseCode> {
    let (_, key) = api.node.connection_of(id).unwrap();
    let shard = api.node.shard_of(&LinkId::new(link).unwrap());
    let work = shard.with(|hub, now| hub.take(now, key));
    work.frames.into_iter().find_map(|frame| match frame {
        Outgoing::Close { code, .. } => Some(code),
        Outgoing::Text(_) | Outgoing::StreamEvent(_) | Outgoing::Ping | Outgoing::Signal => None,
    })
}

async fn either_node_lists_the_connections_of_both_in_the_same_pages(store: Store) {
    let (one, two) = two(&store).await;
    let mut all = BTreeSet::new();
    for at in 0..25 {
        let (api, name) = if at % 5 < 2 { (&one, "one") } else { (&two, "a-1.two") };
        let link = format!("link-{at:04}");
        api.open(&link, &[if at % 2 == 0 { "even" } else { "odd" }]);
        all.insert((link, name.to_owned()));
    }
    let mut orders = Vec::new();
    for api in [&one, &two] {
        let (mut seen, mut target) = (Vec::new(), "/v1/connections?limit=4".to_owned());
        loop {
            let page = whole(api, &target).await;
            let rows = rows(&page);
            assert!(rows.len() == 4 || page["next"].is_null(), "{page}");
            seen.extend(rows);
            let Some(next) = page["next"].as_str() else { break };
            target = format!("/v1/connections?limit=4&after={next}");
        }
        assert_eq!(seen.len(), 25);
        assert_eq!(seen.iter().cloned().collect::<BTreeSet<_>>(), all);
        orders.push(seen);
    }
    assert_eq!(orders[0], orders[1]);
    // A page that ends with the last row is the last page, and narrowing holds everywhere.
    assert_eq!(whole(&one, "/v1/connections?limit=25").await["next"], Value::Null);
    assert_eq!(rows(&whole(&two, "/v1/connections?channel=even").await).len(), 13);
    let found = whole(&one, "/v1/connections?link=link-0002").await;
    assert_eq!(rows(&found), [("link-0002".to_owned(), "a-1.two".to_owned())]);
    one.ask("GET", "/v1/connections?after=0-0-0").await.problem(400, "bad_query");
}

async fn a_part_that_no_letter_could_carry_is_given_in_several_pages(store: Store) {
    let (one, two) = two(&store).await;
    let names: Vec<String> = (0..100).map(|at| format!("{at:0199}")).collect();
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    let links: BTreeSet<String> = (0..60).map(|at| format!("link-{at:04}")).collect();
    for link in &links {
        two.open(link, &names);
    }
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    let mut target = "/v1/connections?limit=100".to_owned();
    loop {
        let page = whole(&one, &target).await;
        seen.extend(rows(&page).into_iter().map(|(link, _)| link));
        sizes.push(page.to_string().len());
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/v1/connections?limit=100&after={next}");
    }
    assert_eq!((seen.len(), seen.into_iter().collect()), (60, links));
    let response = 1024 * 1024;
    assert!(sizes.len() > 1 && sizes.iter().sum::<usize>() > response, "{sizes:?}");
}

async fn a_connection_is_found_and_ended_by_way_of_any_node(store: Store) {
    let (one, two) = two(&store).await;
    for (link, api, code) in [("link-0001", &one, 4402), ("link-0002", &two, 4002)] {
        let (local, waker, _) = api.open(link, &["a"]);
        let page = whole(&one, &format!("/v1/connections?link={link}")).await;
        let target = format!("/v1/connections/{}", page["connections"][0]["id"].as_str().unwrap());
        for asked in [&one, &two] {
            let shown = sure(asked, "GET", &target).await.json();
            assert_eq!(
                (&shown["link"], &shown["node"]),
                (&json!(link), &page["connections"][0]["node"])
            );
        }
        assert_eq!(close_of(api, link, &local), None);
        let query = if code == 4002 { "?reconnect=true" } else { "" };
        sure(&one, "DELETE", &format!("{target}{query}")).await;
        waker.closing.notified().await;
        assert_eq!(close_of(api, link, &local), Some(CloseCode(code)));
    }
    let (run, odd) = (one.node.broker.node_id().unwrap().run.clone(), "0-0-0.0123456789abcdef");
    for id in ["0-0-0", odd, "x.y", &format!("0-ffff-1.{run}"), &"0".repeat(99)] {
        for method in ["GET", "DELETE"] {
            let answer = sure(&two, method, &format!("/v1/connections/{id}")).await;
            answer.problem(404, "connection_not_found");
        }
    }
}

async fn subscribers_are_counted_at_every_node(store: Store) {
    let (one, two) = two(&store).await;
    for channel in ["a", "b:c"] {
        let event = r#"{"event":"e"}"#;
        let answer = one.post(&format!("/v1/channels/{channel}/events"), event).await;
        assert_eq!(answer.status, 201);
    }
    one.open("link-0001", &["a"]);
    two.open("link-0002", &["a", "b:c"]);
    two.open("link-0003", &["a"]);
    for api in [&one, &two] {
        let page = whole(api, "/v1/channels").await;
        let counts = [0, 1].map(|at| page["channels"][at]["subscribers"].clone());
        assert_eq!(counts, [json!(3), json!(1)]);
        assert_eq!(whole(api, "/v1/channels/a").await["subscribers"], 3);
    }
    assert_eq!(whole(&one, "/v1/channels?after=c").await["channels"], json!([]));
}

async fn a_node_that_does_not_answer_is_named(store: Store) {
    let one = node(&store, "one", true).await;
    let still = node(&store, "still", false).await;
    one.open("link-0001", &["a"]);
    still.open("link-0002", &["a"]);
    let page = one.ask("GET", "/v1/connections").await.json();
    assert_eq!(rows(&page), [("link-0001".to_owned(), "one".to_owned())]);
    assert_eq!(page["unanswered"], json!(["still"]));
    one.post("/v1/channels/a/events", r#"{"event":"e"}"#).await;
    let shown = one.ask("GET", "/v1/channels/a").await.json();
    assert_eq!((&shown["subscribers"], &shown["unanswered"]), (&json!(1), &json!(["still"])));
    let run = still.node.broker.node_id().unwrap().run.clone();
    for method in ["GET", "DELETE"] {
        let answer = one.ask(method, &format!("/v1/connections/0-0-1.{run}")).await;
        let detail = answer.problem(503, "node_silent");
        assert!(detail.contains("node still"), "{detail}");
    }
    // A request that waited is responded to late, and ignored; then all nodes respond.
    answers(&still);
    assert_eq!(rows(&whole(&one, "/v1/connections").await).len(), 2);
}

async fn a_node_that_leaves_is_asked_no_more(store: Store) {
    let one = node(&store, "one", true).await;
    let (still, life) = running(&store, "still", false).await;
    let page = one.ask("GET", "/v1/connections").await.json();
    assert_eq!(page["unanswered"], json!(["still"]));
    life.abort();
    assert!(life.await.is_err(), "it says no more that it is there");
    still.node.broker.leave().await;
    assert_eq!(whole(&one, "/v1/connections").await["connections"], json!([]));
}

async fn without_its_store_a_node_speaks_for_itself_and_says_so(mut store: Store) {
    let (one, two) = two(&store).await;
    one.open("link-0001", &["a"]);
    two.open("link-0002", &["a"]);
    assert_eq!(rows(&whole(&one, "/v1/connections").await).len(), 2);
    store.kill();
    let page = one.ask("GET", "/v1/connections").await.json();
    assert_eq!(rows(&page), [("link-0001".to_owned(), "one".to_owned())]);
    assert_eq!(page["unanswered"], json!(["a-1.two"]));
    one.ask("GET", "/v1/channels").await.problem(503, "broker_unavailable");
}
