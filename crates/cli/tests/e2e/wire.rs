//! HTTP as single bytes: bodies where none belong, connections that idle, heads that drip. What a
//! library on the client's side would never send, and what balancers do between requests.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Server, answer};
use crate::within;

const HOST: &str = "Host: 127.0.0.1";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==";
/// A request that must never be seen by anybody.
const HIDDEN: &str = "GET /v1/probe HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

/// One connection, byte by byte.
#[derive(Debug)]
pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn says(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// The next head, without the empty line at its end.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(within("a head", self.0.read_u8()).await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// The next whole answer with a Content-Length: head and body.
    pub(crate) async fn answer(&mut self) -> (String, String) {
        let head = self.head().await;
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().unwrap())
        });
        let mut body = vec![0; length.unwrap_or(0)];
        within("a body", self.0.read_exact(&mut body)).await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// All that still comes, up to the end of the connection.
    pub(crate) async fn rest(mut self) -> String {
        let mut rest = Vec::new();
        within("the end of a connection", self.0.read_to_end(&mut rest)).await.unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }
}

#[tokio::test]
async fn a_body_where_none_belongs_is_refused_and_ends_the_connection() {
    let server = Server::dev().await;
    let length = format!("Content-Length: {}", HIDDEN.len());
    let chunked = "Transfer-Encoding: chunked".to_owned();
    let piece = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    let ways = [
        ("GET", "/v1/channels/a/events?offset=latest&wait=50", ""),
        ("GET", "/v1/channels/a/events", ""),
        ("HEAD", "/v1/channels/a/events?offset=latest&wait=50", ""),
        ("GET", "/v1/channels/a/stream", ""),
        ("HEAD", "/v1/channels/a/stream", ""),
        ("GET", "/v1/probe", ""),
        ("GET", "/", ""),
        ("GET", "/v1/ws", UPGRADE),
        ("POST", "/v1/ws", UPGRADE),
        ("GET", "/ws/diagnosis/1", UPGRADE),
        ("GET", "/nothing", UPGRADE),
    ];
    for (method, path, more) in ways {
        for (framing, body) in [(&length, HIDDEN), (&chunked, piece.as_str())] {
            // Whole at once, and split where the body begins.
            for is_split in [false, true] {
                let mut wire = Wire::open(server.public).await;
                let lines: Vec<&str> =
                    [HOST, framing, more].into_iter().filter(|line| !line.is_empty()).collect();
                let head = format!("{method} {path} HTTP/1.1\r\n{}\r\n\r\n", lines.join("\r\n"));
                if is_split {
                    wire.says(&head).await;
                    let _ = wire.0.write_all(body.as_bytes()).await;
                } else {
                    wire.says(&format!("{head}{body}")).await;
                }
                let said = wire.rest().await;
                let what = format!("{method} {path} {framing} {is_split}: {said}");
                assert!(said.starts_with("HTTP/1.1 400 "), "{what}");
                assert!(said.to_ascii_lowercase().contains("connection: close"), "{what}");
                assert_eq!(said.matches("HTTP/1.1").count(), 1, "{what}");
            }
        }
    }
    assert!(server.connections().await.is_empty());
}

#[tokio::test]
async fn a_length_of_nothing_is_no_body() {
    let server = Server::dev().await;
    let mut wire = Wire::open(server.public).await;
    wire.says("GET /v1/channels/a/events HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").await;
    // The server in `--dev` answers loopback names alone.
    assert!(wire.answer().await.0.starts_with("HTTP/1.1 403 "));
    for _ in 0..2 {
        wire.says(
            "GET /v1/channels/a/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
        )
        .await;
        assert!(wire.answer().await.0.starts_with("HTTP/1.1 200 "));
    }
}

/// A balancer that keeps connections for a minute finds them open.
#[tokio::test]
async fn a_connection_waits_for_its_next_request_as_long_as_is_set_and_not_as_for_a_head() {
    let settings = [("LIMITS__HANDSHAKE_TIMEOUT_MS", "100"), ("PUBLIC__KEEP_ALIVE_MS", "1500")];
    let server = Server::dev_with(&settings).await;
    for path in ["/v1/probe", "/v1/channels/a/events?offset=latest&wait=1"] {
        let mut wire = Wire::open(server.public).await;
        wire.says(&format!("GET {path} HTTP/1.1\r\n{HOST}\r\n\r\n")).await;
        let (head, _) = wire.answer().await;
        assert!(head.starts_with("HTTP/1.1 20"), "{head}");
        let answered = Instant::now();
        assert_eq!(wire.rest().await, "");
        // What is asserted is the least alone: a slow machine only makes it more.
        let waited = answered.elapsed();
        assert!(waited > Duration::from_millis(1400), "{path}: {waited:?}");
    }
}

#[tokio::test]
async fn a_head_that_drips_in_on_an_idle_connection_has_the_time_of_a_head() {
    let settings = [("LIMITS__HANDSHAKE_TIMEOUT_MS", "300"), ("PUBLIC__KEEP_ALIVE_MS", "3600000")];
    let server = Server::dev_with(&settings).await;
    for path in ["/v1/probe", "/v1/channels/a/events?offset=latest&wait=1"] {
        let mut wire = Wire::open(server.public).await;
        wire.says(&format!("GET {path} HTTP/1.1\r\n{HOST}\r\n\r\n")).await;
        wire.answer().await;
        wire.says("GET /v1/pro").await;
        assert_eq!(wire.rest().await, "", "{path}");
    }
}

/// The internal port waits for heads as the public one does, in front of the publish pipeline and
/// behind it.
#[tokio::test]
async fn the_internal_port_does_not_wait_for_ever() {
    let settings = [("LIMITS__HANDSHAKE_TIMEOUT_MS", "300")];
    let server = Server::dev_with(&settings).await;
    let publish = "POST /v1/channels/a/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\
        Content-Length: 13\r\n\r\n{\"event\":\"a\"}";
    let live = "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let table: [(&[&str], &str); 6] = [
        (&[], ""),
        (&[], "GET /live"),
        (&[], "POST /v1/channels/a/ev"),
        (&[live], "GET /live"),
        (&[publish], "GET /live"),
        (&[publish, live], "POST /v1/chan"),
    ];
    for (whole, begun) in table {
        let mut wire = Wire::open(server.internal).await;
        for request in whole {
            wire.says(request).await;
            let (head, _) = wire.answer().await;
            assert!(head.starts_with("HTTP/1.1 20"), "{head}");
        }
        wire.says(begun).await;
        assert_eq!(wire.rest().await, "", "{whole:?} {begun}");
    }
}

/// Also where a publish has been read without hyper before.
#[tokio::test]
async fn a_head_has_16_kib_on_either_port_and_one_byte_more_is_refused() {
    let server = Server::dev_with(&[]).await;
    let publish = "POST /v1/channels/a/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\
        Content-Length: 13\r\n\r\n{\"event\":\"a\"}";
    let head = |request: &str, bytes: usize| {
        let rest = bytes - format!("{request} HTTP/1.1\r\n{HOST}\r\nX: \r\n\r\n").len();
        format!("{request} HTTP/1.1\r\n{HOST}\r\nX: {}\r\n\r\n", "x".repeat(rest))
    };
    for (port, first, request, status) in [
        (server.public, "", "GET /v1/probe", "204"),
        (server.internal, "", "GET /livez", "200"),
        (server.internal, publish, "GET /livez", "200"),
        (server.internal, publish, "POST /v1/channels/a/events", "400"),
    ] {
        for (bytes, expected) in [(16 * 1024, status), (16 * 1024 + 1, "431")] {
            let mut wire = Wire::open(port).await;
            if !first.is_empty() {
                wire.says(first).await;
                wire.answer().await;
            }
            wire.says(&head(request, bytes)).await;
            let said = wire.head().await;
            assert!(
                said.starts_with(&format!("HTTP/1.1 {expected} ")),
                "{request} {bytes}: {said}"
            );
        }
    }
}

#[tokio::test]
async fn an_idle_connection_of_the_internal_port_has_a_time_of_its_own() {
    let settings = [("LIMITS__HANDSHAKE_TIMEOUT_MS", "100"), ("INTERNAL__KEEP_ALIVE_MS", "1500")];
    let server = Server::dev_with(&settings).await;
    let publish = "POST /v1/channels/a/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\
        Content-Length: 13\r\n\r\n{\"event\":\"a\"}";
    for request in [publish, "GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"] {
        let mut wire = Wire::open(server.internal).await;
        wire.says(request).await;
        wire.answer().await;
        let answered = Instant::now();
        assert_eq!(wire.rest().await, "");
        let waited = answered.elapsed();
        assert!(waited > Duration::from_millis(1400), "{waited:?}");
    }
}

#[tokio::test]
async fn the_internal_port_takes_as_many_connections_as_its_limit_and_not_one_more() {
    let server = Server::dev_with(&[("INTERNAL__CONNECTIONS_MAX", "2")]).await;
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    let mut first = Wire::open(server.internal).await;
    let mut second = Wire::open(server.internal).await;
    for wire in [&mut first, &mut second] {
        wire.says(&ask("/livez")).await;
        assert!(wire.answer().await.0.starts_with("HTTP/1.1 200 "));
    }
    let mut third = Wire::open(server.internal).await;
    third.says(&ask("/livez")).await;
    let said = third.rest().await;
    assert!(said.starts_with("HTTP/1.1 503 ") && said.contains("too_many_connections"), "{said}");
    second.says(&ask("/metrics")).await;
    let (_, metrics) = second.answer().await;
    for line in [
        "steadfast_internal_sockets 2",
        "steadfast_internal_connections_refused_total 1",
        "steadfast_limit_internal_connections 2",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line} in {metrics}");
    }
    drop(first);
    let free = async {
        loop {
            let mut wire = Wire::open(server.internal).await;
            wire.says(&ask("/livez")).await;
            if wire.head().await.starts_with("HTTP/1.1 200 ") {
                return;
            }
        }
    };
    within("a place", free).await;
}

/// Pages with tracing send headers that nobody here has heard of.
#[tokio::test]
async fn a_page_that_may_ask_may_send_any_header() {
    let server = Server::dev_with(&[("PUBLIC__ALLOWED_ORIGINS", "https://app.example.com")]).await;
    let preflight = |origin: &str, wanted: &str| {
        let url = server.url("/v1/channels/a/events");
        let request = server.http.request(reqwest::Method::OPTIONS, url);
        let request = request.header("Origin", origin.to_owned());
        let request = request.header("Access-Control-Request-Method", "GET");
        if wanted.is_empty() {
            request
        } else {
            request.header("Access-Control-Request-Headers", wanted.to_owned())
        }
    };
    let wanted = "authorization,baggage,sentry-trace";
    let allowed = answer(preflight("https://app.example.com", wanted)).await;
    assert_eq!(allowed.status, 204, "{allowed:?}");
    assert_eq!(allowed.header("access-control-allow-headers"), wanted);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example.com");
    let vary: Vec<&str> =
        allowed.headers.get_all("vary").iter().map(|one| one.to_str().unwrap()).collect();
    assert_eq!(vary, ["access-control-request-headers", "Origin"]);
    let silent = answer(preflight("https://app.example.com", "")).await;
    assert!(silent.header("access-control-allow-headers").contains("Authorization"));
    let refused = answer(preflight("https://evil.example", wanted)).await;
    refused.assert_problem(403, "origin_refused");
    assert_eq!(refused.header("access-control-allow-headers"), "");
}

#[tokio::test]
async fn a_refused_origin_is_told_the_setting_and_the_log_once() {
    let mut server = Server::dev().await;
    let url = server.url("/v1/channels/a/events");
    for _ in 0..3 {
        let request = server.http.get(&url).header("Origin", "https://app.example.com");
        let refused = answer(request).await;
        refused.assert_problem(403, "origin_refused");
        let detail = refused.json()["detail"].to_string();
        for part in ["public.allowed_origins", "https://app.example.com"] {
            assert!(detail.contains(part), "{detail}");
        }
    }
    let other = server.http.get(&url).header("Origin", "https://other.example.com");
    answer(other).await.assert_problem(403, "origin_refused");
    let mut told = Vec::new();
    while told.len() < 2 {
        let line = server.process.err.with("public.allowed_origins").await;
        assert!(line.contains("WARN"), "{line}");
        told.push(line);
    }
    assert!(told[0].contains("https://app.example.com"), "{told:?}");
    assert!(told[1].contains("https://other.example.com"), "{told:?}");
}

#[tokio::test]
async fn a_request_names_its_host_once() {
    let server = Server::dev().await;
    let table = [
        (format!("GET /v1/ws HTTP/1.1\r\n{UPGRADE}\r\n\r\n"), "400", "bad_host"),
        (
            format!("GET /v1/ws HTTP/1.1\r\n{HOST}\r\n{HOST}\r\n{UPGRADE}\r\n\r\n"),
            "400",
            "bad_host",
        ),
        (format!("GET /ws/diagnosis/1 HTTP/1.1\r\n{UPGRADE}\r\n\r\n"), "400", "bad_host"),
        ("GET /v1/channels/a/events HTTP/1.1\r\n\r\n".to_owned(), "400", "bad_host"),
        (format!("GET /v1/ws HTTP/1.0\r\n{HOST}\r\n{UPGRADE}\r\n\r\n"), "505", "http_version"),
        (format!("GET /v1/ws HTTP/1.0\r\n{UPGRADE}\r\n\r\n"), "505", "http_version"),
        ("GET /v1/probe HTTP/1.0\r\n\r\n".to_owned(), "204", ""),
    ];
    for (request, status, code) in table {
        let mut wire = Wire::open(server.public).await;
        wire.says(&request).await;
        let said = wire.rest().await;
        assert!(said.split(' ').nth(1) == Some(status) && said.contains(code), "{request}: {said}");
    }
    assert!(server.connections().await.is_empty());
}
