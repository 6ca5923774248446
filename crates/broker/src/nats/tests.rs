//! The NATS broker against servers of its own: contracts that only it has.

mod away;
mod by_hand;
mod kill;
mod lost;
mod two;
mod wire;

use std::sync::Arc;

use steadfast_history::HistoryConfig;

use super::NatsBroker;
use crate::Broker;
use crate::clock::Clock;
use crate::secret::Secret;
use crate::settings::NatsSettings;
use crate::testing::NatsServer;
use crate::tests::{Arm, TestNode};
use crate::update_bus::UpdateBus;

/// Hot bytes, so that nothing comes from the log.
pub(crate) const HOT: usize = 1024 * 1024;

/// A node's broker on this server.
pub(crate) fn node(
    store: &NatsServer,
    streams: &HistoryConfig,
    hot_bytes_max: usize,
    updates: &UpdateBus,
) -> NatsBroker {
    let servers = vec![Secret::new(store.url())];
    let settings = NatsSettings { servers, ..NatsSettings::default() };
    let epoch_seed = getrandom::u64().unwrap();
    let streams = HistoryConfig { epoch_seed, ..streams.clone() };
    let (clock, updates) = (Clock::start(), updates.clone());
    NatsBroker::new(&settings, streams, hot_bytes_max, clock, updates, "node").unwrap()
}

/// One node on this server.
fn arm(store: &NatsServer) -> Arm {
    keeping(store, &HistoryConfig::default(), HOT)
}

fn keeping(store: &NatsServer, streams: &HistoryConfig, hot_bytes_max: usize) -> Arm {
    let (test_node, updates) = TestNode::start(Clock::start());
    Arm::of(Broker::Nats(node(store, streams, hot_bytes_max, &updates)), test_node)
}

/// Waits until the node can do its work.
async fn ready(arm: &Arm) {
    while !arm.broker.is_ready().await {
        tokio::task::yield_now().await;
    }
}

/// What the node counts.
fn figures(arm: &Arm) -> super::NatsMetrics {
    arm.broker.nats().unwrap()
}

/// What the tasks of the node share.
fn shared(arm: &Arm) -> &Arc<super::NatsShared> {
    let Broker::Nats(nats) = &*arm.broker else { panic!("another broker") };
    &nats.shared
}
