//! A place among a channel's members for a request without a socket of its own: a poll, a stream.

use std::sync::Arc;

use steadfast_hub::{Grants, Opening, Outgoing, SessionKey, Speech, Transport, Work};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, ChannelRequest, CloseCode, Since};

use crate::node::Node;
use crate::problem::{Code, Problem};
use crate::shard::{Bell, Shard};

/// A session that lives as long as this does.
#[derive(Debug)]
pub(super) struct Watch {
    node: Arc<Node>,
    shard: Arc<Shard>,
    key: SessionKey,
    pub(super) bell: Arc<Bell>,
}

impl Watch {
    /// Follows `channel` from `since`.
    pub(super) fn open(
        node: &Arc<Node>,
        (transport, speech): (Transport, Speech),
        (grants, expires): (Grants, Option<Millis>),
        channel: ChannelName,
        since: Since,
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
            channels: vec![ChannelRequest { id: None, channel, since }],
            time: node.clock.date(),
        };
        let key = shard.open(opening, &bell).map_err(|_| internal())?;
        Ok(Self { node: Arc::clone(node), shard, key, bell })
    }

    /// What the session has to do; history it needs is read on the way.
    pub(super) async fn take(&self) -> Work {
        let mut work = self.shard.with(|hub, now| hub.take(now, self.key));
        if let Some(read) = work.read.take() {
            let (channel, since) = (&read.channel, &read.since);
            let page = self.node.broker.read(channel, since, read.limit).await;
            self.shard.with(|hub, now| hub.page(now, self.key, &read, page));
        }
        work
    }
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
        let (key, code) = (self.key, CloseCode::NORMAL);
        self.shard.with(|hub, now| hub.closed(now, key, code, "the request ended"));
    }
}
