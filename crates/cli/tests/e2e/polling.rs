//! One poll for many channels. P-78

use reqwest::Version;
use serde_json::{Value, json};

use crate::server::{Answer, Server, answer};
use crate::tokens::{guarded, made};

async fn polls(server: &Server, body: &Value) -> Answer {
    answer(server.http.post(server.url("/v1/poll")).json(body)).await
}

/// The offsets of each page, by channel.
fn offsets(answer: &Value) -> Vec<(String, Vec<u64>)> {
    let offset = |event: &Value| event["offset"].as_u64().unwrap();
    let of = |page: &Value| page["events"].as_array().unwrap().iter().map(offset).collect();
    let pages = answer["pages"].as_array().unwrap().iter();
    let mut all: Vec<_> =
        pages.map(|page| (page["channel"].as_str().unwrap().to_owned(), of(page))).collect();
    all.sort();
    all
}

fn named(pairs: &[(&str, &[u64])]) -> Vec<(String, Vec<u64>)> {
    pairs.iter().map(|(channel, offsets)| ((*channel).to_owned(), offsets.to_vec())).collect()
}

#[tokio::test]
async fn a_short_poll_has_a_page_for_each_channel_that_has_something() {
    let server = Server::dev().await;
    let epoch = server.publishes("demo:1", 1).await["epoch"].clone();
    server.publishes("demo:1", 2).await;
    let other = server.publishes("demo:2", 1).await["epoch"].clone();
    let at = |epoch: &Value, offset: u64| json!({"epoch": epoch, "offset": offset});
    let channels = json!([
        {"channel": "demo:1", "since": at(&epoch, 1)},
        {"channel": "demo:2", "since": at(&other, 1)},
        {"channel": "demo:3"},
        {"channel": "demo:4", "since": "now"},
    ]);
    let told = polls(&server, &json!({"channels": channels})).await.json();
    // Who knows where it stands, and has missed nothing, is told nothing.
    assert_eq!(offsets(&told), named(&[("demo:1", &[2]), ("demo:3", &[]), ("demo:4", &[])]));
    assert_eq!((&told["refused"], &told["next_poll_ms"]), (&json!([]), &json!(0)));
    let page = &told["pages"].as_array().unwrap().iter().find(|one| one["channel"] == "demo:1");
    let page = page.unwrap();
    assert_eq!((&page["epoch"], &page["offset"]), (&epoch, &json!(2)));
    assert_eq!((&page["final"], &page["gap"]), (&json!(false), &Value::Null));
    let here = json!({"channels": [{"channel": "demo:2", "since": at(&other, 1)}]});
    let told = polls(&server, &here).await.json();
    assert_eq!((offsets(&told), &told["next_poll_ms"]), (vec![], &json!(3000)));
    let lost = json!({"channels": [{"channel": "demo:2", "since": at(&json!("lost"), 1)}]});
    let told = polls(&server, &lost).await.json();
    assert_eq!(told["pages"][0]["gap"]["cause"], "epoch_changed");
}

#[tokio::test]
async fn a_long_poll_waits_for_any_of_128_channels_on_one_connection() {
    let server = Server::dev().await;
    let channels: Vec<Value> =
        (0..128).map(|n| json!({"channel": format!("demo:{n}"), "since": "now"})).collect();
    let told = polls(&server, &json!({"channels": channels})).await.json();
    let pages = told["pages"].as_array().unwrap();
    assert_eq!(pages.len(), 128);
    let from = |page: &Value| {
        let since = json!({"epoch": page["epoch"], "offset": 0});
        json!({"channel": page["channel"], "since": since})
    };
    let mut channels: Vec<Value> = pages.iter().map(from).collect();
    for (version, n) in [(Version::HTTP_11, 1), (Version::HTTP_10, 2)] {
        let body = json!({"channels": channels, "wait": 50, "limit": 1});
        let request = server.http.post(server.url("/v1/poll")).version(version).json(&body);
        let (told, _) = tokio::join!(answer(request), async {
            // The poll is there before the event, in each channel.
            server.is_followed(128).await;
            server.publishes("demo:121", n).await
        });
        assert_eq!(told.status, 200, "{told:?}");
        assert_eq!(offsets(&told.json()), named(&[("demo:121", &[n])]));
        // What it waited for in vain is no member any more.
        assert!(server.connections().await.is_empty());
        let told = polls(&server, &json!({"channels": channels})).await.json();
        assert_eq!(offsets(&told), named(&[("demo:121", &[n])]), "the same from the same place");
        let own = channels.iter_mut().find(|one| one["channel"] == "demo:121").unwrap();
        own["since"]["offset"] = json!(n);
    }
}

#[tokio::test]
async fn one_entry_that_is_wrong_is_refused_alone() {
    let server = guarded(&[]).await;
    let token = made(&["--subscribe", "demo:*", "--ttl", "1h"]).await;
    let channels = json!([
        {"channel": "demo:1"},
        {"channel": "other:1"},
        {"channel": "demo::2"},
        {"channel": "demo:3", "since": {"epoch": "e", "offset": "2"}},
        {"channel": "demo:1"},
        {"channel": "demo:4", "sinse": "now"},
        {"chanel": "demo:5"},
        7,
    ]);
    let body = json!({"channels": channels, "wait": 50});
    let request = server.http.post(server.url("/v1/poll")).json(&body);
    let told = answer(request.bearer_auth(&token)).await.json();
    assert_eq!(offsets(&told), named(&[("demo:1", &[])]));
    let refused = told["refused"].as_array().unwrap().iter();
    let codes: Vec<_> =
        refused.map(|one| (one["channel"].as_str(), one["code"].as_str())).collect();
    let expected = [
        ("other:1", "forbidden"),
        ("demo::2", "bad_channel"),
        ("demo:3", "bad_position"),
        ("demo:1", "bad_body"),
        ("demo:4", "unknown_field"),
        ("[6]", "unknown_field"),
        ("[7]", "bad_body"),
    ];
    assert_eq!(codes, expected.map(|(channel, code)| (Some(channel), Some(code))));
    polls(&server, &body).await.assert_problem(401, "token_missing");
}

#[tokio::test]
async fn limits_hold_at_their_value_and_not_one_past() {
    let server = Server::dev().await;
    let many = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({"channel": format!("demo:{n}")})).collect()
    };
    for (good, bad) in [
        (json!({"channels": many(128)}), json!({"channels": many(129)})),
        (json!({"channels": many(1), "wait": 0}), json!({"channels": many(1), "wait": 51})),
        (json!({"channels": many(1), "limit": 1000}), json!({"channels": many(1), "limit": 1001})),
        (json!({"channels": many(1), "limit": 1}), json!({"channels": many(1), "limit": 0})),
        (json!({"channels": many(1)}), json!({"channels": many(0)})),
        (json!({"channels": many(1)}), json!({"channels": many(1), "waits": 1})),
    ] {
        assert_eq!(polls(&server, &good).await.status, 200, "{good}");
        let code = if bad.get("waits").is_some() { "unknown_field" } else { "bad_body" };
        polls(&server, &bad).await.assert_problem(400, code);
    }
    let large = json!({"channels": [{"channel": "demo:1", "padding": "x".repeat(70_000)}]});
    polls(&server, &large).await.assert_problem(413, "too_large");
    let wrong = server.asked("/v1/poll").await;
    assert_eq!(wrong.header("allow"), "POST, OPTIONS");
    wrong.assert_problem(405, "method_not_allowed");
}

/// Of three channels with much to say none is left out for ever.
#[tokio::test]
async fn an_answer_is_bounded_and_leaves_no_channel_out() {
    let server = Server::dev().await;
    for channel in ["demo:1", "demo:2", "demo:3"] {
        let event = json!({"channel": channel, "event": "progress", "data": 1});
        let events = json!({"events": vec![event; 600]});
        assert_eq!(server.posts("/v1/events", &events).await.status, 200);
    }
    let channels = json!([{"channel": "demo:1"}, {"channel": "demo:2"}, {"channel": "demo:3"}]);
    let body = json!({"channels": channels, "limit": 600});
    let mut heard = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let told = polls(&server, &body).await.json();
        assert_eq!(told["next_poll_ms"], 0);
        let counts: Vec<_> = offsets(&told);
        assert_eq!(counts.iter().map(|(_, offsets)| offsets.len()).sum::<usize>(), 1_000);
        heard.extend(counts.into_iter().map(|(channel, _)| channel));
    }
    assert_eq!(heard.len(), 3);
}

/// P-72
#[tokio::test]
async fn a_poll_waits_as_long_as_it_asks_for_though_nothing_can_be_sent_meanwhile() {
    let settings = [
        ("HEARTBEAT__PING_INTERVAL_MS", "500"),
        ("HEARTBEAT__PING_TIMEOUT_MS", "500"),
        ("LIMITS__SLOW_TIMEOUT_MS", "500"),
    ];
    let server = Server::dev_with(&settings).await;
    let begun = std::time::Instant::now();
    let page = server.polls("demo:1", "offset=latest&wait=2").await;
    assert_eq!(page["events"], json!([]));
    assert!(begun.elapsed().as_millis() >= 2_000, "{:?}", begun.elapsed());
}
