//! Tokens by public keys: what each key opens, at a server as people start it. P-17

use serde_json::{Value, json};

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
