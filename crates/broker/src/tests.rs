//! What every broker does, told once and run against each of them: `memory`, `disk`, `redis`,
//! `nats`. A broker is an arm here, made with limits and retention; everything else is the same
//! for all.

pub(crate) mod cluster_wire;
mod keep;
pub(crate) mod kill;
pub(crate) mod live;
mod node;
mod publish;
mod read;
pub(crate) mod shared_server;

use std::ops::RangeInclusive;
use std::sync::Arc;

use steadfast_history::{
    HistoryConfig, Page, PageLimit, Publish, PublishError, Receipt, Retention,
};
use steadfast_protocol::{ChannelName, Epoch, EventName, Payload, Position, ReplaceKey, Since};
use tempfile::TempDir;

pub(crate) use self::node::TestNode;

use super::{Broker, DiskBroker, DiskConfig, MemoryBroker, MetricValue, nats, redis};
use crate::clock::Clock;
use crate::testing::{NatsServer, RedisServer};

pub(crate) const ALL: PageLimit =
    PageLimit { events_max: 10_000, bytes_max: usize::MAX, is_thinned: false };
const THIN: PageLimit = PageLimit { is_thinned: true, ..ALL };

/// Runs each of these functions as a test against each arm.
macro_rules! contract {
    ($($(#[$meta:meta])* $name:ident;)*) => {
        mod memory {
            $($(#[$meta])* #[tokio::test] async fn $name() {
                super::$name($crate::tests::Kind::Memory).await;
            })*
        }

        mod redis {
            $($(#[$meta])* #[tokio::test] async fn $name() {
                super::$name($crate::tests::Kind::Redis).await;
            })*
        }

        mod nats {
            $($(#[$meta])* #[tokio::test] async fn $name() {
                super::$name($crate::tests::Kind::Nats).await;
            })*
            /// Where nothing is hot, everything comes from the log.
            mod cold {
                $($(#[$meta])* #[tokio::test] async fn $name() {
                    super::super::$name($crate::tests::Kind::NatsCold).await;
                })*
            }
        }

        mod disk {
            $($(#[$meta])* #[tokio::test] async fn $name() {
                super::$name($crate::tests::Kind::Disk).await;
            })*
            /// Where nothing is hot, everything comes from the store.
            mod cold {
                $($(#[$meta])* #[tokio::test] async fn $name() {
                    super::super::$name($crate::tests::Kind::Cold).await;
                })*
            }
        }
    };
}
pub(crate) use contract;

/// Which broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Memory,
    Disk,
    Cold,
    Redis,
    Nats,
    NatsCold,
}

/// A broker, and the node's side of its announcements.
pub(crate) struct Arm {
    pub(crate) broker: Arc<Broker>,
    pub(crate) node: Arc<TestNode>,
    _folder: Option<TempDir>,
    _redis: Option<RedisServer>,
    _nats: Option<NatsServer>,
}

impl Kind {
    /// Whether old events make room where there is none; the others refuse.
    const fn yields(self) -> bool {
        match self {
            Self::Memory | Self::Disk | Self::Cold => true,
            Self::Redis | Self::Nats | Self::NatsCold => false,
        }
    }
}

impl Arm {
    pub(crate) async fn new(kind: Kind) -> Self {
        Self::with(kind, &HistoryConfig::default()).await
    }

    pub(crate) async fn keeping(kind: Kind, retention: Retention) -> Self {
        Self::with(kind, &HistoryConfig { retention, ..HistoryConfig::default() }).await
    }

    pub(crate) async fn with(kind: Kind, streams: &HistoryConfig) -> Self {
        let clock = Clock::start();
        let (node, updates) = TestNode::start(clock);
        let folder = tempfile::tempdir().unwrap();
        let disk = |hot_bytes_max| {
            let data_dir = folder.path().to_owned();
            let config = DiskConfig { data_dir, hot_bytes_max, streams: streams.clone() };
            Broker::Disk(DiskBroker::start(config, clock, updates.clone()).unwrap())
        };
        let (mut redis_server, mut nats_server) = (None, None);
        let broker = match kind {
            Kind::Redis => {
                let (running, redis) = redis::tests::broker(streams, &updates).await;
                redis_server = Some(running);
                Broker::Redis(redis)
            }
            Kind::Nats | Kind::NatsCold => {
                let running = NatsServer::start().await;
                let hot = if kind == Kind::Nats { nats::tests::HOT } else { 0 };
                let nats = nats::tests::node(&running, streams, hot, &updates);
                nats_server = Some(running);
                Broker::Nats(nats)
            }
            Kind::Memory => {
                Broker::Memory(MemoryBroker::new(streams.clone(), clock, updates.clone()))
            }
            Kind::Disk => disk(1024 * 1024),
            Kind::Cold => disk(0),
        };
        let broker = Arc::new(broker);
        let running = Arc::clone(&broker);
        tokio::spawn(async move { running.run().await });
        if redis_server.is_some() || nats_server.is_some() {
            while !broker.is_ready().await {
                tokio::task::yield_now().await;
            }
        }
        Self { broker, node, _folder: Some(folder), _redis: redis_server, _nats: nats_server }
    }

    /// One node of several, whose broker somebody else keeps the store of.
    pub(crate) fn of(broker: Broker, node: Arc<TestNode>) -> Self {
        let broker = Arc::new(broker);
        let running = Arc::clone(&broker);
        tokio::spawn(async move { running.run().await });
        Self { broker, node, _folder: None, _redis: None, _nats: None }
    }

    /// Waits until the broker can do its work.
    pub(crate) async fn ready(&self) {
        while !self.broker.is_ready().await {
            tokio::task::yield_now().await;
        }
    }

    /// A counter or a gauge of the broker, by its name.
    pub(crate) fn metric(&self, name: &str) -> u64 {
        let metrics = self.broker.metrics();
        let metric = metrics.iter().find(|metric| metric.name == name).unwrap();
        match metric.value {
            MetricValue::Counter(value) | MetricValue::Gauge(value) => value,
            MetricValue::Bytes(_) | MetricValue::Durations(_) => panic!("{name} is another kind"),
        }
    }

    /// Publishes, which must succeed; the offset.
    pub(crate) async fn put(&self, publish: Publish) -> u64 {
        self.placed(publish).await.1
    }

    pub(crate) async fn placed(&self, publish: Publish) -> (Epoch, u64) {
        let Receipt { epoch, offset, .. } = self.broker.publish(publish).await.unwrap();
        (epoch, offset)
    }

    pub(crate) async fn refused(&self, publish: Publish) -> PublishError {
        self.broker.publish(publish).await.unwrap_err()
    }

    pub(crate) async fn read(&self, name: &str, since: Since, limit: PageLimit) -> Page {
        self.broker.read(&channel(name), &since, limit).await.unwrap()
    }

    /// The offsets that a reader from the start is given.
    pub(crate) async fn kept(&self, name: &str) -> Vec<u64> {
        offsets(&self.read(name, Since::Start, ALL).await)
    }
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

pub(crate) fn event(name: &str) -> Publish {
    Publish {
        channel: channel(name),
        event: EventName::new("progress").unwrap(),
        data: Payload::new("{\"n\": 1}").unwrap(),
        is_final: false,
        replace: None,
        idempotency_key: None,
    }
}

pub(crate) fn last(name: &str) -> Publish {
    Publish { is_final: true, ..event(name) }
}

pub(crate) fn replacing(name: &str, key: &str) -> Publish {
    Publish { replace: Some(ReplaceKey::new(key).unwrap()), ..event(name) }
}

pub(crate) fn keyed(name: &str, key: &str) -> Publish {
    Publish { idempotency_key: Some(key.into()), ..event(name) }
}

pub(crate) fn after(epoch: &Epoch, offset: u64) -> Since {
    Since::After(Position::new(epoch.clone(), offset))
}

/// A list of these offsets.
pub(crate) fn each(range: RangeInclusive<u64>) -> Vec<u64> {
    range.collect()
}

pub(crate) fn offsets(page: &Page) -> Vec<u64> {
    page.events.iter().map(|event| event.offset).collect()
}
