//! Clients of version 2.1 in the field, which must go on working unchanged. P-90 to P-92

use serde_json::json;

use crate::raw::Raw;
use crate::server::Server;

const QUERY: &str = "/ws/diagnosis/8f3c?client_version=2.1.0&platform=miniprogram&t=1";

#[tokio::test]
async fn an_older_client_gets_events_in_the_shape_it_reads() {
    let server = Server::dev().await;
    server.publishes("diagnosis:8f3c", 1).await;
    let mut raw = Raw::open_path(&server, QUERY).await;
    raw.says(&json!({"type": "connection_ack", "execution_id": "8f3c"})).await;
    raw.says(&json!({"type": "ping"})).await;
    raw.expect("pong").await;
    for (event, is_final) in [("progress", false), ("result", false), ("complete", true)] {
        let body = json!({"event": event, "data": {"pct": 40}, "final": is_final});
        server.publishes_event("diagnosis:8f3c", &body).await;
        let update = raw.expect("diagnosis_update").await;
        assert_eq!(update["execution_id"], "8f3c");
        assert_eq!((&update["event"], &update["data"]), (&json!(event), &json!({"pct": 40})));
        assert!(update["timestamp"].as_str().is_some_and(|text| text.ends_with('Z')), "{update}");
    }
}

#[tokio::test]
async fn an_older_clients_signs_of_life_are_answered_in_type_and_event() {
    let server = Server::dev().await;
    let mut raw = Raw::open_path(&server, QUERY).await;
    raw.says(&json!({"type": "heartbeat", "timestamp": 1_700_000_000_123_u64})).await;
    let ack = raw.expect("heartbeat_ack").await;
    assert_eq!(ack["event"], "heartbeat_ack");
    assert_eq!(ack["timestamp"], 1_700_000_000_123_u64);
    assert!(ack["server_time"].as_str().is_some(), "{ack}");
    raw.says(&json!({"type": "ping"})).await;
    assert_eq!(raw.expect("pong").await["event"], "pong");
}

/// P-93
#[tokio::test]
async fn an_older_client_that_is_silent_is_asked_and_one_that_does_not_answer_is_closed() {
    let settings = [("HEARTBEAT__PING_INTERVAL_MS", "300"), ("HEARTBEAT__PING_TIMEOUT_MS", "300")];
    let server = Server::dev_with(&settings).await;
    let mut raw = Raw::open_path(&server, QUERY).await;
    for _ in 0..3 {
        raw.answers_a_ping().await;
    }
    // From here on its library answers the transport's pings, and nothing else does. P-47
    assert_eq!(raw.closed().await, (1001, "Connection stale".into()));
}

#[tokio::test]
async fn what_an_older_client_says_wrong_is_ignored_and_it_lives() {
    let server = Server::dev().await;
    let mut raw = Raw::open_path(&server, "/ws/diagnosis/8f3c").await;
    for _ in 0..10 {
        for odd in ["{", "", "[]", "7", r#"{"type":7}"#, r#"{"type":"dance"}"#, r#"{"event":"a"}"#]
        {
            raw.says_text(odd).await;
        }
    }
    raw.says(&json!({"type": "ping"})).await;
    raw.expect("pong").await;
    server.publishes("diagnosis:8f3c", 1).await;
    raw.expect("diagnosis_update").await;
}

#[tokio::test]
async fn a_path_that_fits_no_route_is_closed_with_a_code_that_says_so() {
    let server = Server::dev().await;
    // Those that HTTP knows too are no routes of a WebSocket.
    let known = ["/", "/v1/probe", "/v1/channels/a/events", "/v1/channels/a/stream"];
    let unknown = [
        "/ws/diagnosis/",
        "/ws/other/1",
        "/ws",
        "/ws/diagnosis/a/b",
        "/v2/ws",
        "/ws/diagnosis/a%20b",
    ];
    for path in known.into_iter().chain(unknown) {
        let mut raw = Raw::open_path(&server, path).await;
        assert_eq!(raw.closed().await, (1008, "Invalid path".into()), "{path}");
    }
}

const FROM_START: &str = r#"
dev = true
[[routes]]
path = "/ws/diagnosis/{id}"
namespace = "diagnosis"
start = "start"
"#;

/// P-94: the original client comes back after the end, and would be given all of it for ever.
#[tokio::test]
async fn a_finished_channel_is_not_replayed_to_a_client_that_had_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steadfast.toml");
    std::fs::write(&file, FROM_START).unwrap();
    let server = Server::start(&["--config", file.to_str().unwrap()], &[]).await;
    let agent = |agent: &'static str| [("user-agent", agent)];
    let open = async |name| Raw::ask(server.public, QUERY, &agent(name)).await.unwrap();
    server.publishes("diagnosis:8f3c", 1).await;
    // Gone before the end: history comes again, as the route says.
    for _ in 0..2 {
        let mut raw = open("one").await;
        assert_eq!(raw.expect("diagnosis_update").await["event"], "progress");
        raw.closes().await;
    }
    let mut raw = open("one").await;
    raw.expect("diagnosis_update").await;
    let end = json!({"event": "complete", "data": {}, "final": true});
    server.publishes_event("diagnosis:8f3c", &end).await;
    assert_eq!(raw.expect("diagnosis_update").await["event"], "complete");
    raw.closes().await;
    // It comes back, and again: there is nothing more for it, and it is not closed either.
    for _ in 0..3 {
        let mut raw = open("one").await;
        for _ in 0..2 {
            raw.says(&json!({"type": "ping"})).await;
            raw.expect("pong").await;
        }
        raw.closes().await;
    }
    // Somebody else, and whoever lost the path before the end was there, have it all.
    let mut other = open("two").await;
    for event in ["progress", "complete"] {
        assert_eq!(other.expect("diagnosis_update").await["event"], event);
    }
    drop(other);
    let mut other = open("two").await;
    assert_eq!(other.expect("diagnosis_update").await["event"], "progress");
    // A channel of the same name that has begun anew is another one.
    let url = server.internal_url("/v1/channels/diagnosis:8f3c");
    assert!(crate::server::answer(server.http.delete(url)).await.status < 300);
    server.publishes("diagnosis:8f3c", 7).await;
    let update = open("one").await.expect("diagnosis_update").await;
    assert_eq!(update["data"], json!({"n": 7}));
}
