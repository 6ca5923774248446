//! One WebSocket, from the upgraded socket to its last byte: one task, no split, no lock of its
//! own. In: bytes and the shard's bell. Out: frames to the hub, and what the hub has for this
//! session, written in batches. Must not know what a frame means beyond its kind.

mod ending;
mod greeting;
mod peer;
mod reader;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use steadfast_hub::{Outgoing, Read, SessionKey, Speech};
use steadfast_protocol::codec::{json, legacy};
use steadfast_protocol::{ChannelName, CloseCode, Limits, Since};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use self::ending::Ending;
use self::reader::{Heard, Reader};
use crate::log;
use crate::node::Node;
use crate::shard::{Bell, Shard};
use crate::socket::{Batch, BatchLimits, outbound};

pub(crate) use ending::GRACE;
pub use peer::Peer;

/// What a WebSocket was opened for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// The protocol: `hello` comes first.
    Link {
        /// The token of the upgrade's `Authorization` header, if any.
        token: Option<String>,
        /// When the whole handshake must be done.
        deadline: Instant,
    },
    /// The older protocol, on this channel.
    Legacy {
        /// What to follow.
        channel: ChannelName,
        /// From where.
        since: Since,
        /// The token of the upgrade's `Authorization` header, if any.
        token: Option<String>,
    },
    /// A path that fits no route: accepted, so that the code can be told, and closed.
    Nowhere,
}

/// Serves one WebSocket until it ends. `ahead` are bytes that came with the upgrade. True where the
/// peer took nothing any more, so that what waits for it in the kernel is to be thrown away.
pub async fn serve<S>(node: Arc<Node>, stream: S, ahead: Bytes, purpose: Purpose) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut wire = Wire::new(stream, ahead, node.message_limits());
    let bell = Arc::new(Bell::default());
    let opened = greeting::open(&node, &mut wire, &bell, purpose).await;
    match opened {
        Ok(open) => {
            let mut session = Session {
                limits: node.message_limits(),
                node,
                shard: open.shard,
                key: open.key,
                speech: open.speech,
                bell,
                waiting: VecDeque::new(),
                read: None,
                is_called: true,
            };
            let ending = session.run(&mut wire, open.heard).await;
            session.end(&mut wire, &ending).await;
            ending.is_abrupt()
        }
        Err(ending) => {
            let (code, reason) = ending.code_and_reason();
            log::handshake_failed(code, reason);
            ending::say_goodbye(&mut wire, &ending).await;
            false
        }
    }
}

/// A socket with its reader and what is being written.
struct Wire<S> {
    stream: S,
    reader: Reader,
    batch: Batch,
}

/// What came of waiting for the socket.
enum Io {
    Written(std::io::Result<()>),
    Heard(Vec<Heard>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    fn new(stream: S, ahead: Bytes, limits: Limits) -> Self {
        let batch = Batch::new(BatchLimits::default());
        Self { stream, reader: Reader::new(ahead, limits.message_bytes_max), batch }
    }

    /// Writes what there is to write and reads what comes, whichever is first.
    fn poll_io(&mut self, context: &mut Context<'_>) -> Poll<Io> {
        if !self.batch.is_empty()
            && let Poll::Ready(done) = self.batch.poll_write(context, Pin::new(&mut self.stream))
        {
            return Poll::Ready(Io::Written(done));
        }
        self.reader.poll_heard(context, Pin::new(&mut self.stream)).map(Io::Heard)
    }

    async fn heard(&mut self) -> Vec<Heard> {
        poll_fn(|context| self.reader.poll_heard(context, Pin::new(&mut self.stream))).await
    }

    /// Answers a ping, unless so much waits that the answer would only add to it.
    fn pong(&mut self, payload: &[u8]) {
        // A batch that is full drops the pong: what it writes shows that we live.
        drop(self.batch.push_frame(outbound::pong_frame(payload)));
    }
}

/// A welcomed session and its owner's state.
struct Session {
    node: Arc<Node>,
    limits: Limits,
    shard: Arc<Shard>,
    key: SessionKey,
    speech: Speech,
    bell: Arc<Bell>,
    /// Taken from the hub and not yet in the batch.
    waiting: VecDeque<Outgoing>,
    /// To be asked of the broker once all that waits is written.
    read: Option<Read>,
    /// The hub may have something.
    is_called: bool,
}

impl Session {
    async fn run<S>(&mut self, wire: &mut Wire<S>, heard: Vec<Heard>) -> Ending
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Some(ending) = self.hear(wire, heard).await {
            return ending;
        }
        let mut abort_at: Option<Instant> = None;
        loop {
            if let Some(ending) = self.prepare(wire).await {
                return ending;
            }
            let bell = Arc::clone(&self.bell);
            tokio::select! {
                io = poll_fn(|context| wire.poll_io(context)) => match io {
                    Io::Written(Ok(())) => self.is_called = true,
                    Io::Written(Err(error)) => return Ending::lost(&error),
                    Io::Heard(heard) => {
                        if let Some(ending) = self.hear(wire, heard).await {
                            return ending;
                        }
                    }
                },
                () = bell.ready.notified(), if !self.is_called => self.is_called = true,
                () = bell.closing.notified(), if abort_at.is_none() => {
                    // A write may be stuck for good: the rest gets a moment, then the socket goes.
                    self.is_called = true;
                    abort_at = Some(self.node.clock.after(GRACE));
                }
                () = until(abort_at) => return Ending::Stuck,
            }
        }
    }

    /// Fills the batch with what the hub has; an ending when the last thing was a close.
    async fn prepare<S>(&mut self, wire: &mut Wire<S>) -> Option<Ending>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            while let Some(item) = self.waiting.pop_front() {
                match push(&mut wire.batch, item) {
                    Pushed::Done => {}
                    Pushed::Full(item) => {
                        self.waiting.push_front(item);
                        return None;
                    }
                    Pushed::Close(code, reason) => return Some(Ending::Ours { code, reason }),
                }
            }
            if !wire.batch.is_empty() {
                return None;
            }
            if let Some(read) = self.read.take() {
                let (channel, since) = (&read.channel, &read.since);
                let page = self.node.broker.read(channel, since, read.limit).await;
                self.shard.with(|hub, now| hub.page(now, self.key, &read, page));
                self.is_called = true;
            }
            if !self.is_called {
                return None;
            }
            let work = self.shard.with(|hub, now| hub.take(now, self.key));
            self.is_called = !work.frames.is_empty() || work.read.is_some();
            self.waiting = work.frames;
            self.read = work.read;
        }
    }

    /// Deals with what came, in order.
    async fn hear<S>(&mut self, wire: &mut Wire<S>, heard: Vec<Heard>) -> Option<Ending>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        for item in heard {
            match item {
                Heard::Text(text) => self.hear_text(&text).await,
                Heard::Ping(payload) => {
                    self.shard.with(|hub, now| hub.alive(now, self.key, payload.len()));
                    wire.pong(&payload);
                }
                Heard::Pong => self.shard.with(|hub, now| hub.alive(now, self.key, 0)),
                Heard::Close { code, reason } => return Some(Ending::Theirs { code, reason }),
                Heard::Broken(error) => {
                    let code = CloseCode(error.close_code());
                    return Some(Ending::Ours { code, reason: error.to_string().into() });
                }
                Heard::Lost(reason) => return Some(Ending::Lost { reason }),
            }
        }
        None
    }

    async fn hear_text(&mut self, text: &str) {
        let (key, date) = (self.key, self.node.clock.date());
        if self.speech == Speech::Legacy {
            let frame = legacy::decode(text);
            self.shard.with(|hub, now| hub.legacy_frame(now, date, key, text.len(), frame));
            return;
        }
        let frame = json::client_frame(text, &self.limits);
        let publish = self.shard.with(|hub, now| hub.frame(now, date, key, text.len(), frame));
        if let Some((id, publish)) = publish {
            let answer = self.node.publish(publish).await;
            self.shard.with(|hub, now| hub.published(now, key, id, answer));
        }
    }

    /// Tells the peer and the hub, and leaves nothing behind.
    async fn end<S>(&mut self, wire: &mut Wire<S>, ending: &Ending)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // First the hub: from here on nothing more is meant for this session.
        let (code, reason) = ending.code_and_reason();
        self.shard.with(|hub, now| hub.closed(now, self.key, code, reason));
        ending::say_goodbye(wire, ending).await;
    }
}

/// Waits until then; for ever where there is no such time.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

enum Pushed {
    Done,
    Full(Outgoing),
    Close(CloseCode, std::borrow::Cow<'static, str>),
}

fn push(batch: &mut Batch, item: Outgoing) -> Pushed {
    match item {
        Outgoing::Text(text) => match batch.push_text(text) {
            Ok(()) => Pushed::Done,
            Err(text) => Pushed::Full(Outgoing::Text(text)),
        },
        Outgoing::Ping => match batch.push_frame(outbound::ping_frame(b"")) {
            Ok(()) => Pushed::Done,
            Err(_) => Pushed::Full(Outgoing::Ping),
        },
        Outgoing::Signal => Pushed::Done,
        Outgoing::Close { code, reason } => Pushed::Close(code, reason),
    }
}
