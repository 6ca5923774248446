//! Tokens, good ones and all kinds of bad ones. In: the secret that the server knows, tokens
//! and public keys of other libraries. Out: text, and what a bad token is to be refused with.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};

/// The secret for HS256, which must never be in a log.
pub const SECRET: &str = "hostile-hs256-secret-0123456789abcdef";
/// The key of the internal port, neither.
pub const BACKEND_KEY: &str = "hostile-backend-key-0123456789abcdef";
/// Public keys, and tokens that other libraries made with their private halves.
const VECTORS: &str = include_str!("../../../crates/server/src/auth/token/tests/vectors.json");
/// The user that most attackers are.
pub const MALLORY: &str = "mallory";

/// A token that must be refused.
#[derive(Clone, Debug)]
pub struct BadToken {
    /// The text.
    pub text: String,
    /// What a WebSocket is closed with.
    pub close: u16,
    /// The code of the problem over HTTP.
    pub code: &'static str,
}

/// The keys that the server knows beside the secret, as a JWK set.
pub fn key_set() -> anyhow::Result<String> {
    let vectors = vectors()?;
    let keys: Vec<&Value> =
        ["rsa", "p256", "p384", "ed"].iter().map(|name| &vectors["keys"][*name]["jwk"]).collect();
    Ok(json!({"keys": keys}).to_string())
}

/// A token that another library made with this algorithm; it permits following `demo:*`.
pub fn of_library(alg: &str) -> anyhow::Result<String> {
    let vectors = vectors()?;
    let tokens = vectors["tokens"].as_array().context("no tokens")?;
    let token = tokens.iter().find(|one| one["alg"] == alg && one["key"] != "rsa4096");
    Ok(token.and_then(|one| one["token"].as_str()).context("no such token")?.to_owned())
}

fn vectors() -> anyhow::Result<Value> {
    Ok(serde_json::from_str(VECTORS)?)
}

/// The public key of the server for ES256, as text that an attacker may have.
fn public_pem() -> String {
    let vectors = vectors().unwrap_or_default();
    vectors["keys"]["p256"]["pem"].as_str().unwrap_or_default().to_owned()
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// A token of a user for all channels, for so many seconds.
pub fn good(user: &str, lasts: u64) -> String {
    signed(&claims(user, now() + lasts))
}

/// One that may follow these channels alone, and publish nothing.
pub fn reader(user: &str, channels: &[&str]) -> String {
    signed(&json!({"sub": user, "exp": now() + 3600, "iat": now(), "subscribe": channels}))
}

/// The same as [`good`], with an own id.
pub fn named(user: &str, jti: &str) -> String {
    let mut claims = claims(user, now() + 3600);
    claims["jti"] = json!(jti);
    signed(&claims)
}

fn claims(user: &str, exp: u64) -> Value {
    json!({"sub": user, "exp": exp, "iat": now(), "subscribe": ["*"], "publish": ["*"]})
}

fn signed(claims: &Value) -> String {
    with_header(&json!({"alg": "HS256", "typ": "JWT"}), &claims.to_string(), SECRET.as_bytes())
}

fn with_header(header: &Value, claims: &str, secret: &[u8]) -> String {
    let head = BASE64_URL_SAFE_NO_PAD.encode(header.to_string());
    let text = format!("{head}.{}", BASE64_URL_SAFE_NO_PAD.encode(claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()));
    format!("{text}.{signature}")
}

fn rejected(code: &'static str, text: String) -> BadToken {
    BadToken { text, close: 4202, code }
}

/// One that says that it needs no signature, spelled in ways that libraries fell for.
pub fn unsigned(attempt: usize) -> BadToken {
    let alg = ["none", "None", "NONE", "nOnE"][attempt % 4];
    let whole = with_header(&json!({"alg": alg}), &claims(MALLORY, now() + 60).to_string(), b"");
    let end = whole.rfind('.').unwrap_or(0);
    let text = if attempt % 8 < 4 { format!("{}.", &whole[..end]) } else { whole };
    rejected("token_algorithm", text)
}

/// One that is signed by HS256 with a public key of the server for the secret.
pub fn confused(attempt: usize) -> BadToken {
    let pem = public_pem();
    let keys = [pem.as_str(), pem.trim_end()];
    let claims = claims(MALLORY, now() + 60).to_string();
    let header = json!({"alg": "HS256", "typ": "JWT"});
    rejected("token_forged", with_header(&header, &claims, keys[attempt % 2].as_bytes()))
}

/// One with the right secret for an algorithm that this is not for.
pub fn misused(attempt: usize) -> BadToken {
    let alg = ["HS384", "HS512", "PS384", "ES512", "HS1"][attempt % 5];
    let claims = claims(MALLORY, now() + 60).to_string();
    rejected("token_algorithm", with_header(&json!({"alg": alg}), &claims, SECRET.as_bytes()))
}

/// One of another secret, of an empty one, and one that was changed behind its signature.
pub fn forged(attempt: usize) -> BadToken {
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let claims = claims(MALLORY, now() + 60).to_string();
    let text = match attempt % 4 {
        0 => with_header(&header, &claims, b"another secret of thirty-two bytes"),
        1 => with_header(&header, &claims, b""),
        2 => good("eve", 60).replacen('.', ".e", 1),
        _ => {
            let mut text = good(MALLORY, 60);
            text.truncate(text.len() - 3);
            text
        }
    };
    rejected("token_forged", text)
}

/// A token of a public key whose signature is zeros, or fits another text.
pub fn forged_for(alg: &'static str, attempt: usize) -> BadToken {
    let whole = of_library(alg).unwrap_or_default();
    let mut parts: Vec<String> = whole.split('.').map(str::to_owned).collect();
    if attempt.is_multiple_of(2) {
        let length = parts.get(2).map_or(0, |part| part.len() * 3 / 4);
        parts[2] = BASE64_URL_SAFE_NO_PAD.encode(vec![0; length]);
    } else {
        let claims = claims(MALLORY, now() + 60 + attempt as u64).to_string();
        parts[1] = BASE64_URL_SAFE_NO_PAD.encode(claims);
    }
    rejected("token_forged", parts.join("."))
}

/// One whose header names a key of its own, or a file or URL to take one from.
pub fn key_of_its_own(attempt: usize) -> BadToken {
    let header = match attempt % 3 {
        0 => json!({"alg": "HS256", "kid": "../../../../dev/null"}),
        1 => json!({"alg": "HS256", "jku": "http://127.0.0.1:1/keys", "kid": "x' OR '1'='1"}),
        2 => {
            json!({"alg": "HS256", "jwk": {"kty": "oct", "k": "AAAA"}, "x5u": "file:///etc/hosts"})
        }
        _ => json!({"alg": "HS256", "crit": ["exp"], "kid": "k".repeat(100)}),
    };
    let claims = claims(MALLORY, now() + 60).to_string();
    rejected("token_forged", with_header(&header, &claims, b"AAAA"))
}

/// One that ended.
pub fn expired(attempt: usize) -> BadToken {
    let exp = [0, 1, now() - 3600, 1_000_000_000][attempt % 4];
    let text = signed(&claims(MALLORY, exp));
    BadToken { text, close: 4200, code: "token_expired" }
}

/// One whose time has not come.
pub fn early(attempt: usize) -> BadToken {
    let mut claims = claims(MALLORY, now() + 7200);
    claims[["nbf", "iat"][attempt % 2]] = json!(now() + 3600);
    BadToken { text: signed(&claims), close: 4203, code: "token_early" }
}

/// One of ours that says what cannot be understood.
pub fn odd_claims(attempt: usize) -> BadToken {
    let exp = now() + 3600;
    let claims = match attempt % 6 {
        0 => json!({"sub": MALLORY, "subscribe": ["*"]}).to_string(),
        1 => json!({"exp": "tomorrow", "subscribe": ["*"]}).to_string(),
        2 => json!({"exp": exp, "subscribe": "*"}).to_string(),
        3 => json!({"exp": exp, "subscribe": ["a b"]}).to_string(),
        4 => json!({"exp": exp, "subscribe": vec!["a:*"; 257]}).to_string(),
        _ => json!({"exp": exp, "subscribe": ["*"], "sub": "u".repeat(256)}).to_string(),
    };
    let header = json!({"alg": "HS256", "typ": "JWT"});
    rejected("token_claims", with_header(&header, &claims, SECRET.as_bytes()))
}

/// Text that is no token.
pub fn noise(attempt: usize) -> BadToken {
    let hs256 = json!({"alg": "HS256"});
    let deep = format!("{}{}", "[".repeat(2_000), "]".repeat(2_000));
    let text = match attempt % 10 {
        0 => "a.b.c".to_owned(),
        1 => "x".repeat(10_000),
        2 => "..".to_owned(),
        3 => format!("{}.", good(MALLORY, 60)),
        4 => with_header(&hs256, "[]", SECRET.as_bytes()),
        7 => with_header(&hs256, &format!(r#"{{"exp":{deep}}}"#), SECRET.as_bytes()),
        8 => with_header(&json!({"alg": "HS256", "crit": ["exp"]}), "{}", b"AAAA"),
        5 => with_header(&json!([]), "{}", SECRET.as_bytes()),
        6 => with_header(&json!({"alg": ["HS256"]}), "{}", SECRET.as_bytes()),
        _ => format!("{{}}.{}", good(MALLORY, 60)),
    };
    rejected("token_malformed", text)
}

/// A token that is good but for its length.
pub fn huge(attempt: usize) -> BadToken {
    let mut claims = claims(MALLORY, now() + 60);
    claims["more"] = json!("x".repeat([8_000, 9_000, 10_000][attempt % 3]));
    rejected("token_malformed", signed(&claims))
}

/// A good token that ends in so many seconds, or ended so many ago.
pub fn ending_in(seconds: i64) -> String {
    signed(&claims(MALLORY, now().saturating_add_signed(seconds)))
}
