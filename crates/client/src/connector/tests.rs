//! TLS on loopback: a server whose certificate is good, of nobody known, or of another name.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use steadfast_link::DialFailure;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_tungstenite::accept_async;

use super::Connector;
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use crate::fake::{OPTIONS, respond};
use crate::poll::Http;
use crate::proxy::Proxies;
use crate::tls;
use crate::transport::dial;

const PROBED: &str = "HTTP/1.1 204 None\r\nsteadfast-node: a\r\n\r\n";

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn connector(&self) -> Connector {
        Connector::new(tls::config(&[self.0.pem().into()], false).unwrap(), Proxies::none())
    }

    /// What a server of this name shows.
    fn acceptor(&self, name: &str) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
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

/// A server that answers each probe and opens each WebSocket; its port.
async fn serving(acceptor: TlsAcceptor) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut sockets = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            // A client that trusts nobody here hangs up.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            if sockets.is_empty() {
                sockets.extend(accept_async(stream).await.ok());
            } else {
                respond(stream, PROBED).await;
            }
        }
    });
    port
}

fn endpoint(scheme: &str, port: u16) -> Endpoint {
    Endpoint::new(&format!("{scheme}://localhost:{port}")).unwrap()
}

async fn refused(connector: &Connector, port: u16) -> DialError {
    dial(connector, &endpoint("https", port), OPTIONS).await.unwrap_err()
}

#[tokio::test]
async fn a_good_certificate_lets_sockets_and_requests_through() {
    let authority = Authority::new();
    let port = serving(authority.acceptor("localhost")).await;
    let connector = authority.connector();
    dial(&connector, &endpoint("wss", port), OPTIONS).await.unwrap();
    assert!(Http::new(connector, endpoint("https", port)).probe().await);
}

#[tokio::test]
async fn an_unknown_authority_is_told_with_what_to_do() {
    let port = serving(Authority::new().acceptor("localhost")).await;
    let connector = Authority::new().connector();
    let error = refused(&connector, port).await;
    assert!(matches!(error, DialError::Certificate { .. }), "{error:?}");
    assert!(error.to_string().contains("root_certificate"), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(error.failure(), DialFailure::Blocked);
    assert!(!Http::new(connector, endpoint("https", port)).probe().await);
}

#[tokio::test]
async fn another_name_is_told_from_a_bad_certificate() {
    let authority = Authority::new();
    let port = serving(authority.acceptor("portal.example")).await;
    let error = refused(&authority.connector(), port).await;
    assert!(matches!(error, DialError::Name { .. }), "{error:?}");
    assert_eq!(error.failure(), DialFailure::Blocked);
}

#[tokio::test]
async fn a_port_without_tls_is_no_server_and_one_that_hangs_up_is_not_there() {
    let connector = Authority::new().connector();
    let answered = async |answer: &[u8]| {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (error, ()) = tokio::join!(refused(&connector, port), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            // Only once the greeting is taken in does hanging up say nothing else.
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(answer).await.unwrap();
        });
        error
    };
    let plain = answered(b"HTTP/1.1 400 Bad\r\n\r\n").await;
    assert!(matches!(plain, DialError::Tls { .. }), "{plain:?}");
    assert_eq!(plain.failure(), DialFailure::Blocked);
    let gone = answered(b"").await;
    assert!(matches!(gone, DialError::Unreachable { .. }), "{gone:?}");
    assert_eq!(gone.failure(), DialFailure::Unreachable);
}
