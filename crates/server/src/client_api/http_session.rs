//! A session without a socket of its own, for a request that waits: a poll or an event stream.

use std::sync::Arc;

use steadfast_hub::{Encoding, Opening, Outgoing, Transport, Work};
use steadfast_protocol::{ChannelRequest, CloseCode};

use crate::auth::admission::Admission;
use crate::node::Node;
use crate::problem::{Code, Problem};
use crate::session::ReplyTarget;
use crate::session::shard::SessionWaker;

/// A session that ends when this is dropped.
#[derive(Debug)]
pub(super) struct HttpSession {
    asker: ReplyTarget,
    pub(super) waker: Arc<SessionWaker>,
}

impl HttpSession {
    /// Opens a session that follows these channels.
    pub(super) fn open(
        node: &Arc<Node>,
        (transport, encoding): (Transport, Encoding),
        Admission { identity, grants, expires }: Admission,
        channels: Vec<ChannelRequest>,
    ) -> Result<Self, Problem> {
        let internal = || Problem::new(Code::Internal, "the request could not be followed");
        let link = node.random_link(transport.as_str()).ok_or_else(internal)?;
        let shard = Arc::clone(node.shard_of(&link));
        let waker = Arc::new(SessionWaker::default());
        let opening = Opening {
            link,
            identity,
            generation: 1,
            transport,
            encoding,
            client: None,
            grants,
            expires,
            heartbeat: None,
            channels,
            time: node.clock.date(),
        };
        let key = shard.open(opening, &waker).map_err(|_| internal())?;
        let asker = ReplyTarget { node: Arc::clone(node), shard, key };
        Ok(Self { asker, waker })
    }

    /// Takes what the session has to do. If it needs history, that is read in the background, and
    /// the waker is called when it arrives: a slow broker delays no heartbeat.
    pub(super) fn take(&self) -> Work {
        self.take_noting().0
    }

    /// The same, and whether history is being read.
    pub(super) fn take_noting(&self) -> (Work, bool) {
        let ReplyTarget { shard, key, .. } = &self.asker;
        let mut work = shard.with(|hub, now| hub.take(now, *key));
        let read = work.read.take();
        let is_reading = read.is_some();
        if let Some(read) = read {
            self.asker.read(read);
        }
        (work, is_reading)
    }
}

/// Whether a channel that such a session follows has something new.
pub(super) fn is_called(work: &Work) -> bool {
    work.frames.iter().any(|item| matches!(item, Outgoing::Signal))
}

/// The code that the session was closed with, if that is among what it has to do.
pub(super) fn ended(work: &Work) -> Option<CloseCode> {
    work.frames.iter().find_map(|item| match item {
        Outgoing::Close { code, .. } => Some(*code),
        Outgoing::Text(_) | Outgoing::Ping | Outgoing::Signal => None,
    })
}

impl Drop for HttpSession {
    fn drop(&mut self) {
        let (key, code) = (self.asker.key, CloseCode::NORMAL);
        self.asker.shard.with(|hub, now| hub.closed(now, key, code, "the request ended"));
    }
}
