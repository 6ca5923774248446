//! One WebSocket, from the upgraded socket to its last byte: one task, no split, no lock of its
//! own. In: bytes and the shard's bell. Out: frames to the hub, and what the hub has for this
//! session, written in batches, where the shard has not written it already.
//! Must not know what a frame means beyond its kind.

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
use steadfast_hub::{Outgoing, Read, SessionKey, Speech, Work};
use steadfast_protocol::codec::{json, legacy};
use steadfast_protocol::{ChannelName, CloseCode, Limits, Since};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};

use self::ending::Ending;
use self::reader::{Heard, Reader};
use crate::log;
use crate::node::Node;
use crate::shard::{Bell, Shard, Taken};
use crate::socket::{Batch, BatchLimits, TryWrite, outbound};

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

/// A socket as its session gets it.
#[derive(Debug)]
pub struct Line<S> {
    /// The bytes.
    pub stream: S,
    /// What came with the upgrade.
    pub ahead: Bytes,
    /// The same socket for the shard to write to, where it can.
    pub shared: Option<Arc<dyn TryWrite>>,
}

/// Serves one WebSocket until it ends. True where the peer took nothing any more, so that what waits
/// for it in the kernel is to be thrown away.
///
/// What is rare is boxed: an idle link pays for what it waits for, not for what it might do.
pub async fn serve<S>(node: Arc<Node>, line: Line<S>, purpose: Purpose) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut wire = Wire::new(line.stream, line.ahead, node.message_limits());
    let bell = Arc::new(Bell::default());
    let place = (&bell, line.shared);
    let opened = Box::pin(greeting::open(&node, &mut wire, place, purpose)).await;
    match opened {
        Ok((open, heard)) => {
            let mut session = Session {
                node,
                shard: open.shard,
                key: open.key,
                speech: open.speech,
                bell,
                pending: None,
                is_called: true,
                holds: true,
            };
            let ending = session.run(&mut wire, heard).await;
            Box::pin(session.end(&mut wire, &ending)).await;
            ending.is_abrupt()
        }
        Err(ending) => {
            let (code, reason) = ending.code_and_reason();
            log::handshake_failed(code, reason);
            Box::pin(ending::say_goodbye(&mut wire, &ending)).await;
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

    /// Reads what comes, and writes what there is to write where that `may` be done now, whichever
    /// is first.
    fn poll_io(&mut self, context: &mut Context<'_>, may: bool) -> Poll<Io> {
        if may
            && !self.batch.is_empty()
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
    shard: Arc<Shard>,
    key: SessionKey,
    speech: Speech,
    bell: Arc<Bell>,
    /// Taken from the hub and not yet dealt with.
    pending: Option<Box<Work>>,
    /// The hub may have something.
    is_called: bool,
    /// The socket is this task's to write to.
    holds: bool,
}

/// What a session was waiting for.
enum Event {
    Io(Io),
    Called,
    Closing,
    Overdue,
}

impl Session {
    async fn run<S>(&mut self, wire: &mut Wire<S>, heard: Vec<Heard>) -> Ending
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Some(ending) = self.hear(wire, heard).await {
            return ending;
        }
        let mut abort: Option<Pin<Box<Sleep>>> = None;
        loop {
            if let Some(ending) = self.prepare(wire).await {
                return ending;
            }
            match poll_fn(|context| self.poll_event(context, wire, &mut abort)).await {
                Event::Io(Io::Written(Ok(()))) | Event::Called => self.is_called = true,
                Event::Io(Io::Written(Err(error))) => return Ending::lost(&error),
                Event::Io(Io::Heard(heard)) => {
                    if let Some(ending) = self.hear(wire, heard).await {
                        return ending;
                    }
                }
                Event::Closing => {
                    // A write may be stuck for good: the rest gets a moment, then the socket goes.
                    self.is_called = true;
                    let at = self.node.clock.after(GRACE);
                    abort = Some(Box::pin(tokio::time::sleep_until(at)));
                }
                Event::Overdue => return Ending::Stuck,
            }
        }
    }

    fn poll_event<S>(
        &self,
        context: &mut Context<'_>,
        wire: &mut Wire<S>,
        abort: &mut Option<Pin<Box<Sleep>>>,
    ) -> Poll<Event>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match abort {
            Some(abort) => {
                if abort.as_mut().poll(context).is_ready() {
                    return Poll::Ready(Event::Overdue);
                }
            }
            None => {
                if self.bell.closing.poll_notified(context).is_ready() {
                    return Poll::Ready(Event::Closing);
                }
            }
        }
        if self.bell.ready.poll_notified(context).is_ready() && !self.is_called {
            return Poll::Ready(Event::Called);
        }
        wire.poll_io(context, self.holds).map(Event::Io)
    }

    /// Fills the batch with what the hub has; an ending when the last thing was a close.
    async fn prepare<S>(&mut self, wire: &mut Wire<S>) -> Option<Ending>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        loop {
            if let Some(mut work) = self.pending.take() {
                match fill(&mut wire.batch, &mut work.frames) {
                    Filled::All => {}
                    Filled::Full => {
                        self.pending = Some(work);
                        return None;
                    }
                    Filled::Close(code, reason) => return Some(Ending::Ours { code, reason }),
                }
                if !wire.batch.is_empty() {
                    // History is asked for once all that waits is written.
                    self.pending = work.read.is_some().then_some(work);
                    return None;
                }
                if let Some(read) = work.read {
                    self.read(read).await;
                }
            }
            if self.holds && !wire.batch.is_empty() || !self.is_called {
                return None;
            }
            match self.shard.take(self.key, !wire.batch.is_empty()) {
                Taken::Busy => {
                    self.is_called = false;
                    return None;
                }
                Taken::Rest(rest) => {
                    wire.batch.put_first(rest);
                    self.holds = true;
                }
                Taken::Work(work) => {
                    self.is_called = !work.frames.is_empty() || work.read.is_some();
                    self.holds = self.is_called || !wire.batch.is_empty();
                    self.pending = self.is_called.then(|| Box::new(work));
                }
            }
        }
    }

    /// Asks the broker for a piece of history.
    async fn read(&mut self, read: Read) {
        let (channel, since) = (&read.channel, &read.since);
        let page = Box::pin(self.node.broker.read(channel, since, read.limit)).await;
        self.shard.with(|hub, now| hub.page(now, self.key, &read, page));
        self.is_called = true;
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
                    self.is_called = true;
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
        let frame = json::client_frame(text, &self.node.message_limits());
        let publish = self.shard.with(|hub, now| hub.frame(now, date, key, text.len(), frame));
        if let Some((id, publish)) = publish {
            let answer = Box::pin(self.node.publish(publish)).await;
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
        let rest = loop {
            match self.shard.leave(self.key, code, reason) {
                Some(rest) => break rest,
                None => self.bell.ready.notified().await,
            }
        };
        wire.batch.put_first(rest);
        ending::say_goodbye(wire, ending).await;
    }
}

enum Filled {
    All,
    Full,
    Close(CloseCode, std::borrow::Cow<'static, str>),
}

/// Moves frames into the batch, as many as it takes and up to a close.
fn fill(batch: &mut Batch, frames: &mut VecDeque<Outgoing>) -> Filled {
    while let Some(item) = frames.pop_front() {
        let refused = match item {
            Outgoing::Text(text) => batch.push_text(text).err().map(Outgoing::Text),
            Outgoing::Ping => {
                let ping = batch.push_frame(outbound::ping_frame(b""));
                ping.err().map(|_| Outgoing::Ping)
            }
            Outgoing::Signal => None,
            Outgoing::Close { code, reason } => return Filled::Close(code, reason),
        };
        if let Some(item) = refused {
            frames.push_front(item);
            return Filled::Full;
        }
    }
    Filled::All
}
