//! Publishing many events: order, results one by one, and the limits of a request.

use serde_json::{Value, json};

use super::TestApi;
use crate::config::{Config, Limits};

const TARGET: &str = "/v1/events";

fn limited(limits: Limits) -> TestApi {
    TestApi::with(Config { dev: true, limits, ..Config::default() })
}

fn events(count: usize) -> Value {
    Value::Array((0..count).map(|at| json!({"channel": "a", "event": "e", "data": at})).collect())
}

#[tokio::test]
async fn each_event_has_its_result_and_a_bad_one_stops_no_other() {
    let api = TestApi::new();
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    let deep: Value = serde_json::from_str(&deep).unwrap();
    let body = json!({"events": [
        {"channel": "a", "event": "first"},
        {"channel": "b:", "event": "x"},
        {"event": "x"},
        {"channel": "a"},
        7,
        ["a", "x"],
        {"channel": "a", "event": ""},
        {"channel": "a", "event": "x", "data": deep},
        {"channel": "a", "event": "x", "idempotency_key": ""},
        {"channel": "b", "event": "end", "final": true},
        {"channel": "b", "event": "x"},
        {"channel": 1, "event": "x"},
        {"channel": "a", "event": "second", "replace": "r"},
    ]});
    let answer = api.post(TARGET, body.to_string()).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    let results = answer["results"].as_array().unwrap();
    let said = |result: &Value| match result["error"]["code"].as_str() {
        Some(code) => code.to_owned(),
        None => format!("{} {}", result["channel"].as_str().unwrap(), result["offset"]),
    };
    let expected = [
        "a 1",
        "bad_channel",
        "missing_field",
        "missing_field",
        "bad_body",
        "bad_body",
        "bad_event",
        "too_deep",
        "bad_idempotency_key",
        "b 1",
        "channel_finished",
        "bad_body",
        "a 2",
    ];
    assert_eq!(results.iter().map(said).collect::<Vec<_>>(), expected);
    assert_eq!(results[1]["error"]["status"], 400);
    assert_eq!(results[1]["error"]["type"], "urn:steadfast:error:bad_channel");
    assert_eq!(results[0].as_object().unwrap().len(), 3);
    let stats = api.ask("GET", "/v1/stats").await.json();
    assert_eq!(stats["events"]["published"], 3);
    assert_eq!(stats["events"]["publish_errors"], 10);
}

#[tokio::test]
async fn the_events_of_a_channel_keep_their_order() {
    let api = TestApi::new();
    let list: Vec<Value> = (0..300)
        .map(|at| json!({"channel": format!("c{}", at % 3), "event": "e", "data": at}))
        .collect();
    assert_eq!(api.post(TARGET, Value::Array(list).to_string()).await.status, 200);
    for channel in 0..3 {
        let kept = api.kept(&format!("c{channel}")).await;
        let data: Vec<u64> = kept.iter().map(|event| event["data"].as_u64().unwrap()).collect();
        assert_eq!(data, (0..100).map(|at| at * 3 + channel).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_list_may_come_alone_and_may_be_empty() {
    let api = TestApi::new();
    assert_eq!(api.post(TARGET, events(2).to_string()).await.json()["results"][1]["offset"], 2);
    for empty in ["[]", r#"{"events":[]}"#, r#"{"events":[ ]}"#] {
        assert_eq!(api.post(TARGET, empty).await.text, r#"{"results":[]}"#);
    }
}

#[tokio::test]
async fn a_body_that_is_no_list_is_refused_whole() {
    let api = TestApi::new();
    let table = [
        ("", "bad_json", "line 1 column 0"),
        ("[{},", "bad_json", "line 1 column 4"),
        ("[] []", "bad_json", "trailing"),
        ("7", "bad_body", "`events`"),
        (r#"{"events":7}"#, "bad_body", "`events` to be a list"),
        (r#"{"events":null}"#, "bad_body", "`events` to be a list"),
        (r#"{"events":[],"events":[]}"#, "bad_body", "duplicate field `events`"),
        (r#"{"event":"a"}"#, "missing_field", "`events`"),
        (r#"{"events":[{"channel":"a","event":"e"}]"#, "bad_json", "line 1 column 39"),
    ];
    for (body, code, part) in table {
        let detail = api.post(TARGET, body).await.problem(400, code);
        assert!(detail.contains(part), "{detail:?} says {part:?}");
    }
    assert!(api.kept("a").await.is_empty());
}

#[tokio::test]
async fn a_request_may_have_as_many_events_as_the_limit_says() {
    let api = limited(Limits { publish_batch_max: 3, ..Limits::default() });
    assert_eq!(api.post(TARGET, events(3).to_string()).await.status, 200);
    let detail = api.post(TARGET, events(4).to_string()).await.problem(413, "too_large");
    assert!(detail.contains('3') && detail.contains('4'), "{detail}");
    assert_eq!(api.kept("a").await.len(), 3);
}

#[tokio::test]
async fn a_request_may_have_the_bytes_of_eight_messages_and_each_event_of_one() {
    let api = limited(Limits { message_bytes_max: 1024, ..Limits::default() });
    let padded = |len: usize| format!("[]{}", " ".repeat(len - 2));
    assert_eq!(api.post(TARGET, padded(8 * 1024)).await.status, 200);
    api.post(TARGET, padded(8 * 1024 + 1)).await.problem(413, "too_large");

    let sized = |len: usize| {
        let empty = r#"{"channel":"a","event":"e","data":""}"#.len();
        format!(r#"{{"channel":"a","event":"e","data":"{}"}}"#, "d".repeat(len - empty))
    };
    let answer = api.post(TARGET, format!("[{},{}]", sized(1025), sized(1024))).await.json();
    assert_eq!(answer["results"][0]["error"]["code"], "too_large");
    assert_eq!(answer["results"][1]["offset"], 1);
}

#[tokio::test]
async fn repeating_a_request_makes_no_second_events() {
    let api = TestApi::new();
    let own = r#"[{"channel":"a","event":"e","idempotency_key":"k"},{"channel":"a","event":"e"}]"#;
    let first = api.post(TARGET, own).await.json();
    let again = api.post(TARGET, own).await.json();
    let mut repeat = first["results"][0].clone();
    repeat["repeated"] = true.into();
    assert_eq!(repeat, again["results"][0]);
    assert_eq!(again["results"][1]["offset"], 3);

    let list = r#"[{"channel":"b","event":"e"},{"channel":"b","event":"e"}]"#;
    let first = api.post_with_key(TARGET, "whole", list).await;
    let again = api.post_with_key(TARGET, "whole", list).await;
    let mut repeats = first.json();
    for result in repeats["results"].as_array_mut().unwrap() {
        result["repeated"] = true.into();
    }
    assert_eq!(repeats, again.json());
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let more =
        r#"[{"channel":"b","event":"e"},{"channel":"b","event":"e"},{"channel":"b","event":"e"}]"#;
    let some = api.post_with_key(TARGET, "whole", more).await;
    assert_eq!(some.headers.get("idempotent-replayed"), None);
    assert_eq!(api.kept("b").await.len(), 3);
    api.post_with_key(TARGET, "", list).await.problem(400, "bad_idempotency_key");
}
