//! One WebSocket, from the upgraded socket to its last byte: one task, no split, no lock of its
//! own. In: an upgraded socket. Out: a session that runs on it until it ends.
//! Must not know what a frame means beyond its kind.

mod broker_requests;
mod close_cause;
pub mod compression;
mod connection_guard;
mod handshake;
mod reader;
mod refresh;
pub mod session_count;
pub mod shard;
mod task;
pub(crate) mod user_budgets;
pub mod waker;

use std::future::poll_fn;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use socket2::SockRef;
use steadfast_protocol::{ChannelName, Since};
use steadfast_websocket::outbound;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use self::reader::{ReadEvent, Reader};
use self::task::Session;
use crate::client_api::delivered_finals::Follower;
use crate::log;
use crate::net::socket::{Batch, BatchLimits, Stream, TryWrite};
use crate::node::Node;
use crate::session::shard::{SessionWaker, ShardSocket};

pub(crate) use broker_requests::ReplyTarget;
pub(crate) use close_cause::GRACE;
pub(crate) use connection_guard::AddressPermit;
pub use connection_guard::ConnectionGuard;
pub(crate) use handshake::end_if_revoked;

/// What a WebSocket was opened for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// The protocol: `hello` comes first.
    Link {
        /// The token of the upgrade's `Authorization` header, if any.
        token: Option<String>,
        /// The ticket of the URL, if any.
        ticket: Option<String>,
    },
    /// The older protocol, on this channel.
    Legacy {
        /// What to follow.
        channel: ChannelName,
        /// From where.
        since: Since,
        /// Who follows, where a client that has had the end is not to be given history again.
        follower: Option<Box<Follower>>,
        /// The token of the upgrade's `Authorization` header, if any.
        token: Option<String>,
        /// The ticket of the URL, if any.
        ticket: Option<String>,
    },
    /// A path that fits no route: accepted, so that the code can be told, and closed.
    Nowhere,
}

/// A socket as its session gets it.
#[derive(Debug)]
pub struct UpgradedSocket<S> {
    /// The bytes.
    pub stream: S,
    /// What came with the upgrade.
    pub ahead: Bytes,
    /// The same socket for the shard to write to, where it can.
    pub shared: Option<Arc<dyn TryWrite>>,
    /// Whether both sides may send compressed messages.
    pub is_compressed: bool,
}

/// Whom a session is opened for.
#[derive(Clone, Copy, Debug)]
pub struct SessionOrigin {
    /// The address of the client.
    pub address: IpAddr,
    /// When the whole handshake must be done.
    pub deadline: Instant,
}

/// A WebSocket with a session.
#[expect(missing_debug_implementations, reason = "it has no state that could be read")]
pub struct WelcomedSocket<S> {
    wire: SocketIo<S>,
    session: Session,
    /// What came behind the first frame in the same read.
    heard: Vec<ReadEvent>,
}

/// From an upgraded socket to a session; without one, the peer has been told why.
///
/// What is needed once is apart from what a link needs all its life, which is small: box this.
pub async fn greet<S>(
    node: Arc<Node>,
    line: UpgradedSocket<S>,
    purpose: Purpose,
    from: SessionOrigin,
) -> Option<WelcomedSocket<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let first_bytes_max = match purpose {
        Purpose::Link { .. } => node.config.limits.hello_bytes(),
        Purpose::Legacy { .. } | Purpose::Nowhere => node.config.limits.message_bytes_max,
    };
    let is_compressed = line.is_compressed;
    let then_bytes_max = node.config.limits.message_bytes_max;
    let reader = Reader::new(line.ahead, first_bytes_max, then_bytes_max, is_compressed);
    let mut wire = SocketIo::new(line.stream, reader);
    let waker = Arc::new(SessionWaker::default());
    let shared = line.shared.map(|socket| ShardSocket { socket, is_compressed });
    let opened = handshake::open(&node, &mut wire, (&waker, shared), purpose, from).await;
    match opened {
        Ok((open, heard)) => Some(WelcomedSocket {
            wire,
            session: Session::new(node, waker, open, is_compressed),
            heard,
        }),
        Err(ending) => {
            let ending = handshake::checked(&node, from.address, ending);
            let (code, reason) = ending.code_and_reason();
            log::handshake_failed(code, reason);
            close_cause::say_goodbye(&mut wire, &ending).await;
            None
        }
    }
}

impl WelcomedSocket<Stream> {
    /// Has what waits in the kernel thrown away when the socket goes.
    pub fn break_off(&self) {
        drop(SockRef::from(self.wire.stream.tcp()).set_linger(Some(Duration::ZERO)));
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> WelcomedSocket<S> {
    /// Serves it until it ends. True where the peer took nothing any more, so that what waits for
    /// it in the kernel is to be thrown away.
    pub async fn run(&mut self) -> bool {
        let heard = std::mem::take(&mut self.heard);
        let ending = self.session.run(&mut self.wire, heard).await;
        Box::pin(self.session.end(&mut self.wire, &ending)).await;
        ending.is_abrupt()
    }
}

/// A socket with its reader and what is being written.
struct SocketIo<S> {
    stream: S,
    reader: Reader,
    batch: Batch,
}

/// What came of waiting for the socket.
enum SocketEvent {
    Written(std::io::Result<()>),
    ReadEvent(Vec<ReadEvent>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> SocketIo<S> {
    fn new(stream: S, reader: Reader) -> Self {
        Self { stream, reader, batch: Batch::new(BatchLimits::default()) }
    }

    /// Reads what comes, and writes what there is to write where that `may` be done now, whichever
    /// is first.
    fn poll_io(&mut self, context: &mut Context<'_>, may: bool) -> Poll<SocketEvent> {
        if may
            && !self.batch.is_empty()
            && let Poll::Ready(done) = self.batch.poll_write(context, Pin::new(&mut self.stream))
        {
            return Poll::Ready(SocketEvent::Written(done));
        }
        self.reader.poll_heard(context, Pin::new(&mut self.stream)).map(SocketEvent::ReadEvent)
    }

    async fn heard(&mut self) -> Vec<ReadEvent> {
        poll_fn(|context| self.reader.poll_heard(context, Pin::new(&mut self.stream))).await
    }

    /// Answers a ping, unless so much waits that the answer would only add to it.
    fn pong(&mut self, payload: &[u8]) {
        // A batch that is full drops the pong: what it writes shows that we live.
        drop(self.batch.push_frame(outbound::pong_frame(payload)));
    }
}

#[cfg(test)]
mod tests {
    use super::{Session, SocketIo, WelcomedSocket};
    use crate::net::socket::Stream;

    fn future_bytes<A, F>(_: fn(A) -> F) -> usize {
        size_of::<F>()
    }

    /// What an idle link pays for as long as it lives. More of it is a choice, not an accident.
    #[test]
    fn an_idle_link_is_small() {
        let (link, run) =
            (size_of::<WelcomedSocket<Stream>>(), future_bytes(WelcomedSocket::<Stream>::run));
        let parts = (size_of::<SocketIo<Stream>>(), size_of::<Session>());
        assert!(link <= 320 && run <= 256, "a link of {link} bytes, {parts:?}, runs in {run}");
    }
}
