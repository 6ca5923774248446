//! Peers that say what they should not. Each gets an answer or a code of its own, and the
//! subscriber next to it notices nothing. P-10, P-12, P-32, P-53

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::raw::Raw;
use crate::server::Server;
use crate::within;

const MIB: usize = 1024 * 1024;

/// The neighbour answers no ping while the test does other things, which may take its time.
const UNASKED: (&str, &str) = ("HEARTBEAT__PING_INTERVAL_MS", "600000");

/// A server, and a subscriber on it that should notice nothing.
pub(crate) struct Calm {
    pub(crate) server: Server,
    neighbour: Raw,
    published: u64,
}

impl Calm {
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        Self::beside(Server::dev_with(&[settings, &[UNASKED]].concat()).await).await
    }

    /// With few arenas, so that the memory the process has says what it holds: glibc keeps what was
    /// freed in each of them, and which threads fill which is luck.
    pub(crate) async fn measured(settings: &[(&str, &str)]) -> Self {
        let script = "export MALLOC_ARENA_MAX=2";
        let settings = [settings, &[UNASKED]].concat();
        Self::beside(Server::start_after(script, &["--dev"], &settings).await).await
    }

    async fn beside(server: Server) -> Self {
        let since = json!("start");
        let mut neighbour = Raw::follow(&server, "neighbour", &[("calm:1", since)]).await;
        neighbour.expect("subscribed").await;
        Self { server, neighbour, published: 0 }
    }

    /// A session beside the neighbour.
    pub(crate) async fn session(&self) -> Raw {
        Raw::follow(&self.server, "link-0001", &[]).await
    }

    /// Asserts that the neighbour has heard nothing but the next event.
    pub(crate) async fn is_kept(&mut self) {
        self.published += 1;
        self.server.publishes("calm:1", self.published).await;
        self.neighbour.expect_events(self.published..=self.published).await;
    }
}

/// One frame, masked with zeros.
pub(crate) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

/// P-12
#[tokio::test]
async fn text_that_cannot_be_read_is_answered_and_the_session_lives() {
    let mut calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    let table = [
        ("{", "bad_json"),
        ("", "bad_json"),
        ("nothing", "bad_json"),
        ("[]", "bad_json"),
        ("7", "bad_json"),
        ("{\"type\":\"ping\"} {}", "bad_json"),
        ("{}", "bad_frame"),
        (r#"{"type":7}"#, "bad_frame"),
        (r#"{"type":"subscribe"}"#, "bad_frame"),
        (r#"{"type":"subscribe","channel":7}"#, "bad_frame"),
        (r#"{"type":"subscribe","channel":"a","since":"later"}"#, "bad_frame"),
        (r#"{"type":"heartbeat","next_ms":-1}"#, "bad_frame"),
        (r#"{"type":"publish","channel":"a"}"#, "bad_frame"),
        (r#"{"type":"subscribe","id":{},"channel":"a"}"#, "bad_frame"),
        (r#"{"type":"ping","id":{}}"#, "bad_frame"),
        (r#"{"type":"dance"}"#, "unknown_type"),
        (r#"{"type":"welcome"}"#, "unknown_type"),
    ];
    for (text, code) in table {
        raw.says_text(text).await;
        let error = raw.expect("error").await;
        assert_eq!(error["code"], code, "{text:?}: {error}");
        assert!(error["message"].as_str().is_some_and(|text| !text.is_empty()), "{error}");
    }
    raw.says(&json!({"type": "ping"})).await;
    raw.expect("pong").await;
    calm.is_kept().await;
}

#[tokio::test]
async fn bad_channel_names_are_answered() {
    let mut calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    let long = "a".repeat(256);
    for (at, name) in ["", ":", "a:", "a::b", "a b", "a/b", "ä", "*", &long].iter().enumerate() {
        raw.says(&json!({"type": "subscribe", "id": at, "channel": name})).await;
        let error = raw.expect("error").await;
        assert_eq!(error["id"], at, "{name}: {error}");
        assert_eq!(error["code"], "bad_channel", "{name}: {error}");
    }
    calm.is_kept().await;
}

/// P-12
#[tokio::test]
async fn after_twenty_unreadable_frames_a_session_is_closed() {
    let mut calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    for _ in 0..20 {
        raw.says_text("{").await;
        raw.expect("error").await;
    }
    raw.says(&json!({"type": "ping"})).await;
    raw.expect("pong").await;
    raw.says_text("{").await;
    assert_eq!(raw.closed().await.0, 4400);
    calm.is_kept().await;
}

/// P-10
#[tokio::test]
async fn another_first_frame_than_hello_is_answered_and_closed() {
    let mut calm = Calm::with(&[]).await;
    let link = r#"{"type":"hello","link":"short","generation":1}"#;
    let generation = r#"{"type":"hello","link":"link-0001","generation":0}"#;
    for text in [r#"{"type":"ping"}"#, "{", link, generation, r#"{"type":"dance"}"#] {
        let mut raw = Raw::open(&calm.server).await;
        raw.says_text(text).await;
        raw.expect("error").await;
        assert_eq!(raw.closed().await.0, 4400, "{text}");
    }
    calm.is_kept().await;
}

/// P-16
#[tokio::test]
async fn a_second_hello_is_answered_and_changes_nothing() {
    let mut calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    raw.hello("link-0002", 9, &[]).await;
    assert_eq!(raw.expect("error").await["code"], "bad_frame");
    raw.says(&json!({"type": "ping"})).await;
    raw.expect("pong").await;
    calm.is_kept().await;
}

/// P-53
#[tokio::test]
async fn a_message_at_the_size_limit_passes_and_one_byte_more_is_closed() {
    let mut calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    let head = r#"{"type":"publish","id":1,"channel":"big:1","event":"progress","data":""#;
    let tail = r#""}"#;
    let message = |bytes: usize| {
        let padding = "x".repeat(bytes - head.len() - tail.len());
        [head, padding.as_str(), tail].concat()
    };
    raw.says_text(&message(MIB)).await;
    assert_eq!(raw.expect("published").await["offset"], 1);
    raw.says_text(&message(MIB + 1)).await;
    assert_eq!(raw.closed().await.0, 1009);
    calm.is_kept().await;

    // Whoever follows gets even the largest.
    let mut raw = Raw::follow(&calm.server, "link-0002", &[("big:1", json!("start"))]).await;
    raw.expect("subscribed").await;
    assert!(raw.expect("event").await["data"].as_str().unwrap().len() > MIB - 200);
}

#[tokio::test]
async fn a_body_over_its_limit_is_refused() {
    let mut calm = Calm::with(&[("LIMITS__PUBLISH_BATCH_MAX", "3")]).await;
    let text = "x".repeat(MIB);
    let large = json!({"event": "progress", "data": text});
    let answer = calm.server.posts("/v1/channels/big:1/events", &large).await;
    answer.assert_problem(413, "too_large");
    let entry = json!({"channel": "big:1", "event": "progress"});
    let events = |count: usize| json!({"events": vec![&entry; count]});
    assert_eq!(calm.server.posts("/v1/events", &events(3)).await.status, 200);
    calm.server.posts("/v1/events", &events(4)).await.assert_problem(413, "too_large");
    let many = json!({"events": vec![&text; 9]});
    calm.server.posts("/v1/events", &many).await.assert_problem(413, "too_large");
    // By its length alone, before any of it comes.
    let mut stream = TcpStream::connect(calm.server.internal).await.unwrap();
    let head = "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
                Content-Length: 8388609\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut said = String::new();
    within("a refusal", stream.read_to_string(&mut said)).await.unwrap();
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("too_large"), "{said}");
    calm.is_kept().await;
}

/// P-32
#[tokio::test]
async fn deep_nesting_is_refused_wherever_it_comes() {
    let mut calm = Calm::with(&[]).await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut raw = calm.session().await;
    let publish = r#"{"type":"publish","id":1,"channel":"deep:1","event":"progress","data":"#;
    raw.says_text(&format!("{publish}{deep}}}")).await;
    assert_eq!(raw.expect("error").await["code"], "too_deep");
    for text in [deep.clone(), "[".repeat(100_000), format!(r#"{{"type":{deep}}}"#)] {
        raw.says_text(&text).await;
        raw.expect("error").await;
    }
    let levels = |count: usize| format!("{publish}{}{}}}", "[".repeat(count), "]".repeat(count));
    raw.says_text(&levels(64)).await;
    raw.expect("published").await;
    raw.says_text(&levels(65)).await;
    assert_eq!(raw.expect("error").await["code"], "too_deep");

    let url = calm.server.internal_url("/v1/channels/deep:1/events");
    let request = calm.server.http.post(url).body(format!(r#"{{"event":"a","data":{deep}}}"#));
    crate::server::answer(request).await.assert_problem(400, "too_deep");
    calm.is_kept().await;
}

/// P-53
#[tokio::test]
async fn broken_framing_is_closed_with_the_code_that_names_it() {
    let mut calm = Calm::with(&[]).await;
    let unmasked = [0x81, 2, b'{', b'}'];
    let table: [(&str, Vec<u8>, u16); 9] = [
        ("text that is not UTF-8", masked(0x81, &[0xff, 0xfe]), 1007),
        ("a cut character", masked(0x81, &[0xe2, 0x82]), 1007),
        ("an unmasked frame", unmasked.into(), 1002),
        ("a reserved opcode", masked(0x83, b"{}"), 1002),
        ("a reserved control opcode", masked(0x8b, b""), 1002),
        ("a reserved bit", masked(0xc1, b"{}"), 1002),
        ("a ping in fragments", masked(0x09, b""), 1002),
        ("a continuation of nothing", masked(0x80, b"{}"), 1002),
        ("a binary message", masked(0x82, b"{}"), 1003),
    ];
    for (what, bytes, code) in table {
        // Before hello and in a session.
        let mut raw = Raw::open(&calm.server).await;
        assert!(raw.writes(&bytes).await);
        assert_eq!(raw.closed().await.0, code, "{what}");
        let mut raw = calm.session().await;
        assert!(raw.writes(&bytes).await);
        assert_eq!(raw.closed().await.0, code, "{what}, in a session");
    }
    calm.is_kept().await;
}

#[tokio::test]
async fn a_message_in_pieces_with_pings_between_is_one_message() {
    let calm = Calm::with(&[]).await;
    let mut raw = calm.session().await;
    let text = r#"{"type":"ping","id":"é"}"#.as_bytes();
    for (at, byte) in text.iter().enumerate() {
        let is_last = at + 1 == text.len();
        let first = u8::from(at == 0) | if is_last { 0x80 } else { 0 };
        assert!(raw.writes(&masked(first, &[*byte])).await);
        raw.sends(Message::Ping("still here".into())).await;
    }
    assert_eq!(raw.expect("pong").await["id"], "é");
}

/// P-14
#[tokio::test]
async fn one_bad_entry_of_channels_is_refused_and_the_others_are_followed() {
    let mut calm = Calm::with(&[]).await;
    let bad = [json!({"epoch": "e", "offset": "2"}), json!("latest"), json!(-1), json!([])];
    for (n, since) in (0..).zip(bad) {
        let mut raw = Raw::open(&calm.server).await;
        let channels = json!([{"channel": "bad:1", "since": since}, {"channel": "good:1"}]);
        let link = format!("link-000{n}");
        let hello = json!({"type": "hello", "link": link, "generation": 1, "channels": channels});
        raw.says(&hello).await;
        raw.expect("welcome").await;
        let (first, second) = (raw.hears().await, raw.hears().await);
        let (error, subscribed) =
            if first["type"] == "error" { (first, second) } else { (second, first) };
        assert_eq!((&error["code"], &error["channel"]), (&json!("bad_frame"), &json!("bad:1")));
        assert_eq!(subscribed["channel"], "good:1");
    }
    calm.is_kept().await;
}
