//! The accept loop of the public port: serves each socket, or refuses it at next to no cost.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1::{self, Parts};
use hyper::service::service_fn;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use tokio_rustls::{Accept, TlsAcceptor};

use super::demo::Demo;
use super::detach::{Departure, Exchange, Tap, reset_slow};
use super::refuse::RefusalPolicy;
use super::{fast_upgrade, router};
use crate::auth::origin::RefusedOrigins;
use crate::error::ServeError;
use crate::net::access_limits::Refusal;
use crate::net::http_head::HYPER_HEAD_BYTES_MAX;
use crate::net::http_timeout::Patience;
use crate::net::proxy_protocol;
use crate::net::socket::Stream;
use crate::node::{Counters, Node};
use crate::session::{ConnectionGuard, GRACE};

/// How long to pause when no socket can be accepted, for example because no file can be opened.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);
/// Errors of accepting so far; one in so many is logged.
static FAILURES: AtomicU64 = AtomicU64::new(0);
const FAILURES_A_WARNING: u64 = 1_200;

/// Whether the log has said that a proxy sends no header.
static HAS_WARNED_OF_PROXY: AtomicBool = AtomicBool::new(false);

/// What all connections of the port share.
#[derive(Debug)]
pub(super) struct PublicPort {
    pub(super) node: Arc<Node>,
    /// Only in `--dev`.
    pub(super) demo: Option<Demo>,
    /// The refused origins that have been logged.
    pub(super) refused: RefusedOrigins,
}

impl PublicPort {
    /// How long a head may take to arrive.
    pub(super) fn handshake(&self) -> Duration {
        Duration::from_millis(self.node.config.limits.handshake_timeout_ms)
    }

    /// How long to wait for the next request.
    pub(super) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.node.config.public.keep_alive_ms)
    }
}

/// Listens on `address`, ready for many connections at once.
pub fn bind(address: SocketAddr, backlog: u32) -> Result<TcpListener, ServeError> {
    let listen = || -> io::Result<TcpListener> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        // A node that restarts can listen on the same port at once.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        // Accepted sockets inherit the option. Without it a connection works too, but with delays.
        // TCP_USER_TIMEOUT is not set: it would end connections that have just survived an outage,
        // and heartbeats and the slow limit bound a dead peer sooner. See docs/performance.md.
        drop(socket.set_tcp_nodelay(true));
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::from_std(socket.into())
    };
    listen().map_err(|source| ServeError::Listen { address, source })
}

/// Uses a socket that listens already. In `--dev` it has to listen on a loopback address, as one
/// that the settings name.
pub fn adopt(listener: std::net::TcpListener, is_dev: bool) -> Result<TcpListener, ServeError> {
    let adopted = || -> io::Result<(TcpListener, SocketAddr)> {
        listener.set_nonblocking(true)?;
        drop(SockRef::from(&listener).set_tcp_nodelay(true));
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) = adopted().map_err(ServeError::Inherited)?;
    if is_dev && !address.ip().is_loopback() {
        return Err(ServeError::Exposed(address));
    }
    Ok(listener)
}

/// Accepts the next connection.
pub async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                // About one line a minute, however long it lasts.
                if FAILURES.fetch_add(1, Ordering::Relaxed).is_multiple_of(FAILURES_A_WARNING) {
                    tracing::warn!(%error, "cannot accept connections");
                }
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// Accepts connections, without end.
pub async fn serve(node: Arc<Node>, listener: TcpListener) {
    let demo = node.config.dev.then(Demo::default);
    let port =
        Arc::new(PublicPort { node: Arc::clone(&node), demo, refused: RefusedOrigins::default() });
    let refusals = RefusalPolicy::default();
    loop {
        let (stream, address) = accept(&listener).await;
        let peer = address.ip();
        let port = Arc::clone(&port);
        let tls = node.tls.acceptor("public");
        let newcomer = AcceptedSocket { port, refusals: refusals.clone(), tls, stream };
        match ConnectionGuard::admit(&node, peer) {
            Ok(guard) if node.access.has_proxy_header(peer) => {
                tokio::spawn(newcomer.introduced(guard));
            }
            Ok(guard) => newcomer.serve(guard, None),
            Err(refusal) => newcomer.refuse(refusal),
        }
    }
}

/// A socket that was just accepted.
struct AcceptedSocket {
    port: Arc<PublicPort>,
    refusals: RefusalPolicy,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
}

impl AcceptedSocket {
    /// Waits for the header in which a proxy says who its client is. A proxy that sends something
    /// else is set up in another way than this node, and gets no answer.
    async fn introduced(mut self, guard: ConnectionGuard) {
        let header = proxy_protocol::read(&mut self.stream);
        match tokio::time::timeout_at(guard.deadline, header).await {
            Ok(Ok(client)) => self.serve(guard, client),
            Ok(Err(_)) | Err(_) if !HAS_WARNED_OF_PROXY.swap(true, Ordering::Relaxed) => {
                tracing::warn!(
                    proxy = %guard.address(),
                    "a trusted proxy sent no header of the PROXY protocol, and its connection was \
                     closed: set send-proxy (HAProxy), proxy_protocol (nginx), or another \
                     public.client_address"
                );
            }
            Ok(Err(error)) => tracing::debug!(%error, "a proxy did not say who its client is"),
            Err(_) => tracing::debug!("a proxy did not say in time who its client is"),
        }
    }

    fn serve(self, guard: ConnectionGuard, client: Option<IpAddr>) {
        let peer = match guard.of_client(client) {
            Ok(peer) => peer,
            Err(refusal) => return self.refuse(refusal),
        };
        let Self { port, tls, stream, .. } = self;
        match tls {
            None => tokio::spawn(fast_upgrade::answer(port, peer, Stream::plain(stream))),
            Some(tls) => tokio::spawn(secured(port, peer, tls.accept(stream))),
        };
    }

    fn refuse(self, refusal: Refusal) {
        let Self { port, refusals, tls, stream } = self;
        Counters::add(&port.node.counters.refused);
        port.node.access.count(refusal);
        // No response can be sent before the TLS handshake, which would cost more than a refusal
        // may.
        if tls.is_none() {
            refusals.refuse(stream, &port.node, refusal.problem());
        }
    }
}

/// Serves HTTP over TLS, if the handshake completes in time.
async fn secured(port: Arc<PublicPort>, peer: Arc<ConnectionGuard>, handshake: Accept<TcpStream>) {
    let shaken = Box::pin(tokio::time::timeout_at(peer.deadline, handshake)).await;
    match shaken {
        Ok(Ok(stream)) => {
            Box::pin(fast_upgrade::answer(port, peer, Stream::Tls(Box::new(stream)))).await;
        }
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
}

/// What has been read of the next request, and when its head must be complete, if it has begun.
type RequestProgress = (Bytes, Option<Instant>);

/// Serves HTTP on a socket that a handler has handed back.
pub(super) fn go_on(
    port: Arc<PublicPort>,
    peer: Arc<ConnectionGuard>,
    socket: Stream,
    ahead: RequestProgress,
) {
    let connection: Pin<Box<dyn Future<Output = ()> + Send>> =
        Box::pin(connection(port, peer, socket, ahead));
    tokio::spawn(connection);
}

/// Serves requests until there are no more or a handler takes over the socket.
async fn connection(
    port: Arc<PublicPort>,
    peer: Arc<ConnectionGuard>,
    socket: Stream,
    (ahead, until): RequestProgress,
) {
    let spans = (port.handshake(), port.keep_alive());
    let patience = Patience::new(port.node.clock, spans, until, peer.anonymous_until())
        .with_pace(port.node.write_pace());
    let exchange = Arc::new(Exchange::new(patience));
    let tap = Tap::new(socket, ahead, &exchange);
    let place = (Arc::clone(&port), Arc::clone(&peer), Arc::clone(&exchange));
    let service = service_fn(move |request: Request<Incoming>| {
        let (port, peer, exchange) = place.clone();
        // Boxed, so that a connection without a request is small.
        Box::pin(async move {
            exchange.patience.begins();
            let response = router::answer(port, Arc::clone(&peer), &exchange, request).await;
            exchange.answered(&response, peer.anonymous_until());
            Ok::<_, Infallible>(response)
        })
    });
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_buf_size(HYPER_HEAD_BYTES_MAX)
        .serve_connection(tap, service);
    let mut timer = None;
    let end = poll_fn(|context| {
        // hyper has answered a peer that breaks HTTP.
        if connection.poll_without_shutdown(context).is_ready() {
            return Poll::Ready(HttpEnd::Over);
        }
        if let Some(leave) = exchange.leaving() {
            return Poll::Ready(HttpEnd::Leaving(leave));
        }
        exchange.patience.poll_over(context, &mut timer).map(|()| HttpEnd::Late)
    });
    let end = end.await;
    let Parts { io, read_buf, .. } = connection.into_parts();
    let socket = io.into_inner();
    match end {
        HttpEnd::Leaving(leave) => {
            // Even an empty buffer may keep the memory that it was cut from.
            let ahead = Bytes::copy_from_slice(&read_buf);
            leave.serve((port, peer), socket, ahead);
        }
        HttpEnd::Over => hang_up(socket).await,
        HttpEnd::Late if exchange.patience.is_stuck() => reset_slow(&port, socket.tcp()),
        HttpEnd::Late => {}
    }
}

/// How serving HTTP on a connection ended.
enum HttpEnd {
    /// There are no more requests.
    Over,
    /// A handler takes over the socket.
    Leaving(Departure),
    /// The peer took too long.
    Late,
}

/// Closes a connection whose last response is written. What the peer still sends is read for a
/// moment; otherwise a reset could destroy the response.
pub(super) async fn hang_up(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let ending = async {
        socket.shutdown().await?;
        let mut rest = [0; 1024];
        while socket.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    drop(tokio::time::timeout(GRACE, ending).await);
}

#[cfg(test)]
mod tests {
    use super::bind;
    use socket2::SockRef;
    use tokio::net::TcpStream;

    #[tokio::test]
    async fn an_accepted_socket_has_what_the_listener_was_given() {
        let listener = bind("127.0.0.1:0".parse().unwrap(), 16).unwrap();
        let _peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (accepted, _) = listener.accept().await.unwrap();
        assert!(accepted.nodelay().unwrap());
        assert_eq!(SockRef::from(&accepted).tcp_user_timeout().unwrap(), None);
    }
}
