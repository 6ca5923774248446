//! TLS in front of a server, as a load balancer does it, with a CA of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{
    self, ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, SupportedProtocolVersion,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::within;

/// Who signs certificates.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// Ends TLS and hands on what is in it. Dropping it cuts everything.
#[derive(Debug)]
pub(crate) struct Front {
    address: SocketAddr,
    dialled: watch::Sender<usize>,
    _accepting: JoinSet<()>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, folder }
    }

    /// A file that has its own certificate.
    pub(crate) fn file(&self) -> String {
        let path: PathBuf = self.folder.path().join("ca.pem");
        path.to_str().unwrap().to_owned()
    }

    /// Files with a certificate for a server on this machine, and with its key.
    pub(crate) fn signs(&self) -> [String; 2] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let texts = [("cert.pem", certificate.pem()), ("key.pem", key.serialize_pem())];
        texts.map(|(name, text)| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        })
    }

    /// What a client that trusts it dials with.
    pub(crate) fn connector(&self) -> TlsConnector {
        TlsConnector::from(Arc::new(self.trusting(rustls::ALL_VERSIONS).with_no_client_auth()))
    }

    /// The same, for these versions of TLS and application protocols.
    pub(crate) fn connector_for(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> TlsConnector {
        let mut config = self.trusting(versions).with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }

    /// The same, for a client that shows a certificate of `signer`.
    pub(crate) fn connector_as_client_of(&self, signer: &Self) -> TlsConnector {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["backend".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &signer.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = self.trusting(rustls::ALL_VERSIONS);
        let config = config.with_client_auth_cert(vec![certificate.der().clone()], key);
        TlsConnector::from(Arc::new(config.unwrap()))
    }

    fn trusting(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots)
    }

    /// What a server on this machine shows.
    fn acceptor(&self) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Front {
    /// In front of `target`, with a certificate that `authority` signed.
    pub(crate) async fn start(authority: &Authority, target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let dialled = watch::Sender::new(0);
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, authority.acceptor(), target, dialled.clone()));
        Self { address, dialled, _accepting: accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Waits until it was connected to so often, whatever came of it.
    pub(crate) async fn is_dialled(&self, count: usize) {
        let mut dialled = self.dialled.subscribe();
        within("a connection", dialled.wait_for(|dialled| *dialled >= count)).await.unwrap();
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    target: SocketAddr,
    dialled: watch::Sender<usize>,
) {
    let mut open = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        dialled.send_modify(|count| *count += 1);
        let acceptor = acceptor.clone();
        open.spawn(async move {
            // A client that trusts nobody here hangs up.
            let mut near = acceptor.accept(near).await?;
            let mut far = TcpStream::connect(target).await?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
        while open.try_join_next().is_some() {}
    }
}
