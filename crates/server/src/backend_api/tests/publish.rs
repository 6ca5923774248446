//! Publishing one event: what is stored, and everything that can be wrong with a request.

use axum::body::{Body, Bytes};
use serde_json::{Value, json};
use steadfast_history::EVENT_OVERHEAD;

use super::{TestApi, request};
use crate::config::{Config, Limits};

const TARGET: &str = "/v1/channels/diagnosis:8f3c/events";

fn limited(limits: Limits) -> TestApi {
    TestApi::with(Config { dev: true, limits, ..Config::default() })
}

#[tokio::test]
async fn an_event_gets_its_position_and_keeps_its_payload_to_the_byte() {
    let api = TestApi::new();
    let body = r#" {"replace":"bar","data":{ "n": 1e400,"s":"\u00e9" },"event":"progress"} "#;
    let answer = api.post(TARGET, body).await;
    assert_eq!((answer.status.as_u16(), answer.json()["offset"].as_u64()), (201, Some(1)));
    let epoch = answer.json()["epoch"].as_str().unwrap().to_owned();
    let expected = format!(r#"{{"channel":"diagnosis:8f3c","epoch":"{epoch}","offset":1}}"#);
    assert_eq!(answer.text, expected);
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["steadfast-node"], "node-1");

    let limit = steadfast_history::PageLimit { events_max: 9, bytes_max: 9_999, is_thinned: false };
    let channel = steadfast_protocol::ChannelName::new("diagnosis:8f3c").unwrap();
    let since = steadfast_protocol::Since::Start;
    let page = api.node.broker.read(&channel, &since, limit).await.unwrap();
    assert_eq!(page.events[0].encoded.data(), br#"{ "n": 1e400,"s":"\u00e9" }"#);
    assert_eq!(page.events[0].replace.as_ref().unwrap().as_str(), "bar");
}

#[tokio::test]
async fn what_is_left_out_or_null_has_its_default() {
    let api = TestApi::new();
    let bodies = [
        r#"{"event":"a"}"#,
        r#"{"event":"a","data":null,"final":null,"replace":null,"idempotency_key":null}"#,
        "{\"channel\":\"diagnosis:8f3c\",\"event\":\"a\",\"final\":false}",
    ];
    for body in bodies {
        assert_eq!(api.post(TARGET, body).await.status, 201, "{body}");
    }
    let kept = api.kept("diagnosis:8f3c").await;
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|event| event["data"] == Value::Null && event["event"] == "a"));
}

/// P-38
#[tokio::test]
async fn an_unknown_field_is_refused_with_the_nearest_known_one() {
    let api = TestApi::new();
    let table = [
        (r#"{"event":"x","finall":true}"#, "an event has no field `finall`; did you mean `final`?"),
        (r#"{"Event":"x"}"#, "did you mean `event`?"),
        (r#"{"event":"x","idempotencyKey":"k"}"#, "did you mean `idempotency_key`?"),
        (r#"{"event":"\u0078","payload":1}"#, "`payload`; there is `channel`, `event`, `data`,"),
        (r#"{"event":"x","channel":"b"}"#, "`channel` is \"b\", but the path says diagnosis:8f3c"),
    ];
    for (body, part) in table {
        let code = if part.contains("path says") { "bad_body" } else { "unknown_field" };
        let detail = api.post(TARGET, body).await.problem(400, code);
        assert!(detail.contains(part), "{detail:?} says {part:?}");
    }
    let list = r#"[{"channel":"a","event":"x","replce":"bar"},{"channel":"a","event":"x"}]"#;
    let results = api.post("/v1/events", list).await.json()["results"].clone();
    let detail = results[0]["error"]["detail"].as_str().unwrap();
    assert!(detail.contains("did you mean `replace`?"), "{detail}");
    assert_eq!(results[1]["offset"], 1);
    assert_eq!(results[0]["error"]["code"], "unknown_field");
    let body = r#"{"events":[{"channel":"a","event":"x"}],"atomic":true}"#;
    let detail = api.post("/v1/events", body).await.problem(400, "unknown_field");
    assert!(detail.contains("has no field `atomic`; there is `events`"), "{detail:?}");
    api.post("/v1/revocations", r#"["ada"]"#).await.problem(400, "bad_body");
    let detail = api.post("/v1/revocations", r#"{"jit":"x"}"#).await.problem(400, "unknown_field");
    assert!(detail.contains("a revocation has no field `jit`; did you mean `jti`?"), "{detail:?}");
    assert_eq!(api.kept("a").await.len(), 1);
    assert!(api.kept("diagnosis:8f3c").await.is_empty());
}

#[tokio::test]
async fn one_byte_order_mark_in_front_of_a_body_is_skipped() {
    let api = TestApi::new();
    assert_eq!(api.post(TARGET, "\u{feff}{\"event\":\"a\"}").await.status, 201);
    let list = "\u{feff}[{\"channel\":\"a\",\"event\":\"a\"}]";
    assert_eq!(api.post("/v1/events", list).await.json()["results"][0]["offset"], 1);
    let twice = api.post(TARGET, "\u{feff}\u{feff}{\"event\":\"a\"}").await;
    twice.problem(400, "bad_json");
    assert_eq!(api.kept("diagnosis:8f3c").await.len(), 1);
}

#[tokio::test]
async fn a_channels_name_may_be_percent_encoded() {
    let api = TestApi::new();
    let answer = api.post("/v1/channels/a%3Ab%2ec/events", r#"{"event":"x"}"#).await;
    assert_eq!(answer.json()["channel"], "a:b.c");
    let long = "n".repeat(256);
    for bad in ["a%3A", "a::b", "a%20b", "a%2Fb", "%C3%A9", "%FF", "a%253Ab", &long] {
        let answer = api.post(&format!("/v1/channels/{bad}/events"), r#"{"event":"x"}"#).await;
        assert!(!answer.problem(400, "bad_channel").is_empty(), "{bad}");
    }
    let longest = "n".repeat(255);
    let answer = api.post(&format!("/v1/channels/{longest}/events"), r#"{"event":"x"}"#).await;
    assert_eq!(answer.status, 201);
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_named() {
    let api = TestApi::new();
    let table: [(&[u8], u16, &str, &str); 21] = [
        (b"", 400, "bad_json", "line 1 column 0"),
        (b"{", 400, "bad_json", "line 1 column 1"),
        (b"{\n \"event\": x}", 400, "bad_json", "line 2 column 11"),
        (b"{\"event\":\"a\"} 1", 400, "bad_json", "trailing characters at line 1 column 15"),
        (b"{\"event\":\"a\",\n\"data\":\"\xff\"}", 400, "bad_json", "line 2 column 9"),
        (b"[", 400, "bad_json", "line 1 column 1"),
        (b"[\"a\",1]", 400, "bad_body", "an array"),
        (b"\"a\"", 400, "bad_body", "a string"),
        (b"7", 400, "bad_body", "a number"),
        (b"{}", 400, "missing_field", "`event`"),
        (b"{\"event\":null}", 400, "missing_field", "`event`"),
        (b"{\"event\":7}", 400, "bad_body", "`event` is a string, this is a number"),
        (b"{\"event\":{}}", 400, "bad_body", "`event` is a string, this is an object"),
        (b"{\"event\":\"a\",\"final\":1}", 400, "bad_body", "`final` is true or false"),
        (b"{\"event\":\"a\",\"final\":\"true\"}", 400, "bad_body", "this is a string"),
        (b"{\"event\":\"a\",\"replace\":true}", 400, "bad_body", "`replace` is a string"),
        (b"{\"event\":\"a\",\"event\":\"b\"}", 400, "bad_body", "duplicate field `event`"),
        (b"{\"event\":\"\\ud800\"}", 400, "bad_body", "`event`"),
        (b"{\"event\":\"\"}", 400, "bad_event", "event name must not be empty"),
        (b"{\"event\":\"a\\n\"}", 400, "bad_event", "event name"),
        (b"{\"event\":\"a\",\"replace\":\"\"}", 400, "bad_event", "replace key"),
    ];
    for (body, status, code, part) in table {
        let answer = api.post(TARGET, body.to_vec()).await;
        let detail = answer.problem(status, code);
        assert!(detail.contains(part), "{detail:?} says {part:?}");
    }
    assert!(api.kept("diagnosis:8f3c").await.is_empty());
}

#[tokio::test]
async fn names_have_their_limits() {
    let api = TestApi::new();
    for (len, status) in [(128, 201), (129, 400)] {
        let name = "n".repeat(len);
        for body in [json!({"event": name}), json!({"event": "a", "replace": name})] {
            assert_eq!(api.post(TARGET, body.to_string()).await.status, status, "{len}");
        }
    }
}

#[tokio::test]
async fn a_payload_may_nest_to_the_limit_and_no_deeper() {
    let api = TestApi::new();
    let body = |depth: usize| {
        format!(r#"{{"event":"a","data":{}{}}}"#, "[".repeat(depth), "]".repeat(depth))
    };
    assert_eq!(api.post(TARGET, body(64)).await.status, 201);
    assert!(api.post(TARGET, body(65)).await.problem(400, "too_deep").contains("64"));
    api.post(TARGET, body(200_000)).await.problem(400, "too_deep");
    let deep = format!(r#"{{"x":{}{},"event":"a"}}"#, "[".repeat(200_000), "]".repeat(200_000));
    assert!(api.post(TARGET, deep).await.problem(400, "unknown_field").contains("`x`"));
}

#[tokio::test]
async fn a_body_may_have_as_many_bytes_as_a_message() {
    let api = limited(Limits { message_bytes_max: 2048, ..Limits::default() });
    let body = |len: usize| {
        let empty = r#"{"event":"a","data":""}"#.len();
        format!(r#"{{"event":"a","data":"{}"}}"#, "d".repeat(len - empty))
    };
    assert_eq!(api.post(TARGET, body(2048)).await.status, 201);
    let detail = api.post(TARGET, body(2049)).await.problem(413, "too_large");
    assert!(detail.contains("2048") && detail.contains("2049"), "{detail}");
}

#[tokio::test]
async fn a_body_of_undeclared_length_is_cut_off_at_the_limit() {
    let api = limited(Limits { message_bytes_max: 2048, ..Limits::default() });
    let chunks = |count: usize| {
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1024]));
        Body::from_stream(futures_util::stream::iter((0..count).map(move |_| chunk())))
    };
    api.post(TARGET, chunks(2)).await.problem(400, "bad_json");
    api.post(TARGET, chunks(3)).await.problem(413, "too_large");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let api = TestApi::still(Config { dev: true, ..Config::default() });
    let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    api.post(TARGET, Body::from_stream(never)).await.problem(408, "request_timeout");
    let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
    api.post(TARGET, Body::from_stream(broken)).await.problem(400, "bad_body");
}

#[tokio::test]
async fn a_compressed_body_is_refused() {
    let api = TestApi::new();
    for (encoding, status) in [("gzip", 415), ("Identity", 201)] {
        let request = request("POST", TARGET).header("content-encoding", encoding);
        let answer = api.send(request.body(r#"{"event":"a"}"#.into()).unwrap()).await;
        assert_eq!(answer.status, status, "{encoding}");
    }
}

#[tokio::test]
async fn a_repeated_key_gets_the_first_answer_in_its_channel_alone() {
    let api = TestApi::new();
    let first = api.post_with_key(TARGET, "k 1", r#"{"event":"a"}"#).await;
    let again = api.post_with_key(TARGET, "k 1", r#"{ "event":"a"}"#).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert!(!first.headers.contains_key("idempotent-replayed"));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let repeated = first.text.replace('}', ",\"repeated\":true}");
    assert_eq!(again.text, repeated);
    let in_body = r#"{"event":"a","idempotency_key":"k 1"}"#;
    assert_eq!(api.post(TARGET, in_body).await.text, repeated);
    assert_eq!(api.kept("diagnosis:8f3c").await.len(), 1);

    let other = api.post_with_key("/v1/channels/b/events", "k 1", r#"{"event":"a"}"#).await;
    assert_eq!(other.json()["channel"], "b");
    let another = api.post_with_key(TARGET, "k 2", r#"{"event":"a"}"#).await;
    assert_eq!(another.json()["offset"], 2);
}

/// P-37
#[tokio::test]
async fn a_key_with_another_body_is_refused_and_a_repeat_is_not_counted_as_published() {
    let api = TestApi::new();
    let key = "k";
    assert_eq!(api.post_with_key(TARGET, key, r#"{"event":"a"}"#).await.status, 201);
    for body in [r#"{"event":"a","final":true}"#, r#"{"event":"b"}"#, r#"{"event":"a","data":1}"#] {
        let detail =
            api.post_with_key(TARGET, key, body).await.problem(422, "idempotency_mismatch");
        assert!(detail.contains("another key"), "{detail}");
    }
    let entry = |event: &str| json!({"channel": "diagnosis:8f3c", "event": event});
    let keyed = |event: &str| {
        let mut entry = entry(event);
        entry["idempotency_key"] = key.into();
        entry
    };
    let body = json!([keyed("a"), keyed("b"), entry("b")]).to_string();
    let results = api.post("/v1/events", body).await.json()["results"].clone();
    assert_eq!(results[0]["repeated"], true);
    assert_eq!(results[1]["error"]["code"], "idempotency_mismatch");
    assert_eq!(results[1]["error"]["status"], 422);
    assert_eq!((&results[2]["offset"], results[2].get("repeated")), (&json!(2), None));
    // A list under one key is compared entry by entry.
    let list = |event: &str| json!([entry("c"), entry(event)]).to_string();
    api.post_with_key("/v1/events", "list", &list("d")).await;
    let results = api.post_with_key("/v1/events", "list", &list("e")).await.json();
    assert_eq!(results["results"][0]["repeated"], true);
    assert_eq!(results["results"][1]["error"]["code"], "idempotency_mismatch");
    let events = api.ask("GET", "/v1/stats").await.json()["events"].clone();
    let counted = (&events["published"], &events["repeated"], &events["publish_errors"]);
    assert_eq!(counted, (&json!(4), &json!(2), &json!(5)));
}

#[tokio::test]
async fn a_key_is_1_to_255_printable_characters() {
    let api = TestApi::new();
    let (longest, over) = ("k".repeat(255), "k".repeat(256));
    for good in ["k", "~!\"#", &longest] {
        assert_eq!(api.post_with_key(TARGET, good, r#"{"event":"a"}"#).await.status, 201);
    }
    for bad in ["", &over, "k\té", "kéy"] {
        let answer = api.post_with_key(TARGET, bad, r#"{"event":"a"}"#).await;
        answer.problem(400, "bad_idempotency_key");
    }
    let twice = request("POST", TARGET).header("idempotency-key", "a");
    let twice = twice.header("idempotency-key", "b").body(r#"{"event":"a"}"#.into()).unwrap();
    api.send(twice).await.problem(400, "bad_idempotency_key");
    let bad = api.post(TARGET, r#"{"event":"a","idempotency_key":"a\nb"}"#).await;
    bad.problem(400, "bad_idempotency_key");
}

#[tokio::test]
async fn nothing_follows_the_final_event() {
    let api = TestApi::new();
    assert_eq!(api.post(TARGET, r#"{"event":"complete","final":true}"#).await.status, 201);
    let detail = api.post(TARGET, r#"{"event":"a"}"#).await.problem(409, "channel_finished");
    assert!(detail.contains("final event"), "{detail}");
}

#[tokio::test]
async fn a_full_node_says_when_to_come_back() {
    let one_channel = limited(Limits { channels_max: 1, ..Limits::default() });
    assert_eq!(one_channel.post(TARGET, r#"{"event":"a"}"#).await.status, 201);
    let answer = one_channel.post("/v1/channels/b/events", r#"{"event":"a"}"#).await;
    answer.problem(503, "too_many_channels");
    assert_eq!(answer.headers["retry-after"], "30");

    let one_key = limited(Limits { idempotency_keys_max: 1, ..Limits::default() });
    assert_eq!(one_key.post_with_key(TARGET, "a", r#"{"event":"a"}"#).await.status, 201);
    let answer = one_key.post_with_key(TARGET, "b", r#"{"event":"a"}"#).await;
    answer.problem(503, "idempotency_full");
    assert!(answer.headers.contains_key("retry-after"));

    let one_event = 200 + EVENT_OVERHEAD;
    let small = limited(Limits { history_bytes_total_max: one_event, ..Limits::default() });
    assert_eq!(small.post(TARGET, r#"{"event":"a"}"#).await.status, 201);
    let answer = small.post(TARGET, r#"{"event":"a","data":"to the last byte"}"#).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["offset"]), (201, &json!(2)));
    let ready = small.ask("GET", "/readyz").await.json();
    assert!(ready["warnings"][0].as_str().unwrap().contains("history_bytes_total_max"), "{ready}");
    let metrics = small.ask("GET", "/metrics").await.text;
    assert!(metrics.contains("steadfast_history_yielded_events_total 1\n"), "{metrics}");
    let body = format!(r#"{{"event":"a","data":"{}"}}"#, "x".repeat(200));
    let answer = small.post(TARGET, body).await;
    answer.problem(507, "storage_full");
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_leaving_node_still_publishes() {
    let api = TestApi::new();
    api.node.drain.set_begun(0);
    assert_eq!(api.post(TARGET, r#"{"event":"a"}"#).await.status, 201);
}
