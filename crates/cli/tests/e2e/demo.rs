//! What `--dev` has to show a link at work, over real sockets; and that there is none of it
//! elsewhere.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::raw::Raw;
use crate::server::{Answer, Server, answer};

const KEYS: [(&str, &str); 2] = [
    ("AUTH__HS256_KEY", "0123456789abcdef0123456789abcdef"),
    ("INTERNAL__KEY", "a-backends-own-key-0001"),
];

async fn starts_a_job(server: &Server, wish: &Value) -> String {
    let started = answer(server.http.post(server.url("/demo/jobs")).json(wish)).await;
    assert_eq!(started.status, 201, "{started:?}");
    started.json()["channel"].as_str().unwrap().to_owned()
}

async fn blocks_websocket(server: &Server, is_blocked: bool) -> Answer {
    let wish = json!({ "is_blocked": is_blocked });
    answer(server.http.put(server.url("/demo/websocket")).json(&wish)).await
}

#[tokio::test]
async fn a_job_is_followed_from_its_start_to_its_end() {
    let server = Server::dev().await;
    let channel = starts_a_job(&server, &json!({"duration_ms": 1_000})).await;
    assert!(channel.starts_with("diagnosis:"), "{channel}");
    let mut raw = Raw::follow(&server, "link-0001", &[(&channel, json!("start"))]).await;
    raw.expect("subscribed").await;
    let mut events = Vec::new();
    loop {
        let frame = raw.hears().await;
        if frame["type"] == "finished" {
            break;
        }
        assert_eq!(frame["type"], "event", "{frame}");
        events.push(frame);
    }
    let offsets = events.iter().map(|event| event["offset"].as_u64().unwrap());
    assert!(offsets.eq(1..=events.len() as u64), "{events:?}");
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let (progress, end) = names.split_at(names.len() - 2);
    assert!(progress.len() > 1 && progress.iter().all(|name| *name == "progress"), "{names:?}");
    assert_eq!(end, ["result", "complete"]);
    // Two jobs have nothing to do with each other.
    assert_ne!(starts_a_job(&server, &json!({})).await, channel);
}

/// P-75
#[tokio::test]
async fn websocket_is_blocked_as_by_a_stranger_and_http_is_not() {
    let server = Server::dev().await;
    let follow = [("demo:1", json!("start"))];
    let mut live = Raw::follow(&server, "link-0001", &follow).await;
    live.expect("subscribed").await;
    let blocked = blocks_websocket(&server, true).await;
    assert_eq!((blocked.status, blocked.json()), (200, json!({"is_blocked": true})));
    assert_eq!(live.closed().await.0, 1006, "a middlebox sends no close frame");
    for path in ["/v1/ws", "/ws/diagnosis/1"] {
        let Err(Error::Http(refused)) = Raw::ask(server.public, path, &[]).await else {
            panic!("{path} was upgraded");
        };
        assert_eq!(refused.status().as_u16(), 403);
        assert_eq!(refused.headers()["content-type"], "text/html");
        assert!(!refused.headers().contains_key("steadfast-node"), "{refused:?}");
    }
    let probe = server.asked("/v1/probe").await;
    assert_eq!(probe.status, 204);
    assert!(!probe.header("steadfast-node").is_empty());
    server.publishes("demo:1", 1).await;
    assert_eq!(server.polls("demo:1", "").await["offset"], 1);
    assert!(server.connections().await.is_empty());

    assert_eq!(blocks_websocket(&server, false).await.json(), json!({"is_blocked": false}));
    let mut back = Raw::open(&server).await;
    back.hello("link-0001", 2, &follow).await;
    back.expect("welcome").await;
    back.expect("subscribed").await;
    back.expect_events(1..=1).await;
}

#[tokio::test]
async fn without_dev_there_is_no_demonstration() {
    let server = Server::start(&[], &KEYS).await;
    for path in ["/", "/demo/page.js", "/demo/page.css", "/demo/jobs", "/demo/websocket"] {
        let url = server.url(path);
        answer(server.http.get(&url)).await.assert_problem(404, "not_found");
        for request in [server.http.post(&url), server.http.put(&url)] {
            answer(request.json(&json!({"is_blocked": true})))
                .await
                .assert_problem(404, "not_found");
        }
    }
    // And nothing was blocked.
    Raw::open(&server).await;
}

#[tokio::test]
async fn strangers_pages_neither_start_jobs_nor_block_websocket() {
    let server = Server::dev().await;
    for (header, text) in [("Origin", "https://evil.example"), ("Host", "evil.example")] {
        let job = server.http.post(server.url("/demo/jobs")).header(header, text);
        let block = server.http.put(server.url("/demo/websocket")).header(header, text);
        let block = block.json(&json!({"is_blocked": true}));
        for request in [job, block, server.http.get(server.url("/")).header(header, text)] {
            answer(request).await.assert_problem(403, "origin_refused");
        }
    }
    assert_eq!(server.asked("/demo/websocket").await.json(), json!({"is_blocked": false}));
}
