//! Whom to trust. In: the certificates that the app adds, and those of the machine. Out: one TLS
//! configuration for sockets and requests alike. Knows no server and opens nothing.
//!
//! The machine's own store is used, not a list built into the program: it has the roots that an
//! organisation installed, and it changes without a new release.

use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

/// Why there is nobody to trust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A certificate that the app gave is not PEM.
    #[error("a root certificate cannot be read; give PEM text, -----BEGIN CERTIFICATE----- and on")]
    Unreadable(#[source] pem::Error),
    /// What the app gave has no certificate in it.
    #[error("a root certificate was given that has none in it; give PEM text, not a key")]
    Empty,
    /// A certificate that the app gave cannot be a root.
    #[error("a root certificate cannot be used; see that it is an X.509 certificate of a CA")]
    Unusable(#[source] rustls::Error),
    /// The machine trusts nobody.
    #[error(
        "this machine has no root certificates; install them (the package ca-certificates), name \
         them in SSL_CERT_FILE, or give the server's own with `root_certificate`"
    )]
    NoRoots(#[source] Option<rustls_native_certs::Error>),
    /// The settings do not fit together, which is a bug of this library.
    #[error("TLS cannot be set up; this is a bug of the client")]
    Setup(#[source] rustls::Error),
}

/// The configuration of a client that trusts the roots in these PEM texts and, where
/// `uses_machine`, those of the machine.
pub(crate) fn config(added: &[Vec<u8>], uses_machine: bool) -> Result<ClientConfig, TlsError> {
    let mut roots = RootCertStore::empty();
    for text in added {
        add(&mut roots, text)?;
    }
    if uses_machine {
        let found = rustls_native_certs::load_native_certs();
        // Stores hold certificates that nothing can read; the others are as good without them.
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err(TlsError::NoRoots(found.errors.into_iter().next()));
        }
    }
    // Named, and not the one of the process, which the app may have set or not.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn add(roots: &mut RootCertStore, text: &[u8]) -> Result<(), TlsError> {
    let before = roots.len();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let certificate = certificate.map_err(TlsError::Unreadable)?;
        roots.add(certificate).map_err(TlsError::Unusable)?;
    }
    if roots.len() == before { Err(TlsError::Empty) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{TlsError, config};

    #[test]
    fn a_root_is_a_certificate_in_pem() {
        let own = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let good = own.cert.pem().into_bytes();
        assert!(config(std::slice::from_ref(&good), false).is_ok());
        assert!(config(&[[good.clone(), good].concat()], false).is_ok(), "a bundle");
        let error = |text: &str| config(&[text.into()], false).unwrap_err();
        assert!(matches!(error(""), TlsError::Empty));
        assert!(matches!(error(&own.signing_key.serialize_pem()), TlsError::Empty));
        let head = "-----BEGIN CERTIFICATE-----\n";
        assert!(matches!(error(&format!("{head}%\n")), TlsError::Unreadable(_)));
        let odd = format!("{head}AAAA\n-----END CERTIFICATE-----\n");
        assert!(matches!(error(&odd), TlsError::Unusable(_)));
    }
}
