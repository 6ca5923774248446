//! The signature algorithms of tokens, by `ring`, for the library that reads tokens: the library's
//! own implementations would add two more cryptographic libraries. In: a key and a message. Out:
//! whether a signature is right; and signatures of the HMAC algorithms, which the commands make.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};
use ring::signature::{
    self as ring_signature, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use ring::{error, hmac};
use signature::{Error, Signer, Verifier};

use super::SignatureAlgorithm;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| signer(*algorithm, key),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    // Only the library's own reader of key sets would call these.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes the library use this implementation, unless another one was installed before.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

/// A key, ready to check or make signatures of one algorithm.
struct Keyed {
    algorithm: Algorithm,
    key: Key,
}

enum Key {
    Hmac(hmac::Key),
    /// The modulus and the exponent.
    Rsa(&'static RsaParameters, Vec<u8>, Vec<u8>),
    Public(&'static dyn VerificationAlgorithm, Vec<u8>),
}

/// What `ring` has for an algorithm.
enum Scheme {
    Hmac(hmac::Algorithm),
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm),
}

fn signer(algorithm: Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    match scheme(algorithm) {
        Some(Scheme::Hmac(hash)) if key.family() == algorithm.family() => {
            let key = Key::Hmac(hmac::Key::new(hash, key.as_bytes()));
            Ok(Box::new(Keyed { algorithm, key }))
        }
        Some(_) | None => Err(new_error(ErrorKind::InvalidAlgorithm)),
    }
}

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let invalid = || new_error(ErrorKind::InvalidAlgorithm);
    // A key of one family never checks a signature of another, whatever a token says.
    if key.family() != algorithm.family() {
        return Err(invalid());
    }
    let key = match (scheme(algorithm).ok_or_else(invalid)?, key.kind()) {
        (Scheme::Hmac(hash), DecodingKeyKind::SecretOrDer(secret)) => {
            Key::Hmac(hmac::Key::new(hash, secret))
        }
        (Scheme::Rsa(rsa), DecodingKeyKind::RsaModulusExponent { n, e }) => {
            Key::Rsa(rsa, n.clone(), e.clone())
        }
        (Scheme::Rsa(rsa), DecodingKeyKind::SecretOrDer(der)) => Key::Public(rsa, der.clone()),
        (Scheme::Curve(curve), DecodingKeyKind::SecretOrDer(point)) => {
            Key::Public(curve, point.clone())
        }
        (Scheme::Hmac(_) | Scheme::Curve(_), DecodingKeyKind::RsaModulusExponent { .. }) => {
            return Err(invalid());
        }
    };
    Ok(Box::new(Keyed { algorithm, key }))
}

fn scheme(algorithm: Algorithm) -> Option<Scheme> {
    let mut all = SignatureAlgorithm::ALL.into_iter();
    Some(match all.find(|one| one.of_library() == algorithm)? {
        SignatureAlgorithm::HS256 => Scheme::Hmac(hmac::HMAC_SHA256),
        SignatureAlgorithm::HS384 => Scheme::Hmac(hmac::HMAC_SHA384),
        SignatureAlgorithm::HS512 => Scheme::Hmac(hmac::HMAC_SHA512),
        SignatureAlgorithm::RS256 => Scheme::Rsa(&ring_signature::RSA_PKCS1_2048_8192_SHA256),
        SignatureAlgorithm::RS384 => Scheme::Rsa(&ring_signature::RSA_PKCS1_2048_8192_SHA384),
        SignatureAlgorithm::RS512 => Scheme::Rsa(&ring_signature::RSA_PKCS1_2048_8192_SHA512),
        SignatureAlgorithm::PS256 => Scheme::Rsa(&ring_signature::RSA_PSS_2048_8192_SHA256),
        SignatureAlgorithm::ES256 => Scheme::Curve(&ring_signature::ECDSA_P256_SHA256_FIXED),
        SignatureAlgorithm::ES384 => Scheme::Curve(&ring_signature::ECDSA_P384_SHA384_FIXED),
        SignatureAlgorithm::EdDSA => Scheme::Curve(&ring_signature::ED25519),
    })
}

impl Signer<Vec<u8>> for Keyed {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        match &self.key {
            Key::Hmac(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
            Key::Rsa(..) | Key::Public(..) => Err(Error::new()),
        }
    }
}

impl Verifier<Vec<u8>> for Keyed {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let is_right: std::result::Result<(), error::Unspecified> = match &self.key {
            // Compared in constant time.
            Key::Hmac(key) => hmac::verify(key, message, signature),
            Key::Rsa(parameters, n, e) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            Key::Public(algorithm, key) => {
                UnparsedPublicKey::new(*algorithm, key).verify(message, signature)
            }
        };
        is_right.map_err(|_| Error::new())
    }
}

impl JwtSigner for Keyed {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl JwtVerifier for Keyed {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

    use super::{signer, verifier};

    /// RFC 7515, appendix A.1: a message and its signature by the key of that page.
    const KEY: &str =
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    const MESSAGE: &[u8] =
        b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOj\
        EzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNED: [u8; 4] = [116, 24, 223, 180];

    #[test]
    fn a_message_of_the_standard_has_the_signature_of_the_standard() {
        let encoding = EncodingKey::from_secret(&URL_SAFE_NO_PAD.decode(KEY).unwrap());
        let made = signer(Algorithm::HS256, &encoding).unwrap();
        let mut signature = made.try_sign(MESSAGE).unwrap();
        assert_eq!((signature.len(), &signature[..4]), (32, &SIGNED[..]));
        let decoding = DecodingKey::from_secret(encoding.as_bytes());
        let check = verifier(Algorithm::HS256, &decoding).unwrap();
        assert!(check.verify(MESSAGE, &signature).is_ok());
        assert!(check.verify(&MESSAGE[1..], &signature).is_err());
        signature[31] ^= 1;
        assert!(check.verify(MESSAGE, &signature).is_err());
        assert!(check.verify(MESSAGE, &signature[..31].to_vec()).is_err());
    }

    #[test]
    fn a_key_is_good_for_its_own_family_alone() {
        let (encoding, secret) = (EncodingKey::from_secret(b"k"), DecodingKey::from_secret(b"k"));
        let rsa = DecodingKey::from_rsa_raw_components(b"n", b"e");
        let (ec, ed) = (DecodingKey::from_ec_der(b"k"), DecodingKey::from_ed_der(b"k"));
        for (algorithm, own) in [
            (Algorithm::HS384, 0),
            (Algorithm::RS256, 1),
            (Algorithm::PS256, 1),
            (Algorithm::ES256, 2),
            (Algorithm::ES384, 2),
            (Algorithm::EdDSA, 3),
        ] {
            let fits = [&secret, &rsa, &ec, &ed].map(|key| verifier(algorithm, key).is_ok());
            assert_eq!(fits.iter().position(|fits| *fits), Some(own), "{algorithm:?}");
            assert_eq!(fits.iter().filter(|fits| **fits).count(), 1, "{algorithm:?}");
            assert_eq!(signer(algorithm, &encoding).is_ok(), own == 0, "{algorithm:?}");
        }
        for other in [Algorithm::PS384, Algorithm::PS512] {
            assert!(verifier(other, &rsa).is_err());
        }
    }
}
