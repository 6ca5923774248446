//! Tokens: what is accepted, what is refused and why, at and past every limit.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use ring::hmac;
use serde_json::{Value, json};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, UserId};

use crate::auth::admission::Admission;

use super::{Claims, ClaimsError, TOKEN_BYTES_MAX, TokenError, Verifier, sign};

mod keys;

const KEY: &[u8] = b"a key of thirty-two bytes or more";
const NOW: u64 = 1_800_000_000;

fn verifier() -> Verifier {
    Verifier::new(KEY, 10)
}

fn claims() -> Claims {
    Claims {
        sub: Some(UserId::new("user-7").unwrap()),
        exp: NOW + 60,
        subscribe: vec!["diagnosis:*".parse().unwrap()],
        ..Claims::default()
    }
}

fn signed(claims: &Value) -> String {
    signed_with(&Header::new(Algorithm::HS256), claims)
}

fn signed_with(header: &Header, claims: &Value) -> String {
    super::ring_provider::install();
    jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(KEY)).unwrap()
}

fn verify(claims: &Value) -> Result<Claims, TokenError> {
    verifier().verify(&signed(claims), NOW)
}

fn encoded(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[test]
fn a_signed_token_says_what_was_signed() {
    let claims = Claims { iat: Some(NOW), nbf: Some(NOW - 1), ..claims() };
    let token = sign(KEY, &claims).unwrap();
    assert_eq!(verifier().verify(&token, NOW), Ok(claims));
}

#[test]
fn what_a_token_permits_is_apart_for_following_publishing_and_presence() {
    let channel = |name: &str| ChannelName::new(name).unwrap();
    for (claim, expected) in [
        ("subscribe", (true, false, false)),
        ("publish", (false, true, false)),
        ("presence", (false, false, true)),
    ] {
        let claims = verify(&json!({"exp": NOW + 60, claim: ["a:*"]})).unwrap();
        let grants = Admission::of(claims, Millis(1)).grants;
        let may = |name: &str| {
            let name = channel(name);
            let (follow, publish) = (grants.may_subscribe(&name), grants.may_publish(&name));
            (follow, publish, grants.may_see_presence(&name))
        };
        assert_eq!((may("a:1"), may("b:1")), (expected, (false, false, false)), "{claim}");
    }
}

#[test]
fn a_token_known_from_elsewhere_is_accepted() {
    // Made by hand with openssl: {"alg":"HS256","typ":"JWT"} . {"exp":1800000060,"publish":["*"]}
    let token = concat!(
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.",
        "eyJleHAiOjE4MDAwMDAwNjAsInB1Ymxpc2giOlsiKiJdfQ.",
        "9lq4ZL5HwtJG-giZtOlSrKYm7S5l9NyUcokZ6ODOlDI"
    );
    let claims = verifier().verify(token, NOW).unwrap();
    assert_eq!(claims.exp, 1_800_000_060);
    assert!(claims.publish[0].to_string() == "*" && claims.subscribe.is_empty());
}

#[test]
fn a_token_ends_with_its_time_and_the_leeway() {
    let token = sign(KEY, &Claims { exp: NOW, ..claims() }).unwrap();
    assert!(verifier().verify(&token, NOW + 9).is_ok());
    let expired = TokenError::Expired { ago_s: 10 };
    assert_eq!(verifier().verify(&token, NOW + 10), Err(expired));
    assert_eq!(Verifier::new(KEY, 0).verify(&token, NOW), Err(TokenError::Expired { ago_s: 0 }));
    assert!(Verifier::new(KEY, 0).verify(&token, NOW - 1).is_ok());
    let forever = sign(KEY, &Claims { exp: u64::MAX, ..claims() }).unwrap();
    assert!(verifier().verify(&forever, NOW).is_ok());
}

#[test]
fn a_token_begins_with_its_time_less_the_leeway() {
    let begins = |nbf: Option<u64>, iat: Option<u64>| {
        let token = sign(KEY, &Claims { iat, nbf, ..claims() }).unwrap();
        assert!(verifier().verify(&token, NOW).is_ok());
        let early = TokenError::NotYetValid { in_s: 11 };
        assert_eq!(verifier().verify(&token, NOW - 1), Err(early));
    };
    begins(Some(NOW + 10), None);
    begins(None, Some(NOW + 10));
    begins(Some(NOW + 10), Some(NOW));
    begins(Some(NOW), Some(NOW + 10));
}

#[test]
fn a_changed_token_and_one_of_another_key_are_refused() {
    let token = sign(KEY, &claims()).unwrap();
    let other = sign(b"another key of thirty-two bytes..", &claims()).unwrap();
    assert_eq!(verifier().verify(&other, NOW), Err(TokenError::BadSignature));

    let mut parts: Vec<&str> = token.split('.').collect();
    let more = encoded(&json!({"exp": NOW + 60, "publish": ["*"]}));
    parts[1] = &more;
    assert_eq!(verifier().verify(&parts.join("."), NOW), Err(TokenError::BadSignature));
    parts[2] = "";
    assert_eq!(verifier().verify(&parts.join("."), NOW), Err(TokenError::BadSignature));
}

#[test]
fn only_algorithms_with_a_key_are_spoken_whatever_the_token_says() {
    let claims = json!({"exp": NOW + 60});
    let tail = signed(&claims).rsplit('.').next().unwrap().to_owned();
    for algorithm in ["none", "None", "hs256", "RS256", "HS384", "ES256", "ES512", "hunter2", ""] {
        let head = encoded(&json!({"alg": algorithm, "typ": "JWT"}));
        for signature in ["", tail.as_str()] {
            let token = format!("{head}.{}.{signature}", encoded(&claims));
            let error = verifier().verify(&token, NOW).unwrap_err();
            assert!(matches!(error, TokenError::WrongAlgorithm { .. }), "{token}: {error}");
            let said = error.to_string();
            assert!(said.ends_with("this node takes HS256") && !said.contains("hunter2"), "{said}");
        }
    }
    let message = format!("{}.{}", encoded(&json!({"alg": "HS512"})), encoded(&claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, KEY), message.as_bytes());
    let longer = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let error = verifier().verify(&longer, NOW).unwrap_err();
    assert_eq!(error.to_string(), "the token is signed with HS512; this node takes HS256");
}

#[test]
fn what_is_no_token_is_malformed_and_nothing_is_missing() {
    assert_eq!(verifier().verify("", NOW), Err(TokenError::Missing));
    let good = sign(KEY, &claims()).unwrap();
    let critical = Header { crit: Some(vec!["b64".into()]), ..Header::new(Algorithm::HS256) };
    let bad = [
        "a".to_owned(),
        "..".to_owned(),
        "a.b".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}.x"),
        format!(" {good}"),
        format!("{}.x.y", encoded(&json!({"typ": "JWT"}))),
        format!("{}.x.y", encoded(&json!(["HS256"]))),
        format!("{}.x.y", encoded(&json!({"alg": "HS256", "kid": 7}))),
        signed(&json!([1])),
        signed_with(&critical, &json!({"exp": NOW + 60})),
    ];
    for token in bad {
        assert_eq!(verifier().verify(&token, NOW), Err(TokenError::Malformed), "{token}");
    }
}

#[test]
fn a_token_is_looked_at_up_to_its_limit() {
    let length = |filler: usize| signed(&json!({"exp": NOW + 60, "x": "y".repeat(filler)}));
    let filler = (0..TOKEN_BYTES_MAX).rev().find(|n| length(*n).len() <= TOKEN_BYTES_MAX).unwrap();
    assert!(verifier().verify(&length(filler), NOW).is_ok());
    assert_eq!(verifier().verify(&length(filler + 1), NOW), Err(TokenError::Malformed));
}

#[test]
fn claims_that_cannot_be_understood_are_named() {
    let end = NOW + 60;
    let many = |n: usize| json!({"exp": end, "subscribe": vec!["a"; n]});
    let table = [
        (json!({}), ClaimsError::NoEnd),
        (json!({"exp": "soon"}), ClaimsError::BadTime("exp")),
        (json!({"exp": -1}), ClaimsError::BadTime("exp")),
        (json!({"exp": end, "nbf": true}), ClaimsError::BadTime("nbf")),
        (json!({"exp": end, "iat": "x"}), ClaimsError::BadTime("iat")),
        (json!({"exp": end, "sub": 7}), ClaimsError::BadSubject),
        (json!({"exp": end, "sub": ""}), ClaimsError::BadSubject),
        (json!({"exp": end, "sub": "s".repeat(256)}), ClaimsError::BadSubject),
        (json!({"exp": end, "publish": "*"}), ClaimsError::NotAList("publish")),
        (
            json!({"exp": end, "subscribe": ["a", "b*"]}),
            ClaimsError::BadPattern { claim: "subscribe", index: 1 },
        ),
        (many(257), ClaimsError::TooManyPatterns { claim: "subscribe", actual: 257 }),
        (json!({"exp": end, "presence": "a"}), ClaimsError::NotAList("presence")),
        (
            json!({"exp": end, "presence": vec!["a"; 257]}),
            ClaimsError::TooManyPatterns { claim: "presence", actual: 257 },
        ),
    ];
    for (claims, error) in table {
        assert_eq!(verify(&claims), Err(TokenError::BadClaims(error)), "{claims}");
    }
    assert_eq!(verify(&many(256)).unwrap().subscribe.len(), 256);
    assert_eq!(
        verify(&json!({"exp": end, "presence": vec!["a"; 256]})).unwrap().presence.len(),
        256
    );
    assert!(verify(&json!({"exp": end, "sub": "s".repeat(255)})).is_ok());
}

#[test]
fn claims_of_others_and_fractions_of_seconds_do_not_matter() {
    let claims = json!({"exp": 1_800_000_060.75, "aud": "x", "iss": 7, "sub": null});
    let claims = verify(&claims).unwrap();
    assert_eq!((claims.exp, claims.sub), (1_800_000_060, None));
}

#[test]
fn every_error_has_a_stable_code_and_says_whether_refreshing_helps() {
    let table = [
        (TokenError::Missing, "token_missing", true),
        (TokenError::Malformed, "token_malformed", false),
        (TokenError::BadSignature, "token_forged", true),
        (
            TokenError::WrongAlgorithm { given: "none", taken: "HS256".into() },
            "token_algorithm",
            false,
        ),
        (TokenError::UnknownKey, "token_key_unknown", true),
        (TokenError::Revoked, "token_revoked", true),
        (TokenError::TicketUnknown, "ticket_unknown", true),
        (TokenError::TicketsFull, "tickets_full", true),
        (TokenError::Busy, "tokens_waiting", true),
        (TokenError::Expired { ago_s: 1 }, "token_expired", true),
        (TokenError::NotYetValid { in_s: 1 }, "token_early", true),
        (TokenError::BadClaims(ClaimsError::NoEnd), "token_claims", false),
    ];
    for (error, code, refresh) in table {
        assert_eq!((error.code().as_str(), error.is_cured_by_refresh()), (code, refresh));
    }
}

#[test]
fn neither_token_nor_key_is_ever_shown() {
    let end = NOW + 60;
    let table = [
        json!({"exp": end, "subscribe": ["hunter2*"]}),
        json!({"exp": "hunter2"}),
        json!({"exp": 1, "sub": "hunter2"}),
        json!({"exp": end, "publish": "hunter2"}),
    ];
    for claims in table {
        let error = verify(&claims).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    let broken = verifier().verify("hunter2.hunter2.hunter2", NOW).unwrap_err();
    assert!(!format!("{broken} {broken:?}").contains("hunter2"));
    assert!(!format!("{:?}", verifier()).contains("thirty"));
}
