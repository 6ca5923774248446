//! The NATS broker against servers of its own: contracts that only it has.

mod away;
mod by_hand;
mod kill;
mod lost;
pub(crate) mod store;
mod two;

use std::sync::Arc;

use steadfast_hub::StreamsConfig;

use self::store::Store;
use super::NatsBroker;
use crate::broker::Broker;
use crate::broker::tests::Arm;
use crate::clock::Clock;
use crate::config::{NatsSettings, Secret};
use crate::relay::Relay;

/// Hot bytes, so that nothing comes from the log.
pub(crate) const HOT: usize = 1024 * 1024;

/// A node's broker on this server.
pub(crate) fn node(
    store: &Store,
    streams: &StreamsConfig,
    hot_bytes_max: usize,
    relay: &Relay,
) -> NatsBroker {
    let servers = vec![Secret::new(store.url())];
    let settings = NatsSettings { servers, ..NatsSettings::default() };
    let epoch_seed = getrandom::u64().unwrap();
    let streams = StreamsConfig { epoch_seed, ..streams.clone() };
    let (clock, relay) = (Clock::start(), relay.clone());
    NatsBroker::new(&settings, streams, hot_bytes_max, clock, relay, "node").unwrap()
}

/// One node on this server.
fn arm(store: &Store) -> Arm {
    keeping(store, &StreamsConfig::default(), HOT)
}

fn keeping(store: &Store, streams: &StreamsConfig, hot_bytes_max: usize) -> Arm {
    let (shard, relay) = crate::broker::tests::node(Clock::start());
    Arm::of(Broker::Nats(node(store, streams, hot_bytes_max, &relay)), shard)
}

/// Waits until the node can do its work.
async fn ready(arm: &Arm) {
    while !arm.broker.is_ready().await {
        tokio::task::yield_now().await;
    }
}

/// What the node counts.
fn figures(arm: &Arm) -> super::NatsFigures {
    arm.broker.nats().unwrap()
}

/// What the tasks of the node share.
fn shared(arm: &Arm) -> &Arc<super::Shared> {
    let Broker::Nats(nats) = &*arm.broker else { panic!("another broker") };
    &nats.shared
}
