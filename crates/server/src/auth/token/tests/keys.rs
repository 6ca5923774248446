//! Keys of every kind, alone and in sets, with tokens that other libraries made.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::key::TokenKey;
use super::super::key_set::KeySet;
use super::super::{
    JWKS_BYTES_MAX, JwksError, JwksSource, KEYS_MAX, KeyError, SignatureAlgorithm, TokenError,
    TokenRules, Verifier, sign_as,
};
use super::{KEY, NOW, claims};

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn pem(key: &str) -> String {
    vectors()["keys"][key]["pem"].as_str().unwrap().to_owned()
}

fn jwk(key: &str, more: &Value) -> Value {
    let mut jwk = vectors()["keys"][key]["jwk"].clone();
    let members = more.as_object().unwrap().clone();
    jwk.as_object_mut().unwrap().extend(members);
    jwk
}

/// The token of an algorithm, and the name of its key.
fn token(alg: &str) -> (String, String) {
    let vectors = vectors();
    let mut all = vectors["tokens"].as_array().unwrap().iter();
    let one = all.find(|one| one["alg"] == alg).unwrap();
    (one["token"].as_str().unwrap().to_owned(), one["key"].as_str().unwrap().to_owned())
}

fn with(keys: impl IntoIterator<Item = TokenKey>) -> Verifier {
    let mut set = KeySet::default();
    for key in keys {
        set.add(key);
    }
    Verifier::with_keys(set, TokenRules::default())
}

fn set_of(keys: &[Value]) -> Result<Verifier, JwksError> {
    let text = json!({ "keys": keys }).to_string();
    let (set, _) = KeySet::parse(text.as_bytes(), JwksSource::Url)?;
    Ok(Verifier::with_keys(set, TokenRules::default()))
}

fn algorithm(alg: &str) -> SignatureAlgorithm {
    SignatureAlgorithm::of(alg).unwrap()
}

const PUBLIC: [&str; 8] =
    ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"];

#[test]
fn tokens_of_other_libraries_are_accepted_with_their_key_as_pem_and_as_jwk() {
    for alg in PUBLIC {
        let (token, key) = token(alg);
        let by_pem = with([TokenKey::pem(None, algorithm(alg), pem(&key).as_bytes()).unwrap()]);
        for verifier in [by_pem, set_of(&[jwk(&key, &json!({}))]).unwrap()] {
            let claims = verifier.verify(&token, NOW).unwrap();
            assert_eq!(claims.sub.unwrap().as_str(), "ada", "{alg}");
            // One bit of the signature, of the claims and of the header.
            for at in [token.len() - 9, token.len() / 2, 12] {
                let mut changed = token.clone().into_bytes();
                changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
                let changed = String::from_utf8(changed).unwrap();
                assert!(verifier.verify(&changed, NOW).is_err(), "{alg} at {at}");
            }
        }
    }
    let vectors = vectors();
    let pkcs1 = vectors["keys"]["rsa"]["pkcs1"].as_str().unwrap();
    let verifier = with([TokenKey::pem(None, algorithm("RS256"), pkcs1.as_bytes()).unwrap()]);
    assert!(verifier.verify(&token("RS256").0, NOW).is_ok());
    let big = vectors["tokens"].as_array().unwrap().iter().find(|one| one["key"] == "rsa4096");
    let verifier = set_of(&[jwk("rsa4096", &json!({}))]).unwrap();
    assert!(verifier.verify(big.unwrap()["token"].as_str().unwrap(), NOW).is_ok());
}

#[test]
fn secrets_of_all_three_sizes_are_taken_and_none_below_its_size() {
    for (alg, min) in [("HS256", 32), ("HS384", 48), ("HS512", 64)] {
        let algorithm = algorithm(alg);
        let secret = vec![b'k'; min];
        let verifier = with([TokenKey::secret(None, algorithm, &secret).unwrap()]);
        let token = sign_as(algorithm, Some("any"), &secret, &claims()).unwrap();
        assert!(verifier.verify(&token, NOW).is_ok(), "{alg}");
        let short = TokenKey::secret(None, algorithm, &secret[1..]).err();
        assert_eq!(short, Some(KeyError::ShortSecret { algorithm, min, actual: min - 1 }));
        // The other sizes of the same secret are other keys.
        for other in ["HS256", "HS384", "HS512"].into_iter().filter(|other| *other != alg) {
            let token = sign_as(self::algorithm(other), None, &secret, &claims()).unwrap();
            let refused = verifier.verify(&token, NOW).unwrap_err();
            assert!(matches!(refused, TokenError::WrongAlgorithm { .. }), "{refused}");
        }
    }
    assert!(TokenKey::secret(None, algorithm("HS256"), b"").is_err());
}

/// The classic forgery: a token signed by HMAC with the public key, which everybody has.
#[test]
fn a_public_key_is_never_the_secret_of_a_token() {
    for alg in PUBLIC {
        let key = token(alg).1;
        let verifiers = [
            with([TokenKey::pem(None, algorithm(alg), pem(&key).as_bytes()).unwrap()]),
            set_of(&[jwk(&key, &json!({}))]).unwrap(),
        ];
        for hs in ["HS256", "HS384", "HS512"].map(algorithm) {
            for material in [pem(&key).into_bytes(), pem(&key).trim_end().as_bytes().to_vec()] {
                let forged = sign_as(hs, None, &material, &claims()).unwrap();
                for verifier in &verifiers {
                    let error = verifier.verify(&forged, NOW).unwrap_err();
                    assert!(matches!(error, TokenError::WrongAlgorithm { .. }), "{error}");
                }
            }
        }
        let as_secret = TokenKey::secret(None, algorithm("HS256"), pem(&key).as_bytes());
        assert_eq!(as_secret.err(), Some(KeyError::PemAsSecret));
    }
    // Beside a secret of the node's own, too.
    let both = with([
        TokenKey::secret(None, algorithm("HS256"), KEY).unwrap(),
        TokenKey::pem(None, algorithm("RS256"), pem("rsa").as_bytes()).unwrap(),
    ]);
    let forged = sign_as(algorithm("HS256"), None, pem("rsa").as_bytes(), &claims()).unwrap();
    assert_eq!(both.verify(&forged, NOW), Err(TokenError::BadSignature));
    assert!(both.verify(&token("RS256").0, NOW).is_ok());
}

#[test]
fn a_key_is_not_used_with_another_algorithm_of_its_own_kind() {
    let rs256 = with([TokenKey::pem(None, algorithm("RS256"), pem("rsa").as_bytes()).unwrap()]);
    for other in ["RS384", "RS512", "PS256", "ES256", "EdDSA"] {
        let error = rs256.verify(&token(other).0, NOW).unwrap_err();
        let text = format!("the token is signed with {other}; this node takes RS256");
        assert_eq!(error.to_string(), text);
    }
    for (alg, key) in [("ES256", "p384"), ("ES384", "p256"), ("RS256", "ed"), ("EdDSA", "rsa")] {
        let error = TokenKey::pem(None, algorithm(alg), pem(key).as_bytes()).err();
        assert_eq!(error, Some(KeyError::OtherKind(algorithm(alg))), "{alg} {key}");
    }
}

#[test]
fn an_odd_entry_of_a_set_is_skipped_and_spoils_no_other() {
    let good = jwk("p256", &json!({"kid": "good"}));
    let odd = [
        (json!(7), "not an object"),
        (json!({"kty": 7}), "not an object"),
        (jwk("rsa", &json!({"kid": 7})), "not an object"),
        (jwk("rsa", &json!({"use": "enc"})), "`use`"),
        (jwk("rsa", &json!({"key_ops": ["encrypt"]})), "`key_ops`"),
        (jwk("rsa", &json!({"key_ops": []})), "`key_ops`"),
        (jwk("rsa", &json!({"alg": "RSA-OAEP"})), "`alg` is not supported"),
        (jwk("rsa", &json!({"alg": "ES256"})), "`alg` is not one for"),
        (jwk("p256", &json!({"alg": "ES384"})), "`alg` is not one for"),
        (jwk("p256", &json!({"crv": "P-384"})), "length of its curve"),
        (jwk("p256", &json!({"crv": "secp256k1"})), "not supported"),
        (jwk("p256", &json!({"x": "!"})), "base64url"),
        (jwk("p256", &json!({"y": null})), "missing"),
        (jwk("ed", &json!({"crv": "X25519"})), "not supported"),
        (jwk("ed", &json!({"x": "AAAA"})), "32 bytes"),
        (jwk("rsa", &json!({"n": "AQAB"})), "2048 to 4096 bits"),
        (jwk("rsa", &json!({"e": "AQABAQAB"})), "`e`"),
        (json!({"kty": "oct", "k": URL_SAFE_NO_PAD.encode(KEY)}), "never taken from a URL"),
        (json!({"kty": "AKP"}), "not supported"),
    ];
    for (entry, why) in &odd {
        let text = json!({"keys": [entry, good]}).to_string();
        let (set, skipped) = KeySet::parse(text.as_bytes(), JwksSource::Url).unwrap();
        let said = skipped[0].why.to_string();
        assert!(set.len() == 1 && skipped.len() == 1 && said.contains(why), "{entry}: {said}");
        assert_eq!(skipped[0].index, 0);
    }
    let all: Vec<Value> = odd.into_iter().map(|(entry, _)| entry).chain([good]).collect();
    assert!(set_of(&all).unwrap().verify(&token("ES256").0, NOW).is_err(), "its kid is another");
    let named = jwk("p256", &json!({"kid": "k-p256", "use": "sig", "key_ops": ["verify"]}));
    let verifier = set_of(&[&all[..], &[named]].concat()).unwrap();
    assert!(verifier.verify(&token("ES256").0, NOW).is_ok());
}

#[test]
fn secrets_are_taken_from_a_set_in_a_file_alone() {
    let oct = json!({"kty": "oct", "alg": "HS256", "kid": "s", "k": URL_SAFE_NO_PAD.encode(KEY)});
    let text = json!({ "keys": [oct] }).to_string();
    let from_url = KeySet::parse(text.as_bytes(), JwksSource::Url).err();
    assert_eq!(from_url, Some(JwksError::NoKeys(1)));
    let (set, skipped) = KeySet::parse(text.as_bytes(), JwksSource::File).unwrap();
    assert!(skipped.is_empty() && set.has_secrets());
    let verifier = Verifier::with_keys(set, TokenRules::default());
    let token = sign_as(algorithm("HS256"), Some("s"), KEY, &claims()).unwrap();
    assert!(verifier.verify(&token, NOW).is_ok());
}

#[test]
fn a_token_that_names_its_key_is_checked_with_that_one_and_with_keys_without_a_name() {
    let secret = |n: u8| [b'a' + n; 32];
    let key = |n, kid| TokenKey::secret(kid, algorithm("HS256"), &secret(n)).unwrap();
    let signed = |n, kid| sign_as(algorithm("HS256"), kid, &secret(n), &claims()).unwrap();
    let verifier = with([key(0, Some("a")), key(1, Some("b")), key(2, None)]);
    for (token, expected) in [
        (signed(0, Some("a")), Ok(())),
        (signed(1, Some("b")), Ok(())),
        (signed(2, Some("b")), Ok(())),
        (signed(2, Some("unheard of")), Ok(())),
        (signed(1, None), Ok(())),
        (signed(0, Some("b")), Err(TokenError::BadSignature)),
        (signed(1, Some("unheard of")), Err(TokenError::BadSignature)),
    ] {
        assert_eq!(verifier.verify(&token, NOW).map(drop), expected);
    }
    let named = with([key(0, Some("a"))]);
    assert_eq!(named.verify(&signed(0, Some("b")), NOW), Err(TokenError::UnknownKey));
    // Two keys of one name, while one takes over from the other.
    let twins = with([key(0, Some("a")), key(1, Some("a"))]);
    assert!(twins.verify(&signed(1, Some("a")), NOW).is_ok());
    // A token costs four checks at most.
    let many = with((0..5).map(|n| key(n, None)));
    assert!(many.verify(&signed(3, None), NOW).is_ok());
    assert_eq!(many.verify(&signed(4, None), NOW), Err(TokenError::BadSignature));
}

#[test]
fn sets_have_limits() {
    let many = |count: usize| set_of(&vec![jwk("p256", &json!({})); count]).map(drop);
    assert_eq!(many(KEYS_MAX), Ok(()));
    assert_eq!(many(KEYS_MAX + 1), Err(JwksError::TooManyKeys(KEYS_MAX + 1)));
    assert_eq!(many(0), Err(JwksError::NoKeys(0)));
    let sized = |bytes: usize| {
        let text = json!({"keys": [jwk("ed", &json!({}))]}).to_string();
        let padded = format!("{text}{}", " ".repeat(bytes - text.len()));
        KeySet::parse(padded.as_bytes(), JwksSource::Url).map(drop)
    };
    assert_eq!(sized(JWKS_BYTES_MAX), Ok(()));
    assert_eq!(sized(JWKS_BYTES_MAX + 1), Err(JwksError::TooLong(JWKS_BYTES_MAX + 1)));
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":7}"#] {
        let error = KeySet::parse(text.as_bytes(), JwksSource::File).err();
        assert_eq!(error, Some(JwksError::NotASet), "{text}");
    }
}

#[test]
fn a_private_key_and_what_is_no_key_are_refused_with_a_reason() {
    let private = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let broken = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";
    for (text, error) in [
        (private, KeyError::PrivateKey),
        (broken, KeyError::NotAPublicKey),
        ("", KeyError::NotAPublicKey),
        ("-----BEGIN CERTIFICATE-----\n", KeyError::NotAPublicKey),
    ] {
        assert_eq!(TokenKey::pem(None, algorithm("RS256"), text.as_bytes()).err(), Some(error));
    }
    assert!(TokenKey::secret(None, algorithm("RS256"), KEY).is_err());
}

#[test]
fn the_issuer_and_the_audience_are_those_of_the_settings() {
    let rules = |issuer: Option<&str>, audiences: &[&str]| TokenRules {
        issuer: issuer.map(Into::into),
        audiences: audiences.iter().map(ToString::to_string).collect(),
        leeway_s: 0,
    };
    let check = |rules: TokenRules, more: Value| {
        let mut set = KeySet::default();
        set.add(TokenKey::secret(None, algorithm("HS256"), KEY).unwrap());
        let mut claims = json!({"exp": NOW + 60});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Verifier::with_keys(set, rules).verify(&super::signed(&claims), NOW).is_ok()
    };
    for (more, any, issuer, audience) in [
        (json!({}), true, false, false),
        (json!({"iss": "https://id/"}), true, true, false),
        (json!({"iss": "https://id"}), true, false, false),
        (json!({"iss": ["https://id/"]}), true, false, false),
        (json!({"aud": "b"}), true, false, true),
        (json!({"aud": ["x", "a"]}), true, false, true),
        (json!({"aud": ["x", 7]}), true, false, false),
        (json!({"aud": []}), true, false, false),
        (json!({"aud": 7}), true, false, false),
    ] {
        assert_eq!(check(rules(None, &[]), more.clone()), any, "{more}");
        assert_eq!(check(rules(Some("https://id/"), &[]), more.clone()), issuer, "{more}");
        assert_eq!(check(rules(None, &["a", "b"]), more.clone()), audience, "{more}");
    }
}
