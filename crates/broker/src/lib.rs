//! What stores and spreads a channel's events. In: publishes and reads. Out: positions, pages, and
//! updates of channels. One enum rather than a trait object: every call is known.

pub mod clock;
mod cluster;
mod disk;
mod memory;
mod nats;
mod redis;
mod secret;
mod settings;
#[cfg(any(test, feature = "testing"))]
#[allow(
    clippy::expect_used,
    clippy::missing_docs_in_private_items,
    clippy::panic,
    clippy::unwrap_used,
    missing_docs,
    reason = "a test fails by it"
)]
pub mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod update_bus;

use steadfast_history::{
    ChannelInfo, HistoryConfig, Page, PageLimit, Publish, PublishError, ReadError, Receipt,
    ReservedTotals,
};
use steadfast_protocol::{ChannelName, Generation, LinkId, Since};

use clock::Clock;
pub use cluster::{NodeId, RpcRequest, RpcResponses};
pub use disk::{COMMIT_US, DiskBroker, DiskConfig, DiskError, DiskMetrics};
pub use memory::MemoryBroker;
pub use nats::{NatsBroker, NatsError, NatsMetrics, is_nats_address};
pub use redis::{RedisBroker, RedisMetrics, RedisStartError, is_server_address, publish_script};
pub use secret::Secret;
pub use settings::{BrokerKind, BrokerSettings, NatsSettings, RedisSettings};
pub use update_bus::{ChannelUpdate, IN_FLIGHT_MAX, UpdateBus, UpdatePermit, UpdateSink};

/// The broker that this node uses.
#[derive(Debug)]
pub enum Broker {
    /// Everything in this process's memory.
    Memory(MemoryBroker),
    /// In a directory of this machine.
    Disk(DiskBroker),
    /// On Redis or Valkey servers, which many nodes share.
    Redis(RedisBroker),
    /// In a log of NATS JetStream, which many nodes share.
    Nats(NatsBroker),
}

/// What a broker is started with.
#[derive(Clone, Debug)]
pub struct BrokerConfig<'a> {
    /// Its settings.
    pub settings: &'a BrokerSettings,
    /// Whether the node is one for development.
    pub is_dev: bool,
    /// What channels keep, and how many there may be.
    pub streams: HistoryConfig,
    /// The name of the node that uses it.
    pub node_name: &'a str,
    /// The clock of the node.
    pub clock: Clock,
    /// Where the changes of channels go.
    pub updates: UpdateBus,
}

/// Why a broker could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The disk broker has no directory.
    #[error("the disk broker needs a directory; set `broker.data_dir`")]
    NoDataDir,
    /// The disk broker has not started.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The redis broker has not started.
    #[error(transparent)]
    Redis(#[from] RedisStartError),
    /// The nats broker has not started.
    #[error(transparent)]
    Nats(#[from] NatsError),
}

impl Broker {
    /// Starts the broker that the settings name, on the runtime it is called on.
    pub fn start(config: BrokerConfig<'_>) -> Result<Self, StartError> {
        let BrokerConfig { settings, is_dev, streams, node_name, clock, updates } = config;
        match settings.kind(is_dev) {
            BrokerKind::Memory => Ok(Self::Memory(MemoryBroker::new(streams, clock, updates))),
            BrokerKind::Disk => {
                let data_dir = settings.data_dir.clone().ok_or(StartError::NoDataDir)?;
                let hot_bytes_max = settings.hot_bytes_max;
                let disk = DiskConfig { data_dir, hot_bytes_max, streams };
                Ok(Self::Disk(DiskBroker::start(disk, clock, updates)?))
            }
            BrokerKind::Redis => {
                let redis = RedisBroker::new(&settings.redis, streams, updates, node_name)?;
                Ok(Self::Redis(redis))
            }
            BrokerKind::Nats => {
                let (nats, hot) = (&settings.nats, settings.hot_bytes_max);
                Ok(Self::Nats(NatsBroker::new(nats, streams, hot, clock, updates, node_name)?))
            }
        }
    }

    /// Stores an event and announces it. Answers once it is kept.
    pub async fn publish(&self, publish: Publish) -> Result<Receipt, PublishError> {
        match self {
            Self::Memory(memory) => memory.publish(publish).await,
            Self::Disk(disk) => disk.publish(publish).await,
            Self::Redis(redis) => redis.publish(publish).await,
            Self::Nats(nats) => nats.publish(publish).await,
        }
    }

    /// The same for many: in their order, each for itself, and answered together.
    pub async fn publish_many(
        &self,
        publishes: Vec<Publish>,
    ) -> Vec<Result<Receipt, PublishError>> {
        let mut answers = Vec::with_capacity(publishes.len());
        match self {
            Self::Memory(memory) => answers.extend(memory.publish_many(publishes).await),
            Self::Redis(redis) => answers.extend(redis.publish_many(publishes).await),
            Self::Nats(nats) => answers.extend(nats.publish_many(publishes).await),
            Self::Disk(disk) => {
                let mut told = Vec::with_capacity(publishes.len());
                for publish in publishes {
                    told.push(disk.submit(publish).await);
                }
                for told in told {
                    answers.push(match told {
                        Ok(told) => told.await.unwrap_or(Err(PublishError::Unavailable)),
                        Err(error) => Err(error),
                    });
                }
            }
        }
        answers
    }

    /// Events after a position.
    pub async fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        match self {
            Self::Memory(memory) => memory.read(channel, since, limit),
            Self::Disk(disk) => disk.read(channel, since, limit).await,
            Self::Redis(redis) => redis.read(channel, since, limit).await,
            Self::Nats(nats) => nats.read(channel, since, limit).await,
        }
    }

    /// The same, where it can be had without waiting.
    pub fn read_at_once(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Option<Result<Page, ReadError>> {
        match self {
            Self::Memory(memory) => Some(memory.read(channel, since, limit)),
            Self::Disk(_) | Self::Redis(_) | Self::Nats(_) => None,
        }
    }

    /// What is known of a channel.
    pub async fn info(&self, channel: &ChannelName) -> Result<Option<ChannelInfo>, ReadError> {
        match self {
            Self::Memory(memory) => Ok(memory.info(channel)),
            Self::Disk(disk) => Ok(disk.info(channel)),
            Self::Redis(redis) => redis.info(channel).await,
            Self::Nats(nats) => nats.info(channel).await,
        }
    }

    /// Channels in order of name, after `after`, `limit` at most.
    pub async fn list(
        &self,
        after: Option<&ChannelName>,
        limit: usize,
    ) -> Result<Vec<ChannelInfo>, ReadError> {
        match self {
            Self::Memory(memory) => Ok(memory.list(after, limit)),
            Self::Disk(disk) => Ok(disk.list(after, limit)),
            Self::Redis(redis) => redis.list(after, limit).await,
            Self::Nats(nats) => nats.list(after, limit).await,
        }
    }

    /// Forgets a channel; false where there was none. Its followers are told of the gap.
    pub async fn delete(&self, channel: &ChannelName) -> Result<bool, ReadError> {
        match self {
            Self::Memory(memory) => Ok(memory.delete(channel).await),
            Self::Disk(disk) => disk.delete(channel).await,
            Self::Redis(redis) => redis.delete(channel).await,
            Self::Nats(nats) => nats.delete(channel).await,
        }
    }

    /// Whether the broker answers a publish to itself.
    pub async fn is_ready(&self) -> bool {
        match self {
            Self::Memory(memory) => memory.is_ready().await,
            Self::Disk(disk) => disk.is_ready().await,
            Self::Redis(redis) => redis.is_ready().await,
            Self::Nats(nats) => nats.is_ready().await,
        }
    }

    /// What operators should know though the broker answers, a sentence each.
    pub fn warnings(&self) -> Vec<String> {
        match self {
            Self::Memory(_) | Self::Disk(_) => Vec::new(),
            Self::Redis(redis) => redis.warnings(),
            Self::Nats(nats) => nats.warnings(),
        }
    }

    /// How many channels are kept, and the bytes of their events.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Memory(memory) => memory.size(),
            Self::Disk(disk) => disk.size(),
            Self::Redis(redis) => redis.size(),
            Self::Nats(nats) => nats.size(),
        }
    }

    /// How many epochs are reserved for names without events, and how many had no room.
    pub fn reserved_epochs(&self) -> ReservedTotals {
        match self {
            Self::Memory(memory) => memory.reserved_epochs(),
            Self::Disk(disk) => disk.reserved_epochs(),
            Self::Redis(redis) => redis.reserved_epochs(),
            Self::Nats(nats) => nats.reserved_epochs(),
        }
    }

    /// Drops what has grown too old. Called now and then.
    pub fn expire(&self) {
        match self {
            Self::Memory(memory) => memory.expire(),
            Self::Disk(disk) => disk.expire(),
            // Its own tasks do that, one node at a time.
            Self::Redis(_) => {}
            Self::Nats(nats) => nats.expire(),
        }
    }

    /// Keeps the epochs that followed channels without events will have. Called once a minute.
    pub fn keep_followed(&self) {
        match self {
            Self::Memory(memory) => memory.keep_followed(),
            Self::Disk(disk) => disk.keep_followed(),
            // Their own tasks do that, when they look at what is followed.
            Self::Redis(_) | Self::Nats(_) => {}
        }
    }

    /// What it has to do all the time, for ever.
    pub async fn run(&self) {
        match self {
            Self::Memory(_) | Self::Disk(_) => std::future::pending().await,
            Self::Redis(redis) => redis.run().await,
            Self::Nats(nats) => nats.run().await,
        }
    }

    /// The node leaves in peace.
    pub async fn leave(&self) {
        match self {
            Self::Memory(_) | Self::Disk(_) => {}
            Self::Redis(redis) => redis.leave().await,
            Self::Nats(nats) => nats.leave().await,
        }
    }

    /// A session of a link begins here: other nodes close older ones.
    pub async fn claim_link(&self, link: &LinkId, generation: Generation) {
        match self {
            Self::Memory(_) | Self::Disk(_) => {}
            Self::Redis(redis) => redis.claim_link(link, generation).await,
            Self::Nats(nats) => nats.claim_link(link, generation).await,
        }
    }

    /// What it counts besides, where it is on servers of its own.
    pub fn redis(&self) -> Option<RedisMetrics> {
        match self {
            Self::Memory(_) | Self::Disk(_) | Self::Nats(_) => None,
            Self::Redis(redis) => Some(redis.figures()),
        }
    }

    /// What it counts besides, where it is on disk.
    pub fn disk(&self) -> Option<DiskMetrics> {
        match self {
            Self::Memory(_) | Self::Redis(_) | Self::Nats(_) => None,
            Self::Disk(disk) => Some(disk.figures()),
        }
    }

    /// What it counts besides, where it is a log of NATS.
    pub fn nats(&self) -> Option<NatsMetrics> {
        match self {
            Self::Memory(_) | Self::Disk(_) | Self::Redis(_) => None,
            Self::Nats(nats) => Some(nats.figures()),
        }
    }

    /// Its name, for operators.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Disk(_) => "disk",
            Self::Redis(_) => "redis",
            Self::Nats(_) => "nats",
        }
    }
}
