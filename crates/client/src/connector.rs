//! The way to a server: a proxy where there is one, then TLS where the URL asks for it. In: an
//! endpoint. Out: a stream of bytes to it, or why there is none. The same for sockets and requests;
//! knows neither.

mod stream;

use std::sync::Arc;

use http::HeaderValue;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use crate::proxy::Proxies;
pub(crate) use stream::Stream;

/// All that is needed to reach servers. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Arc<ClientConfig>,
    proxies: Arc<Proxies>,
    last_error: watch::Sender<Option<Arc<DialError>>>,
}

impl Connector {
    /// With these roots and proxies.
    pub(crate) fn new(tls: ClientConfig, proxies: Proxies) -> Self {
        let (last_error, _) = watch::channel(None);
        Self { tls: Arc::new(tls), proxies: Arc::new(proxies), last_error }
    }

    /// A stream that goes through to the server, for WebSockets: a proxy is asked for a tunnel.
    pub(crate) async fn through(&self, endpoint: &Endpoint) -> Result<Stream, DialError> {
        let stream = match self.proxies.before(endpoint) {
            Some(proxy) => proxy.tunnel(endpoint).await?,
            None => direct(endpoint).await?,
        };
        self.secured(stream, endpoint).await
    }

    /// A stream for requests: without TLS a proxy takes them itself.
    pub(crate) async fn for_requests(&self, endpoint: &Endpoint) -> Result<Stream, DialError> {
        match self.proxies.before(endpoint) {
            Some(proxy) if !endpoint.is_tls() => Ok(Stream::to_proxy(proxy.connect().await?)),
            Some(_) | None => self.through(endpoint).await,
        }
    }

    /// What requests tell a proxy that takes them itself.
    pub(crate) fn proxy_authorization(&self, endpoint: &Endpoint) -> Option<HeaderValue> {
        let proxy = self.proxies.before(endpoint).filter(|_| !endpoint.is_tls());
        proxy.and_then(|proxy| proxy.authorization().cloned())
    }

    /// Whether a proxy is used to reach the server.
    pub(crate) fn has_proxy(&self, endpoint: &Endpoint) -> bool {
        self.proxies.before(endpoint).is_some()
    }

    /// Keeps why an attempt failed, for developers; nothing once one did not.
    pub(crate) fn note(&self, error: Option<DialError>) {
        self.last_error.send_replace(error.map(Arc::new));
    }

    /// Why the newest attempt failed.
    pub(crate) fn last_error(&self) -> watch::Receiver<Option<Arc<DialError>>> {
        self.last_error.subscribe()
    }

    async fn secured(&self, stream: TcpStream, endpoint: &Endpoint) -> Result<Stream, DialError> {
        if !endpoint.is_tls() {
            return Ok(Stream::new(stream));
        }
        let place = endpoint.place();
        let unusable = |error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error);
        let name = match ServerName::try_from(endpoint.address().0) {
            Ok(name) => name,
            Err(error) => return Err(DialError::Unreachable { place, source: unusable(error) }),
        };
        let secured = TlsConnector::from(self.tls.clone()).connect(name, stream).await;
        let secured = secured.map_err(|error| DialError::handshake(place, error));
        Ok(Stream::new(secured?))
    }
}

async fn direct(endpoint: &Endpoint) -> Result<TcpStream, DialError> {
    let connect = async {
        let stream = TcpStream::connect(endpoint.address()).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    connect.await.map_err(|source| DialError::Unreachable { place: endpoint.place(), source })
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connector").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
