//! Fetches a JWK set by HTTP/1.1. In: a URL. Out: the body of the answer, or why there is none.
//! Each fetch is one connection and one request with a limit of bytes and of time: redirects,
//! proxies, pools and compressed bodies, which an HTTP client would have to be told to leave out,
//! do not exist here.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::auth::token::JWKS_BYTES_MAX;

/// The largest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// What the request says it is from.
const AGENT: &str = concat!("steadfast/", env!("CARGO_PKG_VERSION"));

/// Why a text is no URL of a JWK set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JwksUrlError {
    /// It cannot be read.
    #[error("this is not a URL of at most {URL_BYTES_MAX} bytes")]
    NotAUrl,
    /// It is of another scheme.
    #[error("it is neither https nor http")]
    OtherScheme,
    /// Whoever is on the way could put keys of their own in.
    #[error("http is for this machine alone; the way to another one needs https")]
    InTheClear,
    /// The set of public keys is for everybody, and a password in a URL for logs.
    #[error("it has a user or a password, which are not sent")]
    HasUser,
}

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    /// It took too long.
    #[error("it took longer than `auth.jwks.timeout_ms`")]
    Late,
    /// There is no connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The other side does not speak HTTP.
    #[error("the exchange failed: {0}")]
    Exchange(#[source] hyper::Error),
    /// It leads elsewhere.
    #[error("the answer is a redirect ({0}); name the URL that it leads to")]
    Redirect(StatusCode),
    /// It is no answer with a set.
    #[error("the answer has the status {0}")]
    Status(StatusCode),
    /// The body broke off or is too long.
    #[error("the body cannot be read, or is longer than {JWKS_BYTES_MAX} bytes")]
    Body,
}

/// Where a set is, and how to get it.
#[derive(Debug)]
pub(crate) struct JwksFetch {
    url: Url,
    host: String,
    port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    timeout: Duration,
}

/// A URL that a set may be fetched from.
pub(crate) fn parse_url(text: &str) -> Result<Url, JwksUrlError> {
    if text.len() > URL_BYTES_MAX {
        return Err(JwksUrlError::NotAUrl);
    }
    let url = Url::parse(text).map_err(|_| JwksUrlError::NotAUrl)?;
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_here => {}
        "http" => return Err(JwksUrlError::InTheClear),
        _ => return Err(JwksUrlError::OtherScheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(JwksUrlError::HasUser);
    }
    Ok(url)
}

impl JwksFetch {
    /// Prepares fetches of this URL. TLS trusts the certificates of the machine.
    pub(crate) fn new(url: Url, timeout: Duration) -> Result<Self, rustls::Error> {
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => String::new(),
        };
        let tls = match url.scheme() {
            "https" => {
                let name = ServerName::try_from(host.clone());
                let name = name.map_err(|_| rustls::Error::General("a bad host name".into()))?;
                Some((trusting_the_machine()?, name))
            }
            _ => None,
        };
        let port = url.port_or_known_default().unwrap_or(443);
        Ok(Self { url, host, port, tls, timeout })
    }

    /// Fetches the body.
    pub(crate) async fn fetch(&self) -> Result<Bytes, FetchError> {
        let fetching = Box::pin(self.connect_and_ask());
        tokio::time::timeout(self.timeout, fetching).await.map_err(|_| FetchError::Late)?
    }

    async fn connect_and_ask(&self) -> Result<Bytes, FetchError> {
        let socket = TcpStream::connect((self.host.as_str(), self.port));
        let socket = socket.await.map_err(FetchError::Connect)?;
        match &self.tls {
            None => self.ask(socket).await,
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let secured = connector.connect(name.clone(), socket);
                self.ask(secured.await.map_err(FetchError::Connect)?).await
            }
        }
    }

    async fn ask<S>(&self, socket: S) -> Result<Bytes, FetchError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let builder = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).to_owned();
        let handshake = builder.handshake(TokioIo::new(socket));
        let (mut sender, connection) = handshake.await.map_err(FetchError::Exchange)?;
        // Ends with this function, at the latest.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let answer = sender.send_request(self.request()).await.map_err(FetchError::Exchange)?;
        match answer.status() {
            StatusCode::OK => {}
            status if status.is_redirection() => return Err(FetchError::Redirect(status)),
            status => return Err(FetchError::Status(status)),
        }
        let body = Limited::new(answer.into_body(), JWKS_BYTES_MAX).collect().await;
        body.map(http_body_util::Collected::to_bytes).map_err(|_| FetchError::Body)
    }

    fn request(&self) -> Request<Empty<Bytes>> {
        let authority = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let target = &self.url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = Request::get(target)
            .header(HOST, authority)
            .header(ACCEPT, "application/jwk-set+json, application/json")
            .header(USER_AGENT, AGENT)
            .body(Empty::new());
        // A URL that was parsed has a path that can be asked for.
        request.unwrap_or_default()
    }
}

fn trusting_the_machine() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    // Stores hold certificates that nothing can read; the others are as good without them.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}
