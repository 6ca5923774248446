//! A welcomed session's own loop: it waits for its socket or its bell, and does what each asks for.
//! In: messages and rings. Out: frames to the hub, and what the hub has for this session, where the
//! shard has not written it already. It writes only while the socket is its own, and waits for no
//! broker.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use steadfast_hub::{Outgoing, Read, Speech, Work};
use steadfast_protocol::CloseCode;
use steadfast_protocol::codec::{json, legacy};
use steadfast_websocket::outbound;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use super::ending::{self, Ending, GRACE};
use super::errands::{Asker, Publishes};
use super::greeting::Open;
use super::reader::Heard;
use super::{Io, Wire};
use crate::had_ends::Following;
use crate::node::Node;
use crate::shard::{Bell, Taken};
use crate::socket::Batch;

/// Bytes up to which what waits is written together with the history behind it, where that is at
/// hand: a welcome and the first page, say.
const JOINED_BYTES: usize = 4 * 1024;
/// Pages of history read in one go; others get the thread in between.
const JOINED_PAGES_MAX: usize = 32;

/// A welcomed session and its owner's state.
pub(super) struct Session {
    asker: Asker,
    publishes: Publishes,
    speech: Speech,
    follower: Option<Box<Following>>,
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

/// What to do next.
enum Next {
    Wait,
    Read(Box<Read>),
    End(Ending),
}

impl Session {
    pub(super) fn new(node: Arc<Node>, bell: Arc<Bell>, open: Open) -> Self {
        Self {
            asker: Asker { node, shard: open.shard, key: open.key },
            publishes: Publishes::default(),
            speech: open.speech,
            follower: open.follower,
            bell,
            pending: None,
            is_called: true,
            holds: true,
        }
    }

    /// What is rare is boxed: an idle link pays for what it waits for, not for what it might do.
    pub(super) async fn run<S>(&mut self, wire: &mut Wire<S>, heard: Vec<Heard>) -> Ending
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
                Event::Io(Io::Written(Ok(()))) | Event::Called => self.is_called = true,
                Event::Io(Io::Written(Err(error))) => return Ending::lost(&error),
                Event::Io(Io::Heard(heard)) => {
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

    /// Fills the batch with what the hub has, as far as the socket is this task's.
    fn prepare<S>(&mut self, wire: &mut Wire<S>) -> Next
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
                        return Next::End(Ending::Ours { code, reason });
                    }
                }
                if let Some(read) = &work.read
                    && wire.batch.bytes() <= JOINED_BYTES
                    && pages < JOINED_PAGES_MAX
                    && let Some(page) = self.asker.node.broker.read_at_once(read)
                {
                    self.asker.shard.with(|hub, now| hub.page(now, self.asker.key, read, page));
                    pages += 1;
                    self.is_called = true;
                    if let Taken::Work(work) = self.asker.shard.take(self.asker.key, true) {
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
                Taken::Busy => {
                    self.is_called = false;
                    return Next::Wait;
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

    /// Deals with what came, in order.
    fn hear<S>(&mut self, wire: &mut Wire<S>, heard: Vec<Heard>) -> Option<Ending>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        for item in heard {
            match item {
                Heard::Text(text) => self.hear_text(&text),
                Heard::Ping(payload) => {
                    self.asker
                        .shard
                        .with(|hub, _| hub.transport_frame(self.asker.key, payload.len()));
                    wire.pong(&payload);
                    self.is_called = true;
                }
                Heard::Pong => {
                    self.asker.shard.with(|hub, _| hub.transport_frame(self.asker.key, 0));
                }
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

    fn hear_text(&mut self, text: &str) {
        let (key, date) = (self.asker.key, self.asker.node.clock.date());
        if self.speech == Speech::Legacy {
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
    pub(super) async fn end<S>(&mut self, wire: &mut Wire<S>, ending: &Ending)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        if let Some(follower) = self.follower.take()
            && self.asker.shard.with(|hub, _| hub.has_had_ends(self.asker.key))
            && (follower.comes_back || ending.is_theirs())
        {
            let node = &self.asker.node;
            node.had_ends.note(node.clock.now(), follower.who);
        }
        // First the hub: from here on nothing more is meant for this session.
        let (code, reason) = ending.code_and_reason();
        let rest = loop {
            match self.asker.shard.leave(self.asker.key, code, reason) {
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
