//! Proxies. In: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in either case of letters,
//! read as curl reads them. Out: the proxy on the way to a server, and a tunnel through it. What a
//! proxy's URL says of user and password goes to that proxy and nowhere else.

use std::error::Error as _;

use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::dial_error::DialError;
use crate::endpoint::Endpoint;

/// Which proxy stands before which server.
#[derive(Debug)]
pub(crate) struct Proxies(Matcher);

impl Proxies {
    /// Those that the environment names.
    pub(crate) fn from_environment() -> Self {
        Self(Matcher::from_env())
    }

    /// None.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(Matcher::builder().build())
    }

    /// The proxy on the way to `endpoint`. What runs on this machine is no business of a proxy's.
    pub(crate) fn before(&self, endpoint: &Endpoint) -> Option<Proxy> {
        if endpoint.is_loopback() {
            return None;
        }
        self.0.intercept(&endpoint.uri()?).map(Proxy)
    }
}

/// One proxy.
#[derive(Clone, Debug)]
pub(crate) struct Proxy(Intercept);

impl Proxy {
    /// What is told it with each request, where its URL has a user.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.0.basic_auth()
    }

    /// A connection to the proxy itself.
    pub(crate) async fn connect(&self) -> Result<TcpStream, DialError> {
        let mut connector = self.connector()?;
        let connected = connector.call(self.0.uri().clone()).await;
        let connected = connected.map_err(|error| self.unreachable(error.into()));
        Ok(connected?.into_inner())
    }

    /// A connection to `endpoint` through the proxy.
    pub(crate) async fn tunnel(&self, endpoint: &Endpoint) -> Result<TcpStream, DialError> {
        let mut tunnel = Tunnel::new(self.0.uri().clone(), self.connector()?);
        if let Some(authorization) = self.authorization() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let uri = endpoint.uri().unwrap_or_default();
        match tunnel.call(uri).await {
            Ok(stream) => Ok(stream.into_inner()),
            // Its own errors have a source where the network failed, and none where the proxy did.
            Err(error) if error.source().is_some() => Err(self.unreachable(error.into())),
            Err(error) => {
                let (proxy, place) = (self.place(), endpoint.place());
                Err(DialError::ProxyRefused { proxy, place, source: error.into() })
            }
        }
    }

    fn connector(&self) -> Result<HttpConnector, DialError> {
        let scheme = self.0.uri().scheme_str().unwrap_or_default();
        if scheme != "http" {
            let (proxy, scheme) = (self.place(), scheme.to_owned());
            return Err(DialError::ProxyScheme { proxy, scheme });
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(connector)
    }

    fn unreachable(&self, source: Box<dyn std::error::Error + Send + Sync>) -> DialError {
        DialError::ProxyUnreachable { proxy: self.place(), source }
    }

    fn place(&self) -> String {
        let authority = Uri::authority(self.0.uri());
        authority.map(ToString::to_string).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
