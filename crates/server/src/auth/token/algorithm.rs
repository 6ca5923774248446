//! The signature algorithms that tokens may have, and the kinds of keys that they need.

use serde::{Deserialize, Serialize};

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
pub enum SignatureAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// RSA, PKCS #1 v1.5, with SHA-256.
    RS256,
    /// RSA, PKCS #1 v1.5, with SHA-384.
    RS384,
    /// RSA, PKCS #1 v1.5, with SHA-512.
    RS512,
    /// RSA, PSS, with SHA-256.
    PS256,
    /// ECDSA on the curve secp256r1 with SHA-256.
    ES256,
    /// ECDSA on the curve secp384r1 with SHA-384.
    ES384,
    /// Ed25519. RFC 9864 calls it by that name.
    #[serde(alias = "Ed25519")]
    EdDSA,
}

/// What a key is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyKind {
    /// A shared secret of so many bytes.
    Secret(usize),
    /// RSA.
    Rsa,
    /// A point of secp256r1.
    P256,
    /// A point of secp384r1.
    P384,
    /// A point of Curve25519.
    Ed25519,
}

/// Algorithms that tokens of other systems have, and that a refusal may therefore name.
const KNOWN_ELSEWHERE: [&str; 7] = ["none", "PS384", "PS512", "ES512", "ES256K", "Ed448", "HS1"];

impl SignatureAlgorithm {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::HS256,
        Self::HS384,
        Self::HS512,
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// The `alg` of a token's header; `None` if no key can have it.
    pub(super) fn of(alg: &str) -> Option<Self> {
        if alg == "Ed25519" {
            return Some(Self::EdDSA);
        }
        Self::ALL.into_iter().find(|one| one.as_str() == alg)
    }

    /// The name in a token's header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The fewest bytes of its secret, if it has one: as many as its hash has (RFC 7518, 3.2).
    pub const fn secret_bytes_min(self) -> Option<usize> {
        match self {
            Self::HS256 => Some(32),
            Self::HS384 => Some(48),
            Self::HS512 => Some(64),
            Self::RS256
            | Self::RS384
            | Self::RS512
            | Self::PS256
            | Self::ES256
            | Self::ES384
            | Self::EdDSA => None,
        }
    }

    /// Whether checking a signature takes so long that other work on the thread would notice.
    pub(super) const fn is_slow(self) -> bool {
        matches!(self, Self::ES384)
    }

    /// The same for the library.
    pub(super) const fn of_library(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::HS256 => jsonwebtoken::Algorithm::HS256,
            Self::HS384 => jsonwebtoken::Algorithm::HS384,
            Self::HS512 => jsonwebtoken::Algorithm::HS512,
            Self::RS256 => jsonwebtoken::Algorithm::RS256,
            Self::RS384 => jsonwebtoken::Algorithm::RS384,
            Self::RS512 => jsonwebtoken::Algorithm::RS512,
            Self::PS256 => jsonwebtoken::Algorithm::PS256,
            Self::ES256 => jsonwebtoken::Algorithm::ES256,
            Self::ES384 => jsonwebtoken::Algorithm::ES384,
            Self::EdDSA => jsonwebtoken::Algorithm::EdDSA,
        }
    }
}

impl KeyKind {
    /// Whether a key of this kind may be used with `algorithm`.
    pub(super) fn takes(self, algorithm: SignatureAlgorithm) -> bool {
        match self {
            Self::Secret(bytes) => algorithm.secret_bytes_min().is_some_and(|min| bytes >= min),
            Self::Rsa => matches!(
                algorithm,
                SignatureAlgorithm::RS256
                    | SignatureAlgorithm::RS384
                    | SignatureAlgorithm::RS512
                    | SignatureAlgorithm::PS256
            ),
            Self::P256 => algorithm == SignatureAlgorithm::ES256,
            Self::P384 => algorithm == SignatureAlgorithm::ES384,
            Self::Ed25519 => algorithm == SignatureAlgorithm::EdDSA,
        }
    }
}

/// The name of an algorithm that is not taken, if it is a name that is known. Nothing else of a
/// token is repeated.
pub(super) fn name_of(alg: &str) -> &'static str {
    let ours = SignatureAlgorithm::of(alg).map(SignatureAlgorithm::as_str);
    let known = ours.or_else(|| KNOWN_ELSEWHERE.into_iter().find(|name| *name == alg));
    known.unwrap_or("an unknown one")
}
