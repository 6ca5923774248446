//! Answers to polls that are not read, or slowly: what they hold, and when they are given up.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::server::Server;
use crate::within;

const MIB: usize = 1024 * 1024;
const MANY: &str = r#"{"channels":[{"channel":"demo:1"}]}"#;

/// A request on a socket whose kernel takes next to nothing that is not read.
async fn asks(server: &Server, request: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.public).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

fn get(query: &str) -> String {
    format!("GET /v1/channels/demo:1/events?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

fn post() -> String {
    let head = "POST /v1/poll HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    format!("{head}\r\nContent-Length: {}\r\n\r\n{MANY}", MANY.len())
}

/// Publishes events with payloads of so many bytes.
async fn fills(server: &Server, count: usize, bytes: usize) {
    for _ in 0..count {
        let event = json!({"event": "e", "data": "x".repeat(bytes)});
        server.publishes_event("demo:1", &event).await;
    }
}

/// The value of a metric.
async fn metric(server: &Server, name: &str) -> u64 {
    let text = server.looks("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name}:\n{text}")).parse().unwrap()
}

async fn becomes(server: &Server, name: &str, value: u64) {
    let looking = async {
        while metric(server, name).await != value {
            tokio::task::yield_now().await;
        }
    };
    within(name, looking).await;
}

/// The memory of the server's process.
fn memory(server: &Server) -> usize {
    let path = format!("/proc/{}/status", server.process.pid());
    let status = std::fs::read_to_string(path).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// The head and the body of an answer whose connection goes on.
async fn read(stream: &mut TcpStream) -> (String, Value) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("a head", stream.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.parse().unwrap()];
    within("a body", stream.read_exact(&mut body)).await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

#[tokio::test]
async fn answers_that_nobody_reads_are_no_copies_of_history() {
    let server = Server::dev_with(&[("LIMITS__POLL_BYTES_TOTAL_MAX", "1073741824")]).await;
    fills(&server, 4, 1_000_000).await;
    let before = memory(&server);
    let mut unread = Vec::new();
    for _ in 0..32 {
        unread.push(asks(&server, &get("")).await);
        unread.push(asks(&server, &post()).await);
    }
    becomes(&server, "steadfast_polls_total", 64).await;
    let grown = memory(&server).saturating_sub(before);
    assert!(grown < 64 * MIB, "64 answers of 4 MB take {grown} bytes");
    // Each is whole for whoever reads it.
    for stream in &mut unread[..2] {
        let (head, body) = read(stream).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let page = body.get("pages").map_or(&body, |pages| &pages[0]);
        assert_eq!(page["events"].as_array().unwrap().len(), 4);
    }
    drop(unread);
    becomes(&server, "steadfast_poll_answers_bytes", 0).await;
}

#[tokio::test]
async fn a_head_of_an_answer_says_its_length_and_holds_nothing() {
    let server = Server::dev().await;
    fills(&server, 4, 1_000_000).await;
    let mut stream = asks(&server, &get("").replace("GET", "HEAD")).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("a head", stream.read_u8()).await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert!(length.parse::<usize>().unwrap() > 4_000_000, "{head}");
    becomes(&server, "steadfast_poll_answers_bytes", 0).await;
}

#[tokio::test]
async fn a_reader_without_progress_is_given_up_and_a_steady_one_is_not() {
    let settings = [("LIMITS__SLOW_TIMEOUT_MS", "500"), ("LIMITS__MESSAGE_BYTES_MAX", "16777216")];
    let queue = ("LIMITS__QUEUE_BYTES_MAX", "16777216");
    let server = Server::dev_with(&[settings[0], settings[1], queue]).await;
    // Another connection's socket takes what it can at once, and no more.
    let mut waiting = asks(&server, &get("offset=latest&wait=50")).await;
    server.is_followed(1).await;
    fills(&server, 1, 10_000_000).await;
    let mut unread = asks(&server, &get("")).await;
    becomes(&server, "steadfast_responses_slow_total", 2).await;
    for stream in [&mut waiting, &mut unread] {
        let mut rest = Vec::new();
        let end = within("a reset", stream.read_to_end(&mut rest)).await;
        assert!(end.is_err() && rest.len() < 10_000_000, "{end:?} after {}", rest.len());
    }
    // Eight times as long as a reader may take nothing.
    let mut steady = TcpStream::connect(server.public).await.unwrap();
    steady.write_all(get("").as_bytes()).await.unwrap();
    let mut pace = tokio::time::interval(Duration::from_millis(100));
    let mut piece = vec![0; 250_000];
    let mut bytes = 0;
    while bytes < 10_000_000 {
        pace.tick().await;
        bytes += within("a piece", steady.read(&mut piece)).await.unwrap();
    }
    assert_eq!(metric(&server, "steadfast_responses_slow_total").await, 2);
}

#[tokio::test]
async fn a_large_event_waits_for_room_among_the_answers_and_small_ones_never_do() {
    let server = Server::dev_with(&[("LIMITS__POLL_BYTES_TOTAL_MAX", "1048576")]).await;
    fills(&server, 1, 1_000_000).await;
    let _unread = asks(&server, &get("")).await;
    becomes(&server, "steadfast_polls_total", 1).await;
    for request in [get(""), post()] {
        let (head, problem) = read(&mut asks(&server, &request).await).await;
        assert!(head.starts_with("http/1.1 503") && head.contains("retry-after: 1"), "{head}");
        assert_eq!(problem["code"], "overloaded");
    }
    assert_eq!(metric(&server, "steadfast_polls_refused_total").await, 2);
    server.publishes("demo:2", 1).await;
    assert_eq!(server.polls("demo:2", "").await["offset"], 1);
}

#[tokio::test]
async fn who_reads_nothing_at_one_address_leaves_the_room_of_the_others() {
    let settings =
        [("PUBLIC__UNLIMITED_ADDRESSES", "[]"), ("LIMITS__POLL_BYTES_TOTAL_MAX", "1048576")];
    let server = Server::dev_with(&settings).await;
    fills(&server, 1, 100_000).await;
    let _unread = asks(&server, &get("")).await;
    becomes(&server, "steadfast_polls_total", 1).await;
    for request in [get(""), post()] {
        let (head, problem) = read(&mut asks(&server, &request).await).await;
        assert!(head.starts_with("http/1.1 503"), "{head}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with("the answers to this address"), "{problem}");
    }
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.3:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(server.public).await.unwrap();
    other.write_all(get("").as_bytes()).await.unwrap();
    assert!(read(&mut other).await.0.starts_with("http/1.1 200"));
}
