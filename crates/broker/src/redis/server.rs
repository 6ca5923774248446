//! One server, as this node knows it: the session with it while there is one, and the most that
//! this node has seen of it, which no later process of that server may fall short of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind, Value};
use steadfast_protocol::Epoch;
use tokio::sync::{Notify, watch};

use super::discovery::Discovery;
use super::scripts::{Call, Script, number, text};
use crate::cluster::{ClusterMessage, NodeId};

/// Names that are the same for every channel of a prefix.
#[derive(Debug)]
pub(super) struct RedisKeys {
    pub(super) prefix: String,
    pub(super) server: String,
    pub(super) index: String,
    pub(super) nodes: String,
    pub(super) reports: String,
    pub(super) sweep: String,
    pub(super) answers: String,
    pub(super) answers_order: String,
    pub(super) events: String,
    pub(super) control: String,
}

/// One server.
#[derive(Debug)]
pub(super) struct RedisNode {
    /// Its place in the ring.
    pub(super) at: usize,
    pub(super) discovery: Discovery,
    pub(super) keys: RedisKeys,
    /// This node, as the servers' lists have it.
    pub(super) node: String,
    own: NodeId,
    /// Channels and bytes, as last told.
    pub(super) channels: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// How it evicts keys that nobody said may go, where it does.
    pub(super) evicts: Mutex<Option<String>>,
    /// The newest probe that came back as an announcement.
    pub(super) heard: watch::Sender<u64>,
    pub(super) figures: ServerCounters,
    probes: AtomicU64,
    session: RwLock<Option<Arc<RedisSession>>>,
    known: Mutex<SeenOffset>,
}

/// What is counted of one server.
#[derive(Debug, Default)]
pub(super) struct ServerCounters {
    /// Sessions with it that began.
    pub(super) sessions: AtomicU64,
    /// Times that its fence was found raised.
    pub(super) fences: AtomicU64,
    /// Announcements dropped because there was no room; history brings the events.
    pub(super) dropped: AtomicU64,
    /// Names with reserved epochs on it, as last told.
    pub(super) reserved: AtomicU64,
    /// Those that lost theirs for want of room, by calls of this node.
    pub(super) reserved_dropped: AtomicU64,
}

/// A connection to one process of the server, under one fence.
#[derive(Debug)]
pub(super) struct RedisSession {
    pub(super) commands: MultiplexedConnection,
    pub(super) run: String,
    pub(super) fence: String,
    /// Holds the connection that announcements come by.
    pub(super) _told: MultiplexedConnection,
    /// Something showed that it is over.
    pub(super) over: Notify,
}

/// The most that was acked or announced to this node.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenOffset {
    pub(super) run: String,
    pub(super) fence: String,
    pub(super) n: u64,
}

/// The server did not answer; whether it did what it was asked is not known.
#[derive(Debug)]
pub(super) struct RedisUnavailable;

impl RedisKeys {
    fn of(prefix: &str) -> Self {
        let named = |name: &str| format!("{prefix}:{name}");
        Self {
            prefix: prefix.to_owned(),
            server: named("server"),
            index: named("index"),
            nodes: named("nodes"),
            reports: named("reports"),
            sweep: named("sweep"),
            answers: named("answers"),
            answers_order: named("answers:order"),
            events: named("events"),
            control: named("control"),
        }
    }

    /// Where a node hears what is for it alone.
    pub(super) fn to(&self, node: &NodeId) -> String {
        format!("{}:to:{node}", self.prefix)
    }
}

impl RedisNode {
    pub(super) fn new(at: usize, discovery: Discovery, prefix: &str, own: &NodeId) -> Self {
        Self {
            at,
            discovery,
            keys: RedisKeys::of(prefix),
            node: own.to_string(),
            own: own.clone(),
            channels: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            evicts: Mutex::default(),
            heard: watch::Sender::new(0),
            figures: ServerCounters::default(),
            probes: AtomicU64::new(0),
            session: RwLock::new(None),
            known: Mutex::default(),
        }
    }

    /// The session there is.
    pub(super) fn session(&self) -> Result<Arc<RedisSession>, RedisUnavailable> {
        self.session.read().clone().ok_or(RedisUnavailable)
    }

    pub(super) fn begin(&self, session: Arc<RedisSession>) {
        *self.session.write() = Some(session);
    }

    pub(super) fn end(&self) {
        *self.session.write() = None;
    }

    pub(super) fn known(&self) -> SeenOffset {
        self.known.lock().clone()
    }

    /// The node has come to this process of the server, under this fence.
    pub(super) fn settle(&self, run: &str, fence: &str, n: u64) {
        let mut known = self.known.lock();
        let seen = if known.fence == fence { known.n.max(n) } else { n };
        *known = SeenOffset { run: run.to_owned(), fence: fence.to_owned(), n: seen };
    }

    /// So many writes were acked or announced under this fence.
    pub(super) fn learn(&self, fence: &str, n: u64) {
        let mut known = self.known.lock();
        if known.fence == fence && known.n < n {
            known.n = n;
        }
    }

    /// The server says how many bytes it keeps, and of how many channels where that is new.
    pub(super) fn keeps(&self, bytes: Option<&Value>, channels: Option<&Value>) {
        if let Some(bytes) = number(bytes) {
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        if let Some(channels) = number(channels) {
            self.channels.store(channels, Ordering::Relaxed);
        }
    }

    /// The server may say for how many names it has reserved epochs, and how many it has just
    /// dropped.
    pub(super) fn reserves(&self, names: Option<&Value>, dropped: Option<&Value>) {
        if let (Some(Value::Int(names)), Some(Value::Int(dropped))) = (names, dropped) {
            self.figures.reserved.store(names.unsigned_abs(), Ordering::Relaxed);
            self.figures.reserved_dropped.fetch_add(dropped.unsigned_abs(), Ordering::Relaxed);
        }
    }

    /// A call about one channel.
    pub(super) fn about(
        &self,
        session: &RedisSession,
        script: &'static Script,
        name: &str,
    ) -> Call {
        self.about_with(session, script, name, &[])
    }

    /// The same with more keys.
    pub(super) fn about_with(
        &self,
        session: &RedisSession,
        script: &'static Script,
        name: &str,
        more: &[&str],
    ) -> Call {
        let of = |kind: &str| format!("{}:{kind}:{name}", self.keys.prefix);
        let (record, log, newest) = (of("record"), of("log"), of("newest"));
        let mut keys = vec![&*self.keys.server, &*self.keys.index, &record, &log, &newest];
        keys.extend(more);
        self.guarded(session, script, &keys)
    }

    /// A call that is refused unless the server is as this node knows it.
    pub(super) fn guarded(
        &self,
        session: &RedisSession,
        script: &'static Script,
        keys: &[&str],
    ) -> Call {
        let seen = self.known.lock().n;
        script.call(keys).arg(session.run.as_str()).arg(session.fence.as_str()).number(seen)
    }

    /// Sends a call; what it answers behind its first word, and that word.
    pub(super) async fn send(
        &self,
        session: &RedisSession,
        call: Call,
    ) -> Result<Vec<Value>, RedisUnavailable> {
        match call.send(&mut session.commands.clone()).await {
            Ok(answer) if text(answer.first()) == "moved" => {
                session.over.notify_one();
                Err(RedisUnavailable)
            }
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.failed(session, &error)),
        }
    }

    /// Whatever a failed command says, somebody has to look again; most of them end the session.
    pub(super) fn failed(&self, session: &RedisSession, error: &RedisError) -> RedisUnavailable {
        let is_refusal = error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError);
        tracing::debug!(server = self.at, %error, "a command failed");
        if is_refusal {
            tracing::warn!(server = self.at, %error, "the server refused a command");
        } else {
            session.over.notify_one();
        }
        RedisUnavailable
    }

    /// Sends a message to other nodes.
    pub(super) async fn tell(
        &self,
        to: &str,
        message: &ClusterMessage,
    ) -> Result<(), RedisUnavailable> {
        let session = self.session()?;
        let mut command = redis::cmd("PUBLISH");
        command.arg(to).arg(message.encode());
        let sent: Result<u64, RedisError> =
            command.query_async(&mut session.commands.clone()).await;
        sent.map(drop).map_err(|error| self.failed(&session, &error))
    }

    /// Where this node hears what is for it alone.
    pub(super) fn to_own(&self) -> String {
        self.keys.to(&self.own)
    }

    /// Sends a message to this node itself, by way of the server. Returns its number, which
    /// [`Self::heard`] reaches when it arrives.
    pub(super) async fn probe(&self) -> Result<u64, RedisUnavailable> {
        let number = self.probes.fetch_add(1, Ordering::Relaxed) + 1;
        self.tell(&self.to_own(), &ClusterMessage::Probe { number }).await?;
        Ok(number)
    }
}

/// The fence that an epoch was made under.
pub(super) fn fence_of(epoch: &Epoch) -> &str {
    epoch.as_str().rsplit('-').next().unwrap_or_default()
}
