//! One node: the real hub and the real streams, and what a shell knows beside them.
//! In: texts, requests, publishes, the time. Out: parcels to send and answers to give.
//! Must not know: latency, faults, what links make of it.

mod polls;

use std::collections::BTreeMap;

use bytes::Bytes;
use steadfast_history::{HistoryConfig, MemoryLog, Publication, Publish, PublishError, Published};
use steadfast_hub::{
    Encoding, FrameRequest, Grants, Hub, HubConfig, OpenError, Opening, Read, SessionKey, Transport,
};
use steadfast_machine::Millis;
use steadfast_protocol::codec::json;
use steadfast_protocol::{ClientFrame, CloseCode, Hello, Limits, Scalar, Timestamp, Token};

use self::polls::Waiter;
pub(crate) use self::polls::{Answer, Request};
use crate::model::Model;
use crate::net::WireId;
use crate::swarm::Options;

/// What a token begins with; the rest is the virtual time at which it expires.
const TOKEN_PREFIX: &str = "valid-until-";
/// The date of virtual time 0: 2026-01-01.
const DATE_OF_ZERO: u64 = 1_767_225_600_000;
/// How long a socket may be open without a `hello`.
pub(crate) const HELLO_TIMEOUT_MS: u64 = 10_000;

/// A node and its broker.
#[derive(Debug)]
pub(crate) struct SimServer {
    /// Sessions.
    pub(crate) hub: Hub,
    /// History.
    pub(crate) streams: MemoryLog,
    /// Whether the process runs.
    pub(crate) is_up: bool,
    /// How often the process has started: what was asked of an earlier one is not answered.
    pub(crate) boot: u64,
    /// The sessions whose text has not yet left, so that they take nothing more.
    pub(crate) blocked: BTreeMap<WireId, SessionKey>,
    /// Until when the broker takes nothing from links.
    pub(crate) refuses_until: u64,
    wires: BTreeMap<WireId, Talk>,
    sessions: BTreeMap<SessionKey, WireId>,
    waiters: Vec<Waiter>,
    streams_made: u64,
}

/// What came of a text.
#[derive(Debug)]
pub(crate) enum Said {
    /// All was done.
    Settled,
    /// The wire is to be closed with this.
    Wrong(CloseCode),
    /// The broker is to take an event.
    Publish(Box<Wish>),
}

/// An event that a session publishes.
#[derive(Debug)]
pub(crate) struct Wish {
    /// The session.
    pub(crate) key: SessionKey,
    /// What the answer echoes.
    pub(crate) id: Option<Scalar>,
    /// The event.
    pub(crate) publish: Publish,
}

/// How far the talk on a wire has come.
#[derive(Clone, Copy, Debug)]
enum Talk {
    Greeting,
    Live(SessionKey),
}

impl SimServer {
    /// A node that has just started.
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            hub: Hub::new(hub_config(options), Millis(0)),
            streams: MemoryLog::new(streams_config(options, 1)),
            is_up: true,
            boot: 1,
            blocked: BTreeMap::new(),
            refuses_until: 0,
            wires: BTreeMap::new(),
            sessions: BTreeMap::new(),
            waiters: Vec::new(),
            streams_made: 1,
        }
    }

    /// The process ends, and with it all sessions.
    pub(crate) fn stop(&mut self) {
        self.is_up = false;
        self.boot += 1;
        self.wires.clear();
        self.sessions.clear();
        self.blocked.clear();
        self.waiters.clear();
    }

    /// The process starts, with the history it had or without.
    pub(crate) fn start(&mut self, now: u64, options: &Options, is_lossy: bool) {
        self.is_up = true;
        self.hub = Hub::new(hub_config(options), Millis(now));
        if is_lossy {
            self.streams_made += 1;
            self.streams = MemoryLog::new(streams_config(options, self.streams_made));
        }
    }

    /// A socket was accepted.
    pub(crate) fn accept(&mut self, wire: WireId) {
        self.wires.insert(wire, Talk::Greeting);
    }

    /// Whether nothing was said on a wire since it was accepted.
    pub(crate) fn is_greeting(&self, wire: WireId) -> bool {
        matches!(self.wires.get(&wire), Some(Talk::Greeting))
    }

    /// The session on a wire.
    pub(crate) fn session(&self, wire: WireId) -> Option<SessionKey> {
        match self.wires.get(&wire) {
            Some(Talk::Live(key)) => Some(*key),
            Some(Talk::Greeting) | None => None,
        }
    }

    /// The wire of a session.
    pub(crate) fn wire(&self, key: SessionKey) -> Option<WireId> {
        self.sessions.get(&key).copied()
    }

    /// A text came.
    pub(crate) fn on_text(&mut self, now: u64, wire: WireId, text: &Bytes) -> Said {
        let Some(&talk) = self.wires.get(&wire) else { return Said::Settled };
        let limits = Limits::default();
        let frame = json::client_frame(std::str::from_utf8(text).unwrap_or_default(), &limits);
        match (talk, frame) {
            (Talk::Live(key), frame) => {
                match self.hub.frame(Millis(now), date(now), key, text.len(), frame) {
                    Some(FrameRequest::Publish { id, publish }) => {
                        Said::Publish(Box::new(Wish { key, id, publish }))
                    }
                    // Nobody has a token here.
                    Some(FrameRequest::Refresh { .. }) | None => Said::Settled,
                }
            }
            (Talk::Greeting, Ok(ClientFrame::Hello(hello))) => {
                self.on_hello(now, wire, *hello).map_or(Said::Settled, Said::Wrong)
            }
            (Talk::Greeting, _) => Said::Wrong(CloseCode::VIOLATION),
        }
    }

    /// A sign of life came that is no text.
    pub(crate) fn on_alive(&mut self, now: u64, wire: WireId) {
        if let Some(key) = self.session(wire) {
            self.hub.transport_frame(Millis(now), key, 2);
        }
    }

    /// A wire is gone, by the peer's close or without one.
    pub(crate) fn on_closed(&mut self, now: u64, wire: WireId, code: CloseCode) {
        let key = self.session(wire);
        self.wires.remove(&wire);
        self.blocked.remove(&wire);
        if let Some(key) = key {
            self.sessions.remove(&key);
            self.hub.closed(Millis(now), key, code, "");
        }
    }

    /// Gives an event to the broker, and to all who follow its channel.
    pub(crate) fn publish(&mut self, now: u64, publish: Publish) -> Option<Box<Publication>> {
        let published = self.streams.publish(Millis(now), date(now), publish).ok()?;
        let publication = published.publication?;
        self.hub.publication(Millis(now), &publication);
        Some(Box::new(Publication::clone(&publication)))
    }

    /// Gives the event of a session to the broker, and its answer to the session.
    pub(crate) fn publish_wish(&mut self, now: u64, wish: Wish) -> Option<Box<Publication>> {
        let Wish { key, id, publish } = wish;
        let published = if self.refuses_until > now {
            Err(PublishError::Unavailable)
        } else {
            self.streams.publish(Millis(now), date(now), publish)
        };
        let receipt = published.clone().map(Published::into_receipt);
        let publication = published.ok().and_then(|one| one.publication);
        if let Some(publication) = &publication {
            self.hub.publication(Millis(now), publication);
        }
        self.hub.published(Millis(now), key, id, receipt);
        publication.map(|publication| Box::new(Publication::clone(&publication)))
    }

    /// Answers what a session asked of the broker.
    pub(crate) fn read(&mut self, now: u64, key: SessionKey, read: &Read, model: &mut Model) {
        let page = self.streams.read(Millis(now), &read.channel, &read.since, read.limit);
        if let Ok(page) = &page {
            model.learn(&read.channel, &page.start.epoch);
        }
        self.hub.page(Millis(now), key, read, page);
    }

    fn on_hello(&mut self, now: u64, wire: WireId, hello: Hello) -> Option<CloseCode> {
        let expires = match check_token(now, hello.token.as_ref()) {
            Ok(expires) => expires,
            Err(code) => return Some(code),
        };
        let opening = Opening {
            link: hello.link,
            address: None,
            identity: None,
            generation: hello.generation,
            transport: Transport::WebSocket,
            encoding: Encoding::Frames,
            client: hello.client,
            grants: Grants::everything(),
            expires: expires.map(Millis),
            heartbeat: hello.heartbeat,
            channels: hello.channels,
            time: date(now),
        };
        match self.hub.open(Millis(now), opening) {
            Ok(key) => {
                self.wires.insert(wire, Talk::Live(key));
                self.sessions.insert(key, wire);
                None
            }
            Err(OpenError::Replaced) => Some(CloseCode::REPLACED),
            Err(OpenError::TooManyChannels { .. }) => Some(CloseCode::VIOLATION),
        }
    }
}

/// When the token expires, if it does. Tokens here say so in plain text.
fn check_token(now: u64, token: Option<&Token>) -> Result<Option<u64>, CloseCode> {
    let Some(token) = token else { return Ok(None) };
    match token.expose().strip_prefix(TOKEN_PREFIX).and_then(|until| until.parse().ok()) {
        Some(until) if until > now => Ok(Some(until)),
        Some(_) => Err(CloseCode::TOKEN_EXPIRED),
        None => Err(CloseCode::TOKEN_REJECTED),
    }
}

/// A token that is valid until then.
pub(crate) fn token_until(until: u64) -> Token {
    Token::new(&format!("{TOKEN_PREFIX}{until}"))
}

/// The date at a virtual time.
pub(crate) const fn date(now: u64) -> Timestamp {
    Timestamp(DATE_OF_ZERO + now)
}

fn hub_config(options: &Options) -> HubConfig {
    HubConfig {
        queue_messages_max: options.queue_messages_max,
        queue_bytes_max: options.queue_bytes_max,
        ..HubConfig::default()
    }
}

fn streams_config(options: &Options, epoch_seed: u64) -> HistoryConfig {
    HistoryConfig { retention: options.retention, epoch_seed, ..HistoryConfig::default() }
}
