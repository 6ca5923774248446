//! The internal port's sockets. In: connections. Out: publishes go through the fast lane; a
//! connection that asks for anything else is hyper's from then on, and the router answers.

use std::io::Cursor;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpListener;

use super::lane::Lane;
use crate::node::Node;
use crate::public;

/// What every connection of the port shares.
#[derive(Debug)]
pub(super) struct Port {
    lane: Lane,
    router: Router,
}

impl Port {
    pub(super) fn new(node: &Arc<Node>) -> Self {
        Self { lane: Lane::new(node), router: super::router(Arc::clone(node)) }
    }

    /// Reads requests and answers them, until there are no more.
    pub(super) async fn serve<S>(&self, mut socket: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(ahead) = self.lane.run(&mut socket).await else { return };
        let (read, write) = tokio::io::split(socket);
        let socket = tokio::io::join(Cursor::new(ahead).chain(read), write);
        let service = TowerToHyperService::new(self.router.clone());
        let served = http1::Builder::new().serve_connection(TokioIo::new(socket), service);
        // Boxed: publishers' connections are small.
        if let Err(error) = Box::pin(served).await {
            tracing::debug!(%error, "a connection of the internal port has failed");
        }
    }
}

/// Accepts connections, for ever.
pub async fn serve(node: Arc<Node>, listener: TcpListener) {
    let port = Arc::new(Port::new(&node));
    loop {
        let (socket, _) = public::accept(&listener).await;
        let port = Arc::clone(&port);
        tokio::spawn(async move { port.serve(socket).await });
    }
}
