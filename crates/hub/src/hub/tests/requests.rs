//! What clients ask for, rightly and wrongly. Nothing one session says touches another.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use steadfast_machine::Span;
use steadfast_protocol::{Limits, Since};

use super::{TestHub, event};
use crate::{Grants, HubConfig};
use steadfast_history::{EVENT_OVERHEAD, HistoryConfig, PublishError};

/// P-12, P-13, P-16
#[test]
fn bad_frames_are_answered_and_the_session_lives_up_to_the_limit() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[]);
    let other = hub.open("bcdefghi", &[("a", Since::Now)]);
    hub.drain(key);
    hub.drain(other);
    hub.say(key, "{");
    hub.say(key, r#"{"type":"dance"}"#);
    hub.say(key, r#"{"type":"hello","link":"abcdefgh","generation":2}"#);
    hub.say(key, r#"{"type":"subscribe","channel":"a b"}"#);
    let errors = ["bad_json", "unknown_type", "bad_frame", "bad_channel"];
    let expected: Vec<_> = errors.iter().map(|code| format!("error {code}")).collect();
    assert_eq!(hub.heard(key), expected);
    for _ in 4..20 {
        hub.say(key, "{");
    }
    hub.drain(key);
    assert!(!hub.hub.is_closing(key));
    hub.say(key, "{");
    assert_eq!(hub.heard(key), ["close 4400"]);
    hub.publish(event("a"));
    assert_eq!(hub.heard(other), ["event 1"]);
}

/// P-28
#[test]
fn subscribing_again_starts_delivery_anew_and_leaving_stops_it() {
    let mut hub = TestHub::new();
    hub.publish(event("a"));
    let key = hub.open("abcdefgh", &[("a", Since::Start)]);
    hub.drain(key);
    hub.say(key, r#"{"type":"subscribe","id":7,"channel":"a"}"#);
    assert_eq!(hub.heard(key), ["subscribed 0/1", "event 1"]);
    hub.say(key, r#"{"type":"unsubscribe","channel":"a"}"#);
    hub.publish(event("a"));
    assert!(hub.heard(key).is_empty());
    hub.say(key, r#"{"type":"unsubscribe","channel":"a"}"#);
    assert_eq!(hub.heard(key), ["error not_subscribed"]);
}

/// P-29
#[test]
fn a_link_follows_channels_up_to_the_limit_and_not_one_more() {
    let limits = Limits { channels_max: 2, ..Limits::default() };
    let config = HubConfig { limits, ..HubConfig::default() };
    let mut hub = TestHub::with(config, HistoryConfig::default());
    let key = hub.open("abcdefgh", &[("a", Since::Now), ("b", Since::Now)]);
    assert_eq!(hub.heard(key), ["welcome", "subscribed 0/0", "subscribed 0/0"]);
    hub.say(key, r#"{"type":"subscribe","channel":"c"}"#);
    assert_eq!(hub.heard(key), ["error too_many_channels"]);
    hub.say(key, r#"{"type":"unsubscribe","channel":"a"}"#);
    hub.say(key, r#"{"type":"subscribe","channel":"c"}"#);
    assert_eq!(hub.heard(key), ["subscribed 0/0"]);
}

/// P-18, P-30, P-31
#[test]
fn a_token_bounds_what_a_link_follows_and_publishes() {
    let mut hub = TestHub::new();
    let grants = Grants {
        subscribe: ["a:*".parse().unwrap()].into(),
        publish: ["a:1".parse().unwrap()].into(),
        ..Grants::default()
    };
    let opening = crate::Opening { grants, ..TestHub::opening("abcdefgh", 1, &[]) };
    let key = hub.hub.open(hub.now, opening).unwrap();
    hub.drain(key);
    hub.say(key, r#"{"type":"subscribe","channel":"b:1"}"#);
    hub.say(key, r#"{"type":"publish","channel":"a:2","event":"e"}"#);
    assert_eq!(hub.heard(key), ["error forbidden", "error forbidden"]);
    let publish = r#"{"type":"publish","id":1,"channel":"a:1","event":"e","idempotency_key":"k"}"#;
    hub.say(key, publish);
    hub.say(key, publish);
    assert_eq!(hub.heard(key), ["published", "published"]);
    assert_eq!(hub.streams.list(None, 10)[0].offset, 1);
    hub.say(key, r#"{"type":"publish","channel":"a:1","event":"e","final":true}"#);
    hub.say(key, r#"{"type":"publish","channel":"a:1","event":"e"}"#);
    assert_eq!(hub.heard(key), ["published", "error channel_finished"]);
}

/// P-37
#[test]
fn a_key_with_another_event_is_an_error_and_a_repeat_says_that_it_is_one() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[]);
    hub.drain(key);
    let publish = |event: &str| {
        format!(
            r#"{{"type":"publish","channel":"a","event":"{event}","data":1,"idempotency_key":"k"}}"#
        )
    };
    for event in ["e", "e", "f"] {
        hub.say(key, &publish(event));
    }
    let frames: Vec<serde_json::Value> =
        hub.texts(key).iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    assert_eq!((&frames[0]["type"], frames[0].get("repeated")), (&"published".into(), None));
    assert_eq!((&frames[1]["type"], &frames[1]["repeated"]), (&"published".into(), &true.into()));
    assert_eq!(frames[1]["offset"], 1);
    let error = (&frames[2]["code"], &frames[2]["retry"]);
    assert_eq!(error, (&"idempotency_mismatch".into(), &false.into()));
    assert_eq!(hub.streams.list(None, 10)[0].offset, 1);
}

/// P-36
#[test]
fn a_refused_publisher_is_told_the_truth_and_whether_to_try_again() {
    let config = HistoryConfig {
        channels_max: 1,
        idempotency_keys_max: 1,
        bytes_total_max: 300 + EVENT_OVERHEAD,
        ..HistoryConfig::default()
    };
    let mut hub = TestHub::with(HubConfig::default(), config);
    let key = hub.open("abcdefgh", &[]);
    hub.drain(key);
    let data = "d".repeat(200);
    for rest in [
        r#""channel":"a","event":"e","idempotency_key":"k""#.into(),
        r#""channel":"b","event":"e""#.into(),
        r#""channel":"a","event":"e","idempotency_key":"k2""#.into(),
        format!(r#""channel":"a","event":"e","data":"{data}""#),
    ] {
        hub.say(key, &format!(r#"{{"type":"publish",{rest}}}"#));
    }
    hub.hub.published(hub.now, key, None, Err(PublishError::Unavailable));
    let told: Vec<String> = hub.texts(key).iter().map(|text| told(text)).collect();
    let full = format!(
        "storage_full true history takes all {} bytes that `limits.history_bytes_total_max` allows",
        300 + EVENT_OVERHEAD
    );
    assert_eq!(
        told,
        [
            "published",
            "too_many_channels true there are 1 channels, as many as `limits.channels_max` says",
            "idempotency_full true 1 idempotency keys are remembered, as many as may be",
            &full,
            "broker_unavailable true the broker did not take the event",
        ]
    );
}

/// P-36, P-69
#[test]
fn what_a_session_publishes_beyond_its_bytes_is_refused_until_there_is_room_again() {
    let config = HubConfig {
        publish_bytes_per_second_max: 1_000,
        publish_bytes_burst_max: 2_000,
        ..HubConfig::default()
    };
    let mut hub = TestHub::with(config, HistoryConfig::default());
    let (key, other) = (hub.open("abcdefgh", &[]), hub.open("ijklmnop", &[]));
    let welcome: serde_json::Value = serde_json::from_str(&hub.texts(key)[0]).unwrap();
    assert_eq!(welcome["limits"]["publish_bytes_per_second"], 1_000);
    assert_eq!(welcome["limits"]["publish_bytes_burst"], 2_000);
    hub.drain(other);
    let head = r#"{"type":"publish","id":1,"channel":"a","event":"e","data":"#;
    let publish = |bytes: usize| format!("{head}\"{}\"}}", "x".repeat(bytes - head.len() - 3));
    hub.say(key, &publish(1_500));
    hub.say(key, &publish(500));
    hub.say(key, &publish(200));
    let texts = hub.texts(key);
    let all: Vec<String> = texts.iter().map(|text| told(text)).collect();
    assert_eq!(all[..2], ["published", "published"], "as many at once as may be");
    let error: serde_json::Value = serde_json::from_str(&texts[2]).unwrap();
    assert_eq!((&error["code"], &error["id"]), (&"rate_limited".into(), &1.into()));
    assert_eq!((&error["retry"], &error["retry_after_ms"]), (&true.into(), &200.into()));
    // Neither other frames nor other sessions suffer.
    hub.say(key, r#"{"type":"ping"}"#);
    hub.say(other, &publish(2_000));
    assert_eq!((hub.heard(key), hub.heard(other)), (vec!["pong".into()], vec!["published".into()]));
    hub.now += Span(200);
    hub.say(key, &publish(200));
    assert_eq!((hub.heard(key), hub.hub.totals().throttled), (vec!["published".into()], 1));
}

fn told(text: &str) -> String {
    let frame: serde_json::Value = serde_json::from_str(text).unwrap();
    match frame["code"].as_str() {
        Some(code) => format!("{code} {} {}", frame["retry"], frame["message"].as_str().unwrap()),
        None => frame["type"].as_str().unwrap().into(),
    }
}

#[test]
fn a_peer_that_speaks_too_fast_or_never_reads_its_answers_is_cut_off() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[]);
    hub.drain(key);
    for _ in 0..200 {
        hub.say(key, r#"{"type":"pong"}"#);
    }
    assert!(!hub.hub.is_closing(key));
    hub.say(key, r#"{"type":"pong"}"#);
    assert_eq!(hub.heard(key), ["close 4100"]);

    let config = HubConfig { queue_messages_max: 2, frames_burst_max: 10, ..HubConfig::default() };
    let mut hub = TestHub::with(config, HistoryConfig::default());
    let deaf = hub.open("bcdefghi", &[]);
    hub.drain(deaf);
    for _ in 0..12 {
        hub.say(deaf, r#"{"type":"ping"}"#);
        hub.pass(20);
    }
    assert!(!hub.hub.is_closing(deaf));
    hub.say(deaf, r#"{"type":"ping"}"#);
    assert_eq!(hub.heard(deaf), ["close 4000"]);
}
