//! The TLS configuration of a port. In: PEM files. Out: a configuration with session tickets, so
//! that a client that reconnects needs no full handshake, or what is wrong with the files; and
//! another one when the files change, while connections under the old one go on. Knows no socket.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ProducesTickets, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

use crate::config::{ClientCertificates, Config};

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
    /// No client's certificate could ever be accepted.
    #[error("{} cannot be used: {source}; name a file with certificates of CAs", path.display())]
    ClientCa {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: VerifierBuilderError,
    },
}

/// The files of a port's TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain of certificates, the server's own first.
    pub certificates: PathBuf,
    /// The private key of the first.
    pub key: PathBuf,
    /// The certificates that those of clients are signed with, if clients are asked for one.
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is refused.
    pub client_certificates: ClientCertificates,
}

/// What the files had in them.
#[derive(PartialEq, Eq)]
struct TlsTexts {
    certificates: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

/// The TLS of a port, and what became of its files.
pub(crate) struct TlsPort {
    name: &'static str,
    files: RwLock<TlsFiles>,
    current: RwLock<Arc<ServerConfig>>,
    /// What the files had in them when they were last read.
    seen: Mutex<Option<TlsTexts>>,
    /// Why the files cannot be used now, if so.
    failure: Mutex<Option<String>>,
    changed: AtomicU64,
    failed: AtomicU64,
}

/// The TLS of both ports, where they have it.
#[derive(Debug, Default)]
pub(crate) struct TlsPorts(Vec<TlsPort>);

impl TlsFiles {
    /// Those of the public port, if it has them.
    pub(crate) fn public(config: &Config) -> Option<Self> {
        let public = &config.public;
        Some(Self {
            certificates: public.tls_cert_file.clone()?,
            key: public.tls_key_file.clone()?,
            client_ca: None,
            client_certificates: ClientCertificates::Optional,
        })
    }

    /// Those of the internal port, if it has them.
    pub(crate) fn internal(config: &Config) -> Option<Self> {
        let internal = &config.internal;
        Some(Self {
            certificates: internal.tls_cert_file.clone()?,
            key: internal.tls_key_file.clone()?,
            client_ca: internal.tls_client_ca_file.clone(),
            client_certificates: internal.tls_client_certificates,
        })
    }

    /// The configuration of these files.
    pub fn config(&self) -> Result<ServerConfig, TlsError> {
        self.read().and_then(|texts| self.build(&texts))
    }

    fn read(&self) -> Result<TlsTexts, TlsError> {
        let client_ca = self.client_ca.as_deref().map(read).transpose()?;
        Ok(TlsTexts { certificates: read(&self.certificates)?, key: read(&self.key)?, client_ca })
    }

    fn build(&self, texts: &TlsTexts) -> Result<ServerConfig, TlsError> {
        let chain = chain(&self.certificates, &texts.certificates)?;
        let key = private_key(&self.key, &texts.key)?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?;
        let builder = match self.client_ca.as_deref().zip(texts.client_ca.as_deref()) {
            None => builder.with_no_client_auth(),
            Some((path, text)) => {
                let failed = |source| TlsError::ClientCa { path: path.to_owned(), source };
                let mut roots = RootCertStore::empty();
                roots.add_parsable_certificates(self::chain(path, text)?);
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = match self.client_certificates {
                    ClientCertificates::Required => verifier,
                    ClientCertificates::Optional => verifier.allow_unauthenticated(),
                };
                builder.with_client_cert_verifier(verifier.build().map_err(failed)?)
            }
        };
        let mut config = builder.with_single_cert(chain, key).map_err(TlsError::Unusable)?;
        config.ticketer = new_ticketer()?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Encrypts tickets with a key that is changed every 6 h and used for 12 h. In the memory of this
/// node alone: on another node the handshake is a whole one.
fn new_ticketer() -> Result<Arc<dyn ProducesTickets>, TlsError> {
    ring::Ticketer::new().map_err(TlsError::Unusable)
}

impl TlsPort {
    pub(crate) fn open(name: &'static str, files: TlsFiles) -> Result<Self, TlsError> {
        let texts = files.read()?;
        Ok(Self {
            name,
            current: RwLock::new(Arc::new(files.build(&texts)?)),
            files: RwLock::new(files),
            seen: Mutex::new(Some(texts)),
            failure: Mutex::default(),
            changed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        })
    }

    /// What accepts the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.current.read()))
    }

    /// Reads the files. If they have changed and can be used, connections from now on are under
    /// them; otherwise the last ones that could be used stay.
    pub(crate) fn reload(&self) {
        let files = self.files.read().clone();
        let texts = files.read();
        let mut seen = self.seen.lock();
        if texts.as_ref().ok() == seen.as_ref() && texts.is_ok() {
            return;
        }
        match texts
            .as_ref()
            .map_err(ToString::to_string)
            .and_then(|texts| self.next(&files, texts, seen.as_ref()))
        {
            Ok(config) => {
                *self.current.write() = Arc::new(config);
                *self.failure.lock() = None;
                self.changed.fetch_add(1, Ordering::Relaxed);
                tracing::info!(port = self.name, "the certificate has changed");
            }
            Err(wrong) => {
                let mut failure = self.failure.lock();
                self.failed.fetch_add(1, Ordering::Relaxed);
                if failure.as_ref() != Some(&wrong) {
                    let port = self.name;
                    tracing::warn!(
                        port,
                        wrong,
                        "the old certificate stays: the new cannot be used"
                    );
                }
                *failure = Some(wrong);
            }
        }
        *seen = texts.ok();
    }

    /// The configuration of other texts. Tickets stay good over a new certificate, and not over
    /// other CAs of clients, since who shows one is not asked for a certificate again.
    fn next(
        &self,
        files: &TlsFiles,
        texts: &TlsTexts,
        seen: Option<&TlsTexts>,
    ) -> Result<ServerConfig, String> {
        let mut config = files.build(texts).map_err(|error| error.to_string())?;
        if seen.is_some_and(|seen| seen.client_ca == texts.client_ca) {
            config.ticketer = Arc::clone(&self.current.read().ticketer);
        }
        Ok(config)
    }
}

impl TlsPorts {
    /// Reads the files of the settings.
    pub(crate) fn open(config: &Config) -> Result<Self, TlsError> {
        let ports = Self::files(config).into_iter();
        let ports: Result<_, _> = ports.map(|(name, files)| TlsPort::open(name, files)).collect();
        Ok(Self(ports?))
    }

    fn files(config: &Config) -> Vec<(&'static str, TlsFiles)> {
        let files =
            [("public", TlsFiles::public(config)), ("internal", TlsFiles::internal(config))];
        files.into_iter().filter_map(|(name, files)| Some((name, files?))).collect()
    }

    /// The files of the settings, which can be used as they are now.
    pub(crate) fn check(config: &Config) -> Result<Vec<(&'static str, TlsFiles)>, TlsError> {
        let files = Self::files(config);
        files.iter().try_for_each(|(_, files)| files.config().map(drop))?;
        Ok(files)
    }

    /// Uses these files from the next [`Self::reload`] on, for the ports that have TLS.
    pub(crate) fn replace(&self, files: Vec<(&'static str, TlsFiles)>) {
        for (name, files) in files {
            let Some(port) = self.0.iter().find(|port| port.name == name) else { continue };
            let old = std::mem::replace(&mut *port.files.write(), files.clone());
            if old != files {
                // What was last read is of the old files, and so are its CAs.
                *port.seen.lock() = None;
            }
        }
    }

    /// Whether no port has TLS.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What accepts the next connection of this port, if it has TLS.
    pub(crate) fn acceptor(&self, port: &str) -> Option<TlsAcceptor> {
        self.0.iter().find(|one| one.name == port).map(TlsPort::acceptor)
    }

    /// Reads all files again.
    pub(crate) fn reload(&self) {
        self.0.iter().for_each(TlsPort::reload);
    }

    /// How often files have changed, by port and by what came of it.
    pub(crate) fn reloads(&self) -> Vec<(&'static str, &'static str, u64)> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let of = |one: &TlsPort| {
            [(one.name, "changed", count(&one.changed)), (one.name, "failed", count(&one.failed))]
        };
        self.0.iter().flat_map(of).collect()
    }

    /// What operators should know.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let of = |one: &TlsPort| {
            let wrong = one.failure.lock().clone()?;
            Some(format!("the old certificate of the {} port stays: {wrong}", one.name))
        };
        self.0.iter().filter_map(of).collect()
    }
}

impl std::fmt::Debug for TlsPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, files, failure, .. } = self;
        let mut debug = f.debug_struct("TlsPort");
        debug.field("name", name).field("files", files).field("failure", failure);
        debug.finish_non_exhaustive()
    }
}

fn chain(path: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    let chain = chain.map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if chain.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(chain)
}

fn private_key(path: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|source| {
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
mod tests;
