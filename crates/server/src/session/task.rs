//! The loop of a session after its welcome: waits for the socket or the waker, and does what each
//! asks for. In: messages and calls of the waker. Out: frames to the hub, and what the hub has for
//! this session, where the shard has not written it already. Writes only while it owns the socket,
//! and awaits nothing but the socket.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use steadfast_hub::{Encoding, Outgoing, Read, Work};
use steadfast_protocol::CloseCode;
use steadfast_protocol::codec::{json, legacy};
use steadfast_websocket::outbound;
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
use crate::session::shard::{SessionWaker, TakenWork};

/// Bytes up to which what waits is written together with the history behind it, where that is at
/// hand: a welcome and the first page, say.
const JOINED_BYTES: usize = 4 * 1024;
/// Pages of history read in one go; others get the thread in between.
const JOINED_PAGES_MAX: usize = 32;

/// A welcomed session and its owner's state.
pub(super) struct Session {
    asker: ReplyTarget,
    publishes: SessionPublishes,
    encoding: Encoding,
    follower: Option<Box<Following>>,
    waker: Arc<SessionWaker>,
    /// Taken from the hub and not yet dealt with.
    pending: Option<Box<Work>>,
    /// The hub may have something.
    is_called: bool,
    /// The socket is this task's to write to.
    holds: bool,
}

/// What a session was waiting for.
enum Event {
    SocketEvent(SocketEvent),
    Called,
    Closing,
    Overdue,
}

/// What to do next.
enum Next {
    Wait,
    Read(Box<Read>),
    End(CloseCause),
}

impl Session {
    pub(super) fn new(node: Arc<Node>, waker: Arc<SessionWaker>, open: OpenedSession) -> Self {
        Self {
            asker: ReplyTarget { node, shard: open.shard, key: open.key },
            publishes: SessionPublishes::default(),
            encoding: open.encoding,
            follower: open.follower,
            waker,
            pending: None,
            is_called: true,
            holds: true,
        }
    }

    /// What is rare is boxed: an idle link pays for what it waits for, not for what it might do.
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
            match self.prepare(wire) {
                Next::Wait => {}
                Next::Read(read) => {
                    self.asker.read(*read);
                    self.is_called = true;
                    continue;
                }
                Next::End(ending) => return ending,
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
                    // A write may be stuck for good: the rest gets a moment, then the socket goes.
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

    /// Fills the batch with what the hub has, as far as the socket is this task's.
    fn prepare<S>(&mut self, wire: &mut SocketIo<S>) -> Next
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut pages = 0;
        loop {
            if let Some(mut work) = self.pending.take() {
                match fill(&mut wire.batch, &mut work.frames) {
                    Filled::All => {}
                    Filled::Full => {
                        self.pending = Some(work);
                        return Next::Wait;
                    }
                    Filled::Close(code, reason) => {
                        return Next::End(CloseCause::Ours { code, reason });
                    }
                }
                if let Some(read) = &work.read
                    && wire.batch.bytes() <= JOINED_BYTES
                    && pages < JOINED_PAGES_MAX
                    && let Some(page) =
                        self.asker.node.broker.read_at_once(&read.channel, &read.since, read.limit)
                {
                    self.asker.shard.with(|hub, now| hub.page(now, self.asker.key, read, page));
                    pages += 1;
                    self.is_called = true;
                    if let TakenWork::Work(work) = self.asker.shard.take(self.asker.key, true) {
                        self.pending = Some(Box::new(work));
                    }
                    continue;
                }
                if !wire.batch.is_empty() {
                    // History is asked for once all that waits is written.
                    self.pending = work.read.is_some().then_some(work);
                    return Next::Wait;
                }
                if let Some(read) = work.read {
                    return Next::Read(Box::new(read));
                }
            }
            if self.holds && !wire.batch.is_empty() || !self.is_called {
                return Next::Wait;
            }
            match self.asker.shard.take(self.asker.key, !wire.batch.is_empty()) {
                TakenWork::Busy => {
                    self.is_called = false;
                    return Next::Wait;
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

    /// Deals with what came, in order.
    fn hear<S>(&mut self, wire: &mut SocketIo<S>, heard: Vec<ReadEvent>) -> Option<CloseCause>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        for item in heard {
            match item {
                ReadEvent::Text(text) => self.hear_text(&text),
                ReadEvent::Ping(payload) => {
                    self.asker
                        .shard
                        .with(|hub, _| hub.transport_frame(self.asker.key, payload.len()));
                    wire.pong(&payload);
                    self.is_called = true;
                }
                ReadEvent::Pong => {
                    self.asker.shard.with(|hub, _| hub.transport_frame(self.asker.key, 0));
                }
                ReadEvent::Close { code, reason } => {
                    return Some(CloseCause::Theirs { code, reason });
                }
                ReadEvent::Broken(error) => {
                    let code = CloseCode(error.close_code());
                    return Some(CloseCause::Ours { code, reason: error.to_string().into() });
                }
                ReadEvent::Lost(reason) => return Some(CloseCause::Lost { reason }),
            }
        }
        None
    }

    fn hear_text(&mut self, text: &str) {
        let (key, date) = (self.asker.key, self.asker.node.clock.date());
        if self.encoding == Encoding::Legacy {
            let frame = legacy::decode(text);
            self.asker.shard.with(|hub, now| hub.legacy_frame(now, date, key, text.len(), frame));
            return;
        }
        let frame = json::client_frame(text, &self.asker.node.message_limits());
        let publish =
            self.asker.shard.with(|hub, now| hub.frame(now, date, key, text.len(), frame));
        if let Some((id, publish)) = publish {
            self.publishes.put(&self.asker, id, publish);
        }
    }

    /// Tells the peer and the hub, and leaves nothing behind.
    pub(super) async fn end<S>(&mut self, wire: &mut SocketIo<S>, ending: &CloseCause)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Some(follower) = self.follower.take()
            && self.asker.shard.with(|hub, _| hub.has_had_ends(self.asker.key))
            && (follower.comes_back || ending.is_theirs())
        {
            let node = &self.asker.node;
            node.delivered_finals.note(node.clock.now(), follower.who);
        }
        // First the hub: from here on nothing more is meant for this session.
        let (code, reason) = ending.code_and_reason();
        let rest = loop {
            match self.asker.shard.leave(self.asker.key, code, reason) {
                Some(rest) => break rest,
                None => self.waker.ready.notified().await,
            }
        };
        wire.batch.put_first(rest);
        close_cause::say_goodbye(wire, ending).await;
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
