//! WebSocket frames and JSON that break the rules, in front of `hello` and in sessions.

use super::each;
use crate::case::{Attempt, Case, Door, PAYLOAD_MARK};
use crate::expect::Expect;
use crate::expect::Expect::{Close, ErrorThenClose, Errors, Frame, Gone, Nothing};
use crate::frame::{CLOSE, PING, PONG, TEXT, close, crumbs, header, masked, text};
use crate::token;

const NOISE: &str = "Send deep JSON, noise, broken framing";
const FLOOD: &str = "Send frames, pings or pongs in a flood";
const MIB: usize = 1024 * 1024;

/// The table.
pub(super) const CASES: &[Case] = &[
    each("frames without a mask", NOISE, |n| both(n, [&[TEXT, 2][..], b"{}"].concat(), 1002)),
    each("reserved bits", NOISE, |n| {
        both(n, masked([0xc1, 0xa1, 0x91, 0xf1][n / 2 % 4], b"{}"), 1002)
    }),
    each("reserved opcodes", NOISE, |n| {
        both(n, masked([0x83, 0x84, 0x87, 0x8b, 0x8f][n / 2 % 5], b""), 1002)
    }),
    each("a ping in fragments", NOISE, |n| {
        both(n, masked([0x09, 0x0a, 0x08][n / 2 % 3], b""), 1002)
    }),
    each("control frames of 126 bytes", NOISE, |n| {
        both(n, masked([PING, PONG, CLOSE][n / 2 % 3], &[b'x'; 126]), 1002)
    }),
    each("a continuation of nothing", NOISE, |n| {
        both(n, masked([0x80, 0x00][n / 2 % 2], b"{}"), 1002)
    }),
    each("a message within a message", NOISE, |n| {
        both(n, [masked(0x01, b"{"), masked(TEXT, b"{}")].concat(), 1002)
    }),
    each("a length with its highest bit", NOISE, |_| {
        at(Door::Session, header(TEXT, 1 << 63), Close(1009))
    }),
    each("binary messages", NOISE, |n| both(n, masked([0x82, 0x02][n / 2 % 2], b"{}"), 1003)),
    each("text that is not UTF-8", NOISE, |n| {
        let bad: [&[u8]; 6] = [
            &[0xff, 0xfe],
            &[0xe2, 0x82],
            &[0xc0, 0x80],
            &[0xed, 0xa0, 0x80],
            &[0xf4, 0x90, 0x80, 0x80],
            &[b'a', 0x80],
        ];
        both(n, masked(TEXT, bad[n / 2 % 6]), 1007)
    }),
    each("text that stops being UTF-8 in a fragment", NOISE, |n| {
        both(n, [masked(0x01, &[0xe2, 0x82]), masked(0x00, &[0x28])].concat(), 1007)
    }),
    each("close codes that are none", NOISE, |n| {
        let code = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535][n / 2 % 10];
        both(n, close(code, b""), 1002)
    }),
    each("a close frame of one byte", NOISE, |n| both(n, masked(CLOSE, &[3]), 1002)),
    each("a close reason that is not UTF-8", NOISE, |n| both(n, close(1000, &[0xff]), 1007)),
    each("frames behind a close frame", NOISE, |n| {
        let send = [close(1000, b"bye"), text(r#"{"type":"ping"}"#).repeat(20)].concat();
        at(door(n), send, Close(1000))
    }),
    each("a message over 1 MiB", NOISE, |_| {
        at(Door::Session, text(&"x".repeat(MIB + 1)), Close(1009))
    }),
    each("fragments that are over 1 MiB together", NOISE, |_| {
        let half = vec![b'x'; MIB / 2];
        let send = [masked(0x01, &half), masked(0x00, &half), masked(0x80, b"x")].concat();
        at(Door::Session, send, Close(1009))
    }),
    each("a message of a terabyte is announced", NOISE, |_| {
        at(Door::Session, header(TEXT, 1 << 40), Close(1009))
    }),
    each("a message in fragments of one byte", NOISE, |_| {
        at(Door::Session, crumbs(r#"{"type":"ping","id":"in crumbs"}"#), Frame("pong"))
    }),
    each("10,000 empty fragments", NOISE, |_| {
        let empty = masked(0x00, b"").repeat(10_000);
        at(Door::Session, [masked(0x01, b"{"), empty, masked(0x80, b"}")].concat(), Close(1009))
    }),
    each("JSON that is none", NOISE, |n| {
        let bad = ["{", "", "nothing", "[]", "7", "{\"type\":\"ping\"} {}", "\u{0}", "{\"a\":1,}"];
        at(Door::Session, text(bad[n % 8]), Errors(1, "bad_json"))
    }),
    each("frames with wrong fields", NOISE, |n| {
        at(Door::Session, text(wrong_field(n)), Errors(1, "bad_frame"))
    }),
    each("frames of no known type", NOISE, |n| {
        let kinds = ["dance", "welcome", "event", "", "__proto__", "hello\\u0000"];
        let frame = format!(r#"{{"type":"{}","id":1}}"#, kinds[n % 6]);
        at(Door::Session, text(&frame), Errors(1, "unknown_type"))
    }),
    each("20 bad frames and one more", NOISE, |_| {
        at(Door::Session, text("{").repeat(21), Close(4400))
    }),
    each("names of channels that are none", NOISE, |n| {
        let long = "a".repeat(256);
        let names = ["", ":", "a:", "a::b", "a b", "a/b", "ä", "*", ".", "a\\u0000", &long];
        let kinds = ["subscribe", "publish"];
        let frame = format!(
            r#"{{"type":"{}","channel":"{}","event":"e"}}"#,
            kinds[n % 2],
            names[n / 2 % names.len()]
        );
        at(Door::Session, text(&frame), Errors(1, "bad_channel"))
    }),
    each("deep JSON in each field", NOISE, |n| at(Door::Session, text(&deep(n)), Frame("error"))),
    each("a deep payload", NOISE, |n| {
        let depth = [65, 1_000, 100_000][n % 3];
        let frame = format!(
            r#"{{"type":"publish","channel":"flood:deep","event":"e","data":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        );
        at(Door::Session, text(&frame), Errors(1, "too_deep"))
    }),
    each("ids that are none", NOISE, |n| {
        let long = format!("\"{}\"", "i".repeat(63));
        let id = ["{}", "[]", "true", &long][n % 4];
        at(Door::Session, text(&format!(r#"{{"type":"ping","id":{id}}}"#)), Errors(1, "bad_frame"))
    }),
    each("a second hello", NOISE, |n| {
        let frame = format!(r#"{{"type":"hello","link":"hostile-link-{n}-again","generation":9}}"#);
        at(Door::Session, text(&frame), Errors(1, "bad_frame"))
    }),
    each("pings in a flood", FLOOD, |_| {
        at(Door::Session, masked(PING, b"x").repeat(400), Close(4100))
    }),
    each("pongs in a flood", FLOOD, |_| {
        at(Door::Session, masked(PONG, b"x").repeat(400), Close(4100))
    }),
    each("frames in a flood", FLOOD, |n| {
        let frame = [
            r#"{"type":"ping"}"#,
            r#"{"type":"pong"}"#,
            r#"{"type":"heartbeat"}"#,
            r#"{"type":"unsubscribe","channel":"flood:1"}"#,
        ][n % 4];
        at(Door::Session, text(frame).repeat(400), Close(4100))
    }),
    each("200 frames at once, which is the limit", FLOOD, |_| {
        at(Door::Session, text(r#"{"type":"pong"}"#).repeat(190), Nothing)
    }),
    each("noise behind an upgrade", NOISE, |n| at(door(n), noise(n), Gone)),
    each("the older protocol is told nonsense", NOISE, |n| {
        let lines = format!("Authorization: Bearer {}\r\n", token::good("mallory", 60));
        let said = ["{", "[]", "{\"type\":7}", PAYLOAD_MARK, "{\"type\":\"heartbeat\"}"][n % 5];
        let door = Door::UpgradedAt("/ws/diagnosis/hostile", lines);
        let send = [text(said), text(r#"{"type":"ping"}"#), close(1000, b"")].concat();
        at(door, send, Close(1000))
    }),
    each("a WebSocket that leads nowhere", NOISE, |n| {
        let path = ["/ws/diagnosis/a%20b", "/ws/nothing", "/nowhere"][n % 3];
        at(Door::UpgradedAt(path, String::new()), Vec::new(), Close(1008))
    }),
    each("another first frame than hello", NOISE, |n| {
        let first =
            [r#"{"type":"ping"}"#, r#"{"type":"subscribe","channel":"a"}"#, r#"{"type":"dance"}"#]
                [n % 3];
        at(Door::Upgraded, text(first), Close(4400))
    }),
    each("21 pings in front of hello", FLOOD, |n| {
        let first = [PING, PONG][n % 2];
        at(Door::Upgraded, masked(first, b"x").repeat(21), Close(4400))
    }),
    each("JSON that is none for a first frame", NOISE, |n| {
        let bad = ["{", "", "[]", "{}x"][n % 4];
        at(Door::Upgraded, text(bad), ErrorThenClose("bad_json", 4400))
    }),
];

const fn at(door: Door, send: Vec<u8>, expect: Expect) -> Attempt {
    Attempt { door, send, expect }
}

/// In front of `hello` and behind it, by turns.
const fn door(attempt: usize) -> Door {
    if attempt.is_multiple_of(2) { Door::Upgraded } else { Door::Session }
}

/// Bytes that end a WebSocket with this code, whether it is a session yet or not.
fn both(attempt: usize, send: Vec<u8>, code: u16) -> Attempt {
    at(door(attempt), send, Close(code))
}

/// Bytes that are not random, so that what they do is the same in each run.
fn noise(attempt: usize) -> Vec<u8> {
    let mut state = attempt as u64 * 2 + 1;
    let step = |state: &mut u64| {
        *state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 56) as u8
    };
    std::iter::repeat_with(|| step(&mut state)).take(32 * 1024).collect()
}

fn wrong_field(attempt: usize) -> &'static str {
    let frames = [
        "{}",
        r#"{"type":7}"#,
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","channel":7}"#,
        r#"{"type":"subscribe","channel":"a","since":"later"}"#,
        r#"{"type":"subscribe","channel":"a","since":{"epoch":"e","offset":-1}}"#,
        r#"{"type":"subscribe","channel":"a","since":{"epoch":"e","offset":9007199254740993}}"#,
        r#"{"type":"subscribe","channel":"a","since":{"epoch":"e f","offset":1}}"#,
        r#"{"type":"heartbeat","next_ms":-1}"#,
        r#"{"type":"publish","channel":"a"}"#,
        r#"{"type":"publish","channel":"a","event":7}"#,
        r#"{"type":"publish","channel":"a","event":"e","final":"yes"}"#,
        r#"{"type":"publish","channel":"a","event":"e","idempotency_key":7}"#,
    ];
    frames[attempt % frames.len()]
}

/// A frame one of whose fields, but not the payload, nests deep.
fn deep(attempt: usize) -> String {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    match attempt % 6 {
        0 => deep,
        1 => "[".repeat(200_000),
        2 => format!(r#"{{"type":{deep}}}"#),
        3 => format!(r#"{{"type":"ping","id":{deep}}}"#),
        4 => format!(r#"{{"type":"heartbeat","stats":{deep}}}"#),
        _ => format!(r#"{{"type":"subscribe","channel":{deep}}}"#),
    }
}
