//! The sockets of the internal port. In: connections. Out: publishes for the publish pipeline. A
//! connection with any other request is served by hyper and the router from then on.

use std::future::{Future, poll_fn};
use std::io::{self, Cursor};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use axum::Router;
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::Accept;

use super::publish_pipeline::PublishPipeline;
use crate::client_api;
use crate::net::access_limits::Refusal;
use crate::net::http_head::HYPER_HEAD_BYTES_MAX;
use crate::net::http_timeout::Patience;
use crate::node::{Counters, Node};
use steadfast_broker::clock::Clock;

/// What all connections of the port share.
#[derive(Debug)]
pub(super) struct InternalPort {
    clock: Clock,
    pipeline: PublishPipeline,
    router: Router,
}

impl InternalPort {
    pub(super) fn new(node: &Arc<Node>) -> Self {
        Self {
            clock: node.clock,
            pipeline: PublishPipeline::new(node),
            router: super::router(Arc::clone(node)),
        }
    }

    /// Serves requests until there are no more.
    pub(super) async fn serve<S>(&self, mut socket: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(ahead) = self.pipeline.run(&mut socket).await else { return };
        // Boxed, so that the connections of publishers are small.
        Box::pin(self.serve_all(socket, ahead)).await;
    }

    /// The same over TLS, if the handshake completes in time.
    async fn secured(&self, handshake: Accept<TcpStream>) {
        match Box::pin(timeout(self.pipeline.handshake(), handshake)).await {
            Ok(Ok(stream)) => Box::pin(self.serve(stream)).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake of a backend failed"),
            Err(_) => tracing::debug!("a TLS handshake of a backend took too long"),
        }
    }

    async fn serve_all<S>(&self, socket: S, ahead: Bytes)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let spans = (self.pipeline.handshake(), self.pipeline.keep_alive());
        let until = Some(self.clock.after(spans.0));
        let patience = Arc::new(Patience::new(self.clock, spans, until, None));
        let (read, write) = tokio::io::split(socket);
        let read = Listening { read, patience: Arc::clone(&patience) };
        let socket = tokio::io::join(Cursor::new(ahead).chain(read), write);
        let (router, answering) = (self.router.clone(), Arc::clone(&patience));
        let service = service_fn(move |request| {
            let patience = Arc::clone(&answering);
            patience.begins();
            let answer = TowerToHyperService::new(router.clone()).call(request);
            async move {
                let answer = answer.await;
                patience.answered(None);
                answer
            }
        });
        let mut served = pin!(
            http1::Builder::new()
                .header_read_timeout(None)
                .max_buf_size(HYPER_HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(socket), service)
        );
        let mut timer = None;
        let end = poll_fn(|context| {
            if let Poll::Ready(end) = served.as_mut().poll(context) {
                return Poll::Ready(end);
            }
            patience.poll_over(context, &mut timer).map(Ok)
        });
        if let Err(error) = end.await {
            tracing::debug!(%error, "a connection of the internal port has failed");
        }
    }
}

/// The reading half of a connection, which tells the timeouts when bytes arrive.
#[derive(Debug)]
struct Listening<R> {
    read: R,
    patience: Arc<Patience>,
}

impl<R: AsyncRead + Unpin> AsyncRead for Listening<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.read).poll_read(context, buffer);
        if read.is_ready() {
            self.patience.heard();
        }
        read
    }
}

/// One of the port's connections, which is counted until it is dropped.
#[derive(Debug)]
struct ConnectionSlot(Arc<Node>);

impl ConnectionSlot {
    fn take(node: &Arc<Node>) -> Option<Self> {
        let most = node.config.internal.connections_max as u64;
        let place = Self(Arc::clone(node));
        let is_full = node.counters.internal_sockets.fetch_add(1, Ordering::AcqRel) >= most;
        if is_full {
            Counters::add(&node.counters.internal_refused);
        }
        (!is_full).then_some(place)
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.0.counters.internal_sockets.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Accepts connections, without end.
pub async fn serve(node: Arc<Node>, listener: TcpListener) {
    let port = Arc::new(InternalPort::new(&node));
    let door = client_api::RefusalPolicy::default();
    loop {
        let (socket, _) = client_api::accept(&listener).await;
        let Some(place) = ConnectionSlot::take(&node) else {
            door.refuse(socket, &node, Refusal::Full.problem());
            continue;
        };
        let port = Arc::clone(&port);
        match node.tls.acceptor("internal") {
            None => tokio::spawn(async move {
                port.serve(socket).await;
                drop(place);
            }),
            Some(tls) => tokio::spawn(async move {
                port.secured(tls.accept(socket)).await;
                drop(place);
            }),
        };
    }
}
