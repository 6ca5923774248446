//! A server with keys: what each token opens, and what the others are told. P-17, P-18

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use steadfast_client::{ChannelName, Client, LinkState, Notice, Since};
use steadfast_server::auth::token::{Claims, sign};
use tokio::sync::mpsc;

use crate::process::Process;
use crate::raw::Raw;
use crate::server::{Server, answer};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KEY: &str = "fedcba9876543210fedcba9876543210";
pub(crate) const BACKEND_KEY: &str = "a-backends-own-key-0001";

/// The settings of a server with keys.
pub(crate) const KEYS: [(&str, &str); 3] =
    [("AUTH__HS256_KEY", KEY), ("INTERNAL__KEY", BACKEND_KEY), ("AUTH__LEEWAY_S", "0")];

pub(crate) async fn guarded(settings: &[(&str, &str)]) -> Server {
    with_key(Server::start(&[], &[&KEYS, settings].concat()).await)
}

/// The server, whose internal port is asked with the key.
pub(crate) fn with_key(mut server: Server) -> Server {
    server.key = Some(BACKEND_KEY);
    server
}

/// A token as `steadfast token` makes it.
pub(crate) async fn made(args: &[&str]) -> String {
    let args = [&["token"], args].concat();
    let mut process = Process::start(&args, &[("STEADFAST_AUTH__HS256_KEY", KEY)]);
    let token = process.out.next().await;
    assert_eq!(process.code().await, Some(0));
    token
}

fn signed(key: &str, exp: u64) -> String {
    let subscribe = vec!["demo:*".parse().unwrap()];
    sign(key.as_bytes(), &Claims { exp, subscribe, ..Claims::default() }).unwrap()
}

/// A token of a maker whose clock runs ahead.
fn signed_early() -> String {
    let subscribe = vec!["demo:*".parse().unwrap()];
    let (exp, iat) = (9_999_999_999, Some(9_999_999_000));
    sign(KEY.as_bytes(), &Claims { exp, iat, subscribe, ..Claims::default() }).unwrap()
}

fn unsigned() -> String {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let head = part(json!({"alg": "none", "typ": "JWT"}));
    let claims = part(json!({"exp": 9_999_999_999_u64, "subscribe": ["demo:*"]}));
    format!("{head}.{claims}.")
}

async fn hello(server: &Server, token: Option<&str>) -> Raw {
    let mut raw = Raw::open(server).await;
    let mut hello = json!({"type": "hello", "link": "link-0001", "generation": 1,
        "channels": [{"channel": "demo:1"}]});
    if let Some(token) = token {
        hello["token"] = json!(token);
    }
    raw.says(&hello).await;
    raw
}

#[tokio::test]
async fn a_token_opens_its_channels_and_no_others() {
    let server = guarded(&[]).await;
    let token = made(&["--subscribe", "demo:*", "--ttl", "1h"]).await;
    server.publishes("demo:1", 1).await;
    let mut raw = hello(&server, Some(&token)).await;
    raw.expect("welcome").await;
    raw.expect("subscribed").await;
    raw.expect_events(1..=1).await;
    for frame in [
        json!({"type": "subscribe", "id": 1, "channel": "other:1"}),
        json!({"type": "publish", "id": 1, "channel": "demo:1", "event": "progress"}),
    ] {
        raw.says(&frame).await;
        let error = raw.expect("error").await;
        assert_eq!((&error["code"], &error["id"]), (&json!("forbidden"), &json!(1)));
    }
    server.publishes("demo:1", 2).await;
    raw.expect_events(2..=2).await;

    let bearer = format!("Bearer {token}");
    let mut raw = Raw::ask(server.public, "/v1/ws", &[("authorization", &bearer)]).await.unwrap();
    raw.hello("link-0002", 1, &[("demo:1", json!("now"))]).await;
    raw.expect("welcome").await;
    raw.expect("subscribed").await;
    for (path, status) in [
        ("/v1/channels/demo:1/events", 200),
        ("/v1/channels/other:1/events", 403),
        ("/v1/channels/other:1/stream", 403),
    ] {
        let answer = answer(server.http.get(server.url(path)).bearer_auth(&token)).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_none_is_refused_with_a_code_that_says_why() {
    let server = guarded(&[]).await;
    let table = [
        (None, 4201, "token_missing"),
        (Some(signed(KEY, 1_000)), 4200, "token_expired"),
        (Some(signed_early()), 4203, "token_early"),
        (Some(signed(OTHER_KEY, 9_999_999_999)), 4202, "token_forged"),
        (Some(unsigned()), 4202, "token_algorithm"),
        (Some("a.b.c".to_owned()), 4202, "token_malformed"),
        (Some("x".repeat(10_000)), 4202, "token_malformed"),
    ];
    for (token, close, problem) in table {
        let mut raw = hello(&server, token.as_deref()).await;
        assert_eq!(raw.closed().await.0, close, "{problem}");
        let mut request = server.http.get(server.url("/v1/channels/demo:1/events"));
        if let Some(token) = &token {
            request = request.bearer_auth(token);
        }
        answer(request).await.assert_problem(401, problem);
    }
    // A token in a URL is no token.
    let good = signed(KEY, 9_999_999_999);
    let in_url = format!("/v1/channels/demo:1/events?token={good}&access_token={good}");
    server.asked(&in_url).await.assert_problem(401, "token_missing");
    let mut raw = Raw::open_path(&server, "/ws/diagnosis/1").await;
    assert_eq!(raw.closed().await.0, 4201);
    assert_eq!(server.asked("/v1/probe").await.status, 204);
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let server = guarded(&[("HEARTBEAT__SWEEP_INTERVAL_MS", "200")]).await;
    let token = made(&["--subscribe", "demo:*", "--ttl", "2s"]).await;
    let mut raw = hello(&server, Some(&token)).await;
    raw.expect("welcome").await;
    assert_eq!(raw.closed().await.0, 4200);
}

/// P-39
#[tokio::test]
async fn a_session_goes_on_with_a_newer_token_and_only_with_one_of_its_user() {
    let server = guarded(&[("HEARTBEAT__SWEEP_INTERVAL_MS", "200")]).await;
    let first = made(&["--subscribe", "demo:*", "--ttl", "2s", "--sub", "ada"]).await;
    let other = made(&["--subscribe", "*", "--ttl", "1h", "--sub", "bob"]).await;
    let newer = made(&["--subscribe", "demo:*", "--ttl", "1h", "--sub", "ada"]).await;
    let mut raw = hello(&server, Some(&first)).await;
    let welcome = raw.expect("welcome").await;
    let ends = welcome["token_expires_in_ms"].as_u64().unwrap();
    assert!((1..=2_000).contains(&ends), "{welcome}");
    raw.expect("subscribed").await;
    for (token, code) in
        [(other.as_str(), "forbidden"), (&signed(OTHER_KEY, 9_999_999_999), "token_forged")]
    {
        raw.says(&json!({"type": "refresh", "id": code, "token": token})).await;
        let refused = raw.expect("error").await;
        assert_eq!((&refused["id"], &refused["code"]), (&json!(code), &json!(code)), "{refused}");
    }
    raw.says(&json!({"type": "refresh", "id": 3, "token": newer})).await;
    let refreshed = raw.expect("refreshed").await;
    assert_eq!(refreshed["id"], 3);
    let ends = refreshed["expires_in_ms"].as_u64().unwrap();
    assert!((3_500_000..=3_600_000).contains(&ends), "{refreshed}");

    // Another session of the first token shows when that is over.
    let mut old = Raw::open(&server).await;
    let greeting = json!({"type": "hello", "link": "link-0002", "generation": 1, "token": first});
    old.says(&greeting).await;
    old.expect("welcome").await;
    assert_eq!(old.closed().await.0, 4200);
    server.publishes("demo:1", 1).await;
    raw.expect_events(1..=1).await;

    // A revocation of the user ends it as it ends every session.
    let revoked = server.posts("/v1/revocations", &json!({"sub": "ada"})).await;
    assert_eq!(revoked.json()["closed"], 1, "{revoked:?}");
    assert_eq!(raw.closed().await.0, 4202);
}

/// P-39
#[tokio::test]
async fn a_client_outlives_its_tokens() {
    let server = guarded(&[("HEARTBEAT__SWEEP_INTERVAL_MS", "200")]).await;
    let (asked, mut requests) = mpsc::unbounded_channel();
    let source = move || {
        asked.send(()).unwrap();
        async { Some(made(&["--subscribe", "demo:*", "--ttl", "4s"]).await) }
    };
    let builder = Client::builder(&server.url("")).token_source(source);
    let channel = ChannelName::new("demo:1").unwrap();
    let mut client = builder.subscribe(channel, Since::Start).connect().await.unwrap();
    for _ in 0..3 {
        requests.recv().await.unwrap();
    }
    server.publishes("demo:1", 1).await;
    let mut seen = Vec::new();
    loop {
        let notice = client.next().await.unwrap();
        if let Notice::State { new, .. } = notice {
            seen.push(new);
        } else if matches!(notice, Notice::Event(_)) {
            break;
        }
    }
    assert_eq!(seen, [LinkState::Connecting, LinkState::Connected]);
    let stats = server.looks("/v1/stats").await.json();
    assert_eq!(stats["connections"]["accepted"], 1, "{stats}");
}

#[tokio::test]
async fn backends_need_their_key() {
    let mut server = guarded(&[]).await;
    server.publishes("demo:1", 1).await;
    for (key, code) in [(None, "key_missing"), (Some("another-backends-key"), "key_wrong")] {
        server.key = key;
        let body = json!({"event": "progress"});
        server.posts("/v1/channels/demo:1/events", &body).await.assert_problem(401, code);
        server.posts("/v1/events", &json!({"events": []})).await.assert_problem(401, code);
        server.looks("/v1/connections").await.assert_problem(401, code);
        server.looks("/v1/stats").await.assert_problem(401, code);
    }
    assert_eq!(server.looks("/livez").await.status, 200);
}

#[tokio::test]
async fn the_commands_take_keys_and_say_what_is_missing() {
    let server = guarded(&[]).await;
    let (public, internal) = (server.url(""), server.internal_url(""));
    let token = made(&["--subscribe", "demo:1"]).await;
    let subscribe = ["subscribe", "demo:1", "--server", &public];
    let mut subscriber = Process::start(&subscribe, &[("STEADFAST_TOKEN", &token)]);
    subscriber.err.with("state: connected").await;
    let publish = ["publish", "demo:1", "complete", "{\"n\":1}", "--final", "--server", &internal];
    let (code, _, error) = Process::start(&publish, &[]).finish().await;
    assert_eq!(code, Some(1));
    assert!(error.contains("key"), "{error}");
    let mut publisher = Process::start(&publish, &[("STEADFAST_KEY", BACKEND_KEY)]);
    assert_eq!(publisher.finish().await.0, Some(0));
    assert_eq!(subscriber.out.json().await["data"], json!({"n": 1}));
    assert_eq!(subscriber.code().await, Some(0));

    let (code, _, error) = Process::start(&subscribe, &[]).finish().await;
    assert_eq!(code, Some(1));
    assert!(error.contains("steadfast token"), "{error}");
}

/// P-105
#[tokio::test]
async fn people_are_told_why_a_token_is_refused() {
    let server = guarded(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let (url, file) = (server.url(""), path.to_str().unwrap());
    let args = ["subscribe", "demo:1", "--server", &url, "--token-file", file];
    for (token, code) in [(signed(KEY, 1_000), "AUTH_EXPIRED"), (signed_early(), "CLOCK_SKEW")] {
        std::fs::write(&path, token).unwrap();
        let (status, _, told) = Process::start(&args, &[]).finish().await;
        assert_eq!(status, Some(1));
        let last = told.lines().last().unwrap();
        assert!(last.starts_with(&format!("message: {code}: ")), "{told}");
    }
}

/// P-19
#[tokio::test]
async fn a_token_file_that_is_empty_while_it_is_renewed_ends_nothing() {
    let server = guarded(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    let (url, file) = (server.url(""), path.to_str().unwrap());
    std::fs::write(&path, made(&["--subscribe", "demo:*", "--ttl", "2s"]).await).unwrap();
    let args = ["subscribe", "demo:1", "--server", &url, "--token-file", file];
    let mut subscriber = Process::start(&args, &[]);
    subscriber.err.with("state: connected").await;
    std::fs::write(&path, "").unwrap();
    subscriber.err.with("is empty").await;
    std::fs::write(&path, made(&["--subscribe", "demo:*", "--ttl", "1h"]).await).unwrap();
    subscriber.err.with("state: connected").await;
    let end = json!({"event": "complete", "data": 1, "final": true});
    assert_eq!(server.posts("/v1/channels/demo:1/events", &end).await.status, 201);
    assert_eq!(subscriber.out.json().await["event"], "complete");
    assert_eq!(subscriber.code().await, Some(0));
}

/// P-19, P-105
#[tokio::test]
async fn a_rejected_reader_is_told_the_code_and_what_to_do() {
    let server = guarded(&[]).await;
    let url = server.url("");
    let args = ["subscribe", "demo:1", "--server", &url];
    let (status, _, told) = Process::start(&args, &[]).finish().await;
    assert_eq!(status, Some(1));
    assert!(told.contains("closed the link with 4201: "), "{told}");
    assert!(told.contains("the server wants a token"), "{told}");

    let token = made(&["--subscribe", "demo:1"]).await;
    let mut subscriber = Process::start(&args, &[("STEADFAST_TOKEN", &token)]);
    subscriber.err.with("state: connected").await;
    let id = server.looks("/v1/connections").await.json()["connections"][0]["id"].clone();
    let path = format!("/v1/connections/{}", id.as_str().unwrap());
    assert!(server.deletes(&path).await.status < 300);
    let (status, _, told) = subscriber.finish().await;
    assert_eq!(status, Some(1));
    assert!(told.contains("4402") && told.contains("an operator"), "{told}");
    assert!(!told.contains("--token-file"), "{told}");
}

/// P-72: a poll that waits hears nothing behind its token's end, and so must not go on waiting.
#[tokio::test]
async fn a_poll_that_waits_ends_with_its_token() {
    let server = guarded(&[]).await;
    let token = made(&["--subscribe", "demo:*", "--ttl", "2s"]).await;
    let url = server.url("/v1/channels/demo:1/events?offset=latest&wait=50");
    let request = |version| server.http.get(&url).version(version).bearer_auth(&token);
    // On a socket of its own, and inside of HTTP.
    let (own, inside) = tokio::join!(
        answer(request(reqwest::Version::HTTP_11)),
        answer(request(reqwest::Version::HTTP_10)),
    );
    for answer in [own, inside] {
        answer.assert_problem(401, "token_expired");
    }
    assert!(server.connections().await.is_empty());
}

#[tokio::test]
async fn a_backend_does_with_its_key_what_the_key_is_for() {
    let keys = "[{ name = 'billing', key = 'the key of billing', roles = ['publish'], \
        channels = ['orders:*'] }, \
        { name = 'graphs', key = 'the key of graphs', roles = ['read'] }]";
    let mut server = guarded(&[("INTERNAL__KEYS", keys)]).await;
    let event = json!({"event": "progress"});
    server.key = Some("the key of billing");
    assert_eq!(server.posts("/v1/channels/orders:1/events", &event).await.status, 201);
    for path in ["/v1/channels/other:1/events", "/v1/events", "/v1/revocations"] {
        server.posts(path, &event).await.assert_problem(403, "forbidden");
    }
    server.looks("/v1/channels/orders:1").await.assert_problem(403, "forbidden");
    server.key = Some("the key of graphs");
    assert_eq!(server.looks("/metrics").await.status, 200);
    assert_eq!(server.looks("/v1/connections").await.status, 200);
    server.posts("/v1/channels/orders:1/events", &event).await.assert_problem(403, "forbidden");
    server.deletes("/v1/channels/orders:1").await.assert_problem(403, "forbidden");
    server.key = Some(BACKEND_KEY);
    server.publishes("other:1", 1).await;
    assert!(server.deletes("/v1/channels/orders:1").await.status < 300);
}
