//! What stores and spreads the events of channels: in memory, on disk, on Redis servers or in a log
//! of NATS JetStream. A [`Broker`] is one of them, as the settings say. It is an enum rather than a
//! trait object, so that the calls of an event's path are known to the compiler.
//!
//! [`BrokerBackend`] is the contract, call by call. This page says what holds for all of them
//! together; `src/tests` has one body of tests for it, and an arm for each broker.
//!
//! # What a broker owns
//!
//! A broker owns channels: their numbering, their history, their end, and the first answers to
//! idempotency keys. It knows no session, no token and no HTTP. What it stores is told by
//! [`steadfast_history`], what it announces goes to an [`UpdateBus`]; the server implements the
//! [`UpdateSink`] behind that, and says which channels its sessions follow.
//!
//! # Order
//!
//! - Offsets of a channel go up by one, without a hole, in the order in which its events were
//!   stored. That order is the same for every reader and on every node.
//! - Updates of a channel reach the bus in the order of its offsets, each once, or not at all: an
//!   announcement may be lost. The next one, or a [`ChannelUpdate::Head`] that a broker on servers
//!   sends now and then, shows the hole, and the hub reads what is missing.
//! - An event can be read before its update has arrived, and never the other way round.
//! - Nothing is promised about the order of events of different channels.
//! - At most [`IN_FLIGHT_MAX`] updates are on their way to the sessions of a node. Beyond that the
//!   publishers of memory and disk wait, and redis and nats take in no further announcement; where
//!   a server then drops some, history is read instead. Reads wait for none of that.
//!
//! # Epochs
//!
//! The numbering of a channel is named by its epoch. A broker that may have lost an answered event
//! of a channel gives that channel a new epoch before anybody reads or publishes, so that no offset
//! stands for two events; readers are told of the gap. A channel without events has its epoch
//! already, for as long as somebody follows it and [a while longer][reserved].
//!
//! [reserved]: steadfast_history::ReservedEpochs
//!
//! # Errors
//!
//! A refusal is certain: nothing was stored, and [`PublishError::refusal`] says when to try again.
//! The one exception is [`PublishError::Unavailable`], where whether the event was stored is not
//! known; a publisher that repeats it under the same idempotency key gets one event. A read fails
//! with [`ReadError::Unavailable`] and says nothing about the channel.
//!
//! A broker on servers starts without them, and refuses until it has reached them. No call waits
//! longer for a server than a few seconds.
//!
//! # What a broker may leave out
//!
//! | capability | calls | memory | disk | redis | nats |
//! | --- | --- | --- | --- | --- | --- |
//! | pages without waiting | [`BrokerBackend::read_at_once`] | yes | | | |
//! | old events make room | [`BrokerBackend::yields`] | yes | yes | | |
//! | knows why it is not ready | [`BrokerBackend::failure`] | | yes | | |
//! | warnings | [`BrokerBackend::warnings`] | | | yes | yes |
//! | for operators | [`BrokerBackend::metrics`], [`BrokerBackend::stats`] | | yes | yes | yes |
//! | is called to drop what is old | [`BrokerBackend::expire`] | yes | yes | | yes |
//! | is called to keep reserved epochs | [`BrokerBackend::keep_followed`] | yes | yes | | |
//! | its own tasks, leaving | [`BrokerBackend::run`], [`BrokerBackend::leave`] | | | yes | yes |
//! | shared by nodes | [`BrokerBackend::claim_link`], [`Broker::request`] | | | yes | yes |
//!
//! A broker that nodes share implements `ClusterTransport` (`src/cluster/membership.rs`) besides,
//! and gets membership, requests between nodes and supervision from `src/cluster`.
//!
//! # Brokers that are not built in
//!
//! `disk`, `redis` and `nats` are Cargo features, all on by default; memory is always there. A
//! feature adds a broker and changes no other one. Without it [`Broker::start`] refuses the kind
//! ([`StartError::NotBuiltIn`]); its settings are still read, so that one file serves all builds.
//!
//! CONTRIBUTING.md lists what a new broker touches.

/// Evaluates a call for the broker that there is.
macro_rules! each {
    ($broker:expr, $backend:ident => $call:expr) => {
        match $broker {
            Broker::Memory($backend) => $call,
            #[cfg(feature = "disk")]
            Broker::Disk($backend) => $call,
            #[cfg(feature = "redis")]
            Broker::Redis($backend) => $call,
            #[cfg(feature = "nats")]
            Broker::Nats($backend) => $call,
        }
    };
}

/// Evaluates a call for a broker that nodes share, and the other expression for any other one.
macro_rules! shared {
    ($broker:expr, $backend:ident => $call:expr, else $alone:expr) => {
        match $broker {
            Broker::Memory(_) => $alone,
            #[cfg(feature = "disk")]
            Broker::Disk(_) => $alone,
            #[cfg(feature = "redis")]
            Broker::Redis($backend) => $call,
            #[cfg(feature = "nats")]
            Broker::Nats($backend) => $call,
        }
    };
}

#[cfg(all(test, not(all(feature = "disk", feature = "redis", feature = "nats"))))]
compile_error!("the tests hold all brokers to one behaviour: run them with the default features");

pub mod clock;
mod cluster;
mod contract;
#[cfg(feature = "disk")]
mod disk;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod memory;
mod metrics;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "redis")]
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
    ReservedTotals, YieldTotals,
};
use steadfast_protocol::{ChannelName, Generation, LinkKey, Since};

use clock::Clock;
pub use cluster::{NodeId, RpcRequest, RpcResponses};
pub use contract::BrokerBackend;
#[cfg(feature = "disk")]
pub use disk::{DiskBroker, DiskConfig, DiskError};
pub use memory::MemoryBroker;
pub use metrics::{BrokerMetric, BrokerStat, DurationCounts, Histogram, MetricValue, StatValue};
#[cfg(feature = "nats")]
pub use nats::{NatsBroker, NatsError};
#[cfg(feature = "redis")]
pub use redis::{RedisBroker, RedisStartError, publish_script};
pub use secret::Secret;
pub use settings::{BrokerKind, BrokerSettings, NatsSettings, RedisSettings};
pub use update_bus::{ChannelUpdate, IN_FLIGHT_MAX, UpdateBus, UpdatePermit, UpdateSink};

/// The broker that this node uses.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a node has one, and which are built differs")]
pub enum Broker {
    /// Everything in this process's memory.
    Memory(MemoryBroker),
    /// In a directory of this machine.
    #[cfg(feature = "disk")]
    Disk(DiskBroker),
    /// On Redis or Valkey servers, which many nodes share.
    #[cfg(feature = "redis")]
    Redis(RedisBroker),
    /// In a log of NATS JetStream, which many nodes share.
    #[cfg(feature = "nats")]
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
    /// The broker is not part of this build.
    #[error(
        "this build has no {kind} broker; build it with the Cargo feature `{kind}`, \
         or set another `broker.kind`"
    )]
    NotBuiltIn {
        /// The one that the settings name.
        kind: BrokerKind,
    },
    /// The disk broker has no directory.
    #[error("the disk broker needs a directory; set `broker.data_dir`")]
    NoDataDir,
    /// The disk broker has not started.
    #[cfg(feature = "disk")]
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The redis broker has not started.
    #[cfg(feature = "redis")]
    #[error(transparent)]
    Redis(#[from] RedisStartError),
    /// The nats broker has not started.
    #[cfg(feature = "nats")]
    #[error(transparent)]
    Nats(#[from] NatsError),
}

impl Broker {
    /// Starts the broker that the settings name, on the runtime it is called on.
    pub fn start(config: BrokerConfig<'_>) -> Result<Self, StartError> {
        match config.settings.kind(config.is_dev) {
            BrokerKind::Memory => {
                let BrokerConfig { streams, clock, updates, .. } = config;
                Ok(Self::Memory(MemoryBroker::new(streams, clock, updates)))
            }
            #[cfg(feature = "disk")]
            BrokerKind::Disk => {
                let BrokerConfig { settings, streams, clock, updates, .. } = config;
                let data_dir = settings.data_dir.clone().ok_or(StartError::NoDataDir)?;
                let hot_bytes_max = settings.hot_bytes_max;
                let disk = DiskConfig { data_dir, hot_bytes_max, streams };
                Ok(Self::Disk(DiskBroker::start(disk, clock, updates)?))
            }
            #[cfg(feature = "redis")]
            BrokerKind::Redis => {
                let BrokerConfig { settings, streams, updates, node_name, .. } = config;
                let redis = RedisBroker::new(&settings.redis, streams, updates, node_name)?;
                Ok(Self::Redis(redis))
            }
            #[cfg(feature = "nats")]
            BrokerKind::Nats => {
                let BrokerConfig { settings, streams, clock, updates, node_name, .. } = config;
                let (nats, hot) = (&settings.nats, settings.hot_bytes_max);
                Ok(Self::Nats(NatsBroker::new(nats, streams, hot, clock, updates, node_name)?))
            }
            #[cfg(not(all(feature = "disk", feature = "redis", feature = "nats")))]
            kind => Err(StartError::NotBuiltIn { kind }),
        }
    }

    /// See [`BrokerBackend::publish`].
    pub async fn publish(&self, publish: Publish) -> Result<Receipt, PublishError> {
        each!(self, broker => broker.publish(publish).await)
    }

    /// See [`BrokerBackend::publish_many`].
    pub async fn publish_many(
        &self,
        publishes: Vec<Publish>,
    ) -> Vec<Result<Receipt, PublishError>> {
        each!(self, broker => broker.publish_many(publishes).await)
    }

    /// See [`BrokerBackend::read`].
    pub async fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        each!(self, broker => broker.read(channel, since, limit).await)
    }

    /// See [`BrokerBackend::read_at_once`].
    pub fn read_at_once(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Option<Result<Page, ReadError>> {
        each!(self, broker => broker.read_at_once(channel, since, limit))
    }

    /// See [`BrokerBackend::info`].
    pub async fn info(&self, channel: &ChannelName) -> Result<Option<ChannelInfo>, ReadError> {
        each!(self, broker => broker.info(channel).await)
    }

    /// See [`BrokerBackend::list`].
    pub async fn list(
        &self,
        after: Option<&ChannelName>,
        limit: usize,
    ) -> Result<Vec<ChannelInfo>, ReadError> {
        each!(self, broker => broker.list(after, limit).await)
    }

    /// See [`BrokerBackend::delete`].
    pub async fn delete(&self, channel: &ChannelName) -> Result<bool, ReadError> {
        each!(self, broker => broker.delete(channel).await)
    }

    /// See [`BrokerBackend::is_ready`].
    pub async fn is_ready(&self) -> bool {
        each!(self, broker => broker.is_ready().await)
    }

    /// See [`BrokerBackend::failure`].
    pub fn failure(&self) -> Option<&'static str> {
        each!(self, broker => broker.failure())
    }

    /// See [`BrokerBackend::warnings`].
    pub fn warnings(&self) -> Vec<String> {
        each!(self, broker => broker.warnings())
    }

    /// See [`BrokerBackend::metrics`].
    pub fn metrics(&self) -> Vec<BrokerMetric> {
        each!(self, broker => broker.metrics())
    }

    /// See [`BrokerBackend::stats`].
    pub fn stats(&self) -> Vec<BrokerStat> {
        each!(self, broker => broker.stats())
    }

    /// See [`BrokerBackend::size`].
    pub fn size(&self) -> (usize, usize) {
        each!(self, broker => broker.size())
    }

    /// See [`BrokerBackend::reserved_epochs`].
    pub fn reserved_epochs(&self) -> ReservedTotals {
        each!(self, broker => broker.reserved_epochs())
    }

    /// See [`BrokerBackend::yields`].
    pub fn yields(&self) -> YieldTotals {
        each!(self, broker => broker.yields())
    }

    /// See [`BrokerBackend::expire`].
    pub fn expire(&self) {
        each!(self, broker => broker.expire());
    }

    /// See [`BrokerBackend::keep_followed`].
    pub fn keep_followed(&self) {
        each!(self, broker => broker.keep_followed());
    }

    /// See [`BrokerBackend::run`].
    pub async fn run(&self) {
        each!(self, broker => broker.run().await);
    }

    /// See [`BrokerBackend::leave`].
    pub async fn leave(&self) {
        each!(self, broker => broker.leave().await);
    }

    /// See [`BrokerBackend::claim_link`].
    pub async fn claim_link(&self, link: &LinkKey, generation: Generation) {
        each!(self, broker => broker.claim_link(link, generation).await);
    }

    /// See [`BrokerBackend::NAME`].
    pub const fn name(&self) -> &'static str {
        const fn name_of<B: BrokerBackend>(_: &B) -> &'static str {
            B::NAME
        }
        each!(self, broker => name_of(broker))
    }
}
