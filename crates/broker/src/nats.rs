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
mod metrics;
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

/// Messages of the log that are fetched concurrently for one page.
const FETCHED_AT_ONCE: usize = 32;
/// How often a page is planned again because the log dropped some of its messages meanwhile.
const PAGE_ATTEMPTS_MAX: usize = 5;
/// Channels from which one call of [`NatsBroker::expire`] drops expired events.
const EXPIRE_BATCH: usize = 1_000;

/// Why the broker cannot be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NatsError {
    /// An address cannot be parsed.
    #[error("an address of the broker is not like nats://[user:password@]host[:port]")]
    Address,
}

/// Why a node has no session with the NATS server.
#[derive(Debug, thiserror::Error)]
enum NatsSessionError {
    #[error("cannot connect to the server: {0}")]
    Connect(#[from] async_nats::ConnectError),
    #[error("{0}")]
    Server(String),
    #[error("the session ended: the server answered late, refused a message, or was replaced")]
    Ended,
    #[error("nothing arrives from the server any more")]
    Silent,
    #[error("messages of the log were missed, and are read again")]
    MissedMessages,
}

impl From<NatsUnavailable> for NatsSessionError {
    fn from(_: NatsUnavailable) -> Self {
        Self::Ended
    }
}

/// Whether the broker can parse this address.
pub(super) fn is_nats_address(address: &Secret) -> bool {
    Address::read(address).is_some()
}

/// A broker that keeps all channels in one JetStream stream, the log.
#[derive(Debug)]
pub struct NatsBroker {
    shared: Arc<NatsShared>,
}

impl NatsBroker {
    /// Creates a broker that is not connected yet: run [`Self::run`] on a task of its own. `node`
    /// is the node's name; `hot_bytes_max` bounds the events kept in memory.
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
        let (reply, answer) = oneshot::channel();
        let name = publish.channel.clone();
        ChannelQueues::enqueue(&self.shared, &name, QueuedWork::Publish(publish, reply)).await;
        answer
    }

    async fn pass(&self) -> Result<Arc<NatsSession>, ReadError> {
        barrier::pass(&self.shared).await.map_err(|_| ReadError::Unavailable)
    }
}

impl BrokerBackend for NatsBroker {
    const NAME: &'static str = "nats";

    /// Keeps a session with the log. Never returns.
    async fn run(&self) {
        join(supervisor::run(&self.shared), sweep::sweep(&self.shared)).await;
    }

    /// Removes this node from the record, so that no other node waits for its report.
    async fn leave(&self) {
        match tokio::time::timeout(PROBE_TIMEOUT, connect::leave(&self.shared)).await {
            Ok(Ok(())) => {}
            // The other nodes notice the absence by the missing heartbeats.
            Ok(Err(why)) => {
                tracing::debug!(%why, "could not tell the other nodes that this one leaves");
            }
            Err(_) => tracing::debug!("the server did not answer when this node left"),
        }
    }

    async fn publish(&self, publish: Publish) -> PublishOutcome {
        let outcome = self.submit(publish).await;
        outcome.await.unwrap_or(Err(PublishError::Unavailable))
    }

    /// Queues all publishes in their order before the first is answered.
    async fn publish_many(&self, publishes: Vec<Publish>) -> Vec<PublishOutcome> {
        let mut replies = Vec::with_capacity(publishes.len());
        for publish in publishes {
            replies.push(self.submit(publish).await);
        }
        let answers = join_all(replies).await.into_iter();
        answers.map(|answer| answer.unwrap_or(Err(PublishError::Unavailable))).collect()
    }

    async fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        let session = self.pass().await?;
        for _ in 0..PAGE_ATTEMPTS_MAX {
            let date = self.shared.date();
            let plan = self.shared.table.lock().plan_page(channel, since, limit, date);
            let Some(plan) = plan else {
                let epoch = self.shared.reserve(&session, channel).await;
                // A session is registered as a member before it reads.
                if self.shared.updates.is_followed(channel) {
                    self.shared.keep(&session, std::slice::from_ref(channel)).await;
                }
                return Ok(Page::of_nothing(since, epoch.ok_or(ReadError::Unavailable)?));
            };
            let messages = fetch(&session, plan::needs(&plan)).await?;
            match plan::page(plan, channel, &messages) {
                Ok(page) => return Ok(page),
                // Another node's clock is ahead, or an operator deleted messages of the log.
                Err(seq) => self.shared.table.lock().drop_to(channel, seq),
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
        let (reply, answer) = oneshot::channel();
        let work = QueuedWork::Delete { if_idle_since: None, reply };
        ChannelQueues::enqueue(&self.shared, channel, work).await;
        // The sweep purges its messages from the log.
        answer.await.unwrap_or(Err(ReadError::Unavailable))
    }

    /// Whether the log answers, the table is up to date, and the last append was accepted.
    async fn is_ready(&self) -> bool {
        let passed = tokio::time::timeout(PROBE_TIMEOUT, barrier::pass(&self.shared)).await;
        matches!(passed, Ok(Ok(_))) && !self.shared.counters.is_failing.load(Ordering::Relaxed)
    }

    /// Tells every node that a session of a link begins here, so that older ones are closed.
    async fn claim_link(&self, link: &LinkKey, generation: Generation) {
        let (node, link) = (self.node_id().clone(), link.clone());
        let claim = ClusterMessage::ClaimLink { node, generation, link };
        // Without a server no node can be told; an older session still sees correct events.
        let _ = self.send(Destination::AllNodes, &claim).await;
    }

    /// Drops expired events of the next batch of channels.
    fn expire(&self) {
        let date = self.shared.date();
        let mut expired_to = self.shared.expired_to.lock();
        let after = expired_to.take();
        *expired_to = self.shared.table.lock().expire(after.as_ref(), EXPIRE_BATCH, date);
    }

    /// How many channels and bytes the table has.
    fn size(&self) -> (usize, usize) {
        let table = self.shared.table.lock();
        (table.channels.len(), table.bytes)
    }

    fn reserved_epochs(&self) -> ReservedTotals {
        self.shared.table.lock().reserved.totals()
    }

    /// Problems that operators should know of although the log answers.
    fn warnings(&self) -> Vec<String> {
        match self.shared.stuck() {
            0 => Vec::new(),
            count => vec![format!(
                "the stream refuses every message of {count} channels; the node's log names them"
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

/// Fetches messages by their sequence numbers; deleted ones are missing in the result.
async fn fetch(session: &NatsSession, needs: Vec<u64>) -> Result<BTreeMap<u64, Bytes>, ReadError> {
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
