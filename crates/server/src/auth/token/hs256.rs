//! The only signature algorithm, HMAC with SHA-256, for the library that reads tokens. The
//! library's own implementation would include all curves and RSA, only to refuse them. In: a key
//! and a message. Out: a signature, or whether one is right, compared in constant time.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result, new_error};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use ring::hmac;
use signature::{Error, Signer, Verifier};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| signer(*algorithm, key),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    // Sets of public keys are not supported.
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes the library use this implementation, unless another one was installed before.
pub(super) fn install() {
    let _ = PROVIDER.install_default();
}

struct Hs256(hmac::Key);

impl Hs256 {
    fn new(algorithm: Algorithm, family: AlgorithmFamily, key: &[u8]) -> Result<Box<Self>> {
        if algorithm != Algorithm::HS256 || family != AlgorithmFamily::Hmac {
            return Err(new_error(ErrorKind::InvalidAlgorithm));
        }
        Ok(Box::new(Self(hmac::Key::new(hmac::HMAC_SHA256, key))))
    }
}

fn signer(algorithm: Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Ok(Hs256::new(algorithm, key.family(), key.as_bytes())?)
}

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    Ok(Hs256::new(algorithm, key.family(), key.try_get_as_bytes()?)?)
}

impl Signer<Vec<u8>> for Hs256 {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, Error> {
        Ok(hmac::sign(&self.0, message).as_ref().to_vec())
    }
}

impl Verifier<Vec<u8>> for Hs256 {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        hmac::verify(&self.0, message, signature).map_err(|_| Error::new())
    }
}

impl JwtSigner for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
    }
}

impl JwtVerifier for Hs256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::HS256
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
    fn no_other_algorithm_is_there() {
        let (encoding, decoding) = (EncodingKey::from_secret(b"k"), DecodingKey::from_secret(b"k"));
        for other in [Algorithm::HS384, Algorithm::RS256, Algorithm::ES256, Algorithm::EdDSA] {
            assert!(signer(other, &encoding).is_err());
            assert!(verifier(other, &decoding).is_err());
        }
    }
}
