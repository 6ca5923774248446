//! Connections of the internal port as bytes: publishes through the pipeline, and every other
//! request through hyper, one after the other on the same connection.

use std::time::Duration;

use axum::body::Body;
use hyper::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::super::listener::InternalPort;
use super::{TestApi, request};
use crate::config::{Config, Limits, Secret};

/// A connection, with its peer's end.
struct Line {
    socket: DuplexStream,
    unread: Vec<u8>,
}

/// One answer as it stood on the wire.
#[derive(Debug)]
struct Read {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Line {
    fn to(api: &TestApi) -> Self {
        let (socket, served) = tokio::io::duplex(1024 * 1024);
        let port = InternalPort::new(&api.node);
        tokio::spawn(async move { port.serve(served).await });
        Self { socket, unread: Vec::new() }
    }

    async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer.
    async fn read(&mut self) -> Read {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; 32];
            let mut parsed = httparse::Response::new(&mut headers);
            if let httparse::Status::Complete(head) = parsed.parse(&self.unread).unwrap() {
                let status = StatusCode::from_u16(parsed.code.unwrap()).unwrap();
                let mut headers = HeaderMap::new();
                for one in parsed.headers.iter() {
                    let name: hyper::header::HeaderName = one.name.parse().unwrap();
                    headers.append(name, one.value.try_into().unwrap());
                }
                let length = headers["content-length"].to_str().unwrap().parse::<usize>().unwrap();
                if self.unread.len() >= head + length {
                    let whole: Vec<u8> = self.unread.drain(..head + length).collect();
                    let body = String::from_utf8(whole[head..].to_vec()).unwrap();
                    return Read { status, headers, body };
                }
            }
            assert!(self.socket.read_buf(&mut self.unread).await.unwrap() > 0, "closed");
        }
    }

    /// Whether the server has closed it without sending more.
    async fn is_closed(&mut self) -> bool {
        self.unread.is_empty() && self.socket.read_buf(&mut self.unread).await.unwrap() == 0
    }
}

fn post(target: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let head = format!("POST {target} HTTP/1.1\r\nhost: localhost\r\n{headers}");
    format!("{head}content-length: {length}\r\n\r\n{body}")
}

fn event(at: usize) -> String {
    format!(r#"{{"event":"e","data":{at}}}"#)
}

#[tokio::test]
async fn publishes_that_come_together_are_answered_in_their_order() {
    let api = TestApi::new();
    let mut line = Line::to(&api);
    let many =
        r#"{"events":[{"channel":"b","event":"x"},{"channel":"b"},{"channel":"a","event":"y"}]}"#;
    let all = [
        post("/v1/channels/a/events", "", &event(1)),
        post("/v1/channels/a/events", "", "{"),
        post("/v1/events", "", many),
        post("/v1/channels/a/events", "idempotency-key: k\r\n", &event(2)),
        post("/v1/channels/a/events", "idempotency-key: k\r\n", &event(2)),
    ];
    line.write(all.concat()).await;
    let first = line.read().await;
    assert_eq!(
        (first.status, &first.headers["steadfast-node"]),
        (StatusCode::CREATED, &"node-1".parse().unwrap())
    );
    let place: Value = serde_json::from_str(&first.body).unwrap();
    assert_eq!((&place["channel"], &place["offset"]), (&"a".into(), &1.into()));
    assert_eq!(line.read().await.status, StatusCode::BAD_REQUEST);
    let many = line.read().await;
    let results: Value = serde_json::from_str(&many.body).unwrap();
    assert_eq!(results["results"][0]["offset"], 1);
    assert_eq!(results["results"][1]["error"]["code"], "missing_field");
    assert_eq!(results["results"][2]["offset"], 2);
    let (third, again) = (line.read().await, line.read().await);
    assert_eq!(serde_json::from_str::<Value>(&third.body).unwrap()["offset"], 3);
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert_eq!(third.headers.get("idempotent-replayed"), None);
    assert_eq!(again.body, third.body.replace('}', ",\"repeated\":true}"));
    let data: Vec<_> = api.kept("a").await.iter().map(|event| event["data"].clone()).collect();
    assert_eq!(data, [Value::from(1), Value::Null, Value::from(2)]);
}

#[tokio::test]
async fn a_request_may_come_in_any_pieces() {
    let api = TestApi::new();
    let mut line = Line::to(&api);
    let whole = post("/v1/channels/a/events", "", &event(7));
    for byte in whole.bytes() {
        line.write([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(line.read().await.status, StatusCode::CREATED);
    let (start, end) = whole.split_at(whole.len() - 3);
    line.write(format!("{whole}{start}")).await;
    assert_eq!(line.read().await.status, StatusCode::CREATED);
    line.write(end).await;
    assert_eq!(line.read().await.status, StatusCode::CREATED);
    assert_eq!(api.kept("a").await.len(), 3);
}

#[tokio::test]
async fn what_is_no_publish_goes_to_the_router_and_so_does_all_behind_it() {
    let api = TestApi::new();
    let mut line = Line::to(&api);
    let publish = post("/v1/channels/a/events", "", &event(1));
    let other = "GET /v1/channels/a HTTP/1.1\r\nhost: localhost\r\n\r\n";
    line.write(format!("{publish}{other}{publish}{other}")).await;
    assert_eq!(line.read().await.status, StatusCode::CREATED);
    for offset in [1, 2] {
        let told: Value = serde_json::from_str(&line.read().await.body).unwrap();
        assert_eq!(told["offset"], offset);
        if offset == 1 {
            assert_eq!(line.read().await.status, StatusCode::CREATED);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_with_a_body_is_left_to_the_router_which_says_so() {
    let api = TestApi::still(Config { dev: true, ..Config::default() });
    let mut line = Line::to(&api);
    let whole = post("/v1/channels/a/events", "", &event(1));
    line.write(&whole[..whole.len() - 1]).await;
    let told = line.read().await;
    assert_eq!(told.status, StatusCode::REQUEST_TIMEOUT);
    assert!(told.body.contains("30 s"), "{}", told.body);
    // An idle connection is closed, and one that has published much later.
    assert!(Line::to(&api).is_closed().await);
    let mut quiet = Line::to(&api);
    for _ in 0..2 {
        quiet.write(&whole).await;
        assert_eq!(quiet.read().await.status, StatusCode::CREATED);
        tokio::time::sleep(Duration::from_mins(9)).await;
    }
    assert!(quiet.is_closed().await);
}

#[tokio::test]
async fn what_breaks_http_is_told_and_closed() {
    let api = TestApi::new();
    for bad in ["POST /v1/events HTTP/1.1\r\nbad header\r\n\r\n", "POST /v1/events XXXX\r\n\r\n"] {
        let mut line = Line::to(&api);
        line.write(bad).await;
        let mut said = Vec::new();
        line.socket.read_to_end(&mut said).await.unwrap();
        assert!(said.starts_with(b"HTTP/1.1 400 "), "{bad:?}");
    }
    let mut gone = Line::to(&api);
    gone.write("POST /v1/ev").await;
    gone.socket.shutdown().await.unwrap();
    assert!(gone.is_closed().await);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_publish_is_told_before_the_body_is_there() {
    let mut config = Config::default();
    config.internal.key = Some(Secret::new("k".repeat(32)));
    let mut line = Line::to(&TestApi::still(config));
    line.write("POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-length: 5000000\r\n\r\n[").await;
    assert_eq!(line.read().await.status, StatusCode::UNAUTHORIZED);
}

/// Sends the same to the pipeline and to the router, each with a node of its own.
async fn twice(config: &Config, target: &str, headers: &str, body: &str) -> (Read, super::Answer) {
    let mut line = Line::to(&TestApi::with(config.clone()));
    line.write(post(target, headers, body)).await;
    let mut asked = request("POST", target);
    for header in headers.lines() {
        let (name, value) = header.split_once(": ").unwrap();
        asked = asked.header(name, value);
    }
    let api = TestApi::with(config.clone());
    let told = api.send(asked.body(Body::from(body.to_owned())).unwrap()).await;
    (line.read().await, told)
}

#[tokio::test]
async fn the_pipeline_and_the_router_say_the_same() {
    let limits = Limits { message_bytes_max: 2_000, publish_batch_max: 3, ..Limits::default() };
    let open = Config { dev: true, limits, ..Config::default() };
    let mut keyed = Config { limits, ..Config::default() };
    keyed.internal.key = Some(Secret::new("k".repeat(32)));
    let key = format!("authorization: Bearer {}\r\n", "k".repeat(32));
    let one = "/v1/channels/a:b/events";
    let deep = format!(r#"{{"event":"e","data":{}{}}}"#, "[".repeat(65), "]".repeat(65));
    let cases = [
        (&open, one, "", r#"{"event":"e"}"#),
        (&open, one, "", r#"{"event":"\u0065","data":"é","replace":"r","final":true}"#),
        (&open, one, "", r#"{"event":"e","final":null,"idempotency_key":"k"}"#),
        (&open, one, "", r#"["e"]"#),
        (&open, one, "", r#"{"event":5}"#),
        (&open, one, "", r#"{"event":"e","final":1}"#),
        (&open, one, "", r#"{"event":"e","event":"f"}"#),
        (&open, one, "", r#"{"event":"e"} x"#),
        (&open, one, "", r#"{"data":1}"#),
        (&open, one, "", ""),
        (&open, one, "", &deep),
        (&open, one, "idempotency-key: \r\n", r#"{"event":"e"}"#),
        (&open, one, "idempotency-key: a\r\nidempotency-key: b\r\n", r#"{"event":"e"}"#),
        (&open, "/v1/channels/a::b/events", "", r#"{"event":"e"}"#),
        (&open, "/v1/events", "", r#"[{"channel":"a","event":"e"},["a","e"],5]"#),
        (&open, "/v1/events", "", r#"{"events":[{"channel":"a","event":"e"}],"later":{}}"#),
        (&open, "/v1/events", "", r#"{"events":[],"events":[]}"#),
        (&open, "/v1/events", "", r#"{"event":[]}"#),
        (&open, "/v1/events", "", r#"[{"channel":"a","event":"\u0065","data":{"a":[1]}}]"#),
        (&open, "/v1/events", "", r#"[{"channel":"a","event":"e","data":{"a":[1}}]"#),
        (&open, "/v1/events", "", "5"),
        (&open, one, "origin: https://stranger.example\r\n", r#"{"event":"e"}"#),
        (&keyed, one, &key, r#"{"event":"e"}"#),
        (&keyed, one, "authorization: Bearer other\r\n", r#"{"event":"e"}"#),
        (&keyed, one, "", r#"{"event":"e"}"#),
    ];
    for (config, target, headers, body) in cases {
        let (pipeline, router) = twice(config, target, headers, body).await;
        let told = format!("{target} {headers:?} {body}: {pipeline:?} {router:?}");
        assert_eq!(pipeline.status, router.status, "{told}");
        // Each node has an epoch of its own.
        let shape = |text: &str| {
            let mut json: Value = serde_json::from_str(text).unwrap();
            blank(&mut json);
            json
        };
        assert_eq!(shape(&pipeline.body), shape(&router.text), "{told}");
        for name in ["content-type", "cache-control", "steadfast-node", "www-authenticate"] {
            assert_eq!(pipeline.headers.get(name), router.headers.get(name), "{name}: {told}");
        }
    }
}

fn blank(json: &mut Value) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "epoch" {
                    *value = Value::Null;
                }
                blank(value);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(blank),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn an_event_has_its_limit_in_a_list_too() {
    let limits = Limits { message_bytes_max: 200, ..Limits::default() };
    let api = TestApi::with(Config { dev: true, limits, ..Config::default() });
    let mut line = Line::to(&api);
    let sized = |bytes: usize| {
        let bare = r#"{"channel":"a","event":"e","data":""}"#.len();
        format!(r#"{{"channel":"a","event":"e","data":"{}"}}"#, "x".repeat(bytes - bare))
    };
    line.write(post("/v1/events", "", &format!("[{},{}]", sized(200), sized(201)))).await;
    let results: Value = serde_json::from_str(&line.read().await.body).unwrap();
    assert_eq!(results["results"][0]["offset"], 1);
    assert_eq!(results["results"][1]["error"]["code"], "too_large");
}
