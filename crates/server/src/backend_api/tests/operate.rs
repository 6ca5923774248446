//! Statistics, health and metrics.

use serde_json::json;
use steadfast_protocol::CloseCode;

use super::TestApi;
use crate::config::{BrokerKind, Config};

#[tokio::test]
async fn the_statistics_count_the_whole_node() {
    let api = TestApi::new();
    for at in 0..8 {
        api.open(&format!("link-{at:04}"), &["a", "b"]);
    }
    let (gone, ..) = api.open("link-gone", &["c"]);
    let (shard, key) = api.node.connection_of(&gone).unwrap();
    shard.with(|hub, now| hub.closed(now, key, CloseCode::ABNORMAL, "gone"));
    api.post("/v1/channels/a/events", r#"{"event":"e"}"#).await;
    api.post("/v1/channels/a/events", "{}").await;

    let answer = api.ask("GET", "/v1/stats").await;
    let stats = answer.json();
    assert!(answer.text.starts_with(r#"{"node":"node-1","region":"local","broker":"memory","#));
    assert_eq!(stats["draining"], false);
    assert_eq!(stats["started_at"].as_str().unwrap().len(), "2026-01-01T00:00:00.000Z".len());
    assert!(stats["uptime_seconds"].is_u64());
    let connections = &stats["connections"];
    assert_eq!((&connections["now"], &connections["peak"]), (&json!(8), &json!(9)));
    assert_eq!((&connections["accepted"], &connections["closed"]), (&json!(9), &json!(1)));
    for count in ["refused", "replaced", "stale", "slow", "healthy"] {
        assert_eq!(connections[count], 0, "{count}");
    }
    assert_eq!(stats["channels"], json!({"kept": 1, "followed": 2, "subscriptions": 16}));
    assert_eq!(stats["events"]["published"], 1);
    assert_eq!(stats["events"]["publish_errors"], 1);
    assert!(stats["history_bytes"].as_u64().unwrap() > 50);
    assert_eq!(stats["polls"], 0);
    api.ask("GET", "/v1/stats?x=1").await.problem(400, "bad_query");
}

#[tokio::test]
async fn the_statistics_tell_of_a_node_that_leaves() {
    let api = TestApi::new();
    api.node.drain.set_begun(0);
    assert_eq!(api.ask("GET", "/v1/stats").await.json()["draining"], true);
}

#[tokio::test]
async fn a_drain_is_begun_once_and_reported_each_time() {
    let api = TestApi::new();
    api.open("link-0001", &["a"]);
    let refused = api.post("/v1/drain", r#"{"now":true}"#).await;
    assert!(refused.problem(400, "unknown_field").contains("`now`; there is none"));
    assert_eq!(api.ask("GET", "/readyz").await.status, 200);
    let answer = api.ask("POST", "/v1/drain").await;
    let expected = json!({
        "connections": 1, "other_nodes": 0, "after_ms": 0, "spread_ms": 1_000, "deadline_ms": 2_000,
    });
    assert_eq!((answer.status.as_u16(), answer.json()), (202, expected.clone()));
    api.ask("GET", "/readyz").await.problem(503, "draining");
    assert_eq!(api.post("/v1/drain", "{}").await.json(), expected);
}

#[tokio::test]
async fn a_node_that_leaves_is_alive_and_not_ready() {
    let api = TestApi::new();
    for target in ["/livez", "/readyz"] {
        let answer = api.ask("GET", target).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, r#"{"status":"ok"}"#));
        assert_eq!(answer.headers["steadfast-node"], "node-1");
    }
    api.node.drain.set_begun(0);
    assert_eq!(api.ask("GET", "/livez").await.status, 200);
    let answer = api.ask("GET", "/readyz").await;
    answer.problem(503, "draining");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_broker_takes_nothing_is_not_ready() {
    let api = TestApi::still(Config { dev: true, ..Config::default() });
    let mut taken = Vec::new();
    for _ in 0..steadfast_broker::IN_FLIGHT_MAX {
        taken.push(api.node.updates.permit().await);
    }
    let detail = api.ask("GET", "/readyz").await.problem(503, "broker_unavailable");
    assert!(detail.contains("memory"), "{detail}");
    drop(taken);
    assert_eq!(api.ask("GET", "/readyz").await.status, 200);
}

#[tokio::test]
async fn a_disk_broker_tells_of_its_commits() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config { dev: true, ..Config::default() };
    config.broker.kind = Some(BrokerKind::Disk);
    config.broker.data_dir = Some(folder.path().join("data"));
    let api = TestApi::with(config);
    let events = r#"[{"channel":"a","event":"e"},{"channel":"b"},{"channel":"a","event":"f"}]"#;
    let results = api.post("/v1/events", events).await.json();
    assert_eq!(results["results"][2]["offset"], 2, "{results}");
    assert_eq!(results["results"][1]["error"]["code"], "missing_field", "{results}");

    let stats = api.ask("GET", "/v1/stats").await.json();
    assert_eq!(stats["broker"], "disk");
    let told = &stats["disk"];
    let commits = told["commits"].as_u64().unwrap();
    assert!((1..=2).contains(&commits), "{told}");
    let per_commit = told["events_per_commit"].as_f64().unwrap();
    assert!((1.0..=2.0).contains(&per_commit), "{told}");
    assert!(told["commit_ms_p50"].as_f64().unwrap() > 0.0, "{told}");
    assert!(told["bytes"].as_u64().unwrap() > 0, "{told}");
    assert_eq!((&told["failures"], &told["failing"]), (&json!(0), &json!(false)));

    let text = api.ask("GET", "/metrics").await.text;
    let expected = [
        "# TYPE steadfast_disk_commit_seconds histogram".to_owned(),
        format!("steadfast_disk_commit_seconds_count {commits}"),
        format!("steadfast_disk_commit_seconds_bucket{{le=\"+Inf\"}} {commits}"),
        "steadfast_disk_committed_events_total 2".to_owned(),
        "steadfast_disk_failing 0".to_owned(),
    ];
    for line in expected {
        assert!(text.lines().any(|one| one == line), "{line}:\n{text}");
    }
    assert_eq!(api.ask("GET", "/readyz").await.status, 200);
}

#[tokio::test]
async fn the_metrics_are_whole_and_have_their_limits_beside_them() {
    let api = TestApi::new();
    api.open("link-0001", &["a"]);
    api.post("/v1/channels/a/events", r#"{"event":"e"}"#).await;
    while api.node.updates.in_flight() > 0 {
        tokio::task::yield_now().await;
    }
    let answer = api.ask("GET", "/metrics").await;
    let kind = answer.headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/openmetrics-text; version=1.0.0"), "{kind}");
    assert!(answer.text.ends_with("# EOF\n"));
    let lines: Vec<&str> = answer.text.lines().collect();
    let expected = [
        "# TYPE steadfast_connections gauge",
        "steadfast_connections 1",
        "steadfast_connections_peak 1",
        "steadfast_connections_accepted_total 1",
        "steadfast_connections_refused_total 0",
        "steadfast_limit_connections 16000",
        "steadfast_channels 1",
        "steadfast_channels_followed 1",
        "steadfast_subscriptions 1",
        "steadfast_limit_channels 100000",
        "steadfast_reserved_epochs 0",
        "steadfast_reserved_epochs_dropped_total 0",
        "steadfast_limit_reserved_epochs 400000",
        "steadfast_events_published_total 1",
        "steadfast_publish_errors_total 0",
        "steadfast_publishes_throttled_total 0",
        "steadfast_limit_publish_bytes_per_second 1048576",
        "steadfast_queue_full_total 0",
        "steadfast_relay_in_flight 0",
        "steadfast_limit_relay_in_flight 4096",
        "# UNIT steadfast_history_bytes bytes",
        "steadfast_history_yielded_events_total 0",
        "steadfast_limit_history_bytes 1073741824",
        "steadfast_limit_message_bytes 1048576",
        "steadfast_polls_refused_total 0",
        "steadfast_responses_slow_total 0",
        "steadfast_poll_answers_bytes 0",
        "steadfast_limit_poll_answers_bytes 134217728",
        "steadfast_limit_queue_bytes 1048576",
        "steadfast_compressed_sessions 0",
        "steadfast_compressed_messages_total 0",
        "steadfast_inflated_too_long_total 0",
        "steadfast_compressed_before_bytes_total 0",
        "steadfast_compressed_copies_bytes 0",
        "steadfast_limit_compressed_copies_bytes 8388608",
        "# UNIT steadfast_uptime_seconds seconds",
        "steadfast_draining 0",
    ];
    for line in expected {
        assert!(lines.contains(&line), "{line}:\n{}", answer.text);
    }
    let named = |line: &&&str| {
        let prefixes = ["#", "steadfast_", "process_"];
        !prefixes.iter().any(|prefix| line.starts_with(prefix))
    };
    assert_eq!(lines.iter().filter(named).count(), 0);
    assert!(answer.text.contains(r#"steadfast_node_info{node="node-1",region="local""#));
}
