//! A place among a channel's members for a request without a socket of its own: a poll, a stream.

use std::sync::Arc;

use steadfast_hub::{Grants, Opening, Outgoing, Speech, Transport, Work};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelRequest, CloseCode};

use crate::connection::Asker;
use crate::node::Node;
use crate::problem::{Code, Problem};
use crate::shard::Bell;

/// A session that lives as long as this does.
#[derive(Debug)]
pub(super) struct Watch {
    asker: Asker,
    pub(super) bell: Arc<Bell>,
}

impl Watch {
    /// Follows these channels.
    pub(super) fn open(
        node: &Arc<Node>,
        (transport, speech): (Transport, Speech),
        (grants, expires): (Grants, Option<Millis>),
        channels: Vec<ChannelRequest>,
    ) -> Result<Self, Problem> {
        let internal = || Problem::new(Code::Internal, "the request could not be followed");
        let link = node.random_link(transport.as_str()).ok_or_else(internal)?;
        let shard = Arc::clone(node.shard_of(&link));
        let bell = Arc::new(Bell::default());
        let opening = Opening {
            link,
            generation: 1,
            transport,
            speech,
            client: None,
            grants,
            expires,
            heartbeat: None,
            channels,
            time: node.clock.date(),
        };
        let key = shard.open(opening, &bell).map_err(|_| internal())?;
        let asker = Asker { node: Arc::clone(node), shard, key };
        Ok(Self { asker, bell })
    }

    /// What the session has to do. History it needs is asked for, and rings the bell when it comes:
    /// a broker that takes long holds up no sign of life.
    pub(super) fn take(&self) -> Work {
        self.take_noting().0
    }

    /// The same, and whether history was asked for.
    pub(super) fn take_noting(&self) -> (Work, bool) {
        let Asker { shard, key, .. } = &self.asker;
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

/// Why such a session has ended, where that is among what it has to do.
pub(super) fn ended(work: &Work) -> Option<CloseCode> {
    work.frames.iter().find_map(|item| match item {
        Outgoing::Close { code, .. } => Some(*code),
        Outgoing::Text(_) | Outgoing::Ping | Outgoing::Signal => None,
    })
}

impl Drop for Watch {
    fn drop(&mut self) {
        let (key, code) = (self.asker.key, CloseCode::NORMAL);
        self.asker.shard.with(|hub, now| hub.closed(now, key, code, "the request ended"));
    }
}
