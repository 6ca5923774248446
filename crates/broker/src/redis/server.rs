//! One server, as this node knows it: the session while there is one, and the highest count of
//! writes seen, below which no later process of that server may fall.

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
    /// Its index among the servers.
    pub(super) at: usize,
    pub(super) discovery: Discovery,
    pub(super) keys: RedisKeys,
    /// The identity of this node in the servers' lists.
    pub(super) node: String,
    own: NodeId,
    /// Channels and bytes, as last reported.
    pub(super) channels: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// The policy by which it evicts keys without an expiry, if it does.
    pub(super) evicts: Mutex<Option<String>>,
    /// The last probe that came back as an announcement.
    pub(super) heard: watch::Sender<u64>,
    pub(super) counters: ServerCounters,
    probes: AtomicU64,
    session: RwLock<Option<Arc<RedisSession>>>,
    known: Mutex<SeenOffset>,
}

/// The counters of one server.
#[derive(Debug, Default)]
pub(super) struct ServerCounters {
    /// Sessions begun.
    pub(super) sessions: AtomicU64,
    /// Times that its fence was raised.
    pub(super) fences: AtomicU64,
    /// Announcements dropped for lack of room; the events are read from history.
    pub(super) dropped: AtomicU64,
    /// Names with reserved epochs, as last reported.
    pub(super) reserved: AtomicU64,
    /// Reserved epochs dropped for lack of room, by calls of this node.
    pub(super) reserved_dropped: AtomicU64,
}

/// A connection to one process of the server, under one fence.
#[derive(Debug)]
pub(super) struct RedisSession {
    pub(super) commands: MultiplexedConnection,
    pub(super) run: String,
    pub(super) fence: String,
    /// Keeps the connection open by which announcements arrive.
    pub(super) _subscriber: MultiplexedConnection,
    /// Notified when the session has ended.
    pub(super) over: Notify,
}

/// The highest count of writes that was acknowledged or announced to this node.
#[derive(Clone, Debug, Default)]
pub(super) struct SeenOffset {
    pub(super) run: String,
    pub(super) fence: String,
    pub(super) n: u64,
}

/// The server did not respond; whether it executed the command is unknown.
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

    /// The pub/sub channel of messages to one node.
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
            counters: ServerCounters::default(),
            probes: AtomicU64::new(0),
            session: RwLock::new(None),
            known: Mutex::default(),
        }
    }

    /// The current session.
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

    /// Takes over a process of the server and its fence.
    pub(super) fn begin_run(&self, run: &str, fence: &str, n: u64) {
        let mut known = self.known.lock();
        let seen = if known.fence == fence { known.n.max(n) } else { n };
        *known = SeenOffset { run: run.to_owned(), fence: fence.to_owned(), n: seen };
    }

    /// Notes the highest count of writes seen under this fence.
    pub(super) fn note_seen(&self, fence: &str, n: u64) {
        let mut known = self.known.lock();
        if known.fence == fence && known.n < n {
            known.n = n;
        }
    }

    /// Notes how many bytes and channels the server reports.
    pub(super) fn note_size(&self, bytes: Option<&Value>, channels: Option<&Value>) {
        if let Some(bytes) = number(bytes) {
            self.bytes.store(bytes, Ordering::Relaxed);
        }
        if let Some(channels) = number(channels) {
            self.channels.store(channels, Ordering::Relaxed);
        }
    }

    /// Notes for how many names the server has reserved epochs, and how many it just dropped.
    pub(super) fn note_reserved(&self, names: Option<&Value>, dropped: Option<&Value>) {
        if let (Some(Value::Int(names)), Some(Value::Int(dropped))) = (names, dropped) {
            self.counters.reserved.store(names.unsigned_abs(), Ordering::Relaxed);
            self.counters.reserved_dropped.fetch_add(dropped.unsigned_abs(), Ordering::Relaxed);
        }
    }

    /// A call of a script on one channel.
    pub(super) fn channel_call(
        &self,
        session: &RedisSession,
        script: &'static Script,
        name: &str,
    ) -> Call {
        self.channel_call_with(session, script, name, &[])
    }

    /// The same with additional keys.
    pub(super) fn channel_call_with(
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
        self.fenced_call(session, script, &keys)
    }

    /// A call that the script refuses if the server was replaced or lost writes.
    pub(super) fn fenced_call(
        &self,
        session: &RedisSession,
        script: &'static Script,
        keys: &[&str],
    ) -> Call {
        let seen = self.known.lock().n;
        script.call(keys).arg(session.run.as_str()).arg(session.fence.as_str()).number(seen)
    }

    /// Sends a call; returns the script's answer. The session ends if the script refused it.
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
            Err(error) => Err(self.note_failure(session, &error)),
        }
    }

    /// Handles the error of a command; ends the session unless the server merely refused it.
    pub(super) fn note_failure(
        &self,
        session: &RedisSession,
        error: &RedisError,
    ) -> RedisUnavailable {
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
    pub(super) async fn send_message(
        &self,
        to: &str,
        message: &ClusterMessage,
    ) -> Result<(), RedisUnavailable> {
        let session = self.session()?;
        let mut command = redis::cmd("PUBLISH");
        command.arg(to).arg(message.encode());
        let sent: Result<u64, RedisError> =
            command.query_async(&mut session.commands.clone()).await;
        sent.map(drop).map_err(|error| self.note_failure(&session, &error))
    }

    /// The pub/sub channel of messages to this node.
    pub(super) fn to_own(&self) -> String {
        self.keys.to(&self.own)
    }

    /// Sends a message to this node itself through the server. Returns its number, which
    /// [`Self::heard`] reaches when it arrives.
    pub(super) async fn probe(&self) -> Result<u64, RedisUnavailable> {
        let number = self.probes.fetch_add(1, Ordering::Relaxed) + 1;
        self.send_message(&self.to_own(), &ClusterMessage::Probe { number }).await?;
        Ok(number)
    }
}

/// The fence under which an epoch was created.
pub(super) fn fence_of(epoch: &Epoch) -> &str {
    epoch.as_str().rsplit('-').next().unwrap_or_default()
}
