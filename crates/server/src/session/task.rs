//! The task of a session after its welcome: waits for the socket or the waker, and handles what
//! arrives. In: messages and wakes. Out: frames for the hub, and the hub's frames for the socket,
//! if the shard has not written them already. It writes only while it owns the socket, and awaits
//! nothing but the socket.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use steadfast_hub::{Encoding, FrameRequest, Outgoing, Work};
use steadfast_protocol::CloseCode;
use steadfast_protocol::codec::{json, legacy};
use steadfast_websocket::outbound::{self, JoinedSizes};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use super::broker_requests::{ReplyTarget, SessionPublishes};
use super::close_cause::{self, CloseCause, GRACE};
use super::handshake::OpenedSession;
use super::reader::ReadEvent;
use super::{SocketEvent, SocketIo};
use crate::client_api::delivered_finals::Following;
use crate::net::socket::Batch;
use crate::node::Node;
use crate::session::compression::Compression;
use crate::session::shard::{SessionWaker, TakenWork};

/// If at most this many bytes wait to be written, a page of history that is at hand is written
/// together with them: a welcome and the first page, say.
const JOINED_BYTES: usize = 4 * 1024;
/// Pages of history that are read before other tasks get the thread.
const JOINED_PAGES_MAX: usize = 32;

/// A session, and the state of its task.
pub(super) struct Session {
    asker: ReplyTarget,
    publishes: SessionPublishes,
    encoding: Encoding,
    /// Whether the peer takes compressed messages.
    is_compressed: bool,
    follower: Option<Box<Following>>,
    waker: Arc<SessionWaker>,
    /// Taken from the hub, and not handled yet.
    pending: Option<Box<Work>>,
    /// The hub may have something to take.
    is_called: bool,
    /// Whether this task owns the socket, and may write to it.
    holds: bool,
}

/// What a session's task waits for.
enum Event {
    SocketEvent(SocketEvent),
    Called,
    Closing,
    Overdue,
}

impl Session {
    pub(super) fn new(
        node: Arc<Node>,
        waker: Arc<SessionWaker>,
        open: OpenedSession,
        is_compressed: bool,
    ) -> Self {
        if is_compressed {
            node.compression.begin();
        }
        Self {
            asker: ReplyTarget { node, shard: open.shard, key: open.key },
            publishes: SessionPublishes::new(open.user),
            encoding: open.encoding,
            is_compressed,
            follower: open.follower,
            waker,
            pending: None,
            is_called: true,
            holds: true,
        }
    }

    /// Serves the session until it ends. What is rare is boxed, so that an idle link needs little
    /// memory.
    pub(super) async fn run<S>(
        &mut self,
        wire: &mut SocketIo<S>,
        heard: Vec<ReadEvent>,
    ) -> CloseCause
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Some(ending) = self.hear(wire, heard) {
            return ending;
        }
        let mut abort: Option<Pin<Box<Sleep>>> = None;
        loop {
            if let Some(ending) = self.prepare(wire) {
                return ending;
            }
            match poll_fn(|context| self.poll_event(context, wire, &mut abort)).await {
                Event::SocketEvent(SocketEvent::Written(Ok(()))) | Event::Called => {
                    self.is_called = true;
                }
                Event::SocketEvent(SocketEvent::Written(Err(error))) => {
                    return CloseCause::lost(&error);
                }
                Event::SocketEvent(SocketEvent::ReadEvent(heard)) => {
                    if let Some(ending) = self.hear(wire, heard) {
                        return ending;
                    }
                }
                Event::Closing => {
                    // A write may be stuck: the rest gets a moment, then the socket is dropped.
                    self.is_called = true;
                    let at = self.asker.node.clock.after(GRACE);
                    abort = Some(Box::pin(tokio::time::sleep_until(at)));
                }
                Event::Overdue => return CloseCause::Stuck,
            }
        }
    }

    fn poll_event<S>(
        &self,
        context: &mut Context<'_>,
        wire: &mut SocketIo<S>,
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
                if self.waker.closing.poll_notified(context).is_ready() {
                    return Poll::Ready(Event::Closing);
                }
            }
        }
        if self.waker.ready.poll_notified(context).is_ready() && !self.is_called {
            return Poll::Ready(Event::Called);
        }
        wire.poll_io(context, self.holds).map(Event::SocketEvent)
    }

    /// Takes what the hub has, hands it the pages that it asks for, and fills the batch, as long as
    /// this task owns the socket. Returns the reason if the session is to end.
    fn prepare<S>(&mut self, wire: &mut SocketIo<S>) -> Option<CloseCause>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut pages = 0;
        loop {
            let mut is_joined = false;
            if let Some(mut work) = self.pending.take() {
                let compression = self.is_compressed.then_some(&*self.asker.node.compression);
                match fill(&mut wire.batch, &mut work.frames, compression) {
                    Filled::All => {}
                    Filled::Full => {
                        self.pending = Some(work);
                        return None;
                    }
                    Filled::Close(code, reason) => {
                        return Some(CloseCause::Ours { code, reason });
                    }
                }
                if let Some(read) = &work.read {
                    is_joined = wire.batch.bytes() <= JOINED_BYTES
                        && pages < JOINED_PAGES_MAX
                        && self.asker.read_at_once(read);
                    if !is_joined && !wire.batch.is_empty() {
                        // History is read once everything that waits is written.
                        self.pending = Some(work);
                        return None;
                    }
                    pages += 1;
                    self.is_called = true;
                }
                if let Some(read) = work.read.filter(|_| !is_joined) {
                    self.asker.read(read);
                }
            }
            if self.holds && !wire.batch.is_empty() && !is_joined || !self.is_called {
                return None;
            }
            match self.asker.shard.take(self.asker.key, !wire.batch.is_empty()) {
                TakenWork::Busy => {
                    self.is_called = false;
                    return None;
                }
                TakenWork::Rest(rest) => {
                    wire.batch.put_first(rest);
                    self.holds = true;
                }
                TakenWork::Work(work) => {
                    self.is_called = !work.frames.is_empty() || work.read.is_some();
                    self.holds = self.is_called || !wire.batch.is_empty();
                    self.pending = self.is_called.then(|| Box::new(work));
                }
            }
        }
    }

    /// Handles what was read, in order.
    fn hear<S>(&mut self, wire: &mut SocketIo<S>, heard: Vec<ReadEvent>) -> Option<CloseCause>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        for item in heard {
            match item {
                ReadEvent::Text(text) => self.hear_text(&text),
                ReadEvent::Ping(payload) => {
                    if self.hear_transport(payload.len()) {
                        wire.pong(&payload);
                    }
                    self.is_called = true;
                }
                ReadEvent::Pong => {
                    self.hear_transport(0);
                }
                ReadEvent::Close { code, reason } => {
                    return Some(CloseCause::Theirs { code, reason });
                }
                ReadEvent::Broken(error) => {
                    self.asker.node.compression.count_refused(error);
                    let code = CloseCode(error.close_code());
                    return Some(CloseCause::Ours { code, reason: error.to_string().into() });
                }
                ReadEvent::Lost(reason) => return Some(CloseCause::Lost { reason }),
            }
        }
        None
    }

    fn hear_transport(&self, bytes: usize) -> bool {
        let key = self.asker.key;
        self.asker.shard.with(|hub, now| hub.transport_frame(now, key, bytes))
    }

    fn hear_text(&mut self, text: &str) {
        let (key, date) = (self.asker.key, self.asker.node.clock.date());
        if self.encoding == Encoding::Legacy {
            let frame = legacy::decode(text);
            self.asker.shard.with(|hub, now| hub.legacy_frame(now, date, key, text.len(), frame));
            return;
        }
        let frame = json::client_frame(text, &self.asker.node.message_limits());
        let request =
            self.asker.shard.with(|hub, now| hub.frame(now, date, key, text.len(), frame));
        match request {
            Some(FrameRequest::Publish { id, publish }) => {
                self.publishes.put(&self.asker, id, publish);
            }
            Some(FrameRequest::Refresh { id, token }) => self.asker.refresh(id, token),
            None => {}
        }
    }

    /// Ends the session in the hub, then tells the peer.
    pub(super) async fn end<S>(&mut self, wire: &mut SocketIo<S>, ending: &CloseCause)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // The hub comes first: afterwards it has nothing more for this session.
        let (code, reason) = ending.code_and_reason();
        let outcome = loop {
            match self.asker.shard.leave(self.asker.key, code, reason) {
                Some(outcome) => break outcome,
                None => self.waker.ready.notified().await,
            }
        };
        // Before the goodbye: the client may come back as soon as it has that.
        if let Some(follower) = self.follower.take()
            && outcome.has_had_ends
            && (follower.comes_back || ending.is_theirs())
        {
            let node = &self.asker.node;
            node.delivered_finals.note(node.clock.now(), follower.who);
        }
        wire.batch.put_first(outcome.rest);
        close_cause::say_goodbye(wire, ending).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.is_compressed {
            self.asker.node.compression.end();
        }
    }
}

enum Filled {
    All,
    Full,
    Close(CloseCode, std::borrow::Cow<'static, str>),
}

/// Moves frames into the batch, up to its limit or a close. Those that are large enough go
/// compressed, with `compression`.
fn fill(
    batch: &mut Batch,
    frames: &mut VecDeque<Outgoing>,
    compression: Option<&Compression>,
) -> Filled {
    while let Some(item) = frames.pop_front() {
        let refused = match item {
            Outgoing::Text(text) => push_text(batch, text, compression).map(Outgoing::Text),
            Outgoing::Ping => {
                let ping = batch.push_frame(outbound::ping_frame(b""));
                ping.err().map(|_| Outgoing::Ping)
            }
            // Sessions of other transports have these.
            Outgoing::Signal | Outgoing::StreamEvent(_) => None,
            Outgoing::Close { code, reason } => return Filled::Close(code, reason),
        };
        if let Some(item) = refused {
            frames.push_front(item);
            return Filled::Full;
        }
    }
    Filled::All
}

/// Gives the text back when the batch is full.
fn push_text(batch: &mut Batch, text: Bytes, compression: Option<&Compression>) -> Option<Bytes> {
    let copy = compression.and_then(|compression| Some((compression, compression.copy_of(&text)?)));
    let Some((compression, copy)) = copy else { return batch.push_text(text).err() };
    let mut sizes = JoinedSizes::default();
    sizes.count(&text, &copy);
    if batch.push_compressed(copy).is_err() {
        return Some(text);
    }
    compression.sent(sizes);
    None
}
