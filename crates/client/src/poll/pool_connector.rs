//! Connections for a pool of them. In: the pool's wish for one more. Out: one, by the same way that
//! sockets go. Knows a single server, whatever the pool names.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::connector::{Connector, Stream};
use crate::dial_error::DialError;
use crate::endpoint::Endpoint;

/// Connects to one server.
#[derive(Clone, Debug)]
pub(super) struct PoolConnector {
    connector: Connector,
    endpoint: Endpoint,
}

impl PoolConnector {
    /// Goes this way to that server.
    pub(super) const fn new(connector: Connector, endpoint: Endpoint) -> Self {
        Self { connector, endpoint }
    }
}

impl Service<Uri> for PoolConnector {
    type Response = TokioIo<Stream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { connector, endpoint } = self.clone();
        Box::pin(async move { connector.for_requests(&endpoint).await.map(TokioIo::new) })
    }
}
