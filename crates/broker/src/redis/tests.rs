//! The Redis broker against servers of its own: contracts that only it has.

mod by_hand;
mod connections;
mod enter;
mod failover;
mod sentinel;
mod wire;

use steadfast_history::HistoryConfig;

use self::sentinel::Sentinel;
use self::wire::RedisWire;
use super::RedisBroker;
use crate::Broker;
use crate::clock::Clock;
use crate::secret::Secret;
use crate::settings::RedisSettings;
use crate::testing::RedisServer;
use crate::tests::cluster_wire::ClusterWire;
use crate::tests::shared_server::{SharedServer, shared_server_tests};
use crate::tests::{Arm, TestNode};
use crate::update_bus::UpdateBus;

/// A broker on a server that was just started.
pub(crate) async fn broker(
    streams: &HistoryConfig,
    updates: &UpdateBus,
) -> (RedisServer, RedisBroker) {
    let store = RedisServer::start(&[]).await;
    let broker = node(&[&store], streams, updates);
    (store, broker)
}

/// A node's broker on these servers.
pub(crate) fn node(
    stores: &[&RedisServer],
    streams: &HistoryConfig,
    updates: &UpdateBus,
) -> RedisBroker {
    let servers = stores.iter().map(|store| Secret::new(store.url())).collect();
    node_of(&RedisSettings { servers, ..RedisSettings::default() }, streams, updates)
}

fn node_of(settings: &RedisSettings, streams: &HistoryConfig, updates: &UpdateBus) -> RedisBroker {
    let epoch_seed = getrandom::u64().unwrap();
    let streams = HistoryConfig { epoch_seed, ..streams.clone() };
    RedisBroker::new(settings, streams, updates.clone(), "node").unwrap()
}

/// One node on these servers.
fn arm(stores: &[&RedisServer]) -> Arm {
    let (test_node, updates) = TestNode::start(Clock::start());
    Arm::of(Broker::Redis(node(stores, &HistoryConfig::default(), &updates)), test_node)
}

/// One node that asks a sentinel where its server is.
fn arm_by(sentinel: &Sentinel) -> Arm {
    let settings = RedisSettings {
        sentinels: vec![Secret::new(sentinel.url())],
        master_name: Some("main".into()),
        ..RedisSettings::default()
    };
    let (test_node, updates) = TestNode::start(Clock::start());
    Arm::of(Broker::Redis(node_of(&settings, &HistoryConfig::default(), &updates)), test_node)
}

impl SharedServer for RedisServer {
    async fn launch() -> Self {
        Self::start(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    fn node(&self) -> Arm {
        arm(&[self])
    }

    fn kill(&mut self) {
        Self::kill(self);
    }

    async fn restart(&mut self) {
        Self::restart(self).await;
    }

    async fn empty(&self) {
        self.does(&["FLUSHALL"]).await;
    }

    async fn wire(&self) -> impl ClusterWire {
        RedisWire::to(self).await
    }

    fn sessions_and_losses(node: &Arm) -> (u64, u64) {
        (node.metric("redis_sessions"), node.metric("redis_fences_raised"))
    }
}

shared_server_tests!(RedisServer, failover::PrimaryAndReplica);
