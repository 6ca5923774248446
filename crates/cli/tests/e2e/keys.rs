//! Tokens by public keys: what each key opens, at a server as people start it. P-17

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::front::{Authority, Front};
use crate::process::Process;
use crate::raw::Raw;
use crate::server::{Server, answer};
use crate::tokens::{BACKEND_KEY, with_key};

/// Public keys, and tokens that other libraries made with their private halves.
fn vectors() -> Value {
    let text = include_str!("../../../server/src/auth/token/tests/vectors.json");
    serde_json::from_str(text).unwrap()
}

/// A set with an odd key in front, and the path of a PEM file.
fn files(folder: &std::path::Path) -> (String, String) {
    let keys = &vectors()["keys"];
    let mut named = keys["p384"]["jwk"].clone();
    named["kid"] = json!("k-p384");
    let odd = json!({"kty": "EC", "crv": "P-521", "kid": 7});
    let set = json!({"keys": [odd, keys["rsa"]["jwk"], named, keys["ed"]["jwk"]]});
    let (jwks, pem) = (folder.join("jwks.json"), folder.join("p256.pem"));
    std::fs::write(&jwks, set.to_string()).unwrap();
    std::fs::write(&pem, keys["p256"]["pem"].as_str().unwrap()).unwrap();
    (jwks.to_str().unwrap().to_owned(), pem.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn tokens_of_every_algorithm_open_sockets_polls_and_streams() {
    let folder = tempfile::tempdir().unwrap();
    let (jwks, pem) = files(folder.path());
    let keys = format!("[{{ alg = 'ES256', kid = 'k-p256', file = '{pem}' }}]");
    let settings =
        [("AUTH__JWKS_FILE", jwks.as_str()), ("AUTH__KEYS", &keys), ("INTERNAL__KEY", BACKEND_KEY)];
    let server = with_key(Server::start(&[], &settings).await);
    server.publishes("demo:1", 1).await;
    let vectors = vectors();
    let (mut seen, mut at) = (Vec::new(), 0);
    for one in vectors["tokens"].as_array().unwrap() {
        let (alg, token) = (one["alg"].as_str().unwrap(), one["token"].as_str().unwrap());
        if one["key"] == "rsa4096" {
            let refused = server.http.get(server.url("/v1/channels/demo:1/events"));
            answer(refused.bearer_auth(token)).await.assert_problem(401, "token_forged");
            continue;
        }
        at += 1;
        let mut raw = Raw::open(&server).await;
        let hello = json!({"type": "hello", "link": format!("link-000{at}"), "generation": 1,
            "token": token, "channels": [{"channel": "demo:1"}]});
        raw.says(&hello).await;
        raw.expect("welcome").await;
        raw.expect("subscribed").await;
        raw.expect_events(1..=1).await;
        for (path, status) in
            [("/v1/channels/demo:1/events", 200), ("/v1/channels/other:1/stream", 403)]
        {
            let answer = answer(server.http.get(server.url(path)).bearer_auth(token)).await;
            assert_eq!(answer.status, status, "{alg} {path}: {answer:?}");
        }
        seen.push(alg);
    }
    assert_eq!(seen.len(), 8, "{seen:?}");
}

#[tokio::test]
async fn check_says_which_keys_are_of_no_use() {
    let folder = tempfile::tempdir().unwrap();
    let (jwks, _) = files(folder.path());
    let config = folder.path().join("steadfast.toml");
    let text = format!("[internal]\nkey = '{BACKEND_KEY}'\n[auth]\njwks_file = '{jwks}'\n");
    std::fs::write(&config, text).unwrap();
    let args = ["check", "--config", config.to_str().unwrap()];
    let (code, out, _) = Process::start(&args, &[]).finish().await;
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("warning: ") && out.contains("`keys[0]` is not used"), "{out}");
    assert!(out.contains("is valid"), "{out}");
}

/// Serves a JWK set, whatever is asked for.
pub(crate) struct Issuer {
    pub(crate) address: SocketAddr,
    keys: Arc<Mutex<Vec<Value>>>,
    _serving: JoinSet<()>,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, keys) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<Value>>>::default());
        let (mut serving, served) = (JoinSet::new(), Arc::clone(&keys));
        serving.spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut head = [0; 1024];
                if !matches!(socket.read(&mut head).await, Ok(1..)) {
                    continue;
                }
                let body = json!({"keys": *served.lock().unwrap()}).to_string();
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                drop(socket.write_all(format!("{head}{body}").as_bytes()).await);
            }
        });
        Self { address, keys, _serving: serving }
    }

    /// Has the keys of these names from now on.
    pub(crate) fn has(&self, names: &[&str]) {
        let key = |name: &&str| {
            let mut key = vectors()["keys"][name]["jwk"].clone();
            key["kid"] = json!(format!("k-{name}"));
            key
        };
        *self.keys.lock().unwrap() = names.iter().map(key).collect();
    }
}

fn token(alg: &str) -> String {
    let vectors = vectors();
    let tokens = vectors["tokens"].as_array().unwrap();
    tokens.iter().find(|one| one["alg"] == alg).unwrap()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn keys_behind_a_url_are_fetched_by_tls_and_changed_while_the_node_serves() {
    let (authority, issuer) = (Authority::new(), Issuer::start().await);
    let front = Front::start(&authority, issuer.address).await;
    let trusted = format!("export SSL_CERT_FILE={}", authority.file());
    let url = format!("{}/jwks.json", front.url());
    let settings = [
        ("AUTH__JWKS__URL", url.as_str()),
        ("AUTH__JWKS__PAUSE_MS", "1000"),
        ("INTERNAL__KEY", BACKEND_KEY),
    ];
    let mut server = with_key(Server::start_after(&trusted, &[], &settings).await);
    let polls = async |alg: &str, server: &Server| {
        let path = server.url("/v1/channels/demo:1/events");
        answer(server.http.get(path).bearer_auth(token(alg))).await
    };
    server.process.err.with("cannot be fetched").await;
    server.looks("/readyz").await.assert_problem(503, "keys_unavailable");
    let early = polls("RS256", &server).await;
    early.assert_problem(503, "keys_unavailable");
    assert!(matches!(early.header("retry-after"), "1" | "2"), "{early:?}");

    issuer.has(&["rsa"]);
    let changed = server.process.err.with("have changed").await;
    assert!(changed.contains("\"keys\":1"), "{changed}");
    assert_eq!(polls("RS256", &server).await.status, 200);
    assert_eq!(server.looks("/readyz").await.status, 200);

    issuer.has(&["rsa", "p256"]);
    while polls("ES256", &server).await.status != 200 {}
    let metrics = server.looks("/metrics").await.text;
    for line in ["jwks_keys 2", "jwks_age_seconds ", "jwks_fetches_total{result=\"changed\"} 2"] {
        assert!(metrics.contains(&format!("steadfast_{line}")), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn check_fetches_keys_only_where_it_is_told_to() {
    let issuer = Issuer::start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("steadfast.toml");
    let url = format!("http://{}/", issuer.address);
    let text = format!("[internal]\nkey = '{BACKEND_KEY}'\n[auth.jwks]\nurl = '{url}'\n");
    std::fs::write(&config, text).unwrap();
    let args = ["check", "--config", config.to_str().unwrap(), "--online"];
    let (code, out, _) = Process::start(&args[..3], &[]).finish().await;
    assert!(code == Some(0) && out.contains("is valid"), "{out}");
    let (code, out, _) = Process::start(&args, &[]).finish().await;
    assert!(code == Some(1) && out.contains("none of its 0 keys"), "{out}");
    issuer.has(&["rsa", "ed"]);
    let (code, out, _) = Process::start(&args, &[]).finish().await;
    assert!(code == Some(0) && out.contains("has 2 keys"), "{out}");
}
