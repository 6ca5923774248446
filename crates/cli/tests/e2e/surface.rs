//! What people and tools outside of this repository touch: publishing, following over a
//! WebSocket, operating.

use serde_json::{Value, json};

use crate::raw::Raw;
use crate::server::{Server, answer};

/// P-3
fn assert_time(text: &Value) {
    let text = text.as_str().unwrap();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{text}");
}

fn position(event: &Value) -> Value {
    json!({"epoch": event["epoch"], "offset": event["offset"]})
}

#[tokio::test]
async fn an_event_is_published_and_its_place_is_told() {
    let server = Server::dev().await;
    let first = server.publishes("demo:1", 1).await;
    assert_eq!(first["channel"], "demo:1");
    assert_eq!(first["offset"], 1);
    assert!(first["epoch"].as_str().is_some_and(|epoch| !epoch.is_empty()));
    let second = server.publishes("demo:1", 2).await;
    assert_eq!((&second["epoch"], &second["offset"]), (&first["epoch"], &json!(2)));
    let page = server.polls("demo:1", "").await;
    let event = &page["events"][0];
    assert_eq!((&event["event"], &event["data"]), (&json!("progress"), &json!({"n": 1})));
    assert_time(&event["time"]);
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_and_makes_no_second_event() {
    let server = Server::dev().await;
    let url = server.internal_url("/v1/channels/demo:1/events");
    let body = json!({"event": "progress", "data": {"n": 1}});
    let mut answers = Vec::new();
    for _ in 0..3 {
        let request = server.http.post(&url).header("Idempotency-Key", "one").json(&body);
        let answer = answer(request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answers.push(answer.json());
    }
    let mut again = answers[0].clone();
    again["repeated"] = json!(true);
    assert_eq!((&answers[1], &answers[2]), (&again, &again));
    assert_eq!(server.publishes("demo:1", 2).await["offset"], 2);
    assert_eq!(server.polls("demo:1", "").await["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_published_is_a_problem_with_a_stable_code() {
    let server = Server::dev().await;
    let table = [
        ("/v1/channels/a::b/events", json!({"event": "progress"}), "bad_channel"),
        ("/v1/channels/a%20b/events", json!({"event": "progress"}), "bad_channel"),
        ("/v1/channels/a/events", json!({"data": 1}), "missing_field"),
        ("/v1/channels/a/events", json!({"event": 7}), "bad_body"),
        ("/v1/channels/a/events", json!({"event": ""}), "bad_event"),
        ("/v1/channels/a/events", json!([]), "bad_body"),
        ("/v1/events", json!({"list": []}), "missing_field"),
    ];
    for (path, body, code) in table {
        server.posts(path, &body).await.assert_problem(400, code);
    }
    let url = server.internal_url("/v1/channels/a/events");
    for text in ["{", "", "{\"event\":\"a\"} more", "\u{1}"] {
        let request = server.http.post(&url).header("Content-Type", "application/json").body(text);
        answer(request).await.assert_problem(400, "bad_json");
    }
    server.looks("/v1/channels/a").await.assert_problem(404, "channel_not_found");
    server.looks("/nothing").await.assert_problem(404, "not_found");
}

#[tokio::test]
async fn a_welcome_says_everything_a_link_needs() {
    let server = Server::dev().await;
    let mut raw = Raw::open(&server).await;
    raw.hello("link-0001", 1, &[]).await;
    let welcome = raw.expect("welcome").await;
    assert_eq!(welcome["link"], "link-0001");
    for (object, field) in [("heartbeat", "interval"), ("heartbeat", "timeout")] {
        assert!(welcome[object][field].as_u64().is_some(), "{welcome}");
    }
    assert_eq!(welcome["limits"]["message_bytes"], 1_048_576);
    assert_eq!(welcome["limits"]["queue_messages"], 32);
    assert_eq!(welcome["limits"]["channels"], 128);
    assert!(welcome["crash_window_ms"].as_u64().is_some(), "{welcome}");
    for text in ["node", "region"] {
        assert!(welcome[text].as_str().is_some_and(|text| !text.is_empty()), "{welcome}");
    }
    assert_time(&welcome["server_time"]);
}

#[tokio::test]
async fn a_subscriber_gets_history_and_then_what_happens() {
    let server = Server::dev().await;
    for n in 1..=3 {
        server.publishes("demo:1", n).await;
    }
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    let subscribed = raw.expect("subscribed").await;
    assert_eq!((&subscribed["offset"], &subscribed["head"]), (&json!(0), &json!(3)));
    assert_eq!(subscribed["recovered"], true);
    assert_eq!(subscribed["gap"], Value::Null);
    raw.expect_events(1..=3).await;
    let placed = server.publishes("demo:1", 4).await;
    let event = raw.expect("event").await;
    assert_eq!(event["channel"], "demo:1");
    assert_eq!((&event["event"], &event["data"]), (&json!("progress"), &json!({"n": 4})));
    assert_eq!(event["offset"], placed["offset"]);
    assert_time(&event["time"]);
}

#[tokio::test]
async fn data_arrives_as_the_text_it_was() {
    let server = Server::dev().await;
    let data = r#"{ "big": 12345678901234567890123, "e":1.50e+1, "s":"\u00e9 ü \/", "z":[ ] }"#;
    let url = server.internal_url("/v1/channels/demo:1/events");
    let body = format!(r#"{{"event":"progress","data":{data}}}"#);
    assert_eq!(answer(server.http.post(url).body(body)).await.status, 201);
    let polled = server.asked("/v1/channels/demo:1/events").await.text;
    assert!(polled.contains(data), "{polled}");
}

#[tokio::test]
async fn signs_of_life_are_answered() {
    let server = Server::dev().await;
    let mut raw = Raw::follow(&server, "link-0001", &[]).await;
    raw.says(&json!({"type": "heartbeat", "id": 7, "timestamp": 1_700_000_000_123_u64})).await;
    let ack = raw.expect("heartbeat_ack").await;
    assert_eq!((&ack["id"], &ack["timestamp"]), (&json!(7), &json!(1_700_000_000_123_u64)));
    assert_time(&ack["server_time"]);
    raw.says(&json!({"type": "heartbeat", "id": "h", "timestamp": "2026-01-01T00:00:00Z"})).await;
    let ack = raw.expect("heartbeat_ack").await;
    assert_eq!((&ack["id"], &ack["timestamp"]), (&json!("h"), &json!("2026-01-01T00:00:00Z")));
    raw.says(&json!({"type": "ping", "id": "p"})).await;
    assert_eq!(raw.expect("pong").await["id"], "p");
}

/// P-13
#[tokio::test]
async fn an_unknown_type_is_answered_and_the_session_lives() {
    let server = Server::dev().await;
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("now"))]).await;
    raw.expect("subscribed").await;
    raw.says(&json!({"type": "dance", "id": 3})).await;
    let error = raw.expect("error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!("unknown_type"), &json!(3)));
    assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()));
    assert_eq!(error["retry"], false);
    server.publishes("demo:1", 1).await;
    raw.expect_events(1..=1).await;
}

/// P-20, P-21
#[tokio::test]
async fn a_session_resumes_exactly_behind_its_position() {
    let server = Server::dev().await;
    let mut placed = Vec::new();
    for n in 1..=5 {
        placed.push(server.publishes("demo:1", n).await);
    }
    let since = position(&placed[2]);
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", since)]).await;
    let subscribed = raw.expect("subscribed").await;
    assert_eq!((&subscribed["offset"], &subscribed["recovered"]), (&json!(3), &json!(true)));
    raw.expect_events(4..=5).await;
    server.publishes("demo:1", 6).await;
    raw.expect_events(6..=6).await;
}

#[tokio::test]
async fn now_skips_what_was() {
    let server = Server::dev().await;
    for n in 1..=3 {
        server.publishes("demo:1", n).await;
    }
    let mut raw = Raw::follow(&server, "link-0001", &[]).await;
    raw.says(&json!({"type": "subscribe", "id": 1, "channel": "demo:1", "since": "now"})).await;
    let subscribed = raw.expect("subscribed").await;
    assert_eq!((&subscribed["id"], &subscribed["offset"]), (&json!(1), &json!(3)));
    server.publishes("demo:1", 4).await;
    raw.expect_events(4..=4).await;
}

/// P-22
#[tokio::test]
async fn a_position_of_another_epoch_gets_a_gap_and_then_all_there_is() {
    let server = Server::dev().await;
    let placed = server.publishes("demo:1", 1).await;
    let lost = json!({"epoch": "lost-1", "offset": 7});
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", lost.clone())]).await;
    let subscribed = raw.expect("subscribed").await;
    assert_eq!((&subscribed["recovered"], &subscribed["offset"]), (&json!(false), &json!(0)));
    let to = json!({"epoch": placed["epoch"], "offset": 0});
    let gap = json!({"from": lost, "to": to, "cause": "epoch_changed"});
    assert_eq!(subscribed["gap"], gap);
    raw.expect_events(1..=1).await;
}

/// P-22
#[tokio::test]
async fn what_retention_took_is_a_gap() {
    let settings = [("NAMESPACE_DEFAULT__HISTORY_EVENTS_MAX", "3")];
    let server = Server::dev_with(&settings).await;
    let first = server.publishes("demo:1", 1).await;
    for n in 2..=8 {
        server.publishes("demo:1", n).await;
    }
    let since = position(&first);
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", since.clone())]).await;
    let subscribed = raw.expect("subscribed").await;
    assert_eq!(subscribed["recovered"], false, "{subscribed}");
    let to = json!({"epoch": first["epoch"], "offset": 5});
    assert_eq!(subscribed["gap"], json!({"from": since, "to": to, "cause": "retention"}));
    raw.expect_events(6..=8).await;
}

/// P-15
#[tokio::test]
async fn a_newer_session_fences_the_older_one() {
    let server = Server::dev().await;
    let mut old = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    let mut new = Raw::open(&server).await;
    new.hello("link-0001", 2, &[("demo:1", json!("start"))]).await;
    new.expect("welcome").await;
    assert_eq!(old.closed().await.0, 4401);
    for generation in [1, 2] {
        let mut late = Raw::open(&server).await;
        late.hello("link-0001", generation, &[]).await;
        assert_eq!(late.closed().await.0, 4401, "generation {generation}");
    }
    new.expect("subscribed").await;
    server.publishes("demo:1", 1).await;
    new.expect_events(1..=1).await;
}

/// P-28
#[tokio::test]
async fn a_channel_is_left_and_taken_up_again() {
    let server = Server::dev().await;
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    raw.says(&json!({"type": "unsubscribe", "id": 1, "channel": "demo:1"})).await;
    raw.says(&json!({"type": "unsubscribe", "id": 2, "channel": "demo:1"})).await;
    let error = raw.expect("error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!("not_subscribed"), &json!(2)));
    server.publishes("demo:1", 1).await;
    raw.says(&json!({"type": "subscribe", "channel": "demo:1"})).await;
    raw.expect("subscribed").await;
    raw.expect_events(1..=1).await;
    raw.says(&json!({"type": "subscribe", "channel": "demo:1", "since": "start"})).await;
    raw.expect("subscribed").await;
    raw.expect_events(1..=1).await;
}

/// P-26, P-31
#[tokio::test]
async fn a_final_event_ends_the_channel_for_everybody() {
    let server = Server::dev().await;
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    let last = json!({"event": "complete", "data": {"n": 1}, "final": true});
    server.publishes_event("demo:1", &last).await;
    raw.expect_events(1..=1).await;
    assert_eq!(raw.expect("finished").await["channel"], "demo:1");
    let after = server.posts("/v1/channels/demo:1/events", &json!({"event": "late"})).await;
    after.assert_problem(409, "channel_finished");
    let page = server.polls("demo:1", "").await;
    assert_eq!((&page["final"], &page["offset"]), (&json!(true), &json!(1)));
    let mut later = Raw::follow(&server, "link-0002", &[("demo:1", json!("start"))]).await;
    later.expect("subscribed").await;
    later.expect_events(1..=1).await;
    later.expect("finished").await;
    // A session that has left every channel is still a session.
    raw.says(&json!({"type": "ping", "id": 1})).await;
    raw.expect("pong").await;
}

/// P-30, P-31
#[tokio::test]
async fn a_session_may_publish_too() {
    let server = Server::dev().await;
    let mut raw = Raw::follow(&server, "link-0001", &[]).await;
    let publish = json!({"type": "publish", "id": 1, "channel": "demo:1", "event": "progress",
        "data": {"n": 1}, "idempotency_key": "a"});
    raw.says(&publish).await;
    let first = raw.expect("published").await;
    assert_eq!((&first["id"], &first["offset"]), (&json!(1), &json!(1)));
    raw.says(&publish).await;
    let mut again = raw.expect("published").await;
    // P-37
    assert_eq!(again["repeated"].take(), json!(true));
    assert_eq!((&again["epoch"], &again["offset"]), (&first["epoch"], &first["offset"]));
    let mut other = publish.clone();
    other["final"] = json!(true);
    raw.says(&other).await;
    let error = raw.expect("error").await;
    let told = (&error["code"], &error["id"], &error["retry"]);
    assert_eq!(told, (&json!("idempotency_mismatch"), &json!(1), &json!(false)));
    raw.says(&json!({"type": "publish", "id": 2, "channel": "demo:1", "event": "complete",
        "final": true}))
        .await;
    assert_eq!(raw.expect("published").await["offset"], 2);
    raw.says(&json!({"type": "publish", "id": 3, "channel": "demo:1", "event": "late"})).await;
    let error = raw.expect("error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!("channel_finished"), &json!(3)));
}

#[tokio::test]
async fn many_events_are_published_at_once_each_with_its_result() {
    let server = Server::dev().await;
    let entry =
        |channel: &str, n: u64| json!({"channel": channel, "event": "progress", "data": {"n": n}});
    let events = [entry("a", 1), entry("b", 1), entry("a::b", 9), entry("a", 2)];
    let answer = server.posts("/v1/events", &json!({"events": events})).await;
    assert!((200..300).contains(&answer.status), "{answer:?}");
    let results = answer.json()["results"].clone();
    let offsets: Vec<&Value> = [0, 1, 3].iter().map(|&at: &usize| &results[at]["offset"]).collect();
    assert_eq!(offsets, [&json!(1), &json!(1), &json!(2)], "{results}");
    assert_eq!(results[2]["error"]["code"], "bad_channel", "{results}");
    assert_eq!(server.polls("a", "").await["events"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn operators_see_and_end_connections() {
    let server = Server::dev().await;
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    let mut other = Raw::follow(&server, "link-0002", &[]).await;
    raw.expect("subscribed").await;
    let connections = server.connections().await;
    assert_eq!(connections.len(), 2, "{connections:?}");
    let ours = connections.iter().find(|one| one["link"] == "link-0001").unwrap();
    assert_eq!(ours["transport"], "websocket", "{ours}");
    assert_eq!(ours["channels"], json!(["demo:1"]), "{ours}");
    for field in ["message_count", "bytes_sent", "bytes_received"] {
        assert!(ours[field].as_u64().is_some(), "{field} in {ours}");
    }
    assert_time(&ours["connected_at"]);
    let path = format!("/v1/connections/{}", ours["id"].as_str().unwrap());
    assert_eq!(server.looks(&path).await.json()["link"], "link-0001");
    let gone = answer(server.http.delete(server.internal_url(&path))).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(raw.closed().await.0, 4402);
    server.looks(&path).await.assert_problem(404, "connection_not_found");
    other.says(&json!({"type": "ping"})).await;
    other.expect("pong").await;
}

#[tokio::test]
async fn operators_see_channels_and_forget_them() {
    let server = Server::dev().await;
    let old = server.publishes("demo:1", 1).await;
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    raw.expect_events(1..=1).await;
    let listed = server.looks("/v1/channels").await.json();
    assert_eq!(listed["channels"][0]["channel"], "demo:1", "{listed}");
    assert_eq!(listed["channels"][0]["subscribers"], 1, "{listed}");
    let gone = answer(server.http.delete(server.internal_url("/v1/channels/demo:1"))).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    let new = server.publishes("demo:1", 1).await;
    assert_ne!(new["epoch"], old["epoch"]);
    // P-27
    let subscribed = raw.expect("subscribed").await;
    assert_eq!(subscribed["gap"]["cause"], "epoch_changed", "{subscribed}");
    assert_eq!(subscribed["gap"]["from"], position(&old), "{subscribed}");
    let event = raw.expect("event").await;
    assert_eq!((&event["offset"], &event["data"]), (&new["offset"], &json!({"n": 1})));
}

#[tokio::test]
async fn a_node_tells_how_it_is() {
    let server = Server::dev().await;
    assert_eq!(server.looks("/livez").await.status, 200);
    assert_eq!(server.looks("/readyz").await.status, 200);
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    server.publishes("demo:1", 1).await;
    raw.expect_events(1..=1).await;
    let stats = server.looks("/v1/stats").await.json();
    assert_eq!(stats["connections"]["now"], 1, "{stats}");
    assert_eq!(stats["connections"]["accepted"], 1, "{stats}");
    assert_eq!(stats["connections"]["peak"], 1, "{stats}");
    assert_eq!(stats["events"]["deliveries"], 1, "{stats}");
    let metrics = server.looks("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.header("content-type").starts_with("text/plain")
            || metrics.header("content-type").starts_with("application/openmetrics-text")
    );
    assert!(metrics.text.lines().any(|line| line.starts_with("steadfast_")), "{}", metrics.text);
}

/// P-25: what is left out is told, and nothing else is.
#[tokio::test]
async fn replaced_events_may_be_left_out_and_the_others_never() {
    let server = Server::dev().await;
    for n in 1..=60 {
        let body = match n % 20 {
            0 => json!({"event": "result", "data": {"n": n}}),
            _ => json!({"event": "progress", "data": {"n": n}, "replace": "bar"}),
        };
        server.publishes_event("demo:1", &body).await;
    }
    let mut raw = Raw::follow(&server, "link-0001", &[("demo:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    let (mut position, mut results) = (0, Vec::new());
    while position < 60 {
        let frame = raw.hears().await;
        if frame["type"] == "superseded" {
            assert_eq!(frame["from"], position + 1, "{frame}");
            position = frame["to"].as_u64().unwrap();
        } else {
            position += 1;
            assert_eq!((&frame["type"], &frame["offset"]), (&json!("event"), &json!(position)));
            if frame["event"] == "result" {
                results.push(position);
            }
        }
    }
    assert_eq!((position, results), (60, vec![20, 40, 60]));
    // P-71
    let page = server.polls("demo:1", "").await;
    assert_eq!(page["events"].as_array().unwrap().len(), 60);
}

/// P-29
#[tokio::test]
async fn a_link_follows_as_many_channels_as_its_limit_and_not_one_more() {
    let server = Server::dev_with(&[("LIMITS__CHANNELS_PER_LINK_MAX", "2")]).await;
    let wanted = ["a", "b", "c"].map(|channel| (channel, json!("start")));
    let mut raw = Raw::follow(&server, "link-0001", &wanted).await;
    let mut answers = Vec::new();
    for _ in 0..wanted.len() {
        let frame = raw.hears().await;
        let code = frame["code"].as_str().unwrap_or_default();
        answers.push(format!("{} {} {code}", frame["channel"], frame["type"]));
    }
    answers.sort();
    let told =
        ["\"a\" \"subscribed\" ", "\"b\" \"subscribed\" ", "\"c\" \"error\" too_many_channels"];
    assert_eq!(answers, told);
}
