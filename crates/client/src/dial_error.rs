//! Why there is no session, for developers: what happened, what caused it, what to do. In: errors
//! of the network, TLS, proxies and upgrades, refusals of the server. Out: the same with the place
//! named, and which kind of failure the link is told. Holds no secret.

use std::error::Error;
use std::io;

use steadfast_link::DialFailure;
use tokio_rustls::rustls::{self, CertificateError};

/// What lies below an error of this library.
type Cause = Box<dyn Error + Send + Sync>;

/// Why an attempt to get a session failed, or the server ended one. Where it may, the link goes on
/// by itself; this is for a developer who wonders why. [`Error::source`] tells what lies below.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// There was no connection to the server, or it broke.
    #[error("{place} cannot be reached; see that the server runs and that name and port are right")]
    Unreachable {
        /// `host:port`.
        place: String,
        /// Why.
        source: io::Error,
    },
    /// There was no connection to the proxy, or it broke.
    #[error("the proxy {proxy} cannot be reached; see HTTPS_PROXY, HTTP_PROXY and NO_PROXY")]
    ProxyUnreachable {
        /// `host:port`.
        proxy: String,
        /// Why.
        source: Cause,
    },
    /// The proxy let nothing through to the server.
    #[error("the proxy {proxy} opens no tunnel to {place}; see that its rules and password permit")]
    ProxyRefused {
        /// `host:port`.
        proxy: String,
        /// `host:port`.
        place: String,
        /// What it said.
        source: Cause,
    },
    /// The proxy is of a kind that is not spoken.
    #[error(
        "the proxy {proxy} is to be used by {scheme}, which is not spoken; name an http:// one"
    )]
    ProxyScheme {
        /// `host:port`.
        proxy: String,
        /// The scheme of its URL.
        scheme: String,
    },
    /// Whoever answered has a good certificate, of another name.
    #[error(
        "the certificate shown for {place} is for another name; see the name in the URL, and \
         whether this network asks for a sign-in"
    )]
    Name {
        /// `host:port`.
        place: String,
        /// The names that it is for.
        source: rustls::Error,
    },
    /// Whoever answered has a certificate that is not to be trusted.
    #[error(
        "the certificate shown for {place} is not to be trusted; if a CA of your own signed it, \
         give that with `root_certificate`"
    )]
    Certificate {
        /// `host:port`.
        place: String,
        /// What is wrong with it.
        source: rustls::Error,
    },
    /// Whoever answered speaks no TLS that this client speaks.
    #[error("{place} does not speak TLS as it should; see that it is a port for https://")]
    Tls {
        /// `host:port`.
        place: String,
        /// What went wrong.
        source: rustls::Error,
    },
    /// The upgrade was answered otherwise than by a WebSocket.
    #[error("{place} opened no WebSocket; see that it is the server's port for clients")]
    Upgrade {
        /// `host:port`.
        place: String,
        /// What was answered.
        source: Cause,
        /// What the link is told.
        failure: DialFailure,
    },
    /// The server closed a WebSocket, and said why.
    #[error("{place} closed the link with {code}: {reason}")]
    Closed {
        /// `host:port`.
        place: String,
        /// The close code; PROTOCOL.md lists them.
        code: u16,
        /// The server's words.
        reason: String,
    },
    /// The server refused a poll for good.
    #[error("{place} answered a poll with {status}: {reason}")]
    Refused {
        /// `host:port`.
        place: String,
        /// The status of HTTP.
        status: u16,
        /// The server's words.
        reason: String,
    },
    /// The app could not say now whether there is a token; it is asked again.
    #[error("the app gave no token for now, and is asked again")]
    Token {
        /// Why.
        source: Cause,
    },
}

impl DialError {
    /// What the link is told. Whoever shows another certificate than the server's stands in
    /// between: for the link that is a path that blocks it, and a probe shows whether HTTP passes.
    pub(crate) const fn failure(&self) -> DialFailure {
        match self {
            Self::Unreachable { .. }
            | Self::ProxyUnreachable { .. }
            | Self::Closed { .. }
            | Self::Refused { .. }
            | Self::Token { .. } => DialFailure::Unreachable,
            Self::ProxyRefused { .. }
            | Self::ProxyScheme { .. }
            | Self::Name { .. }
            | Self::Certificate { .. }
            | Self::Tls { .. } => DialFailure::Blocked,
            Self::Upgrade { failure, .. } => *failure,
        }
    }

    /// A TLS handshake with `place` failed.
    pub(crate) fn handshake(place: String, error: io::Error) -> Self {
        let source = match error.downcast::<rustls::Error>() {
            Ok(source) => source,
            Err(source) => return Self::Unreachable { place, source },
        };
        let is_certificate = matches!(source, rustls::Error::InvalidCertificate(_));
        let is_name = matches!(
            source,
            rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            )
        );
        match (is_name, is_certificate) {
            (true, _) => Self::Name { place, source },
            (false, true) => Self::Certificate { place, source },
            (false, false) => Self::Tls { place, source },
        }
    }
}
