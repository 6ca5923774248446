//! Sessions, as operators see them.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use steadfast_hub::Outgoing;
use steadfast_protocol::codec::json as frames;
use steadfast_protocol::{CloseCode, LinkId, Timestamp};

use super::TestApi;
use crate::backend_api::connections::SLOTS_PER_LOCK;

fn links(page: &Value) -> Vec<&str> {
    let connections = page["connections"].as_array().unwrap();
    connections.iter().map(|one| one["link"].as_str().unwrap()).collect()
}

/// The close that waits for a session, if one does. What waited before it is taken.
fn close_of(api: &TestApi, link: &str, id: &str) -> Option<(CloseCode, String)> {
    let (_, key) = api.node.connection_of(id).unwrap();
    let shard = api.node.shard_of(&LinkId::new(link).unwrap());
    let work = shard.with(|hub, now| hub.take(now, key));
    work.frames.into_iter().find_map(|frame| match frame {
        Outgoing::Close { code, reason } => Some((code, reason.into_owned())),
        Outgoing::Text(_) | Outgoing::StreamEvent(_) | Outgoing::Ping | Outgoing::Signal => None,
    })
}

#[tokio::test]
async fn a_connection_is_shown_with_all_that_is_counted() {
    let api = TestApi::new();
    let (id, ..) = api.open("link-0001", &["a", "b:c"]);
    let answer = api.ask("GET", &format!("/v1/connections/{id}")).await;
    let shown = answer.json();
    let fields: Vec<&str> = answer.text.split('"').skip(1).step_by(2).collect();
    for field in ["id", "link", "generation", "transport", "client", "channels", "stats"] {
        assert!(fields.contains(&field), "{field}");
    }
    assert!(answer.text.starts_with(r#"{"id":"#) && answer.text.contains(r#","stats":null,"#));
    assert_eq!(shown["address"], "192.0.2.7");
    let began = &shown["timeline"][0];
    assert_eq!((&began["type"], &began["transport"]), (&json!("opened"), &json!("websocket")));
    assert_eq!(shown["id"], id.as_str());
    assert_eq!(shown["link"], "link-0001");
    assert_eq!(shown["generation"], 1);
    assert_eq!(shown["transport"], "websocket");
    assert_eq!(shown["client"]["name"], "probe");
    assert_eq!(shown["channels"], serde_json::json!(["a", "b:c"]));
    assert_eq!(shown["connected_at"].as_str().unwrap().len(), "2026-01-01T00:00:00.000Z".len());
    assert!(shown["last_heartbeat"].is_string());
    assert_eq!(shown["idle_seconds"], 0);
    assert_eq!(shown["healthy"], true);
    assert_eq!(shown["queued"], 1);
    for count in ["message_count", "event_count", "bytes_sent", "bytes_received"] {
        assert_eq!(shown[count], 0, "{count}");
    }
    let list = api.ask("GET", "/v1/connections").await.json();
    assert_eq!(list["connections"][0]["id"], shown["id"]);
    assert_eq!(list["connections"][0].get("timeline"), None);
    assert_eq!(list["next"], Value::Null);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let api = TestApi::new();
    let (id, ..) = api.open("link-0001", &[]);
    let later = format!("{id}0");
    for id in ["0-0-0", "ff-0-1", "0-ffffffff-1", "x", "0-0", "0-0-1-2", "%FF", &later] {
        for method in ["GET", "DELETE"] {
            let answer = api.ask(method, &format!("/v1/connections/{id}")).await;
            answer.problem(404, "connection_not_found");
        }
    }
}

#[tokio::test]
async fn pages_cover_all_shards_without_hole_or_overlap() {
    let api = TestApi::new();
    let count = api.node.shards.len() * SLOTS_PER_LOCK as usize + 500;
    for at in 0..count {
        api.open(&format!("link-{at:05}"), &[]);
    }
    let (mut seen, mut pages, mut target) =
        (BTreeSet::new(), 0, "/v1/connections?limit=300".to_owned());
    loop {
        let page = api.ask("GET", &target).await.json();
        let links = links(&page);
        pages += 1;
        assert!(links.into_iter().all(|link| seen.insert(link.to_owned())));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/v1/connections?limit=300&after={next}");
    }
    assert_eq!((seen.len(), pages), (count, count.div_ceil(300)));
    assert_eq!(links(&api.ask("GET", "/v1/connections").await.json()).len(), 100);
}

#[tokio::test]
async fn a_page_goes_on_after_a_connection_that_has_gone() {
    let api = TestApi::new();
    for at in 0..20 {
        api.open(&format!("link-{at:05}"), &[]);
    }
    let page = api.ask("GET", "/v1/connections?limit=5").await.json();
    let next = page["next"].as_str().unwrap();
    let (shard, key) = api.node.connection_of(next).unwrap();
    shard.with(|hub, now| hub.closed(now, key, CloseCode::ABNORMAL, "gone"));
    let rest = api.ask("GET", &format!("/v1/connections?after={next}")).await.json();
    assert_eq!((links(&page).len(), links(&rest).len()), (5, 15));
}

#[tokio::test]
async fn a_listing_can_be_narrowed() {
    let api = TestApi::new();
    api.open("link-0001", &["a"]);
    api.open("link-0002", &["a", "b"]);
    api.open("link-0003", &[]);
    let table = [
        ("channel=a", 2),
        ("channel=b", 1),
        ("channel=c", 0),
        ("link=link-0003", 1),
        ("link=link-0003&channel=a", 0),
        ("link=link-0009", 0),
        ("transport=websocket", 3),
        ("transport=sse", 0),
        ("transport=poll", 0),
        ("transport=websocket&channel=a&limit=1", 1),
        ("address=192.0.2.7", 3),
        ("address=192.0.0.0/16", 3),
        ("address=%3A%3Affff%3A192.0.2.7", 3),
        ("address=192.0.2.8", 0),
        ("platform=LINUX", 3),
        ("platform=windows", 0),
        ("grade=unknown", 3),
        ("grade=good", 0),
    ];
    for (query, count) in table {
        let page = api.ask("GET", &format!("/v1/connections?{query}")).await.json();
        assert_eq!(links(&page).len(), count, "{query}");
    }
    let bad = ["address=here", "address=10.0.0.0/33", "grade=fine"];
    for bad in bad.into_iter().chain([
        "channel=a%20b",
        "link=x",
        "transport=udp",
        "after=x",
        "limit=0",
        "limit=1001",
    ]) {
        let answer = api.ask("GET", &format!("/v1/connections?{bad}")).await;
        answer.problem(400, "bad_query");
    }
}

#[tokio::test]
async fn an_operator_can_end_a_connection_for_good() {
    let api = TestApi::new();
    let (id, waker, _) = api.open("link-0001", &[]);
    assert_eq!(close_of(&api, "link-0001", &id), None);
    let answer = api.ask("DELETE", &format!("/v1/connections/{id}")).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    waker.closing.notified().await;
    let expected = (CloseCode(4402), "disconnected by an operator".to_owned());
    assert_eq!(close_of(&api, "link-0001", &id), Some(expected));
}

#[tokio::test]
async fn an_operator_can_have_a_connection_reconnect() {
    let api = TestApi::new();
    let (id, waker, _) = api.open("link-0001", &[]);
    assert_eq!(close_of(&api, "link-0001", &id), None);
    for bad in ["reconnect=yes", "reconect=true", "reconnect"] {
        let answer = api.ask("DELETE", &format!("/v1/connections/{id}?{bad}")).await;
        answer.problem(400, "bad_query");
    }
    let answer = api.ask("DELETE", &format!("/v1/connections/{id}?reconnect=true")).await;
    assert_eq!(answer.status, 204);
    waker.closing.notified().await;
    assert_eq!(close_of(&api, "link-0001", &id).unwrap().0, CloseCode(4002));
}

#[tokio::test]
async fn what_a_link_says_of_itself_is_shown_counted_and_searched() {
    let api = TestApi::new();
    let (id, _, key) = api.open("link-0001", &["a"]);
    api.open("link-0002", &["a"]);
    let shard = api.node.shard_of(&LinkId::new("link-0001").unwrap());
    let text = r#"{"type":"heartbeat","stats":{"grade":"poor","score":31,"rtt_ms":420,
        "availability":98.5,"realtime_availability":60}}"#;
    let frame = frames::client_frame(text, &api.node.message_limits());
    shard.with(|hub, now| hub.frame(now, Timestamp(0), key, text.len(), frame));

    let poor = api.ask("GET", "/v1/connections?grade=poor").await.json();
    assert_eq!(links(&poor), ["link-0001"]);
    let shown = api.ask("GET", &format!("/v1/connections/{id}")).await.json();
    let report = &shown["timeline"][1];
    assert_eq!((&report["type"], &report["grade"]), (&json!("reported"), &json!("poor")));
    assert_eq!((&report["score"], &report["rtt_ms"]), (&json!(31), &json!(420)));

    let stats = api.ask("GET", "/v1/stats").await.json();
    let quality = &stats["quality"];
    assert_eq!((&quality["poor"], &quality["unknown"]), (&json!(1), &json!(1)));
    assert_eq!((&quality["availability"], &quality["good"]), (&json!(98.5), &json!(0)));
    assert_eq!(quality["realtime_availability"], 60.0);
    assert_eq!(stats["transports"], json!({"websocket": 2, "sse": 0, "poll": 0}));
    let limits = stats["limits"].as_array().unwrap();
    let channels = limits.iter().find(|one| one["name"] == "limits.channels_max").unwrap();
    assert_eq!(channels["max"], 100_000);
}
