//! Signed tokens: who a client is, which channels it may follow and publish to, and until when.
//!
//! In: keys, a token and the time. Out: checked claims, or one reason with a stable code. A key
//! checks the algorithms it is for, whatever a token says. No text of a token is ever repeated.

mod algorithm;
mod claims;
mod key;
mod key_files;
mod key_set;
mod ring_provider;
mod verifier;

use jsonwebtoken::{EncodingKey, Header};

use crate::problem::{Code, Problem};

pub use algorithm::SignatureAlgorithm;
pub use claims::{Claims, ClaimsError};
pub use key::KeyError;
pub(crate) use key_files::{KeyDigest, is_readable_by_all};
pub use key_files::{KeyFault, LoadedKeys};
pub(crate) use key_set::KeySet;
pub use key_set::{JWKS_BYTES_MAX, JwksError, JwksSource, KEYS_MAX, SkippedKey};
pub use steadfast_hub::{Pattern, PatternError};
pub use verifier::{TokenRules, Verifier};

/// The longest token that is read, in bytes.
pub const TOKEN_BYTES_MAX: usize = 8192;

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
    /// No key of the node is for its algorithm.
    #[error("the token is signed with {given}; this node takes {taken}")]
    WrongAlgorithm {
        /// Its algorithm, if that is a known one.
        given: &'static str,
        /// Those that the node's keys are for.
        taken: Box<str>,
    },
    /// The node has no key of its `kid` and algorithm.
    #[error("this node has no key with the token's `kid` for its `alg`")]
    UnknownKey,
    /// It was revoked.
    #[error("the token was revoked; get a new one")]
    Revoked,
    /// A ticket that is none, was used, or is too old.
    #[error("the ticket is not known: it was used, or is older than 30 s; get another one")]
    TicketUnknown,
    /// There are as many tickets as there may be.
    #[error("there are as many tickets as there may be; try again in a moment")]
    TicketsFull,
    /// Too many tokens with slow signatures wait to be checked.
    #[error("too many tokens wait to be checked; try again in a moment")]
    Busy,
    /// Its key may be in a set that cannot be fetched now.
    #[error("the token's key is not known yet; try again in {retry_after_s} s")]
    KeysUnavailable {
        /// When it may be known.
        retry_after_s: u32,
    },
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

/// Makes a token that [`Verifier`] accepts with the same key, by HS256.
pub fn sign(key: &[u8], claims: &Claims) -> Result<String, SignError> {
    sign_as(SignatureAlgorithm::HS256, None, key, claims)
}

/// The same by another algorithm with a secret, with the name of the key in it.
pub fn sign_as(
    algorithm: SignatureAlgorithm,
    kid: Option<&str>,
    key: &[u8],
    claims: &Claims,
) -> Result<String, SignError> {
    ring_provider::install();
    let header = Header { kid: kid.map(Into::into), ..Header::new(algorithm.of_library()) };
    Ok(jsonwebtoken::encode(&header, claims, &EncodingKey::from_secret(key))?)
}

impl TokenError {
    /// The stable code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Missing => Code::TokenMissing,
            Self::Malformed => Code::TokenMalformed,
            Self::BadSignature => Code::TokenForged,
            Self::WrongAlgorithm { .. } => Code::TokenAlgorithm,
            Self::UnknownKey => Code::TokenKeyUnknown,
            Self::Revoked => Code::TokenRevoked,
            Self::TicketUnknown => Code::TicketUnknown,
            Self::TicketsFull => Code::TicketsFull,
            Self::Busy => Code::TokensWaiting,
            Self::KeysUnavailable { .. } => Code::KeysUnavailable,
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
            | Self::UnknownKey
            | Self::Revoked
            | Self::TicketUnknown
            | Self::TicketsFull
            | Self::Busy
            | Self::KeysUnavailable { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. } => true,
            Self::Malformed | Self::WrongAlgorithm { .. } | Self::BadClaims(_) => false,
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let problem = Self::new(error.code(), error.to_string());
        match error {
            TokenError::Busy | TokenError::TicketsFull => problem.retry_after_s(1),
            TokenError::KeysUnavailable { retry_after_s } => problem.retry_after_s(retry_after_s),
            TokenError::Missing
            | TokenError::Malformed
            | TokenError::BadSignature
            | TokenError::WrongAlgorithm { .. }
            | TokenError::UnknownKey
            | TokenError::Revoked
            | TokenError::TicketUnknown
            | TokenError::Expired { .. }
            | TokenError::NotYetValid { .. }
            | TokenError::BadClaims(_) => problem,
        }
    }
}

#[cfg(test)]
mod tests;
