//! Keys behind a real URL: an issuer on a socket of this machine that rotates them, fails, hangs,
//! sends too much and sends nonsense.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use parking_lot::Mutex;
use serde_json::{Value, json};
use steadfast_broker::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::fetch::{JwksUrlError, parse_url};
use super::{JwksKeys, WAITING_MAX};
use crate::auth::admission::Admissions;
use crate::auth::token::{Claims, TokenError, sign};
use crate::config::{Config, JwksSettings, Secret};

/// What the issuer answers.
#[derive(Clone, Debug)]
enum Mode {
    /// These keys.
    Keys(Vec<Value>),
    /// These bytes, and nothing more.
    Bytes(String),
    /// A set that goes on for a gibibyte.
    Endless,
    /// Nothing.
    Hang,
    /// The connection is closed.
    Down,
}

/// An issuer.
struct Issuer {
    url: String,
    mode: Arc<Mutex<Mode>>,
    asked: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Issuer {
    async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys?of=tokens", listener.local_addr().unwrap());
        let mode = Arc::new(Mutex::new(mode));
        let (asked, sent) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut serving = JoinSet::new();
        let place = (Arc::clone(&mode), Arc::clone(&asked), Arc::clone(&sent));
        serving.spawn(async move {
            let mut answering = JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                let (mode, asked, sent) = place.clone();
                asked.fetch_add(1, Ordering::Relaxed);
                let mode = mode.lock().clone();
                answering.spawn(answer(socket, mode, sent));
            }
        });
        Self { url, mode, asked, sent, _serving: serving }
    }

    fn says(&self, mode: Mode) {
        *self.mode.lock() = mode;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn answer(mut socket: TcpStream, mode: Mode, sent: Arc<AtomicUsize>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    assert!(head.starts_with(b"GET /keys?of=tokens HTTP/1.1\r\n"), "{head:?}");
    match mode {
        Mode::Down => {}
        Mode::Hang => {
            // Until the other side gives up.
            drop(socket.read_u8().await);
        }
        Mode::Bytes(text) => drop(socket.write_all(text.as_bytes()).await),
        Mode::Keys(keys) => {
            let body = json!({"keys": keys}).to_string();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            drop(socket.write_all(format!("{head}{body}").as_bytes()).await);
        }
        Mode::Endless => {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1 << 30);
            drop(socket.write_all(head.as_bytes()).await);
            let part = [b' '; 16 * 1024];
            while socket.write_all(&part).await.is_ok() {
                sent.fetch_add(part.len(), Ordering::Relaxed);
            }
        }
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../token/tests/vectors.json")).unwrap()
}

/// The public key of this name, as a key of a set.
fn key(name: &str) -> Value {
    let mut key = vectors()["keys"][name]["jwk"].clone();
    key["kid"] = json!(format!("k-{name}"));
    key
}

/// A token that another library signed by this algorithm, with the key of that name.
fn token(alg: &str) -> String {
    let vectors = vectors();
    let tokens = vectors["tokens"].as_array().unwrap();
    let one = tokens.iter().find(|one| one["alg"] == alg).unwrap();
    one["token"].as_str().unwrap().to_owned()
}

/// What checks tokens with the keys of an issuer, and fetches them.
struct Checker {
    admissions: Arc<Admissions>,
    keys: Arc<JwksKeys>,
    clock: Clock,
    _fetching: JoinSet<()>,
}

impl Checker {
    async fn start(issuer: &Issuer, settings: JwksSettings) -> Self {
        let mut config = Config::default();
        config.auth.jwks = JwksSettings { url: Some(issuer.url.clone()), ..settings };
        let clock = Clock::start();
        let admissions = Arc::new(Admissions::new(&config, clock).unwrap());
        let keys = admissions.jwks_keys().unwrap();
        let (mut fetching, run) = (JoinSet::new(), Arc::clone(&admissions));
        fetching.spawn(async move { run.keep_keys().await });
        admissions.first_keys().await;
        Self { admissions, keys, clock, _fetching: fetching }
    }

    async fn claims(&self, token: &str) -> Result<Claims, TokenError> {
        self.admissions.claims(self.clock, Some(token)).await
    }

    /// The answer to a token once it is not that the key may be known later.
    async fn verdict(&self, token: &str) -> Result<Claims, TokenError> {
        loop {
            match self.claims(token).await {
                Err(TokenError::KeysUnavailable { .. }) => tokio::task::yield_now().await,
                verdict => return verdict,
            }
        }
    }

    /// Shows the token until it is accepted.
    async fn accepts(&self, token: &str) {
        while self.claims(token).await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    /// Waits until a fetch has ended that begins from now on.
    async fn fetches(&self) {
        let mut ended = self.keys.ended.subscribe();
        let since = *ended.borrow();
        drop(ended.wait_for(|ended| *ended >= since + 2).await);
    }
}

/// As soon as may be, so that a test waits for nothing but sockets.
fn hasty() -> JwksSettings {
    JwksSettings { pause_ms: 1, timeout_ms: 300, wait_ms: 5_000, ..JwksSettings::default() }
}

#[tokio::test]
async fn keys_that_are_rotated_are_fetched_as_soon_as_a_token_names_them() {
    let issuer = Issuer::start(Mode::Keys(vec![key("rsa")])).await;
    let checker = Checker::start(&issuer, hasty()).await;
    assert!(checker.claims(&token("RS256")).await.is_ok());
    assert_eq!(issuer.asked(), 1);
    assert_eq!(checker.verdict(&token("ES256")).await, Err(TokenError::UnknownKey));
    issuer.says(Mode::Keys(vec![key("rsa"), key("p256")]));
    checker.accepts(&token("ES256")).await;
    assert!(checker.claims(&token("RS256")).await.is_ok(), "the old one counts beside it");
    issuer.says(Mode::Keys(vec![key("p256"), key("ed")]));
    checker.accepts(&token("EdDSA")).await;
    assert_eq!(checker.verdict(&token("RS256")).await, Err(TokenError::UnknownKey));
    let report = checker.keys.report();
    let [("changed", changed), ("failed", 0), ("unchanged", unchanged)] = report.fetches else {
        panic!("{report:?}");
    };
    assert!(changed == 3 && unchanged >= 1 && report.keys == 2, "{report:?}");
}

/// As on SIGHUP.
#[tokio::test]
async fn other_keys_of_the_settings_count_beside_those_that_are_fetched() {
    let issuer = Issuer::start(Mode::Keys(vec![key("rsa")])).await;
    let checker = Checker::start(&issuer, hasty()).await;
    let own = sign(&[b'k'; 32], &Claims { exp: 9_999_999_999, ..Claims::default() }).unwrap();
    assert!(checker.claims(&own).await.is_err());
    let mut config = Config::default();
    config.auth.jwks = JwksSettings { url: Some(issuer.url.clone()), ..hasty() };
    config.auth.hs256_key = Some(Secret::new([b'k'; 32]));
    assert!(checker.admissions.replace(Admissions::load(&config).unwrap()));
    assert!(!checker.admissions.replace(Admissions::load(&config).unwrap()), "they are the same");
    assert!(checker.claims(&own).await.is_ok());
    assert!(checker.claims(&token("RS256")).await.is_ok());
    issuer.says(Mode::Keys(vec![key("p256")]));
    checker.accepts(&token("ES256")).await;
    assert!(checker.claims(&own).await.is_ok(), "a fetch leaves it as it is");
    config.auth.hs256_key = Some(Secret::new([b'o'; 32]));
    assert!(checker.admissions.replace(Admissions::load(&config).unwrap()));
    assert_eq!(checker.verdict(&own).await, Err(TokenError::BadSignature));
    assert!(checker.claims(&token("ES256")).await.is_ok());
}

#[tokio::test]
async fn a_set_is_used_on_while_its_url_fails_in_every_way() {
    let issuer = Issuer::start(Mode::Keys(vec![key("rsa")])).await;
    let settings = JwksSettings { refresh_ms: 20, ..hasty() };
    let checker = Checker::start(&issuer, settings).await;
    let status = |status: &str| Mode::Bytes(format!("HTTP/1.1 {status}\r\n\r\n"));
    let answers = |text: &str| {
        Mode::Bytes(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()))
    };
    let many = json!({"keys": vec![key("ed"); 101]}).to_string();
    let secret = json!({"keys": [{"kty": "oct", "k": "A".repeat(64), "kid": "k-p256"}]});
    let modes = [
        Mode::Down,
        Mode::Hang,
        Mode::Endless,
        status("500 Internal Server Error"),
        status("302 Found\r\nLocation: /elsewhere"),
        Mode::Bytes("\u{0}\u{1} no HTTP at all".into()),
        answers("<html>sign in first</html>"),
        answers(r#"{"keys":[]}"#),
        answers(&many),
        answers(&secret.to_string()),
    ];
    let mut failures = 0;
    for mode in modes {
        issuer.says(mode.clone());
        // Asks for a fetch.
        let unknown = checker.claims(&token("ES256")).await;
        assert!(
            matches!(unknown, Err(TokenError::KeysUnavailable { .. } | TokenError::UnknownKey)),
            "{mode:?}: {unknown:?}"
        );
        checker.fetches().await;
        assert!(checker.claims(&token("RS256")).await.is_ok(), "{mode:?}");
        let report = checker.keys.report();
        assert!(report.failures > failures && report.age.is_some(), "{mode:?}: {report:?}");
        failures = report.failures;
    }
    let bytes = issuer.sent.load(Ordering::Relaxed);
    assert!(bytes < 32 << 20, "{bytes} bytes were sent before the connection was given up");
    issuer.says(Mode::Keys(vec![key("p256")]));
    checker.accepts(&token("ES256")).await;
    assert_eq!(checker.keys.report().failures, 0);
}

#[tokio::test]
async fn tokens_of_strangers_cause_one_fetch_and_hold_up_nobody_whose_key_is_known() {
    let issuer = Issuer::start(Mode::Keys(vec![key("rsa")])).await;
    let settings = JwksSettings { timeout_ms: 10_000, wait_ms: 200, ..hasty() };
    let checker = Checker::start(&issuer, settings).await;
    issuer.says(Mode::Hang);
    let stranger = token("ES256");
    let asking = join_all((0..WAITING_MAX + 50).map(|_| checker.claims(&stranger)));
    let known = async {
        tokio::task::yield_now().await;
        checker.claims(&token("RS256")).await
    };
    let (answers, known) = tokio::join!(asking, known);
    assert!(known.is_ok());
    let later = TokenError::KeysUnavailable { retry_after_s: 1 };
    assert!(answers.iter().all(|answer| answer.as_ref() == Err(&later)), "{answers:?}");
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_node_whose_issuer_does_not_answer_starts_all_the_same() {
    let issuer = Issuer::start(Mode::Hang).await;
    let settings = JwksSettings { timeout_ms: 100, wait_ms: 0, ..hasty() };
    let checker = Checker::start(&issuer, settings).await;
    assert_eq!(checker.keys.report().keys, 0);
    let early = checker.claims(&token("RS256")).await;
    assert!(matches!(early, Err(TokenError::KeysUnavailable { .. })), "{early:?}");
    issuer.says(Mode::Keys(vec![key("rsa")]));
    checker.accepts(&token("RS256")).await;
}

#[tokio::test]
async fn a_secret_is_never_taken_from_a_url() {
    let secret = [7; 64];
    let text = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, secret);
    let odd = json!({"kty": "oct", "k": text, "alg": "HS256"});
    let issuer = Issuer::start(Mode::Keys(vec![odd, key("rsa")])).await;
    let checker = Checker::start(&issuer, hasty()).await;
    let forged = sign(&secret, &Claims { exp: u64::MAX, ..Claims::default() }).unwrap();
    let refused = checker.claims(&forged).await;
    assert!(matches!(refused, Err(TokenError::WrongAlgorithm { .. })), "{refused:?}");
    assert!(checker.claims(&token("RS256")).await.is_ok());
}

#[tokio::test]
async fn a_set_that_is_too_old_is_used_no_more() {
    let issuer = Issuer::start(Mode::Keys(vec![key("rsa")])).await;
    let settings = JwksSettings { stale_ms_max: 50, refresh_ms: 20, ..hasty() };
    let checker = Checker::start(&issuer, settings).await;
    issuer.says(Mode::Down);
    while checker.keys.report().keys > 0 {
        checker.fetches().await;
    }
    let refused = checker.claims(&token("RS256")).await;
    assert!(matches!(refused, Err(TokenError::KeysUnavailable { .. })), "{refused:?}");
    issuer.says(Mode::Keys(vec![key("rsa")]));
    checker.accepts(&token("RS256")).await;
}

#[test]
fn only_a_url_whose_answer_nobody_can_change_is_taken() {
    for good in
        ["https://id.example.com/jwks", "http://localhost:1/", "http://127.9.9.9/", "https://[::1]"]
    {
        assert!(parse_url(good).is_ok(), "{good}");
    }
    for (bad, error) in [
        ("", JwksUrlError::NotAUrl),
        ("jwks.json", JwksUrlError::NotAUrl),
        ("file:///etc/jwks.json", JwksUrlError::OtherScheme),
        ("http://id.example.com/", JwksUrlError::InTheClear),
        ("http://localhost.example.com/", JwksUrlError::InTheClear),
        ("http://10.0.0.1/", JwksUrlError::InTheClear),
        ("https://user@id.example.com/", JwksUrlError::HasUser),
        ("https://:secret@id.example.com/", JwksUrlError::HasUser),
    ] {
        assert_eq!(parse_url(bad).map(drop), Err(error), "{bad}");
    }
    let long = format!("https://id.example.com/{}", "a".repeat(2_048));
    assert_eq!(parse_url(&long).map(drop), Err(JwksUrlError::NotAUrl));
}
