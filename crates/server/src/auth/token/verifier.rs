//! Checks tokens: header, signature, issuer, audience and time, in this order. In: keys and rules
//! from the settings, a token and the time. Out: claims that can be relied on, or one reason.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::algorithm::{SignatureAlgorithm, name_of};
use super::claims::{Claims, ClaimsError};
use super::key::TokenKey;
use super::key_set::KeySet;
use super::{TOKEN_BYTES_MAX, TokenError, ring_provider};

/// Checks tokens that were signed with one of its keys.
#[derive(Clone)]
pub struct Verifier {
    keys: KeySet,
    rules: TokenRules,
    /// Whether a URL may bring further public keys.
    is_open: bool,
}

/// What a token has to say besides its own claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRules {
    /// The `iss` that it must have, if any.
    pub issuer: Option<String>,
    /// One of these must be in its `aud`, unless there are none.
    pub audiences: Vec<String>,
    /// By how much clocks may differ, in seconds.
    pub leeway_s: u64,
}

/// The header of a token. Extensions that must be understood are not supported.
#[derive(Deserialize)]
struct TokenHeader<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Option<Cow<'a, str>>,
    crit: Option<Value>,
}

/// A token whose header can be read.
struct SignedToken<'a> {
    algorithm: SignatureAlgorithm,
    kid: Option<String>,
    message: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl Verifier {
    /// Checks tokens with `key`, by HS256. Clocks may differ by at most `leeway_s` seconds.
    pub fn new(key: &[u8], leeway_s: u64) -> Self {
        let mut keys = KeySet::default();
        keys.add(TokenKey::secret_as_it_is(None, SignatureAlgorithm::HS256, key));
        Self::with_keys(keys, TokenRules { leeway_s, ..TokenRules::default() })
    }

    pub(super) fn with_keys(keys: KeySet, rules: TokenRules) -> Self {
        ring_provider::install();
        Self { keys, rules, is_open: false }
    }

    /// The same, where a URL may bring further public keys.
    pub(super) fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    /// The same, with the keys of a set behind its own.
    pub(crate) fn with_set(&self, set: KeySet) -> Self {
        let mut verifier = self.clone();
        verifier.keys.join(set);
        verifier
    }

    /// Returns what `token` permits at `now_unix_s`, in seconds since 1970. A token is valid from
    /// `nbf` and `iat` minus the leeway until before `exp` plus the leeway.
    pub fn verify(&self, token: &str, now_unix_s: u64) -> Result<Claims, TokenError> {
        let token = self.read(token)?;
        self.check_signature(&token)?;
        let claims = URL_SAFE_NO_PAD.decode(token.claims).map_err(|_| TokenError::Malformed)?;
        let claims: Map<String, Value> =
            serde_json::from_slice(&claims).map_err(|_| TokenError::Malformed)?;
        self.check_issuer(&claims).map_err(TokenError::BadClaims)?;
        let claims = Claims::from_json(&claims).map_err(TokenError::BadClaims)?;
        self.check_time(&claims, now_unix_s)?;
        Ok(claims)
    }

    /// Whether there are keys to check a token with, now or later.
    pub(super) const fn is_of_use(&self) -> bool {
        self.is_open || self.keys.len() > 0
    }

    /// How many keys it has.
    pub(crate) const fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// The name that the token gives to its key, if it can be read.
    pub(crate) fn kid_of(&self, token: &str) -> Option<String> {
        self.read(token).ok()?.kid
    }

    /// Whether checking this token takes so long that it should not be done on a thread that serves
    /// sockets.
    pub(crate) fn is_slow(&self, token: &str) -> bool {
        self.read(token).is_ok_and(|token| token.algorithm.is_slow())
    }

    fn read<'a>(&self, token: &'a str) -> Result<SignedToken<'a>, TokenError> {
        if token.is_empty() {
            return Err(TokenError::Missing);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (head, claims) = message.split_once('.').ok_or(TokenError::Malformed)?;
        if claims.contains('.') {
            return Err(TokenError::Malformed);
        }
        let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| TokenError::Malformed)?;
        let head: TokenHeader<'_> =
            serde_json::from_slice(&head).map_err(|_| TokenError::Malformed)?;
        let algorithm = SignatureAlgorithm::of(&head.alg)
            .filter(|algorithm| self.takes(*algorithm))
            .ok_or_else(|| self.wrong_algorithm(&head.alg))?;
        if head.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let kid = head.kid.map(Cow::into_owned);
        Ok(SignedToken { algorithm, kid, message, claims, signature })
    }

    /// Whether a key takes the algorithm. What a URL may bring is a public key.
    fn takes(&self, algorithm: SignatureAlgorithm) -> bool {
        self.is_open && algorithm.secret_bytes_min().is_none()
            || self.keys.algorithms().contains(&algorithm)
    }

    fn wrong_algorithm(&self, given: &str) -> TokenError {
        let taken = SignatureAlgorithm::ALL.into_iter().filter(|one| self.takes(*one));
        let taken: Vec<_> = taken.map(SignatureAlgorithm::as_str).collect();
        TokenError::WrongAlgorithm { given: name_of(given), taken: taken.join(", ").into() }
    }

    fn check_signature(&self, token: &SignedToken<'_>) -> Result<(), TokenError> {
        let (algorithm, message) = (token.algorithm, token.message.as_bytes());
        let mut keys = self.keys.candidates(algorithm, token.kid.as_deref()).peekable();
        if keys.peek().is_none() {
            return Err(TokenError::UnknownKey);
        }
        for key in keys {
            let (key, algorithm) = (key.of_library(), algorithm.of_library());
            match jsonwebtoken::crypto::verify(token.signature, message, key, algorithm) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(_) => return Err(TokenError::Malformed),
            }
        }
        Err(TokenError::BadSignature)
    }

    fn check_issuer(&self, claims: &Map<String, Value>) -> Result<(), ClaimsError> {
        let TokenRules { issuer, audiences, .. } = &self.rules;
        let iss = claims.get("iss").and_then(Value::as_str);
        if issuer.as_ref().is_some_and(|issuer| iss != Some(issuer)) {
            return Err(ClaimsError::OtherIssuer);
        }
        let is_ours = |one: &Value| {
            one.as_str().is_some_and(|one| audiences.iter().any(|audience| audience == one))
        };
        let is_for_us = match claims.get("aud") {
            Some(Value::Array(list)) => list.iter().any(is_ours),
            Some(one) => is_ours(one),
            None => false,
        };
        if audiences.is_empty() || is_for_us { Ok(()) } else { Err(ClaimsError::OtherAudience) }
    }

    fn check_time(&self, claims: &Claims, now: u64) -> Result<(), TokenError> {
        let leeway_s = self.rules.leeway_s;
        claims.check_end(now, leeway_s)?;
        match claims.nbf.max(claims.iat) {
            Some(begins) if begins > now.saturating_add(leeway_s) => {
                Err(TokenError::NotYetValid { in_s: begins - now })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keys, rules, is_open } = self;
        let mut debug = f.debug_struct("Verifier");
        debug.field("keys", &keys.len()).field("rules", rules).field("is_open", is_open).finish()
    }
}
