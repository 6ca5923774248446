//! The settings of tokens: their keys, what else they have to say, and their revocations.
//!
//! In: nothing. Out: plain structs with their defaults. They know no rules; `check` does.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use steadfast_broker::Secret;

use crate::auth::token::SignatureAlgorithm;

/// How tokens are checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSettings {
    /// The key that tokens are signed with (HS256), 32 to 4096 bytes. Needed unless `dev`.
    /// Default: none.
    pub hs256_key: Option<Secret>,
    /// A file that holds the key instead. Default: none.
    pub hs256_key_file: Option<PathBuf>,
    /// More keys, 100 at most with those of `jwks_file`. Default: none.
    pub keys: Vec<TokenKeySettings>,
    /// A file with a JWK set (RFC 7517) of more keys. Default: none.
    pub jwks_file: Option<PathBuf>,
    /// A JWK set of more keys behind a URL.
    pub jwks: JwksSettings,
    /// The `iss` that tokens must have, 1 to 1024 bytes. Default: none, any.
    pub issuer: Option<String>,
    /// Names of this service, 1 to 1024 bytes each: the `aud` of a token must have one of them.
    /// Default: none, any.
    pub audiences: Vec<String>,
    /// By how much clocks may differ, in seconds, 0 to 300. Default: 10.
    pub leeway_s: u64,
    /// The most revocations, 1 to 1000000. Default: 100000.
    pub revocations_max: usize,
    /// How long a revocation is kept, in seconds, 60 to 31536000 (a year). A token that ends later
    /// counts again then. Default: 2592000 (30 days).
    pub revocation_kept_s: u64,
    /// A file that keeps revocations over a restart. Default: one in `broker.data_dir` with the
    /// disk broker, otherwise none.
    pub revocations_file: Option<PathBuf>,
}

impl Default for AuthSettings {
    fn default() -> Self {
        Self {
            hs256_key: None,
            hs256_key_file: None,
            keys: Vec::new(),
            jwks_file: None,
            jwks: JwksSettings::default(),
            issuer: None,
            audiences: Vec::new(),
            leeway_s: 10,
            revocations_max: 100_000,
            revocation_kept_s: 2_592_000,
            revocations_file: None,
        }
    }
}

/// One key that tokens are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TokenKeySettings {
    /// The only algorithm that it is used for.
    pub alg: SignatureAlgorithm,
    /// Its name, which tokens have in their header, 1 to 256 bytes. Default: none, it is tried for
    /// every token of its algorithm.
    #[serde(default)]
    pub kid: Option<String>,
    /// The secret of an HS algorithm: 32, 48 or 64 bytes at least. Default: none.
    #[serde(default)]
    pub secret: Option<Secret>,
    /// A file with the secret, or with the public key as PEM. Default: none.
    #[serde(default)]
    pub file: Option<PathBuf>,
}

/// A JWK set that is fetched, and how often.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct JwksSettings {
    /// Where it is: `https`, or `http` to this machine alone. Default: none.
    pub url: Option<String>,
    /// How often it is fetched, in ms, 10000 to 86400000, and up to a tenth more or less at random.
    /// Default: 300000.
    pub refresh_ms: u64,
    /// How long after a fetch a token with an unknown `kid` may cause the next one, in ms, 1000 to
    /// 3600000. Default: 30000.
    pub pause_ms: u64,
    /// How long a fetch may take, in ms, 100 to 60000. Default: 5000.
    pub timeout_ms: u64,
    /// How long a token with an unknown `kid` waits for a fetch, in ms, 0 to 10000. Default: 2000.
    pub wait_ms: u64,
    /// How long the last set is used while no fetch succeeds, in ms, up to 2592000000 (30 days); 0
    /// is without end. Default: 86400000 (a day).
    pub stale_ms_max: u64,
}

impl Default for JwksSettings {
    fn default() -> Self {
        Self {
            url: None,
            refresh_ms: 300_000,
            pause_ms: 30_000,
            timeout_ms: 5_000,
            wait_ms: 2_000,
            stale_ms_max: 86_400_000,
        }
    }
}
