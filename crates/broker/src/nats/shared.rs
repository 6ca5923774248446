//! The state that the tasks of a node share: the session while there is one, the table, and the
//! last sequence number seen, below which no later process of the server may fall.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use steadfast_history::{EpochMaker, HistoryConfig, stable_hash};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Epoch};
use tokio::sync::watch;

use super::address::Address;
use super::barrier::Barrier;
use super::channel_queue::ChannelQueues;
use super::entry;
use super::membership::NatsPresence;
use super::message_builder::QueuedWork;
use super::metrics::NatsCounters;
use super::record::{KnownEnd, LogRecord};
use super::session::{NatsSession, NatsUnavailable};
use super::sweep::TOMBSTONE_MS;
use super::table::NatsTable;
use crate::clock::Clock;
use crate::cluster::{ClusterMessage, NodeId, PROBE_TIMEOUT, RpcState};
use crate::settings::NatsSettings;
use crate::update_bus::UpdateBus;

/// How long the table may take to apply a message that the log has.
const APPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// The most channels that are remembered as stuck.
const STUCK_MAX: usize = 1_000;
/// Reserved epochs that a node which joins is told of, the most recently read ones …
const RESERVED_TOLD_MAX: usize = 4_096;
/// … and how many of them at a time.
const RESERVED_PER_MESSAGE: usize = 256;
/// A node that has been silent for so long does no sweeping, in ms.
const ABSENT_MS: u64 = 180_000;

/// Names of the stream and its subjects, all under one prefix.
#[derive(Debug)]
pub(super) struct StreamNames {
    pub(super) stream: String,
    /// All subjects of the stream.
    pub(super) all: String,
    /// The prefix of the subjects of channels.
    pub(super) channels: String,
    pub(super) record: String,
    pub(super) control: String,
    prefix: String,
}

/// The log, as this node knows it.
#[derive(Debug)]
pub(super) struct NatsShared {
    pub(super) addresses: Vec<Address>,
    pub(super) replicas: usize,
    pub(super) names: StreamNames,
    /// The identity of this node's process.
    pub(super) node: String,
    pub(super) updates: UpdateBus,
    pub(super) table: Mutex<NatsTable>,
    /// The last message that was applied.
    pub(super) applied: watch::Sender<u64>,
    /// The last applied message that was about a channel.
    pub(super) stepped: AtomicU64,
    pub(super) known: Mutex<KnownEnd>,
    pub(super) queues: ChannelQueues,
    pub(super) barrier: Barrier,
    pub(super) counters: NatsCounters,
    pub(super) expired_to: Mutex<Option<ChannelName>>,
    pub(super) rpc: RpcState,
    pub(super) presence: Mutex<NatsPresence>,
    pub(super) clock: Clock,
    /// Channels whose messages the stream refuses.
    stuck: Mutex<BTreeSet<ChannelName>>,
    /// Creates the bases of epochs.
    pub(super) epochs: EpochMaker,
    session: RwLock<Option<Arc<NatsSession>>>,
    /// Since when there is no session.
    lost_at: Mutex<Millis>,
    /// Present nodes, this one included.
    others: Mutex<Vec<String>>,
}

impl StreamNames {
    fn of(prefix: &str) -> Self {
        Self {
            stream: prefix.to_owned(),
            all: format!("{prefix}.log.>"),
            channels: format!("{prefix}.log.channel."),
            record: format!("{prefix}.log.record"),
            control: format!("{prefix}.control"),
            prefix: prefix.to_owned(),
        }
    }

    /// The subject of a channel.
    pub(super) fn of_channel(&self, name: &ChannelName) -> String {
        format!("{}{}", self.channels, entry::word(name.as_str()))
    }

    /// The subject of messages to one node.
    pub(super) fn to(&self, node: &NodeId) -> String {
        format!("{}.to.{}", self.prefix, entry::word(&node.to_string()))
    }
}

impl NatsShared {
    pub(super) fn new(
        settings: &NatsSettings,
        addresses: Vec<Address>,
        streams: HistoryConfig,
        hot_bytes_max: usize,
        clock: Clock,
        updates: UpdateBus,
        node: &str,
    ) -> Self {
        let seed = streams.epoch_seed;
        let own = NodeId { run: format!("{seed:016x}"), name: node.to_owned() };
        Self {
            addresses,
            replicas: settings.replicas,
            names: StreamNames::of(&settings.prefix),
            node: own.to_string(),
            updates,
            table: Mutex::new(NatsTable::new(streams, hot_bytes_max)),
            applied: watch::Sender::new(0),
            stepped: AtomicU64::new(0),
            known: Mutex::default(),
            queues: ChannelQueues::new(),
            barrier: Barrier::default(),
            counters: NatsCounters::default(),
            expired_to: Mutex::default(),
            rpc: RpcState::new(own),
            presence: Mutex::default(),
            clock,
            stuck: Mutex::default(),
            epochs: EpochMaker::new(seed),
            session: RwLock::new(None),
            lost_at: Mutex::new(clock.now()),
            others: Mutex::default(),
        }
    }

    /// The current session.
    pub(super) fn session(&self) -> Result<Arc<NatsSession>, NatsUnavailable> {
        self.session.read().clone().ok_or(NatsUnavailable)
    }

    pub(super) fn is_connected(&self) -> bool {
        self.session.read().is_some()
    }

    pub(super) fn begin(&self, session: Arc<NatsSession>) {
        self.counters.sessions.fetch_add(1, Ordering::Relaxed);
        *self.session.write() = Some(session);
    }

    pub(super) fn end(&self) {
        if self.session.write().take().is_some() {
            *self.lost_at.lock() = self.clock.now();
        }
    }

    /// Takes over the fence of a new session; returns the sequence number to read on from.
    pub(super) fn begin_session(&self, session: &NatsSession) -> u64 {
        let mut known = self.known.lock();
        let is_other = known.fence != session.fence;
        if is_other && !known.fence.is_empty() {
            self.counters.fences.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                fence = session.fence,
                "the broker lost events: channels get new epochs"
            );
        }
        let seen = if is_other { 0 } else { known.seen };
        *known = KnownEnd { fence: session.fence.clone(), run: session.run.clone(), seen };
        drop(known);
        // The record, which is read again, lists the present nodes.
        self.presence.lock().clear();
        // The tombstones of deleted channels may have been purged meanwhile.
        let was_away_long = self.clock.now().since(*self.lost_at.lock()).0 > TOMBSTONE_MS / 2;
        if is_other || was_away_long {
            self.table.lock().clear(&session.fence);
            self.stepped.store(0, Ordering::Relaxed);
        }
        // Messages after that which were not about channels may be lost and their numbers reused.
        let stepped = self.stepped.load(Ordering::Relaxed);
        self.applied.send_replace(stepped);
        stepped + 1
    }

    /// Notes the highest sequence number seen under this fence.
    pub(super) fn note_seen(&self, fence: &str, seq: u64) {
        let mut known = self.known.lock();
        if known.fence == fence && known.seen < seq {
            known.seen = seq;
        }
    }

    /// Restarts one channel under a new epoch after its last acknowledged event was deleted.
    pub(super) async fn restart_channel(&self, name: &ChannelName, last: u64) {
        tracing::warn!(
            channel = name.as_str(),
            "the last event of a channel was deleted from the stream: it has a new epoch"
        );
        self.counters.repairs.fetch_add(1, Ordering::Relaxed);
        let updates = self.table.lock().lose(name, last, self.date());
        for updates in updates {
            self.updates.deliver(updates).await;
        }
    }

    /// Sets whether every append to a channel fails.
    pub(super) fn set_stuck(&self, name: &ChannelName, is_stuck: bool) {
        let mut stuck = self.stuck.lock();
        if !is_stuck {
            stuck.remove(name);
        } else if stuck.len() < STUCK_MAX && stuck.insert(name.clone()) {
            let channel = name.as_str();
            tracing::error!(
                channel,
                "the stream refuses every message of a channel; purge its subject"
            );
        }
    }

    /// Sets whether the server refused the last message.
    pub(super) fn is_failing(&self, is_failing: bool) {
        self.counters.is_failing.store(is_failing, Ordering::Relaxed);
    }

    /// Notes that the log stored a message.
    pub(super) fn note_appended(&self, fence: &str, seq: u64) {
        self.note_seen(fence, seq);
        self.is_failing(false);
        self.counters.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the table has applied this sequence number; false if that takes too long.
    pub(super) async fn wait_applied(&self, session: &NatsSession, seq: u64) -> bool {
        let mut applied = self.applied.subscribe();
        let is_applied = tokio::select! {
            applied = applied.wait_for(|applied| *applied >= seq) => applied.is_ok(),
            () = session.ended() => false,
            () = tokio::time::sleep(APPLY_TIMEOUT) => {
                session.end();
                false
            }
        };
        // A later session may have read under another fence.
        is_applied && !*session.over.borrow()
    }

    /// Reserves the epoch of a channel's first event. Nothing is written to the log: other nodes
    /// get a message, and on one that misses it the channel begins with a gap.
    pub(super) async fn reserve(&self, session: &NatsSession, name: &ChannelName) -> Option<Epoch> {
        let (epoch, message) = {
            let mut table = self.table.lock();
            let (base, is_new) = table.reserve(name, &self.epochs.base(), self.date());
            let message = is_new.then(|| self.reserved(vec![(name.clone(), base.to_string())]));
            (table.epoch(&base)?, message)
        };
        if let Some(message) = message {
            self.send_message(session, self.names.control.clone(), &message).await;
        }
        Some(epoch)
    }

    /// Keeps the reserved epochs of channels that are followed here, and tells the other nodes to
    /// do so, since any of them may publish the first event.
    pub(super) async fn keep(&self, session: &NatsSession, names: &[ChannelName]) {
        let mut epochs = Vec::new();
        {
            let (mut table, now) = (self.table.lock(), Millis(self.date()));
            for name in names {
                if let Some(base) = table.reserved.keep(now, name) {
                    epochs.push((name.clone(), base.to_string()));
                }
            }
        }
        if !epochs.is_empty() {
            let kept = ClusterMessage::KeepReserved { node: self.rpc.own().clone(), epochs };
            self.send_message(session, self.names.control.clone(), &kept).await;
        }
    }

    /// The reserved epochs that a node which has just joined should know.
    pub(super) fn reserved_messages(&self) -> Vec<ClusterMessage> {
        let table = self.table.lock();
        let recent = table.reserved.recent().take(RESERVED_TOLD_MAX);
        let recent: Vec<_> = recent.map(|(name, base)| (name.clone(), base.to_string())).collect();
        recent.chunks(RESERVED_PER_MESSAGE).map(|some| self.reserved(some.to_vec())).collect()
    }

    fn reserved(&self, epochs: Vec<(ChannelName, String)>) -> ClusterMessage {
        ClusterMessage::Reserved { node: self.rpc.own().clone(), epochs }
    }

    /// Keeps a channel from being deleted as unused.
    pub(super) async fn touch(self: &Arc<Self>, name: &ChannelName) {
        ChannelQueues::enqueue(self, name, QueuedWork::Touch).await;
    }

    /// Sends a message to other nodes; gives up if the server does not accept it in time.
    pub(super) async fn send_message(
        &self,
        session: &NatsSession,
        to: String,
        message: &ClusterMessage,
    ) {
        let sent = session.client.publish(to, message.encode().into());
        match tokio::time::timeout(PROBE_TIMEOUT, sent).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a message between nodes was not sent"),
            Err(_) => tracing::debug!("a message between nodes was not sent in time"),
        }
    }

    /// Takes over the present nodes of the record.
    pub(super) fn set_nodes(&self, record: &LogRecord) {
        self.presence.lock().record(&record.nodes, self.clock.now(), self.date());
        let newest = record.nodes.values().copied().max().unwrap_or(0);
        let is_there = |at: u64| newest.saturating_sub(at) <= ABSENT_MS;
        let nodes = record.nodes.iter().filter(|(_, at)| is_there(**at));
        *self.others.lock() = nodes.map(|(node, _)| node.clone()).collect();
    }

    /// Whether this node sweeps this channel.
    pub(super) fn sweeps(&self, name: &ChannelName) -> bool {
        let weight = |node: &str| stable_hash(name.as_str().bytes().chain(node.bytes()));
        let mine = weight(&self.node);
        self.others.lock().iter().all(|other| *other == self.node || weight(other) < mine)
    }

    /// The current date, in ms since 1970.
    pub(super) fn date(&self) -> u64 {
        self.clock.date().0
    }

    /// How many channels are stuck.
    pub(super) fn stuck(&self) -> usize {
        self.stuck.lock().len()
    }

    /// Sessions begun so far.
    pub(super) fn sessions(&self) -> u64 {
        self.counters.sessions.load(Ordering::Relaxed)
    }
}
