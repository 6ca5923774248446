//! Several keys at once. In: keys, and the text of JWK sets. Out: the keys that may check a token.
//! An entry that cannot be used is skipped and named; it never spoils the others.

use serde::Deserialize;
use serde_json::Value;

use super::algorithm::SignatureAlgorithm;
use super::key::{KeyError, TokenKey};

/// The most keys of a set.
pub const KEYS_MAX: usize = 100;
/// The most bytes of a JWK set.
pub const JWKS_BYTES_MAX: usize = 256 * 1024;
/// The most keys that one token is checked with.
const TRIES_MAX: usize = 4;

/// The keys of one source.
#[derive(Clone, Default)]
pub(crate) struct KeySet(Vec<TokenKey>);

/// Where a JWK set comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// A file of this machine, which may hold secrets.
    File,
    /// A URL. Whoever can read it would know its secrets, so there are none.
    Url,
}

/// An entry of a JWK set that is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedKey {
    /// Which entry, from 0.
    pub index: usize,
    /// Why.
    pub why: KeyError,
}

/// Why a JWK set cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// It is no set.
    #[error("it is not a JSON object with a list `keys`")]
    NotASet,
    /// It is too long.
    #[error("it has {0} bytes, {JWKS_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// It has too many keys.
    #[error("it has {0} keys, {KEYS_MAX} are allowed")]
    TooManyKeys(usize),
    /// None of its keys can be used.
    #[error("none of its {0} keys can check tokens")]
    NoKeys(usize),
}

impl KeySet {
    /// Parses a JWK set, entry by entry.
    pub(crate) fn parse(
        text: &[u8],
        source: JwksSource,
    ) -> Result<(Self, Vec<SkippedKey>), JwksError> {
        #[derive(Deserialize)]
        struct Jwks {
            keys: Vec<Value>,
        }
        if text.len() > JWKS_BYTES_MAX {
            return Err(JwksError::TooLong(text.len()));
        }
        let Jwks { keys } = serde_json::from_slice(text).map_err(|_| JwksError::NotASet)?;
        if keys.len() > KEYS_MAX {
            return Err(JwksError::TooManyKeys(keys.len()));
        }
        let (mut set, mut skipped) = (Self::default(), Vec::new());
        for (index, entry) in keys.iter().enumerate() {
            match TokenKey::jwk(entry, source == JwksSource::File) {
                Ok(key) => set.add(key),
                Err(why) => skipped.push(SkippedKey { index, why }),
            }
        }
        if set.0.is_empty() { Err(JwksError::NoKeys(keys.len())) } else { Ok((set, skipped)) }
    }

    /// Adds a key.
    pub(super) fn add(&mut self, key: TokenKey) {
        self.0.push(key);
    }

    /// Adds the keys of another set.
    pub(super) fn join(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// How many keys there are.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether some key is a secret.
    pub(super) fn has_secrets(&self) -> bool {
        self.0.iter().any(TokenKey::is_secret)
    }

    /// The keys that may check a token with this header: those of its `kid` and those without one,
    /// or all if it has none.
    pub(super) fn candidates(
        &self,
        algorithm: SignatureAlgorithm,
        kid: Option<&str>,
    ) -> impl Iterator<Item = &TokenKey> {
        let named = self.0.iter().filter(move |key| key.kid() == kid);
        let others = self
            .0
            .iter()
            .filter(move |key| key.kid() != kid && (kid.is_none() || key.kid().is_none()));
        named.chain(others).filter(move |key| key.takes(algorithm)).take(TRIES_MAX)
    }

    /// The algorithms that some key takes.
    pub(super) fn algorithms(&self) -> Vec<SignatureAlgorithm> {
        let is_taken =
            |algorithm: &SignatureAlgorithm| self.0.iter().any(|key| key.takes(*algorithm));
        SignatureAlgorithm::ALL.into_iter().filter(is_taken).collect()
    }
}
