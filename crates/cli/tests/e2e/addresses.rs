//! Limits of addresses and of strangers: connections, rates, tokens that are refused; and who a
//! client is behind a proxy.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::raw::Raw;
use crate::server::{Server, answer};
use crate::tokens::{guarded, made};
use crate::wire::Wire;
use crate::within;

/// The limits hold for loopback too.
const ALL: (&str, &str) = ("PUBLIC__UNLIMITED_ADDRESSES", "[]");
const PROBE: &str = "GET /v1/probe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
/// A server beside which the test has no connection of its own that would count.
const TRUSTED: (&str, &str) = ("PUBLIC__TRUSTED_PROXIES", "127.0.0.2");

async fn from(host: &str, to: SocketAddr) -> Wire {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{host}:0").parse().unwrap()).unwrap();
    Wire(socket.connect(to).await.unwrap())
}

/// The status and the code of the answer to a request.
async fn said(wire: &mut Wire, request: &str) -> (u16, String) {
    wire.says(request).await;
    let (head, body) = wire.answer().await;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

async fn probed(wire: &mut Wire) -> (u16, String) {
    said(wire, PROBE).await
}

async fn refusals(server: &Server, cause: &str) -> u64 {
    let metrics = server.looks("/metrics").await.text;
    let start = format!("steadfast_refusals_total{{cause=\"{cause}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("{start} in {metrics}")).parse().unwrap()
}

#[tokio::test]
async fn an_address_has_as_many_connections_as_it_may_and_others_are_served() {
    let server = Server::dev_with(&[ALL, ("PUBLIC__CONNECTIONS_PER_IP_MAX", "2")]).await;
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut wire = from("127.0.0.3", server.public).await;
        assert_eq!(probed(&mut wire).await.0, 204);
        held.push(wire);
    }
    let mut third = from("127.0.0.3", server.public).await;
    assert_eq!(probed(&mut third).await, (503, "too_many_connections".into()));
    assert_eq!(third.rest().await, "");
    assert_eq!(probed(&mut from("127.0.0.4", server.public).await).await.0, 204);
    assert_eq!(refusals(&server, "address_connections").await, 1);
    // A place is free again as soon as one has gone.
    drop(held.pop());
    let deadline = Instant::now() + crate::PATIENCE;
    while probed(&mut from("127.0.0.3", server.public).await).await.0 != 204 {
        assert!(Instant::now() < deadline);
    }
}

/// P-58
#[tokio::test]
async fn an_address_connects_and_asks_as_often_as_it_may_and_is_told_when_to_come_back() {
    let settings = [
        ALL,
        ("PUBLIC__CONNECTS_PER_SECOND_PER_IP_MAX", "1"),
        ("PUBLIC__REQUESTS_PER_SECOND_PER_CONNECTION_MAX", "1"),
    ];
    let server = Server::dev_with(&settings).await;
    let mut wire = from("127.0.0.3", server.public).await;
    for _ in 0..10 {
        assert_eq!(probed(&mut wire).await.0, 204);
    }
    wire.says(PROBE).await;
    let (head, body) = wire.answer().await;
    assert!(head.starts_with("HTTP/1.1 429 ") && head.contains("retry-after: 1\r\n"), "{head}");
    assert!(body.contains("this connection asks too often"), "{body}");
    assert_eq!(wire.rest().await, "", "what asks too often pays with its connection");
    let deadline = Instant::now() + crate::PATIENCE;
    let (status, code) = loop {
        let probed = probed(&mut from("127.0.0.3", server.public).await).await;
        if probed.0 != 204 || Instant::now() > deadline {
            break probed;
        }
    };
    assert_eq!((status, &*code), (429, "rate_limited"));
    assert_eq!(refusals(&server, "connection_requests").await, 1);
    assert_eq!(refusals(&server, "address_connects").await, 1);
    assert_eq!(probed(&mut from("127.0.0.4", server.public).await).await.0, 204);
}

/// Over HTTP and over WebSocket. Whoever has a valid token is served at the same address.
#[tokio::test]
async fn an_address_whose_tokens_are_refused_too_often_is_told_to_wait() {
    let settings = [ALL, ("PUBLIC__FAILED_TOKENS_PER_SECOND_PER_IP_MAX", "1")];
    let server = guarded(&settings).await;
    let path = "/v1/channels/demo:1/events";
    let ask = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer x\r\n\r\n");
    let mut wire = from("127.0.0.3", server.public).await;
    let mut answers = Vec::new();
    while answers.last() != Some(&(429, "rate_limited".to_owned())) {
        answers.push(said(&mut wire, &ask).await);
        assert!(answers.len() < 100, "{answers:?}");
    }
    assert!(answers.len() > 10, "{answers:?}");
    assert_eq!(answers[0], (401, "token_malformed".into()));
    assert_eq!(wire.rest().await, "");

    let closed = async || {
        let mut raw = Raw::open(&server).await;
        raw.hello("link-0001", 1, &[]).await;
        raw.closed().await.0
    };
    let mut codes = vec![closed().await];
    while codes.last() != Some(&4100) {
        codes.push(closed().await);
        assert!(codes.len() < 200, "{codes:?}");
    }
    assert_eq!(codes[0], 4201, "{codes:?}");
    assert!(refusals(&server, "address_failed_tokens").await >= 2);

    let token = made(&["--subscribe", "demo:*", "--ttl", "1h"]).await;
    let mut raw = Raw::open(&server).await;
    let greeting = json!({"type": "hello", "link": "link-0002", "generation": 1, "token": token});
    raw.says(&greeting).await;
    raw.expect("welcome").await;
    let before = refusals(&server, "address_failed_tokens").await;
    raw.says(&json!({"type": "refresh", "id": 1, "token": "x"})).await;
    let refused = raw.expect("error").await;
    assert_eq!((&refused["code"], &refused["retry"]), (&json!("rate_limited"), &json!(true)));
    assert_eq!(refusals(&server, "address_failed_tokens").await, before + 1);
    let good = answer(server.http.get(server.url(path)).bearer_auth(&token)).await;
    assert_eq!(good.status, 200, "{good:?}");
}

/// Each client behind a proxy has limits of its own, and the proxy none.
#[tokio::test]
async fn a_trusted_proxy_says_by_a_header_who_its_clients_are() {
    let settings = [
        ALL,
        TRUSTED,
        ("PUBLIC__CLIENT_ADDRESS", "x_forwarded_for"),
        ("PUBLIC__CONNECTIONS_PER_IP_MAX", "1"),
        ("PUBLIC__REQUESTS_PER_SECOND_PER_IP_MAX", "1"),
    ];
    let server = Server::dev_with(&settings).await;
    let upgrade = |client: &str| {
        format!(
            "GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 9.9.9.9, {client}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n"
        )
    };
    let open = async |client: &str| {
        let mut wire = from("127.0.0.2", server.public).await;
        wire.says(&upgrade(client)).await;
        let status = wire.head().await.split(' ').nth(1).unwrap().to_owned();
        (status, wire)
    };
    let (status, first) = open("192.0.2.1").await;
    assert_eq!(status, "101");
    // The same client again, and the same where it claims to be others; then another client.
    assert_eq!(open("192.0.2.1").await.0, "503");
    assert_eq!(open("192.0.2.2, 192.0.2.1").await.0, "503");
    assert_eq!(open("192.0.2.2").await.0, "101");
    // A poll that waits is a connection too.
    let wait = "GET /v1/channels/demo:1/events?offset=latest&wait=30 HTTP/1.1\r\n\
        Host: 127.0.0.1\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
    let mut poll = from("127.0.0.2", server.public).await;
    assert_eq!(said(&mut poll, wait).await, (503, "too_many_connections".into()));
    // The proxy goes on using its connection, on which others ask.
    let ask =
        |client: &str| PROBE.replace("\r\n\r\n", &format!("\r\nX-Forwarded-For: {client}\r\n\r\n"));
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) {
        statuses.push(said(&mut poll, &ask("192.0.2.3")).await.0);
        assert!(statuses.len() < 100, "{statuses:?}");
    }
    assert!(statuses.len() > 10, "{statuses:?}");
    assert_eq!(said(&mut poll, &ask("192.0.2.4")).await.0, 204);
    assert_eq!(probed(&mut poll).await.0, 204, "the proxy's own check of health");
    drop(first);
    let deadline = Instant::now() + crate::PATIENCE;
    while open("192.0.2.1").await.0 != "101" {
        assert!(Instant::now() < deadline);
    }
    // Who is no proxy is who it is.
    let mut stranger = from("127.0.0.3", server.public).await;
    assert_eq!(said(&mut stranger, &ask("192.0.2.5")).await.0, 204);
    assert_eq!(probed(&mut from("127.0.0.3", server.public).await).await.0, 503);
}

#[tokio::test]
async fn a_trusted_proxy_says_by_its_protocol_who_its_client_is() {
    let settings = [
        ALL,
        TRUSTED,
        ("PUBLIC__CLIENT_ADDRESS", "proxy_protocol"),
        ("PUBLIC__CONNECTIONS_PER_IP_MAX", "1"),
    ];
    let server = Server::dev_with(&settings).await;
    let line = |client: &str| format!("PROXY TCP4 {client} 0.0.0.0 0 0\r\n");
    let open = async |header: &str| {
        let mut wire = from("127.0.0.2", server.public).await;
        wire.says(header).await;
        wire
    };
    let mut first = open(&line("192.0.2.1")).await;
    assert_eq!(probed(&mut first).await.0, 204);
    assert_eq!(probed(&mut open(&line("192.0.2.1")).await).await.0, 503);
    assert_eq!(probed(&mut open(&line("192.0.2.2")).await).await.0, 204);
    // A check of health of the proxy itself names no client; a connection without a header ends.
    assert_eq!(probed(&mut open("PROXY UNKNOWN\r\n").await).await.0, 204);
    let mut without = open(PROBE).await;
    assert_eq!(within("an end", without.0.read(&mut [0; 16])).await.unwrap_or(0), 0);
    // Others cannot say who they are.
    let mut stranger = from("127.0.0.3", server.public).await;
    assert_eq!(said(&mut stranger, &format!("{}{PROBE}", line("192.0.2.9"))).await.0, 400);
}

#[tokio::test]
async fn a_connection_that_shows_no_valid_token_does_not_stay() {
    let server = guarded(&[("PUBLIC__ANONYMOUS_MS_MAX", "1000")]).await;
    let token = made(&["--subscribe", "demo:*", "--ttl", "1h"]).await;
    let poll = |token: &str| {
        format!(
            "GET /v1/channels/demo:1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             Authorization: Bearer {token}\r\n\r\n"
        )
    };
    let mut known = Wire(TcpStream::connect(server.public).await.unwrap());
    assert_eq!(said(&mut known, &poll(&token)).await.0, 200);
    let begun = Instant::now();
    let mut stranger = Wire(TcpStream::connect(server.public).await.unwrap());
    assert_eq!(said(&mut stranger, &poll("x")).await.0, 401);
    assert_eq!(stranger.rest().await, "");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(said(&mut known, &poll(&token)).await.0, 200);
    // An answer that asks for no token is none, whatever it says.
    let mut other = Wire(TcpStream::connect(server.public).await.unwrap());
    let begun = Instant::now();
    for request in ["GET /v1/poll", "PUT /v1/poll", "DELETE /v1/tickets", "POST /v1/probe"] {
        let request = format!("{request} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
        assert_eq!(said(&mut other, &request).await.0, 405);
    }
    assert_eq!(other.rest().await, "");
    assert!(begun.elapsed() < Duration::from_secs(10));
    // One that asks all the time ends with an answer.
    let begun = Instant::now();
    let mut busy = Wire(TcpStream::connect(server.public).await.unwrap());
    let last = loop {
        busy.says(PROBE).await;
        let head = busy.head().await;
        if head.contains("connection: close") {
            break Instant::now();
        }
    };
    assert!(last.duration_since(begun) >= Duration::from_millis(750));
    assert_eq!(busy.rest().await, "");
}
