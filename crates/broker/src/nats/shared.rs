//! What the tasks of a node share of the log: the session while there is one, the table, and the
//! most that this node has seen, which no later process of the server may fall short of.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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
use super::record::{KnownEnd, LogRecord};
use super::session::{NatsSession, NatsUnavailable};
use super::sweep::TOMB_MS;
use super::table::NatsTable;
use crate::clock::Clock;
use crate::cluster::{ClusterMessage, NodeId, PROBE_TIMEOUT, RpcState};
use crate::metrics::{BrokerMetric, BrokerStat};
use crate::settings::NatsSettings;
use crate::update_bus::UpdateBus;

/// How long a message that the log has may take to come to the table.
const APPLY_TIMEOUT: Duration = Duration::from_secs(5);
/// Channels that are remembered as taking nothing.
const STUCK_MAX: usize = 1_000;
/// Names without events that a node which comes is told of, the most recently read ones …
const RESERVED_TOLD_MAX: usize = 4_096;
/// … and how many of them at a time.
const RESERVED_PER_MESSAGE: usize = 256;
/// A node that has said nothing for so long does no sweeping, in ms.
const ABSENT_MS: u64 = 180_000;

/// Names of the log and of what is in it, all under one prefix.
#[derive(Debug)]
pub(super) struct StreamNames {
    pub(super) stream: String,
    /// All of the log.
    pub(super) all: String,
    /// What the subjects of channels begin with.
    pub(super) channels: String,
    pub(super) record: String,
    pub(super) control: String,
    prefix: String,
}

/// What is counted.
#[derive(Debug, Default)]
pub(super) struct NatsCounters {
    pub(super) is_failing: AtomicBool,
    sessions: AtomicU64,
    fences: AtomicU64,
    messages: AtomicU64,
    repairs: AtomicU64,
}

/// The log, as this node knows it.
#[derive(Debug)]
pub(super) struct NatsShared {
    pub(super) addresses: Vec<Address>,
    pub(super) replicas: usize,
    pub(super) names: StreamNames,
    /// This node, unlike any other and any earlier run of it.
    pub(super) node: String,
    pub(super) updates: UpdateBus,
    pub(super) table: Mutex<NatsTable>,
    /// The newest message that was taken in.
    pub(super) applied: watch::Sender<u64>,
    /// The newest of them that was about a channel.
    pub(super) stepped: AtomicU64,
    pub(super) known: Mutex<KnownEnd>,
    pub(super) lanes: ChannelQueues,
    pub(super) barrier: Barrier,
    pub(super) figures: NatsCounters,
    pub(super) expired_to: Mutex<Option<ChannelName>>,
    pub(super) rpc: RpcState,
    pub(super) presence: Mutex<NatsPresence>,
    pub(super) clock: Clock,
    /// Channels that the log takes nothing of.
    stuck: Mutex<BTreeSet<ChannelName>>,
    /// Makes the bases of epochs.
    pub(super) epochs: EpochMaker,
    session: RwLock<Option<Arc<NatsSession>>>,
    /// Since when there is none.
    lost_at: Mutex<Millis>,
    /// Nodes that are there, this one included.
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

    /// Where a node hears what is for it alone.
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
            lanes: ChannelQueues::new(),
            barrier: Barrier::default(),
            figures: NatsCounters::default(),
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

    /// The session there is.
    pub(super) fn session(&self) -> Result<Arc<NatsSession>, NatsUnavailable> {
        self.session.read().clone().ok_or(NatsUnavailable)
    }

    pub(super) fn is_here(&self) -> bool {
        self.session.read().is_some()
    }

    pub(super) fn begin(&self, session: Arc<NatsSession>) {
        self.figures.sessions.fetch_add(1, Ordering::Relaxed);
        *self.session.write() = Some(session);
    }

    pub(super) fn end(&self) {
        if self.session.write().take().is_some() {
            *self.lost_at.lock() = self.clock.now();
        }
    }

    /// The node has come to this process of the server, under this fence; from where to read on.
    pub(super) fn settle(&self, session: &NatsSession) -> u64 {
        let mut known = self.known.lock();
        let is_other = known.fence != session.fence;
        if is_other && !known.fence.is_empty() {
            self.figures.fences.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(
                fence = session.fence,
                "the broker lost events: channels get new epochs"
            );
        }
        let seen = if is_other { 0 } else { known.seen };
        *known = KnownEnd { fence: session.fence.clone(), run: session.run.clone(), seen };
        drop(known);
        // Who is there now is in the record, which is read once more.
        self.presence.lock().clear();
        // What says that a channel is gone may be gone itself.
        let was_away_long = self.clock.now().since(*self.lost_at.lock()).0 > TOMB_MS / 2;
        if is_other || was_away_long {
            self.table.lock().clear(&session.fence);
            self.stepped.store(0, Ordering::Relaxed);
        }
        // What nodes wrote of themselves behind that may be lost, and its numbers given anew.
        let stepped = self.stepped.load(Ordering::Relaxed);
        self.applied.send_replace(stepped);
        stepped + 1
    }

    /// So far the log was seen under this fence.
    pub(super) fn learn(&self, fence: &str, seq: u64) {
        let mut known = self.known.lock();
        if known.fence == fence && known.seen < seq {
            known.seen = seq;
        }
    }

    /// What was acked is not there any more, of one channel: it begins anew, and nothing else does.
    pub(super) async fn has_lost(&self, name: &ChannelName, last: u64) {
        tracing::warn!(
            channel = name.as_str(),
            "the newest event of a channel was taken out of the log: it has a new epoch"
        );
        self.figures.repairs.fetch_add(1, Ordering::Relaxed);
        let news = self.table.lock().lose(name, last, self.date());
        for news in news {
            self.updates.deliver(news).await;
        }
    }

    /// Whether a channel takes nothing, whatever is tried.
    pub(super) fn is_stuck(&self, name: &ChannelName, is_stuck: bool) {
        let mut stuck = self.stuck.lock();
        if !is_stuck {
            stuck.remove(name);
        } else if stuck.len() < STUCK_MAX && stuck.insert(name.clone()) {
            let channel = name.as_str();
            tracing::error!(channel, "the log takes nothing about a channel; purge its subject");
        }
    }

    /// The server refused a message, or took one.
    pub(super) fn is_failing(&self, is_failing: bool) {
        self.figures.is_failing.store(is_failing, Ordering::Relaxed);
    }

    /// A message was brought to the log.
    pub(super) fn has_kept(&self, fence: &str, seq: u64) {
        self.learn(fence, seq);
        self.is_failing(false);
        self.figures.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the table has the message of this number; false where that takes too long.
    pub(super) async fn has_applied(&self, session: &NatsSession, seq: u64) -> bool {
        let mut applied = self.applied.subscribe();
        let is_applied = tokio::select! {
            applied = applied.wait_for(|applied| *applied >= seq) => applied.is_ok(),
            () = session.is_over() => false,
            () = tokio::time::sleep(APPLY_TIMEOUT) => {
                session.end();
                false
            }
        };
        // What a later session has read may be under another fence.
        is_applied && !*session.over.borrow()
    }

    /// The epoch that the first event of a channel will have. Nothing is written to the log: the
    /// other nodes are told, and one that is not told has the channel begin with a gap.
    pub(super) async fn reserve(&self, session: &NatsSession, name: &ChannelName) -> Option<Epoch> {
        let (epoch, message) = {
            let mut table = self.table.lock();
            let (base, is_new) = table.reserve(name, &self.epochs.base(), self.date());
            let message = is_new.then(|| self.reserved(vec![(name.clone(), base.to_string())]));
            (table.epoch(&base)?, message)
        };
        if let Some(message) = message {
            self.tell(session, self.names.control.clone(), &message).await;
        }
        Some(epoch)
    }

    /// Some channels are followed here: the epochs to come of those without events are kept, and
    /// the other nodes are told to keep them too, for any of them may publish the first event.
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
            self.tell(session, self.names.control.clone(), &kept).await;
        }
    }

    /// What a node that has just come should know of names without events.
    pub(super) fn reserved_messages(&self) -> Vec<ClusterMessage> {
        let table = self.table.lock();
        let recent = table.reserved.recent().take(RESERVED_TOLD_MAX);
        let recent: Vec<_> = recent.map(|(name, base)| (name.clone(), base.to_string())).collect();
        recent.chunks(RESERVED_PER_MESSAGE).map(|some| self.reserved(some.to_vec())).collect()
    }

    fn reserved(&self, epochs: Vec<(ChannelName, String)>) -> ClusterMessage {
        ClusterMessage::Reserved { node: self.rpc.own().clone(), epochs }
    }

    /// Keeps a channel from being forgotten.
    pub(super) async fn touch(self: &Arc<Self>, name: &ChannelName) {
        ChannelQueues::put(self, name, QueuedWork::Touch).await;
    }

    /// Sends a message to other nodes, unless the server is too busy to take it soon.
    pub(super) async fn tell(&self, session: &NatsSession, to: String, message: &ClusterMessage) {
        let sent = session.client.publish(to, message.encode().into());
        match tokio::time::timeout(PROBE_TIMEOUT, sent).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a message between nodes was not sent"),
            Err(_) => tracing::debug!("a message between nodes was not sent in time"),
        }
    }

    /// Which nodes there are.
    pub(super) fn others(&self, record: &LogRecord) {
        self.presence.lock().record(&record.nodes, self.clock.now(), self.date());
        let newest = record.nodes.values().copied().max().unwrap_or(0);
        let is_there = |at: u64| newest.saturating_sub(at) <= ABSENT_MS;
        let nodes = record.nodes.iter().filter(|(_, at)| is_there(**at));
        *self.others.lock() = nodes.map(|(node, _)| node.clone()).collect();
    }

    /// Whether this node is the one that sweeps this channel.
    pub(super) fn is_mine(&self, name: &ChannelName) -> bool {
        let weight = |node: &str| stable_hash(name.as_str().bytes().chain(node.bytes()));
        let mine = weight(&self.node);
        self.others.lock().iter().all(|other| *other == self.node || weight(other) < mine)
    }

    /// The date, in ms.
    pub(super) fn date(&self) -> u64 {
        self.clock.date().0
    }

    /// How many channels the log takes nothing of, whatever is tried.
    pub(super) fn stuck(&self) -> usize {
        self.stuck.lock().len()
    }

    /// Sessions that began.
    pub(super) fn sessions(&self) -> u64 {
        self.figures.sessions.load(Ordering::Relaxed)
    }

    /// The metrics of a scrape.
    pub(super) fn metrics(&self) -> Vec<BrokerMetric> {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (connected, stuck) = (u64::from(self.is_here()), self.stuck() as u64);
        let failing = u64::from(self.figures.is_failing.load(Ordering::Relaxed));
        let [fences, repairs, messages] =
            [&self.figures.fences, &self.figures.repairs, &self.figures.messages].map(count);
        let (gauge, counter) = (BrokerMetric::gauge, BrokerMetric::counter);
        let lost = "Times that events were lost and epochs changed";
        let unheard = self.rpc.dropped();
        vec![
            gauge("nats_connected", "1 while this node reads the log", connected),
            gauge("nats_failing", "1 while the server takes no messages", failing),
            gauge("nats_channels_stuck", "Channels that the log takes nothing of", stuck),
            gauge("nats_applied", "The newest message of the log taken in", *self.applied.borrow()),
            counter("nats_sessions", "Sessions with the log begun", self.sessions()),
            counter("nats_fences_raised", lost, fences),
            counter("nats_channels_repaired", "Channels that lost their newest event", repairs),
            counter("nats_messages", "Messages of the log that this node wrote", messages),
            counter("nats_questions_dropped", "Questions of other nodes without room", unheard),
        ]
    }

    /// The object of the statistics.
    pub(super) fn stats(&self) -> Vec<BrokerStat> {
        let count =
            |name, counter: &AtomicU64| BrokerStat::count(name, counter.load(Ordering::Relaxed));
        vec![
            BrokerStat::flag("connected", self.is_here()),
            BrokerStat::flag("failing", self.figures.is_failing.load(Ordering::Relaxed)),
            BrokerStat::count("sessions", self.sessions()),
            count("fences_raised", &self.figures.fences),
            count("messages", &self.figures.messages),
            BrokerStat::count("applied", *self.applied.borrow()),
            count("channels_repaired", &self.figures.repairs),
            BrokerStat::count("channels_stuck", self.stuck() as u64),
            BrokerStat::count("questions_dropped", self.rpc.dropped()),
        ]
    }
}
