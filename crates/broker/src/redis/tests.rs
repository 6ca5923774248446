//! The Redis broker against servers of its own: contracts that only it has.

mod away;
mod by_hand;
mod enter;
mod failover;
mod kill;
mod sentinel;
mod wire;

use steadfast_history::HistoryConfig;

use self::sentinel::Sentinel;
use super::RedisBroker;
use crate::Broker;
use crate::clock::Clock;
use crate::secret::Secret;
use crate::settings::RedisSettings;
use crate::testing::RedisServer;
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

/// Waits until the node can do its work.
async fn ready(arm: &Arm) {
    while !arm.broker.is_ready().await {
        tokio::task::yield_now().await;
    }
}
