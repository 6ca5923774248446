//! One live transport of a link: what was agreed, what waits, what it has cost so far.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::net::IpAddr;

use steadfast_machine::{Millis, Rate};
use steadfast_protocol::codec::json::LinkStats;
use steadfast_protocol::{
    ChannelName, ClientInfo, Generation, HeartbeatTerms, LinkId, LinkKey, Payload, Since, UserId,
};

use crate::outbox::Outbox;
use crate::timeline::Timeline;
use crate::{Grants, HubConfig, Identity, Outgoing};
use steadfast_history::PageLimit;

/// Names one session for as long as it lives; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// Its slot: small, used again after it.
    pub index: u32,
    /// Tells it from earlier users of the slot.
    pub serial: u32,
}

/// How a session's bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A WebSocket.
    WebSocket,
    /// Server-sent events.
    Sse,
    /// A poll that waits.
    Poll,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::WebSocket, Self::Sse, Self::Poll];

    /// Its place in [`Self::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Self::WebSocket => 0,
            Self::Sse => 1,
            Self::Poll => 2,
        }
    }

    /// The word that operators see.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
            Self::Poll => "poll",
        }
    }
}

/// What a session is told, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// The protocol's frames.
    Frames,
    /// The older protocol's updates.
    Legacy,
    /// Server-sent events.
    Stream,
    /// Only that something happened.
    Signal,
}

impl Encoding {
    /// Whether such a session follows one channel, and has no words to ask it to leave.
    pub(crate) const fn is_for_one(self) -> bool {
        match self {
            Self::Legacy | Self::Stream | Self::Signal => true,
            Self::Frames => false,
        }
    }
}

/// What a session has to do next.
#[derive(Debug, Default)]
pub struct Work {
    /// To be written, in order.
    pub frames: VecDeque<Outgoing>,
    /// To be asked of the broker, and answered with [`crate::Hub::page`].
    pub read: Option<Read>,
}

/// A piece of history that a session needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Of which channel.
    pub channel: ChannelName,
    /// From where.
    pub since: Since,
    /// How much.
    pub limit: PageLimit,
    pub(crate) ticket: u32,
}

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: SessionKey,
    pub(crate) link: LinkId,
    pub(crate) address: Option<IpAddr>,
    /// Apart from the session, because it is seldom read.
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) generation: Generation,
    pub(crate) transport: Transport,
    pub(crate) encoding: Encoding,
    pub(crate) client: Option<ClientInfo>,
    pub(crate) grants: Grants,
    pub(crate) opened: Millis,
    pub(crate) expires: Option<Millis>,
    /// When it is ended because the node leaves, where its client cannot be asked to go.
    pub(crate) leaves: Option<Millis>,
    /// The earlier of the two.
    pub(crate) until: Option<Millis>,
    pub(crate) life: Liveness,
    pub(crate) outbox: Outbox,
    pub(crate) rate: Rate,
    /// Of bytes of publishes.
    pub(crate) publish_rate: Rate,
    /// Of newer tokens.
    pub(crate) refresh_rate: Rate,
    pub(crate) channels: Vec<u32>,
    /// Channels whose member is behind, in the order they will be read.
    pub(crate) behind: VecDeque<u32>,
    /// The channel a page is on its way for, and the ticket it must carry.
    pub(crate) reading: Option<(u32, u32)>,
    pub(crate) tickets: u32,
    pub(crate) closing: Option<Closing>,
    pub(crate) armed: Option<Millis>,
    pub(crate) counts: Counts,
    pub(crate) stats: Option<Payload>,
    /// The same, as numbers.
    pub(crate) told: Option<LinkStats>,
    /// What happened to its link. The beginning of this session is noted with what comes next, so
    /// that a link to which nothing happens needs no memory for it.
    pub(crate) timeline: Timeline,
    pub(crate) is_opening_noted: bool,
    /// Its owner has been called and has not taken yet.
    pub(crate) is_flagged: bool,
}

/// How the session shows that it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liveness {
    /// It proposed terms: heard from within `expect` + the agreed timeout.
    Agreed { terms: HeartbeatTerms, heard: Millis, expect_ms: u64 },
    /// It is pinged when silent.
    Pinged { heard: Millis, asked: Option<Millis> },
    /// It cannot speak: it is sent something now and then, so that a dead path is noticed.
    Mute { told: Millis },
}

/// A session that has been told to go.
#[derive(Clone, Debug)]
pub(crate) struct Closing {
    pub(crate) code: steadfast_protocol::CloseCode,
    pub(crate) reason: Box<str>,
}

/// What it has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) messages: u64,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) events: u64,
    pub(crate) bad_frames: u32,
}

impl Session {
    pub(crate) fn user(&self) -> Option<&UserId> {
        self.identity.as_ref()?.user.as_ref()
    }

    pub(crate) fn link_key(&self) -> LinkKey {
        LinkKey { user: self.user().cloned(), link: self.link.clone() }
    }

    pub(crate) const fn last_heard(&self) -> Millis {
        match self.life {
            Liveness::Agreed { heard, .. } | Liveness::Pinged { heard, .. } => heard,
            Liveness::Mute { told } => told,
        }
    }

    /// When silence turns into staleness; never for a session that cannot speak.
    pub(crate) fn stale_at(&self, config: &HubConfig) -> Option<Millis> {
        use steadfast_machine::Span;
        match self.life {
            Liveness::Agreed { terms, heard, expect_ms } => {
                Some(heard + Span(expect_ms) + Span(terms.timeout))
            }
            Liveness::Pinged { asked: Some(asked), .. } => Some(asked + config.ping_timeout),
            Liveness::Pinged { asked: None, .. } | Liveness::Mute { .. } => None,
        }
    }

    /// When the session must be looked at next.
    pub(crate) fn deadline(&self, config: &HubConfig) -> Option<Millis> {
        if self.closing.is_some() {
            return None;
        }
        let life = match self.life {
            Liveness::Agreed { .. } | Liveness::Pinged { asked: Some(_), .. } => {
                self.stale_at(config)
            }
            Liveness::Pinged { heard, asked: None } => Some(heard + config.ping_interval),
            Liveness::Mute { told } => Some(told + config.ping_interval),
        };
        let slow = self.outbox.slow_at(config.slow_timeout);
        [life, slow, self.until].into_iter().flatten().min()
    }

    pub(crate) const fn hear(&mut self, now: Millis) {
        match &mut self.life {
            Liveness::Agreed { heard, .. } => *heard = now,
            Liveness::Pinged { heard, asked } => {
                *heard = now;
                *asked = None;
            }
            Liveness::Mute { .. } => {}
        }
    }
}
