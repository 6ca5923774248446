//! Keys that tokens are signed with. In: a secret, a public key as PEM, or an entry of a JWK set.
//! Out: a key that knows which tokens it may check, or why it cannot be used. A key is used for
//! what it says it is for, and for nothing else.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;

use super::algorithm::{KeyKind, SignatureAlgorithm};

/// Bits of the modulus of an RSA key. Checking a signature of 4,096 bits takes 60 µs, one of 8,192
/// four times as long.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=4_096;
/// The longest `kid`, in bytes.
pub(super) const KID_BYTES_MAX: usize = 256;

/// Text of JWKs; some makers pad it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A key for checking tokens.
#[derive(Clone)]
pub(super) struct TokenKey {
    kid: Option<Box<str>>,
    material: KeyKind,
    /// The only algorithm that it is for, if it says so.
    algorithm: Option<SignatureAlgorithm>,
    key: DecodingKey,
}

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The secret is shorter than its algorithm's hash.
    #[error("the secret has {actual} bytes; {} needs {min} at least", .algorithm.as_str())]
    ShortSecret {
        /// Its algorithm.
        algorithm: SignatureAlgorithm,
        /// The fewest bytes of a secret for it.
        min: usize,
        /// The bytes that the secret has.
        actual: usize,
    },
    /// A PEM file where a secret belongs: whoever has the public key could sign tokens.
    #[error("the secret is a PEM file: give a public key an algorithm that is for public keys")]
    PemAsSecret,
    /// A private key where a public one belongs.
    #[error("this is a private key; nodes need the public one (`openssl pkey -pubout`)")]
    PrivateKey,
    /// It is no PEM file with a public key.
    #[error("this is not a PEM file with `BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`")]
    NotAPublicKey,
    /// The key is of another kind than its algorithm.
    #[error("the key is not one for {}", _0.as_str())]
    OtherKind(SignatureAlgorithm),
    /// An RSA key is too small to be safe, or so large that it is slow.
    #[error("an RSA key has 2048 to 4096 bits, this one has {0}")]
    RsaBits(usize),
    /// An entry of a JWK set is not for signatures, or of a kind that is not supported.
    #[error("{0}")]
    Unfit(&'static str),
}

/// An entry of a JWK set. What it has besides does not matter.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    alg: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<String>,
}

impl TokenKey {
    /// A shared secret for one algorithm.
    pub(super) fn secret(
        kid: Option<&str>,
        algorithm: SignatureAlgorithm,
        secret: &[u8],
    ) -> Result<Self, KeyError> {
        let Some(min) = algorithm.secret_bytes_min() else {
            return Err(KeyError::OtherKind(algorithm));
        };
        if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err(KeyError::PemAsSecret);
        }
        if secret.len() < min {
            return Err(KeyError::ShortSecret { algorithm, min, actual: secret.len() });
        }
        Ok(Self::secret_as_it_is(kid, algorithm, secret))
    }

    /// The same, of whatever length. One that is too short checks no token.
    pub(super) fn secret_as_it_is(
        kid: Option<&str>,
        algorithm: SignatureAlgorithm,
        secret: &[u8],
    ) -> Self {
        let (material, key) = (KeyKind::Secret(secret.len()), DecodingKey::from_secret(secret));
        Self { kid: kid.map(Box::from), material, algorithm: Some(algorithm), key }
    }

    /// A public key for one algorithm.
    pub(super) fn pem(
        kid: Option<&str>,
        algorithm: SignatureAlgorithm,
        pem: &[u8],
    ) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(pem).map_err(|_| KeyError::NotAPublicKey)?;
        if text.contains("PRIVATE KEY-----") {
            return Err(KeyError::PrivateKey);
        }
        if !text.contains("-----BEGIN PUBLIC KEY") && !text.contains("-----BEGIN RSA PUBLIC KEY") {
            return Err(KeyError::NotAPublicKey);
        }
        let (material, key) = if let Ok(key) = DecodingKey::from_rsa_pem(pem) {
            let der = key.try_get_as_bytes().unwrap_or_default();
            in_range(rsa_bits_of_der(der).ok_or(KeyError::NotAPublicKey)?)?;
            (KeyKind::Rsa, key)
        } else if let Ok(key) = DecodingKey::from_ed_pem(pem) {
            (KeyKind::Ed25519, key)
        } else {
            let key = DecodingKey::from_ec_pem(pem).map_err(|_| KeyError::NotAPublicKey)?;
            // An uncompressed point: a byte, and both coordinates.
            match key.try_get_as_bytes().unwrap_or_default().len() {
                65 => (KeyKind::P256, key),
                97 => (KeyKind::P384, key),
                _ => return Err(KeyError::OtherKind(algorithm)),
            }
        };
        if !material.takes(algorithm) {
            return Err(KeyError::OtherKind(algorithm));
        }
        Ok(Self { kid: kid.map(Box::from), material, algorithm: Some(algorithm), key })
    }

    /// An entry of a JWK set. Secrets are taken only if `may_be_secret`.
    pub(super) fn jwk(entry: &Value, may_be_secret: bool) -> Result<Self, KeyError> {
        let jwk = Jwk::deserialize(entry)
            .map_err(|_| KeyError::Unfit("it is not an object whose members are text"))?;
        if jwk.r#use.as_ref().is_some_and(|usage| usage != "sig") {
            return Err(KeyError::Unfit("its `use` is not `sig`"));
        }
        if jwk.key_ops.as_ref().is_some_and(|ops| ops.iter().all(|op| op != "verify")) {
            return Err(KeyError::Unfit("its `key_ops` are without `verify`"));
        }
        if jwk.kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
            return Err(KeyError::Unfit("its `kid` is longer than 256 bytes"));
        }
        let algorithm = match &jwk.alg {
            None => None,
            Some(alg) => {
                let unknown = KeyError::Unfit("its `alg` is not supported");
                Some(SignatureAlgorithm::of(alg).ok_or(unknown)?)
            }
        };
        let (material, key) = material(&jwk, may_be_secret)?;
        if algorithm.is_some_and(|algorithm| !material.takes(algorithm)) {
            return Err(KeyError::Unfit("its `alg` is not one for its `kty` and `crv`"));
        }
        Ok(Self { kid: jwk.kid.map(Into::into), material, algorithm, key })
    }

    /// Its name.
    pub(super) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether it may check tokens of this algorithm.
    pub(super) fn takes(&self, algorithm: SignatureAlgorithm) -> bool {
        self.material.takes(algorithm) && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Whether whoever has it can sign tokens too.
    pub(super) const fn is_secret(&self) -> bool {
        matches!(self.material, KeyKind::Secret(_))
    }

    /// The key, for the library.
    pub(super) const fn of_library(&self) -> &DecodingKey {
        &self.key
    }
}

fn material(jwk: &Jwk, may_be_secret: bool) -> Result<(KeyKind, DecodingKey), KeyError> {
    let bytes = |member: &Option<String>| {
        let text = member.as_deref().ok_or(KeyError::Unfit("a member of its key is missing"))?;
        BASE64.decode(text).map_err(|_| KeyError::Unfit("a member of its key is not base64url"))
    };
    match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => {
            let (n, e) = (bytes(&jwk.n)?, bytes(&jwk.e)?);
            let n = &n[n.iter().take_while(|byte| **byte == 0).count()..];
            in_range(bits(n))?;
            if !(1..=4).contains(&e.len()) {
                return Err(KeyError::Unfit("its `e` does not have 1 to 4 bytes"));
            }
            Ok((KeyKind::Rsa, DecodingKey::from_rsa_raw_components(n, &e)))
        }
        ("EC", Some(curve @ ("P-256" | "P-384"))) => {
            let (kind, size) =
                if curve == "P-256" { (KeyKind::P256, 32) } else { (KeyKind::P384, 48) };
            let (x, y) = (bytes(&jwk.x)?, bytes(&jwk.y)?);
            if x.len() != size || y.len() != size {
                return Err(KeyError::Unfit("its `x` and `y` do not have the length of its curve"));
            }
            let point = [&[4][..], &x, &y].concat();
            Ok((kind, DecodingKey::from_ec_der(&point)))
        }
        ("OKP", Some("Ed25519")) => {
            let x = bytes(&jwk.x)?;
            if x.len() != 32 {
                return Err(KeyError::Unfit("its `x` does not have 32 bytes"));
            }
            Ok((KeyKind::Ed25519, DecodingKey::from_ed_der(&x)))
        }
        ("oct", _) if may_be_secret => {
            let secret = bytes(&jwk.k)?;
            if secret.len() < 32 {
                return Err(KeyError::Unfit("its secret has fewer than 32 bytes"));
            }
            Ok((KeyKind::Secret(secret.len()), DecodingKey::from_secret(&secret)))
        }
        ("oct", _) => Err(KeyError::Unfit("it is a secret, which is never taken from a URL")),
        _ => Err(KeyError::Unfit("its `kty` and `crv` are not supported")),
    }
}

fn in_range(bits: usize) -> Result<(), KeyError> {
    if RSA_BITS.contains(&bits) { Ok(()) } else { Err(KeyError::RsaBits(bits)) }
}

fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// The bits of the modulus of an RSA key: the first number of `RSAPublicKey` (RFC 8017, A.1.1).
fn rsa_bits_of_der(der: &[u8]) -> Option<usize> {
    let (_, rest) = der_length(der.strip_prefix(&[0x30])?)?;
    let (length, number) = der_length(rest.strip_prefix(&[0x02])?)?;
    let number = number.get(..length)?;
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    Some(bits(&number[zeros..]))
}

/// A length of DER, and what follows it.
fn der_length(der: &[u8]) -> Option<(usize, &[u8])> {
    match der.split_first()? {
        (&short @ 0..=0x7f, rest) => Some((short.into(), rest)),
        (&count @ 0x81..=0x83, rest) => {
            let (length, rest) = rest.split_at_checked(usize::from(count - 0x80))?;
            Some((length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest))
        }
        _ => None,
    }
}
