//! Signed tokens: who a client is, which channels it may follow and publish to, and until when.
//!
//! In: a key, a token and the time. Out: checked claims, or one reason with a stable code. HS256 is
//! the only algorithm, whatever a token says. No text of a token is ever repeated.

mod claims;
mod hs256;

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::problem::{Code, Problem};

pub use claims::{Claims, ClaimsError};
pub use steadfast_hub::{Pattern, PatternError};

/// The longest token that is read, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8192;

/// Checks tokens that were signed with one key.
#[derive(Clone)]
pub struct Verifier {
    key: DecodingKey,
    validation: Validation,
    leeway_s: u64,
}

/// Why a token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// None was given.
    #[error("a token is needed: send it in `hello` or in the `Authorization` header")]
    Missing,
    /// It is not a signed token.
    #[error("this is not a signed JSON web token of at most {TOKEN_BYTES_MAX} bytes")]
    Malformed,
    /// It was changed, or signed with another key.
    #[error("the token's signature is wrong: it was changed, or signed with another key")]
    BadSignature,
    /// It names another algorithm.
    #[error("the token must be signed with HS256")]
    WrongAlgorithm,
    /// It has expired.
    #[error("the token expired {ago_s} s ago")]
    Expired {
        /// Seconds since `exp`.
        ago_s: u64,
    },
    /// It is not valid yet.
    #[error("the token is not valid for another {in_s} s; see that its maker's clock is right")]
    NotYetValid {
        /// Seconds until `nbf`, or until `iat` where that is later.
        in_s: u64,
    },
    /// Its signature is right, but its claims cannot be understood.
    #[error("the token's claims are not valid: {0}")]
    BadClaims(ClaimsError),
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the token could not be signed: {0}")]
pub struct SignError(#[from] jsonwebtoken::errors::Error);

/// The header of a token, which is checked before the signature.
#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    crit: Option<Value>,
}

impl Verifier {
    /// Checks tokens with `key`. Clocks may differ by at most `leeway_s` seconds.
    pub fn new(key: &[u8], leeway_s: u64) -> Self {
        hs256::install();
        let mut validation = Validation::new(Algorithm::HS256);
        // The caller passes the time to `verify`; the library would ask the system's clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self { key: DecodingKey::from_secret(key), validation, leeway_s }
    }

    /// Returns what `token` permits at `now_unix_s`, in seconds since 1970. A token is valid from
    /// `nbf` and `iat` minus the leeway until before `exp` plus the leeway.
    pub fn verify(&self, token: &str, now_unix_s: u64) -> Result<Claims, TokenError> {
        check_head(token)?;
        let claims = self.signed_claims(token)?;
        let claims = Claims::from_json(&claims).map_err(TokenError::BadClaims)?;
        self.check_time(&claims, now_unix_s)?;
        Ok(claims)
    }

    fn signed_claims(&self, token: &str) -> Result<Map<String, Value>, TokenError> {
        let data = jsonwebtoken::decode::<Map<String, Value>>(token, &self.key, &self.validation);
        data.map(|data| data.claims).map_err(|error| {
            let is_forged = matches!(error.kind(), ErrorKind::InvalidSignature);
            if is_forged { TokenError::BadSignature } else { TokenError::Malformed }
        })
    }

    fn check_time(&self, claims: &Claims, now: u64) -> Result<(), TokenError> {
        if now >= claims.exp.saturating_add(self.leeway_s) {
            return Err(TokenError::Expired { ago_s: now - claims.exp });
        }
        match claims.nbf.max(claims.iat) {
            Some(begins) if begins > now.saturating_add(self.leeway_s) => {
                Err(TokenError::NotYetValid { in_s: begins - now })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("leeway_s", &self.leeway_s).finish_non_exhaustive()
    }
}

/// Makes a token that [`Verifier`] accepts with the same key.
pub fn sign(key: &[u8], claims: &Claims) -> Result<String, SignError> {
    hs256::install();
    let header = Header::new(Algorithm::HS256);
    Ok(jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(key))?)
}

/// The library cannot tell an unknown algorithm (`none`) from a broken header, so the header is
/// read here first. Extensions that must be understood are not supported.
fn check_head(token: &str) -> Result<(), TokenError> {
    if token.is_empty() {
        return Err(TokenError::Missing);
    }
    if token.len() > TOKEN_BYTES_MAX || token.split('.').count() != 3 {
        return Err(TokenError::Malformed);
    }
    let head = token.split('.').next().unwrap_or_default();
    let head = URL_SAFE_NO_PAD.decode(head).map_err(|_| TokenError::Malformed)?;
    let head: TokenHeader = serde_json::from_slice(&head).map_err(|_| TokenError::Malformed)?;
    if head.alg != "HS256" {
        return Err(TokenError::WrongAlgorithm);
    }
    if head.crit.is_some() { Err(TokenError::Malformed) } else { Ok(()) }
}

impl TokenError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::Malformed => Code::TokenMalformed,
            Self::BadSignature => Code::TokenForged,
            Self::WrongAlgorithm => Code::TokenAlgorithm,
            Self::Expired { .. } => Code::TokenExpired,
            Self::NotYetValid { .. } => Code::TokenEarly,
            Self::BadClaims(_) => Code::TokenClaims,
        }
    }

    /// Whether a new token of the same issuer may be accepted. A wrong signature counts, because
    /// keys are changed while clients have tokens of the old one.
    pub const fn is_cured_by_refresh(&self) -> bool {
        match self {
            Self::Missing
            | Self::BadSignature
            | Self::Expired { .. }
            | Self::NotYetValid { .. } => true,
            Self::Malformed | Self::WrongAlgorithm | Self::BadClaims(_) => false,
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

#[cfg(test)]
mod tests;
