//! Peers that do what they should not: stay silent, drip, crowd, take nothing, send noise. They
//! are refused or cut off, and the subscriber next to them notices nothing.

use std::time::Duration;

use serde_json::{Value, json};
use steadfast_machine::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::http::Response;

use crate::bad_input::{Calm, masked};
use crate::raw::Raw;
use crate::server::{Server, answer};
use crate::within;

const SHORT_HANDSHAKE: (&str, &str) = ("LIMITS__HANDSHAKE_TIMEOUT_MS", "400");
const UPGRADE: &str = "GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n";

/// Sends bytes one at a time, each too soon to be silence, until the peer ends; what it said.
async fn drip(mut stream: TcpStream, bytes: Vec<u8>) -> Vec<u8> {
    let (mut reading, mut writing) = stream.split();
    let mut said = Vec::new();
    let dripping = async {
        let mut pace = tokio::time::interval(Duration::from_millis(40));
        for byte in bytes {
            pace.tick().await;
            if writing.write_all(&[byte]).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = within("the end of a drip", reading.read_to_end(&mut said)) => {}
        () = dripping => {}
    }
    said
}

/// The code of a close frame that is all that was said.
fn close_code(said: &[u8]) -> u16 {
    assert_eq!(said.first(), Some(&0x88), "{said:?}");
    u16::from_be_bytes([said[2], said[3]])
}

pub(crate) async fn upgraded(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.public).await.unwrap();
    stream.write_all(UPGRADE.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("the upgrade", stream.read_u8()).await.unwrap());
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
    stream
}

fn refusal(result: Result<Raw, Error>) -> Response<Option<Vec<u8>>> {
    match result {
        Err(Error::Http(response)) => *response,
        other => panic!("a refusal over HTTP was expected, not {other:?}"),
    }
}

/// P-10
#[tokio::test]
async fn a_hello_that_never_comes_is_not_waited_for() {
    let mut calm = Calm::with(&[SHORT_HANDSHAKE]).await;
    let mut raw = Raw::open(&calm.server).await;
    assert_eq!(raw.closed().await.0, 4001);
    // Signs of life are no hello.
    let mut raw = Raw::open(&calm.server).await;
    assert!(raw.writes(&masked(0x89, b"alive")).await);
    assert_eq!(raw.closed().await.0, 4001);
    calm.is_kept().await;
}

/// P-10
#[tokio::test]
async fn a_hello_that_drips_in_is_not_waited_for() {
    let mut calm = Calm::with(&[SHORT_HANDSHAKE]).await;
    let hello = r#"{"type":"hello","link":"link-0001","generation":1}"#;
    let said = drip(upgraded(&calm.server).await, masked(0x81, hello.as_bytes())).await;
    assert_eq!(close_code(&said), 4001);
    calm.is_kept().await;
}

/// P-41, P-42
#[tokio::test]
async fn a_session_that_falls_silent_is_closed() {
    let settings = [
        ("HEARTBEAT__PING_INTERVAL_MS", "300"),
        ("HEARTBEAT__PING_TIMEOUT_MS", "300"),
        ("HEARTBEAT__SWEEP_INTERVAL_MS", "300"),
    ];
    let mut server = Server::dev_with(&settings).await;
    let terms = r#","heartbeat":{"interval":1000,"timeout":1000}"#;
    for (number, terms) in [(1, ""), (2, terms)] {
        let link = format!("silent-{number}");
        let hello = format!(r#"{{"type":"hello","link":"{link}","generation":1{terms}}}"#);
        let mut stream = upgraded(&server).await;
        // Longer than one piece may be: two of them.
        let (first, second) = hello.as_bytes().split_at(20);
        let message = [masked(0x01, first), masked(0x80, second)].concat();
        stream.write_all(&message).await.unwrap();
        let mut said = Vec::new();
        within("the end", stream.read_to_end(&mut said)).await.unwrap();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("welcome") && said.ends_with("Connection stale"), "{said}");
        assert_eq!(said.contains(r#""type":"ping""#), terms.is_empty(), "{said}");
        let log = server.process.err.with("connection closed").await;
        assert!(log.contains("close_code=1001") && !log.contains(&link), "{log}");
    }
    // Whoever answers lives on.
    let mut alive = Raw::follow(&server, "link-0001", &[]).await;
    for _ in 0..4 {
        alive.answers_a_ping().await;
    }
    alive.says(&json!({"type": "ping"})).await;
    alive.expect("pong").await;
}

#[tokio::test]
async fn a_request_that_drips_in_is_not_waited_for() {
    let mut calm = Calm::with(&[SHORT_HANDSHAKE]).await;
    for head in [UPGRADE, ""] {
        let stream = TcpStream::connect(calm.server.public).await.unwrap();
        let said = drip(stream, head.into()).await;
        let is_refused = said.is_empty() || said.starts_with(b"HTTP/1.1 408");
        assert!(is_refused, "{}", String::from_utf8_lossy(&said));
    }
    calm.is_kept().await;
}

#[tokio::test]
async fn a_burst_within_the_limit_is_answered() {
    let mut calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    assert!(raw.writes(&masked(0x81, br#"{"type":"ping"}"#).repeat(190)).await);
    for _ in 0..190 {
        raw.expect("pong").await;
    }
    calm.is_kept().await;
}

/// P-52
#[tokio::test]
async fn a_session_that_says_too_much_is_closed_with_the_code_that_slows_it() {
    let mut calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    // The socket may be closed before all is said.
    raw.writes(&masked(0x81, br#"{"type":"pong"}"#).repeat(1_000)).await;
    assert_eq!(raw.closed().await.0, 4100);
    calm.is_kept().await;
}

#[tokio::test]
async fn noise_is_not_understood_and_does_no_harm() {
    let mut calm = Calm::with(&[]).await;
    let mut rng = Rng::new(7);
    let noise: Vec<u8> =
        std::iter::repeat_with(|| rng.next_u32().to_le_bytes()).take(8192).flatten().collect();
    for head in [&b""[..], b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"] {
        let mut stream = TcpStream::connect(calm.server.public).await.unwrap();
        // A peer that has hung up already is what is wanted.
        let _ = stream.write_all(&[head, &noise].concat()).await;
        let _ = stream.shutdown().await;
        let mut said = Vec::new();
        let _ = within("the end", stream.read_to_end(&mut said)).await;
        let is_refused = said.is_empty() || said.starts_with(b"HTTP/1.1 4");
        assert!(is_refused, "{}", String::from_utf8_lossy(&said));
    }
    // In a session as well: whatever the noise means, the session ends.
    for at in 0..20 {
        let mut raw = Raw::follow(&calm.server, &format!("link-noise-{at}"), &[]).await;
        raw.writes(&noise[at * 997..]).await;
        let (code, _) = raw.closed().await;
        assert!([1002, 1003, 1006, 1007, 1009].contains(&code), "{at}: {code}");
    }
    calm.is_kept().await;
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let mut calm = Calm::with(&[]).await;
    let mut stream = TcpStream::connect(calm.server.public).await.unwrap();
    let head = format!("GET /v1/probe HTTP/1.1\r\nX: {}", "x".repeat(1024 * 1024));
    // The answer may come before all is written.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut said = Vec::new();
    let _ = within("the end", stream.read_to_end(&mut said)).await;
    let is_refused = said.is_empty() || said.starts_with(b"HTTP/1.1 4");
    assert!(is_refused, "{}", String::from_utf8_lossy(&said));
    calm.is_kept().await;
}

#[tokio::test]
async fn a_strangers_page_may_not_connect() {
    let mut calm = Calm::with(&[]).await;
    let address = calm.server.public;
    for path in ["/v1/ws", "/ws/diagnosis/1"] {
        let origin = [("origin", "https://evil.example")];
        let refused = refusal(Raw::ask(address, path, &origin).await);
        assert_eq!(refused.status(), 403, "{path}");
    }
    let url = calm.server.url("/v1/channels/calm:1/events");
    let request = calm.server.http.get(&url).header("Origin", "https://evil.example");
    answer(request).await.assert_problem(403, "origin_refused");
    // A name that was pointed at this machine, asked for by its own page, which sends no origin.
    let request = calm.server.http.get(&url).header("Host", "evil.example");
    answer(request).await.assert_problem(403, "origin_refused");

    let url_within = calm.server.internal_url("/v1/channels/calm:1/events");
    for (header, text) in [("Origin", "https://evil.example"), ("Host", "evil.example")] {
        let request = calm.server.http.post(&url_within).header(header, text);
        let refused = answer(request.json(&json!({"event": "progress"}))).await;
        assert_eq!(refused.status, 403, "{header}: {refused:?}");
    }

    let ours = format!("http://{address}");
    let request = calm.server.http.get(&url).header("Origin", &ours);
    let allowed = answer(request).await;
    assert_eq!(allowed.header("access-control-allow-origin"), ours);
    assert!(Raw::ask(address, "/v1/ws", &[("origin", &ours)]).await.is_ok());
    calm.is_kept().await;
}

#[tokio::test]
async fn one_connection_too_many_is_told_when_to_come_back() {
    let mut calm = Calm::with(&[("PUBLIC__CONNECTIONS_MAX", "3")]).await;
    let address = calm.server.public;
    let mut first = calm.session().await;
    let second = Raw::follow(&calm.server, "link-0002", &[]).await;
    for _ in 0..5 {
        let refused = refusal(Raw::ask(address, "/v1/ws", &[]).await);
        assert_eq!(refused.status(), 503);
        let seconds: u32 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(seconds >= 1);
        assert!(refused.headers().contains_key("steadfast-node"));
        // P-84: an `EventSource` would never come back after any other status.
        let stream = calm.server.asked("/v1/channels/demo:1/stream?offset=latest").await;
        assert_eq!((stream.status, stream.header("access-control-allow-origin")), (200, "*"));
        assert_eq!(stream.header("content-type"), "text/event-stream");
        let retry = stream.text.lines().find_map(|line| line.strip_prefix("retry: ")).unwrap();
        assert!((5_000..=10_000).contains(&retry.parse().unwrap()), "{}", stream.text);
        calm.server
            .asked("/v1/channels/demo:1/events")
            .await
            .assert_problem(503, "too_many_connections");
    }
    calm.is_kept().await;
    first.closes().await;
    let free = async {
        while Raw::ask(address, "/v1/ws", &[]).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    within("a place", free).await;
    drop(second);
    calm.is_kept().await;
}

/// P-54
#[tokio::test]
async fn a_reader_that_takes_nothing_hurts_only_itself() {
    const EVENTS: u64 = 240;
    const BYTES: usize = 100_000;
    let mut calm = Calm::measured(&[("LIMITS__SLOW_TIMEOUT_MS", "3000")]).await;
    let since = json!("start");
    let mut good = Raw::follow(&calm.server, "link-good", &[("flood:1", since.clone())]).await;
    good.expect("subscribed").await;
    let mut slow = Raw::open_narrow(&calm.server).await;
    slow.hello("link-slow", 1, &[("flood:1", since)]).await;

    let pid = calm.server.process.pid();
    let before = memory_kib(pid, "VmRSS:");
    let padding = "x".repeat(BYTES);
    // One at a time, so that the kernel has room for all that the good one has not read yet: it is
    // quick enough however slow this machine is.
    for n in 1..=EVENTS {
        let event = json!({"event": "progress", "data": {"n": n, "padding": padding}});
        calm.server.publishes_event("flood:1", &event).await;
        assert_eq!(good.expect("event").await["offset"], n);
    }
    let line = calm.server.process.err.with("connection closed").await;
    assert!(line.contains("close_code=4000"), "{line}");
    let after = memory_kib(pid, "VmHWM:");
    println!("24 MB published; {before} KiB before, {after} KiB at most");
    assert!(after - before < 100 * 1024, "{before} KiB before, {after} KiB at most");
    let links: Vec<Value> =
        calm.server.connections().await.iter().map(|one| one["link"].clone()).collect();
    assert!(!links.contains(&json!("link-slow")), "{links:?}");
    drop(slow);
    calm.is_kept().await;
}

/// A line of a process's status, in KiB.
pub(crate) fn memory_kib(pid: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
