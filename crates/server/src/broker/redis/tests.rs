//! The Redis broker against servers of its own: contracts that only it has.

mod away;
mod by_hand;
mod enter;
mod failover;
mod kill;
mod sentinel;
pub(crate) mod store;

use steadfast_hub::StreamsConfig;

use self::sentinel::Sentinel;
use self::store::Store;
use super::RedisBroker;
use crate::broker::Broker;
use crate::broker::tests::Arm;
use crate::clock::Clock;
use crate::config::{RedisSettings, Secret};
use crate::relay::Relay;

/// A broker on a server that was just started.
pub(crate) async fn broker(streams: &StreamsConfig, relay: &Relay) -> (Store, RedisBroker) {
    let store = Store::start(&[]).await;
    let broker = node(&[&store], streams, relay);
    (store, broker)
}

/// A node's broker on these servers.
pub(crate) fn node(stores: &[&Store], streams: &StreamsConfig, relay: &Relay) -> RedisBroker {
    let servers = stores.iter().map(|store| Secret::new(store.url())).collect();
    node_of(&RedisSettings { servers, ..RedisSettings::default() }, streams, relay)
}

fn node_of(settings: &RedisSettings, streams: &StreamsConfig, relay: &Relay) -> RedisBroker {
    let epoch_seed = getrandom::u64().unwrap();
    let streams = StreamsConfig { epoch_seed, ..streams.clone() };
    RedisBroker::new(settings, streams, relay.clone(), "node").unwrap()
}

/// One node on these servers.
fn arm(stores: &[&Store]) -> Arm {
    let (shard, relay) = crate::broker::tests::node(Clock::start());
    Arm::of(Broker::Redis(node(stores, &StreamsConfig::default(), &relay)), shard)
}

/// One node that asks a sentinel where its server is.
fn arm_by(sentinel: &Sentinel) -> Arm {
    let settings = RedisSettings {
        sentinels: vec![Secret::new(sentinel.url())],
        master_name: Some("main".into()),
        ..RedisSettings::default()
    };
    let (shard, relay) = crate::broker::tests::node(Clock::start());
    Arm::of(Broker::Redis(node_of(&settings, &StreamsConfig::default(), &relay)), shard)
}

/// Waits until the node can do its work.
async fn ready(arm: &Arm) {
    while !arm.broker.is_ready().await {
        tokio::task::yield_now().await;
    }
}
