//! The TLS configuration of the public port. In: two PEM files. Out: a configuration with session
//! tickets, so that a client that reconnects needs no full handshake, or what is wrong with the
//! files. Knows no socket.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// Why there is no TLS configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}; name a file that this user may read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file has no certificate in it.
    #[error("{} has no certificate; name a file of -----BEGIN CERTIFICATE-----", .0.display())]
    NoCertificate(PathBuf),
    /// A file has no private key in it, or one of an unknown kind.
    #[error("{} has no private key; name a file of -----BEGIN PRIVATE KEY-----", .0.display())]
    NoKey(PathBuf),
    /// A file is not valid PEM.
    #[error("{} is not PEM: {source}; create it again", path.display())]
    Pem {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: pem::Error,
    },
    /// Certificate and key do not belong together, or cannot be used.
    #[error("the certificate and the key cannot be used: {0}; see that the one is for the other")]
    Unusable(#[source] rustls::Error),
}

/// The configuration for a chain of certificates, the server's own first, and its private key.
pub fn config(certificates: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let chain = chain(certificates)?;
    let key = private_key(key)?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(TlsError::Unusable)?;
    config.ticketer = ring::Ticketer::new().map_err(TlsError::Unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let chain = chain.map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(chain)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read(path)?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|source| {
        if matches!(source, pem::Error::NoItemsFound) {
            TlsError::NoKey(path.to_owned())
        } else {
            TlsError::Pem { path: path.to_owned(), source }
        }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::{TlsError, config};
    use std::path::{Path, PathBuf};

    fn files(folder: &Path, certificate: &str, key: &str) -> (PathBuf, PathBuf) {
        let files = (folder.join("cert.pem"), folder.join("key.pem"));
        std::fs::write(&files.0, certificate).unwrap();
        std::fs::write(&files.1, key).unwrap();
        files
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_certificate_and_its_key_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        let (certificate, key) = files(folder.path(), &certificate, &key);
        assert!(config(&certificate, &key).unwrap().ticketer.enabled());
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        let (_, other) = pair();
        let error = |certificate: &str, key: &str| {
            let (certificate, key) = files(folder.path(), certificate, key);
            config(&certificate, &key).map(drop).unwrap_err()
        };
        assert!(matches!(error("", &key), TlsError::NoCertificate(_)));
        assert!(matches!(error(&certificate, ""), TlsError::NoKey(_)));
        assert!(matches!(error(&certificate, &certificate), TlsError::NoKey(_)));
        assert!(matches!(error(&certificate, &other), TlsError::Unusable(_)));
        let nowhere = folder.path().join("nowhere");
        assert!(matches!(config(&nowhere, &nowhere), Err(TlsError::File { .. })));
    }
}
