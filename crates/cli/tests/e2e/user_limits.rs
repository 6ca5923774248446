//! What one user may take of a node, over all its links: others are served meanwhile. P-33

use serde_json::{Value, json};

use crate::raw::Raw;
use crate::server::{Server, answer};
use crate::tokens::{guarded, made};

async fn token_of(user: &str) -> String {
    made(&["--subscribe", "demo:*", "--publish", "demo:*", "--sub", user]).await
}

/// A socket that says hello as a link of `user`.
async fn hello(server: &Server, user: &str, link: &str) -> Raw {
    let mut raw = Raw::open(server).await;
    raw.says(
        &json!({"type": "hello", "link": link, "generation": 1, "token": token_of(user).await}),
    )
    .await;
    raw
}

async fn welcomed(server: &Server, user: &str, link: &str) -> Raw {
    let mut raw = hello(server, user, link).await;
    raw.expect("welcome").await;
    raw
}

/// Publishes to a channel; the answer.
async fn publish(raw: &mut Raw, channel: &str, more: Value) -> Value {
    let mut frame =
        json!({"type": "publish", "id": 1, "channel": channel, "event": "e", "data": 1});
    for (name, value) in more.as_object().into_iter().flatten() {
        frame[name] = value.clone();
    }
    raw.says(&frame).await;
    loop {
        let answer = raw.hears().await;
        if answer["id"] == 1 {
            return answer;
        }
    }
}

async fn refusals(server: &Server, cause: &str) -> String {
    let metrics = server.looks("/metrics").await.text;
    let name = format!("steadfast_refusals_total{{cause=\"{cause}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_user_has_as_many_links_as_it_may_and_others_are_served() {
    let server = guarded(&[("LIMITS__LINKS_PER_USER_MAX", "2")]).await;
    let one = welcomed(&server, "ada", "link-0001").await;
    let _two = welcomed(&server, "ada", "link-0002").await;
    let (code, reason) = hello(&server, "ada", "link-0003").await.closed().await;
    assert_eq!(code, 1013, "{reason}");
    assert!(reason.contains("as many links"), "{reason}");
    // A poll that waits is a link too, and an event stream.
    let token = token_of("ada").await;
    for (path, status) in [("events?wait=5", 503), ("stream", 200)] {
        let url = server.url(&format!("/v1/channels/demo:1/{path}"));
        let answer = answer(server.http.get(url).bearer_auth(&token)).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        assert!(answer.text.contains("too_many_connections"), "{path}: {}", answer.text);
    }
    assert_eq!(refusals(&server, "user_links").await, "3");
    welcomed(&server, "ben", "link-0003").await;
    // A link that comes back is not one more, though its session before has not ended.
    let mut back = Raw::open(&server).await;
    let again = json!({"type": "hello", "link": "link-0002", "generation": 2, "token": token});
    back.says(&again).await;
    back.expect("welcome").await;
    drop(one);
    while server.connections().await.len() > 2 {
        tokio::task::yield_now().await;
    }
    welcomed(&server, "ada", "link-0003").await;
}

#[tokio::test]
async fn a_user_that_reconnects_publishes_no_more_bytes() {
    let settings = [
        ("LIMITS__MESSAGE_BYTES_MAX", "100000"),
        ("LIMITS__PUBLISH_BYTES_PER_SECOND_PER_USER_MAX", "10"),
    ];
    let server = guarded(&settings).await;
    let data = json!({"data": "x".repeat(60_000)});
    let mut first = welcomed(&server, "ada", "link-0001").await;
    assert_eq!(publish(&mut first, "demo:1", data.clone()).await["type"], "published");
    drop(first);
    let mut second = welcomed(&server, "ada", "link-0002").await;
    let refused = publish(&mut second, "demo:1", data.clone()).await;
    assert_eq!((&refused["code"], &refused["retry"]), (&json!("rate_limited"), &json!(true)));
    assert!(refused["retry_after_ms"].as_u64().is_some_and(|ms| ms > 1_000), "{refused}");
    let text = refused["message"].as_str().unwrap_or_default();
    assert!(text.contains("limits.publish_bytes_per_second_per_user_max"), "{text}");
    let mut other = welcomed(&server, "ben", "link-0003").await;
    assert_eq!(publish(&mut other, "demo:1", data).await["offset"], 2);
    assert_eq!(refusals(&server, "user_publish_bytes").await, "1");
}

#[tokio::test]
async fn a_user_makes_as_many_channels_and_keys_as_it_may() {
    let settings = [
        ("LIMITS__NEW_CHANNELS_PER_USER_PER_HOUR_MAX", "4"),
        ("LIMITS__IDEMPOTENCY_KEYS_PER_USER_MAX", "6"),
    ];
    let server = guarded(&settings).await;
    let mut ada = welcomed(&server, "ada", "link-0001").await;
    for channel in ["demo:1", "demo:2", "demo:1", "demo:2", "demo:1"] {
        assert_eq!(publish(&mut ada, channel, json!({})).await["type"], "published");
    }
    let refused = publish(&mut ada, "demo:3", json!({})).await;
    assert_eq!(refused["code"], "rate_limited", "{refused}");
    // What is there goes on, and others make theirs.
    assert_eq!(publish(&mut ada, "demo:1", json!({})).await["type"], "published");
    let mut ben = welcomed(&server, "ben", "link-0002").await;
    assert_eq!(publish(&mut ben, "demo:3", json!({})).await["offset"], 1);

    // A repeated publish takes no key.
    for key in ["a", "b", "a", "a", "b", "c"] {
        let answer = publish(&mut ada, "demo:1", json!({"idempotency_key": key})).await;
        assert_eq!(answer["type"], "published", "{key}: {answer}");
    }
    let refused = publish(&mut ada, "demo:1", json!({"idempotency_key": "d"})).await;
    assert_eq!(refused["code"], "rate_limited", "{refused}");
    let answer = publish(&mut ben, "demo:1", json!({"idempotency_key": "d"})).await;
    assert_eq!(answer["type"], "published", "{answer}");
    assert_eq!(refusals(&server, "user_new_channels").await, "1");
    assert_eq!(refusals(&server, "user_idempotency_keys").await, "1");
}
