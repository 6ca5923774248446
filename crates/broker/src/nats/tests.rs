//! The NATS broker against servers of its own: contracts that only it has.

mod by_hand;
mod lost;
mod refusals;
mod two;
mod wire;

use std::sync::Arc;

use steadfast_history::HistoryConfig;

use self::wire::NatsWire;
use super::NatsBroker;
use crate::Broker;
use crate::clock::Clock;
use crate::secret::Secret;
use crate::settings::NatsSettings;
use crate::testing::NatsServer;
use crate::tests::cluster_wire::ClusterWire;
use crate::tests::shared_server::{LossyServer, SharedServer, shared_server_tests};
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

/// What the tasks of the node share.
fn shared(arm: &Arm) -> &Arc<super::NatsShared> {
    let Broker::Nats(nats) = &*arm.broker else { panic!("another broker") };
    &nats.shared
}

impl SharedServer for NatsServer {
    async fn launch() -> Self {
        Self::start_syncing().await
    }

    fn node(&self) -> Arm {
        arm(self)
    }

    fn kill(&mut self) {
        Self::kill(self);
    }

    async fn restart(&mut self) {
        Self::restart(self).await;
    }

    async fn empty(&self) {
        self.jetstream().await.delete_stream("steadfast").await.unwrap();
    }

    async fn wire(&self) -> impl ClusterWire {
        NatsWire::to(self).await
    }

    fn sessions_and_losses(node: &Arm) -> (u64, u64) {
        (node.metric("nats_sessions"), node.metric("nats_fences_raised"))
    }
}

impl LossyServer for NatsServer {
    async fn launch() -> Self {
        Self::start().await
    }

    fn node(&self) -> Arm {
        arm(self)
    }

    async fn copy(&mut self) {
        Self::kill(self);
        self.back_up();
        Self::restart(self).await;
    }

    async fn lose(&mut self) {
        Self::kill(self);
        self.roll_back();
        Self::restart(self).await;
    }

    fn losses(node: &Arm) -> u64 {
        node.metric("nats_fences_raised")
    }
}

shared_server_tests!(NatsServer, NatsServer);
