//! The NATS broker: one log in JetStream, which every node reads from end to end, and from which
//! each makes the same table of channels. In: publishes and reads. Out: messages of the log,
//! positions and pages, announcements to the updates in the order of the log.

mod address;
mod barrier;
mod channel;
mod channel_queue;
mod connect;
mod entry;
mod log_reader;
mod membership;
mod message_builder;
mod plan;
mod record;
mod session;
mod shared;
mod supervisor;
mod sweep;
mod table;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use futures_util::stream::{self, StreamExt};
use steadfast_history::{
    ChannelInfo, HistoryConfig, Page, PageLimit, Publish, PublishError, ReadError, ReservedTotals,
};
use steadfast_protocol::{ChannelName, Generation, LinkKey, Since};
use tokio::sync::oneshot;

use self::address::Address;
use self::channel_queue::ChannelQueues;
use self::message_builder::{PublishOutcome, QueuedWork};
use self::session::{NatsSession, NatsUnavailable};
use self::shared::NatsShared;
use crate::clock::Clock;
use crate::cluster::{ClusterMessage, ClusterTransport, Destination, PROBE_TIMEOUT};
use crate::contract::BrokerBackend;
use crate::metrics::{BrokerMetric, BrokerStat};
use crate::secret::Secret;
use crate::settings::NatsSettings;
use crate::update_bus::UpdateBus;

/// Messages of the log that are on their way for one page.
const FETCHED_AT_ONCE: usize = 32;
/// How often a page is looked up again because the log has dropped some of it meanwhile.
const LOOKS_MAX: usize = 5;
/// Channels in which [`NatsBroker::expire`] drops what is too old, in one call.
const EXPIRE_BATCH: usize = 1_000;

/// Why there can be no such broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NatsError {
    /// An address cannot be read.
    #[error("an address of the broker is not like nats://[user:password@]host[:port]")]
    Address,
}

/// Why a node has no session with the log.
#[derive(Debug, thiserror::Error)]
enum NatsSessionError {
    #[error("cannot connect to the server: {0}")]
    Connect(#[from] async_nats::ConnectError),
    #[error("{0}")]
    Server(String),
    #[error("the session ended: the server answered late, refused a message, or was replaced")]
    Over,
    #[error("nothing arrives from the server any more")]
    Deaf,
    #[error("messages of the log were missed, and are read again")]
    Hole,
}

impl From<NatsUnavailable> for NatsSessionError {
    fn from(_: NatsUnavailable) -> Self {
        Self::Over
    }
}

/// Whether this is an address that the broker can read.
pub(super) fn is_nats_address(address: &Secret) -> bool {
    Address::read(address).is_some()
}

/// Channels in one log of JetStream.
#[derive(Debug)]
pub struct NatsBroker {
    shared: Arc<NatsShared>,
}

impl NatsBroker {
    /// A broker that knows its servers, and nothing of what they keep. Run [`Self::run`] on a task
    /// of its own. `node` is the node's name; `hot_bytes_max` bounds the events in memory.
    pub fn new(
        settings: &NatsSettings,
        streams: HistoryConfig,
        hot_bytes_max: usize,
        clock: Clock,
        updates: UpdateBus,
        node: &str,
    ) -> Result<Self, NatsError> {
        let addresses: Option<Vec<Address>> = settings.servers.iter().map(Address::read).collect();
        let addresses = addresses.ok_or(NatsError::Address)?;
        let shared =
            NatsShared::new(settings, addresses, streams, hot_bytes_max, clock, updates, node);
        Ok(Self { shared: Arc::new(shared) })
    }

    async fn submit(&self, publish: Publish) -> oneshot::Receiver<PublishOutcome> {
        let (told, answer) = oneshot::channel();
        let name = publish.channel.clone();
        ChannelQueues::put(&self.shared, &name, QueuedWork::Publish(publish, told)).await;
        answer
    }

    async fn pass(&self) -> Result<Arc<NatsSession>, ReadError> {
        barrier::pass(&self.shared).await.map_err(|_| ReadError::Unavailable)
    }
}

impl BrokerBackend for NatsBroker {
    const NAME: &'static str = "nats";

    /// Keeps a session with the log, for ever.
    async fn run(&self) {
        join(supervisor::run(&self.shared), sweep::sweep(&self.shared)).await;
    }

    /// This node leaves in peace: nobody has to wait for what it may have seen.
    async fn leave(&self) {
        match tokio::time::timeout(PROBE_TIMEOUT, connect::leave(&self.shared)).await {
            Ok(Ok(())) => {}
            // What the others do not hear now they find out by themselves.
            Ok(Err(why)) => {
                tracing::debug!(%why, "could not tell the other nodes that this one leaves");
            }
            Err(_) => tracing::debug!("the server did not answer when this node left"),
        }
    }

    async fn publish(&self, publish: Publish) -> PublishOutcome {
        let told = self.submit(publish).await;
        told.await.unwrap_or(Err(PublishError::Unavailable))
    }

    /// Many, which are in line in their order before the first is answered.
    async fn publish_many(&self, publishes: Vec<Publish>) -> Vec<PublishOutcome> {
        let mut told = Vec::with_capacity(publishes.len());
        for publish in publishes {
            told.push(self.submit(publish).await);
        }
        let answers = join_all(told).await.into_iter();
        answers.map(|answer| answer.unwrap_or(Err(PublishError::Unavailable))).collect()
    }

    async fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        let session = self.pass().await?;
        for _ in 0..LOOKS_MAX {
            let date = self.shared.date();
            let plan = self.shared.table.lock().look(channel, since, limit, date);
            let Some(plan) = plan else {
                let epoch = self.shared.reserve(&session, channel).await;
                // A member is one before it reads.
                if self.shared.updates.is_followed(channel) {
                    self.shared.keep(&session, std::slice::from_ref(channel)).await;
                }
                return Ok(Page::of_nothing(since, epoch.ok_or(ReadError::Unavailable)?));
            };
            let messages = cold(&session, plan::needs(&plan)).await?;
            match plan::page(plan, channel, &messages) {
                Ok(page) => return Ok(page),
                // Another node's clock is ahead, or an operator took something out of the log.
                Err(seq) => self.shared.table.lock().is_dropped(channel, seq),
            }
        }
        Err(ReadError::Unavailable)
    }

    async fn info(&self, channel: &ChannelName) -> Result<Option<ChannelInfo>, ReadError> {
        self.pass().await?;
        Ok(self.shared.table.lock().info(channel))
    }

    async fn list(
        &self,
        after: Option<&ChannelName>,
        limit: usize,
    ) -> Result<Vec<ChannelInfo>, ReadError> {
        self.pass().await?;
        Ok(self.shared.table.lock().list(after, limit))
    }

    async fn delete(&self, channel: &ChannelName) -> Result<bool, ReadError> {
        self.pass().await?;
        let (told, answer) = oneshot::channel();
        let work = QueuedWork::Delete { if_idle_since: None, told };
        ChannelQueues::put(&self.shared, channel, work).await;
        // What the log holds of it is dropped by the sweep.
        answer.await.unwrap_or(Err(ReadError::Unavailable))
    }

    /// The log answers, what it has is in the table, and it took what it was sent last.
    async fn is_ready(&self) -> bool {
        let passed = tokio::time::timeout(PROBE_TIMEOUT, barrier::pass(&self.shared)).await;
        matches!(passed, Ok(Ok(_))) && !self.shared.figures.is_failing.load(Ordering::Relaxed)
    }

    /// A session of a link begins here: older ones are closed, wherever they are.
    async fn claim_link(&self, link: &LinkKey, generation: Generation) {
        let (node, link) = (self.node_id().clone(), link.clone());
        let claim = ClusterMessage::ClaimLink { node, generation, link };
        // Without a server no node can be told; what the older session sees is still true.
        let _ = self.send(Destination::AllNodes, &claim).await;
    }

    /// Drops what has grown too old, in some channels.
    fn expire(&self) {
        let date = self.shared.date();
        let mut expired_to = self.shared.expired_to.lock();
        let after = expired_to.take();
        *expired_to = self.shared.table.lock().expire(after.as_ref(), EXPIRE_BATCH, date);
    }

    /// Channels and bytes.
    fn size(&self) -> (usize, usize) {
        let table = self.shared.table.lock();
        (table.channels.len(), table.bytes)
    }

    fn reserved_epochs(&self) -> ReservedTotals {
        self.shared.table.lock().reserved.totals()
    }

    /// What operators should know though the log answers.
    fn warnings(&self) -> Vec<String> {
        match self.shared.stuck() {
            0 => Vec::new(),
            count => vec![format!(
                "the log takes nothing of {count} channels; the node's log names them"
            )],
        }
    }

    fn metrics(&self) -> Vec<BrokerMetric> {
        self.shared.metrics()
    }

    fn stats(&self) -> Vec<BrokerStat> {
        self.shared.stats()
    }
}

/// Messages by their numbers, as far as they are there.
async fn cold(session: &NatsSession, needs: Vec<u64>) -> Result<BTreeMap<u64, Bytes>, ReadError> {
    let mut found = BTreeMap::new();
    let fetched = needs.into_iter().map(async |seq| (seq, session.message(seq).await));
    let mut fetched = stream::iter(fetched).buffer_unordered(FETCHED_AT_ONCE);
    while let Some((seq, message)) = fetched.next().await {
        if let Some(message) = message.map_err(|_| ReadError::Unavailable)? {
            found.insert(seq, message);
        }
    }
    Ok(found)
}
