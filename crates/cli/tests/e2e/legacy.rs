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
