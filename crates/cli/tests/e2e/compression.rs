//! Compression over WebSocket, byte by byte: who is granted it, what is sent to whom, and what a
//! client that abuses it gets.

use serde_json::{Value, json};
use steadfast_client::{ChannelName, Client, EventName, Notice, Since};
use steadfast_websocket::outbound::{Masked, message_frame};
use steadfast_websocket::{Deflater, Framing, Inbound, Inflater, Limits, Message, Role};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bad_input::Calm;
use crate::hostile::memory_kib;
use crate::server::Server;
use crate::within;

const OFFER: &str = "permessage-deflate; client_max_window_bits";
const ANSWER: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const MIB: usize = 1024 * 1024;

/// A session that reads and writes frames as they are.
struct Peer {
    stream: TcpStream,
    inbound: Inbound,
    inflater: Inflater,
    /// What the server answered to the offer.
    agreed: Option<String>,
    /// What came and was not read.
    ahead: Vec<u8>,
}

/// What a peer hears: a text and how many bytes its frame had, or the code of a close.
#[derive(Debug, PartialEq)]
enum Heard {
    Text { text: String, wire_bytes: usize },
    Close(Option<u16>),
}

impl Peer {
    /// Upgrades. `before` is a request that goes before it on the same connection: with one, hyper
    /// reads the upgrade.
    async fn open(server: &Server, path: &str, offer: Option<&str>, before: &str) -> Self {
        let mut stream = TcpStream::connect(server.public).await.unwrap();
        if !before.is_empty() {
            stream.write_all(before.as_bytes()).await.unwrap();
            let answer = head(&mut stream).await;
            assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        }
        let offer = offer.map(|it| format!("Sec-WebSocket-Extensions: {it}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
            server.public,
            offer.unwrap_or_default()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let answer = head(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        let agreed = answer.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("sec-websocket-extensions").then(|| value.to_owned())
        });
        let is_compressed = agreed.is_some();
        let framing = Framing { role: Role::Client, is_compressed, ..Framing::default() };
        let limits = Limits { message_bytes_max: 4 * MIB, ..Limits::default() };
        let inbound = Inbound::with(limits, framing);
        Self { stream, inbound, inflater: Inflater::default(), agreed, ahead: Vec::new() }
    }

    /// A session that follows these channels and has heard so.
    async fn follow(server: &Server, link: &str, offer: Option<&str>, channel: &str) -> Self {
        let mut peer = Self::open(server, "/v1/ws", offer, "").await;
        peer.hello(link, channel, false).await;
        peer
    }

    async fn hello(&mut self, link: &str, channel: &str, is_compressed: bool) {
        let channels = json!([{"channel": channel, "since": "start"}]);
        let hello = json!({"type": "hello", "link": link, "generation": 1, "channels": channels});
        self.says(hello.to_string().as_bytes(), is_compressed).await;
        for kind in ["welcome", "subscribed"] {
            assert_eq!(self.json().await.0["type"], kind);
        }
    }

    async fn says(&mut self, text: &[u8], is_compressed: bool) {
        let packed = Deflater::new(6).sync_flushed(text).unwrap();
        let payload = if is_compressed { &packed } else { text };
        self.sends(payload, is_compressed).await;
    }

    async fn sends(&mut self, payload: &[u8], is_compressed: bool) {
        let frame = Masked::new(&message_frame(payload, false, is_compressed), [1, 2, 3, 4]);
        // A server that has had enough may have hung up.
        let _ = self.stream.write_all(frame.as_ref()).await;
    }

    async fn hears(&mut self) -> Heard {
        let mut wire_bytes = 0;
        loop {
            if self.ahead.is_empty() {
                let mut bytes = vec![0; 64 * 1024];
                let read = within("bytes", self.stream.read(&mut bytes)).await.unwrap_or(0);
                if read == 0 {
                    return Heard::Close(None);
                }
                self.ahead = bytes[..read].to_vec();
            }
            let mut feed = self.inbound.feed_with(&mut self.ahead, &mut self.inflater);
            let heard = match feed.poll().unwrap() {
                Some(Message::Text(text)) => Some(text.into_owned()),
                Some(Message::Close { code, .. }) => return Heard::Close(code),
                Some(_) | None => None,
            };
            let consumed = feed.consumed();
            wire_bytes += consumed;
            self.ahead.drain(..consumed);
            if let Some(text) = heard {
                return Heard::Text { text, wire_bytes };
            }
        }
    }

    /// The next frame but pings, and how many bytes it had on the wire.
    async fn json(&mut self) -> (Value, usize) {
        loop {
            let Heard::Text { text, wire_bytes } = self.hears().await else { panic!("a close") };
            let frame: Value = serde_json::from_str(&text).unwrap();
            if frame["type"] != "ping" {
                return (frame, wire_bytes);
            }
        }
    }
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within("a head", stream.read_u8()).await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// The metric of this name.
async fn metric(server: &Server, name: &str) -> u64 {
    let text = server.looks("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name}:\n{text}")).parse().unwrap()
}

fn words(count: usize) -> Value {
    json!({"event": "progress", "data": {"text": "many words in a row ".repeat(count)}})
}

/// P-160
#[tokio::test]
async fn compression_is_agreed_to_on_both_ways_to_a_websocket_where_it_is_on() {
    let server = Server::dev().await;
    let probe = format!("GET /v1/probe HTTP/1.1\r\nHost: {}\r\n\r\n", server.public);
    for before in ["", &probe] {
        for path in ["/v1/ws", "/ws/diagnosis/1"] {
            let peer = Peer::open(&server, path, Some(OFFER), before).await;
            assert_eq!(peer.agreed.as_deref(), Some(ANSWER), "{path} {before}");
            let small = "permessage-deflate; server_max_window_bits=10";
            for offer in [None, Some(small), Some("permessage-deflate; x")] {
                let peer = Peer::open(&server, path, offer, before).await;
                assert_eq!(peer.agreed, None, "{path} {offer:?} {before}");
            }
            let second = "permessage-deflate; server_max_window_bits=10, permessage-deflate";
            let peer = Peer::open(&server, path, Some(second), before).await;
            assert_eq!(peer.agreed.as_deref(), Some(ANSWER), "{path} {before}");
        }
    }
    let off = Server::dev_with(&[("COMPRESSION__ENABLED", "false")]).await;
    assert_eq!(Peer::open(&off, "/v1/ws", Some(OFFER), "").await.agreed, None);
}

/// P-161
#[tokio::test]
async fn followers_that_agreed_share_a_copy_and_history_is_compressed_too() {
    let server = Server::dev().await;
    let mut packed = Vec::new();
    for at in 0..3 {
        packed.push(Peer::follow(&server, &format!("packed-{at}"), Some(OFFER), "a:1").await);
    }
    let mut plain = Peer::follow(&server, "plain-01", None, "a:1").await;
    assert_eq!(metric(&server, "steadfast_compressed_sessions").await, 3);
    server.publishes_event("a:1", &words(1)).await;
    server.publishes_event("a:1", &words(50)).await;
    let (small, small_bytes) = plain.json().await;
    let (large, large_bytes) = plain.json().await;
    assert!(small_bytes < 300 && large_bytes > 1000, "{small_bytes}, {large_bytes}");
    for peer in &mut packed {
        assert_eq!(peer.json().await, (small.clone(), small_bytes));
        let (frame, wire_bytes) = peer.json().await;
        assert_eq!(frame, large);
        assert!(wire_bytes < 250, "{wire_bytes} of {large_bytes}");
    }
    // One for all shards.
    assert_eq!(metric(&server, "steadfast_compressed_copies_total").await, 1);
    assert_eq!(metric(&server, "steadfast_compressed_messages_total").await, 3);
    let (before, after) = (
        metric(&server, "steadfast_compressed_before_bytes_total").await,
        metric(&server, "steadfast_compressed_after_bytes_total").await,
    );
    assert!(before > 3000 && after < 750, "{before}, {after}");

    // One that comes later reads the same event from history, in its copy.
    let mut late = Peer::follow(&server, "packed-9", Some(OFFER), "a:1").await;
    assert_eq!(late.json().await, (small, small_bytes));
    assert!(late.json().await.1 < 250);
    drop(packed);
    drop(late);
    while metric(&server, "steadfast_compressed_sessions").await > 0 {}
}

/// P-162
#[tokio::test]
async fn a_compressed_hello_is_read_and_what_inflates_past_a_limit_ends_its_session_alone() {
    let mut calm = Calm::measured(&[]).await;
    let padded = |bytes: usize| {
        let head = r#"{"type":"ping","x":""#;
        format!("{head}{}\"}}", "x".repeat(bytes - head.len() - 2)).into_bytes()
    };
    let mut peer = Peer::open(&calm.server, "/v1/ws", Some(OFFER), "").await;
    peer.hello("packed-1", "a:1", true).await;
    peer.says(&padded(MIB), true).await;
    assert_eq!(peer.json().await.0["type"], "pong");
    peer.says(&padded(MIB + 1), true).await;
    assert_eq!(peer.hears().await, Heard::Close(Some(1009)));

    // The first frame has a limit of its own: 64 KiB.
    let mut peer = Peer::open(&calm.server, "/v1/ws", Some(OFFER), "").await;
    peer.says(&padded(64 * 1024 + 1), true).await;
    assert_eq!(peer.hears().await, Heard::Close(Some(4400)));

    // Bombs that would take 64 MiB each, again and again.
    let bomb = Deflater::new(9).sync_flushed(&vec![0; 64 * MIB]).unwrap();
    let memory = || memory_kib(calm.server.process.pid(), "VmRSS:");
    let before = memory();
    for at in 0..20 {
        let link = format!("bomber-{at:02}");
        let mut peer = Peer::follow(&calm.server, &link, Some(OFFER), "a:1").await;
        peer.sends(&bomb, true).await;
        assert_eq!(peer.hears().await, Heard::Close(Some(1009)));
    }
    let held = memory().saturating_sub(before);
    assert!(held < 16 * 1024, "{held} KiB");
    assert_eq!(metric(&calm.server, "steadfast_inflated_too_long_total").await, 22);

    // What is no deflate, and the bit where nothing was agreed.
    let mut peer = Peer::follow(&calm.server, "broken-1", Some(OFFER), "a:1").await;
    peer.sends(&[0x07], true).await;
    assert_eq!(peer.hears().await, Heard::Close(Some(1007)));
    let mut peer = Peer::follow(&calm.server, "broken-2", None, "a:1").await;
    peer.says(b"{}", true).await;
    assert_eq!(peer.hears().await, Heard::Close(Some(1002)));
    calm.is_kept().await;
}

/// P-163
#[tokio::test]
async fn the_rust_client_sends_and_takes_compressed_messages_unless_it_is_told_not_to() {
    let server = Server::dev().await;
    let channel = ChannelName::new("a:1").unwrap();
    for (is_wanted, sessions) in [(true, 1), (false, 0)] {
        let mut client = Client::builder(&server.url(""))
            .subscribe(channel.clone(), Since::Now)
            .compression(is_wanted)
            .connect()
            .await
            .unwrap();
        server.is_followed(1).await;
        assert_eq!(metric(&server, "steadfast_compressed_sessions").await, sessions);
        let before = metric(&server, "steadfast_compressed_messages_total").await;
        let data = "many words in a row ".repeat(100);
        client.publish(channel.clone(), EventName::new("text").unwrap(), &data).await.unwrap();
        let event = loop {
            if let Some(Notice::Event(event)) = within("an event", client.next()).await {
                break event;
            }
        };
        assert_eq!(event.data.as_str(), json!(data).to_string());
        let sent = metric(&server, "steadfast_compressed_messages_total").await - before;
        assert_eq!(sent, sessions);
        drop(client);
        server.is_followed(0).await;
    }
}
