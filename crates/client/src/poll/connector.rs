//! Connections for a pool of them. In: the pool's wish for one more. Out: one, by the same way that
//! sockets go. Knows a single server, whatever the pool names.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::rt::TokioIo;
use tower_service::Service;

use crate::dial_error::DialError;
use crate::endpoint::Endpoint;
use crate::road::{Road, Stream};

/// Connects to one server.
#[derive(Clone, Debug)]
pub(super) struct Connector {
    road: Road,
    endpoint: Endpoint,
}

impl Connector {
    /// Goes this way to that server.
    pub(super) const fn new(road: Road, endpoint: Endpoint) -> Self {
        Self { road, endpoint }
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = DialError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, DialError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { road, endpoint } = self.clone();
        Box::pin(async move { road.for_requests(&endpoint).await.map(TokioIo::new) })
    }
}
