//! The accept loop: a place for each socket, or a refusal that costs next to nothing.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::demo::Demo;
use super::route;
use crate::connection::Peer;
use crate::error::ServeError;
use crate::node::Node;

/// The largest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Refusals being written at once; beyond these a socket is dropped without a word.
const REFUSALS_MAX: usize = 256;
/// How long written bytes may stay without an acknowledgement.
const UNACKED_MAX: Duration = Duration::from_secs(30);
/// A pause when the system has no more files to give.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(50);

/// What every connection of the port shares.
#[derive(Debug)]
pub(super) struct Port {
    pub(super) node: Arc<Node>,
    /// Only in `--dev`.
    pub(super) demo: Option<Demo>,
}

/// Listens on `address`, ready for many connections at once.
pub fn bind(address: SocketAddr, backlog: u32) -> Result<TcpListener, ServeError> {
    let listen = || -> io::Result<TcpListener> {
        let domain = Domain::for_address(address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        // A node that comes back takes its port at once.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::from_std(socket.into())
    };
    listen().map_err(|source| ServeError::Listen { address, source })
}

/// Accepts connections, for ever.
pub async fn serve(node: Arc<Node>, listener: TcpListener) {
    let demo = node.config.dev.then(Demo::default);
    let port = Arc::new(Port { node: Arc::clone(&node), demo });
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
                continue;
            }
        };
        match Peer::admit(&node, address.ip()) {
            Some(peer) => drop(tokio::spawn(connection(Arc::clone(&port), peer, stream))),
            None => {
                if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                    let name = node.config.node.name.clone();
                    tokio::spawn(async move {
                        refuse(stream, &name).await;
                        drop(permit);
                    });
                }
            }
        }
    }
}

async fn connection(port: Arc<Port>, peer: Arc<Peer>, stream: TcpStream) {
    // Without these a connection works too, only worse.
    drop(stream.set_nodelay(true));
    drop(SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKED_MAX)));
    let handshake = Duration::from_millis(port.node.config.limits.handshake_timeout_ms);
    let served = Arc::clone(&peer);
    let service = service_fn(move |request: Request<Incoming>| {
        let (port, peer) = (Arc::clone(&port), Arc::clone(&served));
        async move { Ok::<_, Infallible>(route::answer(port, peer, request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(handshake)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::select! {
        // A peer that breaks HTTP, or is late, has been answered or dropped by then.
        _ = connection => {}
        () = peer.abandoned() => {}
    }
}

/// Says that there is no place, and when to come back.
async fn refuse(mut stream: TcpStream, node: &str) {
    let body = concat!(
        r#"{"type":"urn:steadfast:error:too_many_connections","#,
        r#""title":"The server is full","status":503,"code":"too_many_connections","#,
        r#""detail":"this node has as many connections as it may; try again in a moment"}"#
    );
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\
         Content-Length: {}\r\nRetry-After: 5\r\nConnection: close\r\nSteadfast-Node: {node}\r\n\
         \r\n{body}",
        body.len()
    );
    let exchange = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // What the peer still sends is read, or a reset would take the answer from it.
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    drop(tokio::time::timeout(Duration::from_secs(1), exchange).await);
}
