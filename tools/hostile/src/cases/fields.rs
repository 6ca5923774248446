//! Fields of frames at their limits and past them, and `hello`s that ask for too much.

use serde_json::{Value, json};

use super::each;
use crate::case::{Attempt, Case, Door, KEY_MARK, PAYLOAD_MARK, with_token};
use crate::expect::Expect;
use crate::expect::Expect::{Answer, Close, ErrorThenClose, Errors, Frame};
use crate::frame::text;
use crate::token;

const NOISE: &str = "Send deep JSON, noise, broken framing";
const FLOOD: &str = "Send frames, pings or pongs in a flood";

/// The table.
pub(super) const CASES: &[Case] = &[
    each("client fields of 128 bytes", NOISE, |n| {
        hello(n, &json!({"client": {FIELDS[n % 3]: "x".repeat(128)}}), Frame("welcome"))
    }),
    each("client fields of 129 bytes", NOISE, |n| {
        hello(n, &json!({"client": {FIELDS[n % 3]: "x".repeat(129)}}), bad_hello())
    }),
    each("client fields of 60 KiB", NOISE, |n| {
        hello(n, &json!({"client": {FIELDS[n % 3]: "x".repeat(60_000)}}), bad_hello())
    }),
    each("heartbeat stats of 4 KiB", NOISE, |_| heartbeat(4096 - 2, Frame("heartbeat_ack"))),
    each("heartbeat stats of 4 KiB and one byte", NOISE, |_| {
        heartbeat(4097 - 2, Errors(1, "bad_frame"))
    }),
    each("heartbeat stats of 1 MB", NOISE, |_| heartbeat(1_000_000, Errors(1, "bad_frame"))),
    each("heartbeat terms of 10 minutes", NOISE, |n| {
        let interval = [599_000, 1_000, 300_000][n % 3];
        let terms = json!({"interval": interval, "timeout": 600_000 - interval});
        hello(n, &json!({"heartbeat": terms}), Frame("welcome"))
    }),
    each("heartbeat terms that are none", NOISE, |n| {
        let interval = [json!(-1), json!("soon"), json!(1.5)];
        let terms = json!({"interval": interval[n % 3], "timeout": 1000});
        hello(n, &json!({"heartbeat": terms}), bad_hello())
    }),
    each("link ids that are none", NOISE, |n| {
        let long = "l".repeat(65);
        let links = ["", "short", "a b c d e", "über-lang-0001", "../../../etc", &long];
        hello(n, &json!({"link": links[n % 6]}), bad_hello())
    }),
    each("generations that are none", NOISE, |n| {
        let generations = [json!(0), json!(-1), json!((1_u64 << 53) + 1), json!("1"), json!(1.5)];
        hello(n, &json!({"generation": generations[n % 5]}), bad_hello())
    }),
    each("a hello with 128 channels", FLOOD, |n| {
        hello(n, &json!({"channels": named(128)}), Frame("welcome"))
    }),
    each("a hello with 400 channels", FLOOD, |n| {
        hello(n, &json!({"channels": named(400)}), Close(4400))
    }),
    each("a hello with 1,200 channels", FLOOD, |n| {
        hello(n, &json!({"channels": named(1_200)}), Close(4400))
    }),
    each("a hello with the same channel 300 times", FLOOD, |n| {
        let same = vec![json!({"channel": "flood:same"}); 300];
        hello(n, &json!({"channels": same}), Frame("welcome"))
    }),
    each("129 subscribes", FLOOD, |_| {
        let subscribe = |at: usize| {
            text(&json!({"type": "subscribe", "channel": format!("flood:named-{at}")}).to_string())
        };
        let send = (0..129).flat_map(subscribe).collect();
        Attempt { door: Door::Session, send, expect: Errors(1, "too_many_channels") }
    }),
    each("positions that no channel had", NOISE, |n| {
        let since = [
            json!({"epoch": "nobody", "offset": 1_u64 << 53}),
            json!({"epoch": "e".repeat(64), "offset": 0}),
            json!({"epoch": "-_-", "offset": 7}),
        ];
        let frame = json!({"type": "subscribe", "channel": "demo:position", "since": since[n % 3]});
        Attempt { door: Door::Session, send: text(&frame.to_string()), expect: Frame("subscribed") }
    }),
    each("idempotency keys that are none", NOISE, |n| {
        let keys = [String::new(), "k".repeat(256), "k".repeat(100_000), "a\nb".to_owned()];
        let frame = json!({"type": "publish", "channel": "flood:keys", "event": "e",
                "idempotency_key": keys[n % 4]});
        Attempt {
            door: Door::Session,
            send: text(&frame.to_string()),
            expect: Errors(1, "bad_frame"),
        }
    }),
    each("an idempotency key with another event", NOISE, |n| {
        let publish = |data: usize| {
            text(
                &json!({"type": "publish", "channel": "flood:keys", "event": "e", "data": data,
                    "idempotency_key": format!("{KEY_MARK}-{n}")})
                .to_string(),
            )
        };
        let send = [publish(1), publish(2)].concat();
        Attempt { door: Door::Session, send, expect: Errors(1, "idempotency_mismatch") }
    }),
    each("names of events that are none", NOISE, |n| {
        let names = [String::new(), "e".repeat(300), "e".repeat(100_000)];
        let frame = json!({"type": "publish", "channel": "flood:names", "event": names[n % 3],
                "data": PAYLOAD_MARK});
        Attempt {
            door: Door::Session,
            send: text(&frame.to_string()),
            expect: Errors(1, "bad_frame"),
        }
    }),
    each("bodies of polls that are none", NOISE, bad_poll),
    each("polls for 129 channels", NOISE, |_| poll(&json!({"channels": named(129)}), 400)),
    each("polls for the same channel twice", NOISE, |_| {
        poll(&json!({"channels": vec![json!({"channel": "demo:1"}); 2]}), 200)
    }),
];

const FIELDS: [&str; 3] = ["name", "version", "platform"];

fn bad_hello() -> Expect {
    ErrorThenClose("bad_frame", 4400)
}

/// A good `hello` with these fields instead.
fn hello(attempt: usize, fields: &Value, expect: Expect) -> Attempt {
    let mut hello = json!({"type": "hello", "link": format!("hostile-link-fields-{attempt}"),
        "generation": 1, "token": token::good(token::MALLORY, 60)});
    if let (Some(hello), Some(fields)) = (hello.as_object_mut(), fields.as_object()) {
        hello.extend(fields.clone());
    }
    Attempt { door: Door::Upgraded, send: text(&hello.to_string()), expect }
}

/// A heartbeat whose stats have so many bytes between their quotes.
fn heartbeat(bytes: usize, expect: Expect) -> Attempt {
    let frame = json!({"type": "heartbeat", "stats": "s".repeat(bytes)});
    Attempt { door: Door::Session, send: text(&frame.to_string()), expect }
}

/// Always the same names, since the server keeps the epoch of each for five minutes.
fn named(count: usize) -> Vec<Value> {
    (0..count).map(|at| json!({"channel": format!("flood:named-{at}")})).collect()
}

fn poll(body: &Value, status: u16) -> Attempt {
    let token = token::good(token::MALLORY, 60);
    let send = with_token("POST", "/v1/poll", &token, &body.to_string());
    Attempt { door: Door::Public, send, expect: Answer(status, "") }
}

fn bad_poll(attempt: usize) -> Attempt {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies = [
        ("{".to_owned(), "bad_json"),
        (deep[..1_000].to_owned(), "bad_json"),
        ("[]".to_owned(), "bad_body"),
        (r#"{"channels":[]}"#.to_owned(), ""),
        (r#"{"channels":7}"#.to_owned(), "bad_body"),
        (r#"{"chanels":[]}"#.to_owned(), "unknown_field"),
        (r#"{"channels":[{"channel":"a"}],"wait":51}"#.to_owned(), ""),
        (r#"{"channels":[{"channel":"a"}],"limit":0}"#.to_owned(), ""),
    ];
    let (body, code) = bodies[attempt % bodies.len()].clone();
    let token = token::good(token::MALLORY, 60);
    let send = with_token("POST", "/v1/poll", &token, &body);
    Attempt { door: Door::Public, send, expect: Answer(400, code) }
}
