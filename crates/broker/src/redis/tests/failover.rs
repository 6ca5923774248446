//! A primary is lost and its replica promoted: with everything that was acked, or without the
//! newest events.

use steadfast_protocol::Since;

use super::arm_by;
use super::sentinel::Sentinel;
use crate::testing::RedisServer;
use crate::tests::live::Listener;
use crate::tests::shared_server::LossyServer;
use crate::tests::{ALL, Arm, event, offsets};

/// A replica that has all its primary has.
async fn replica_of(primary: &RedisServer) -> RedisServer {
    let of = format!("127.0.0.1 {}", primary.port());
    let replica = RedisServer::start(&["--replicaof", &of]).await;
    while replica.field("replication", "master_link_status").await != "up" {}
    replica
}

async fn has_caught_up(replica: &RedisServer, primary: &RedisServer) {
    let sent = primary.field("replication", "master_repl_offset").await;
    let sent: u64 = sent.parse().unwrap();
    let got = async || replica.field("replication", "slave_repl_offset").await.parse::<u64>();
    while got().await.unwrap() < sent {}
}

/// The replica loses its primary, and is not let in again.
async fn cut(replica: &RedisServer, primary: &RedisServer) {
    primary.does(&["ACL", "SETUSER", "default", "-psync", "-sync"]).await;
    primary.does(&["CLIENT", "KILL", "TYPE", "replica"]).await;
    while replica.field("replication", "master_link_status").await != "down" {}
}

/// A primary, and a replica that has not heard of everything when it is promoted.
pub(super) struct PrimaryAndReplica {
    primary: RedisServer,
    replica: RedisServer,
    sentinel: Sentinel,
}

impl LossyServer for PrimaryAndReplica {
    async fn launch() -> Self {
        let primary = RedisServer::start(&[]).await;
        let replica = replica_of(&primary).await;
        let sentinel = Sentinel::start(&primary).await;
        Self { primary, replica, sentinel }
    }

    fn node(&self) -> Arm {
        arm_by(&self.sentinel)
    }

    async fn copy(&mut self) {
        has_caught_up(&self.replica, &self.primary).await;
        cut(&self.replica, &self.primary).await;
    }

    async fn lose(&mut self) {
        self.primary.kill();
        self.replica.does(&["REPLICAOF", "NO", "ONE"]).await;
        self.sentinel.points_to(&self.replica);
    }

    fn losses(node: &Arm) -> u64 {
        node.metric("redis_fences_raised")
    }
}

#[tokio::test]
async fn a_promoted_replica_that_has_everything_changes_nothing() {
    let mut primary = RedisServer::start(&[]).await;
    let replica = replica_of(&primary).await;
    let sentinel = Sentinel::start(&primary).await;
    let (one, two) = (arm_by(&sentinel), arm_by(&sentinel));
    one.ready().await;
    two.ready().await;
    let mut there = Listener::to(&two, "a");
    let (epoch, _) = one.placed(event("a")).await;
    assert_eq!(there.until("1").await, ["subscribed", "1"]);
    has_caught_up(&replica, &primary).await;
    primary.kill();
    replica.does(&["REPLICAOF", "NO", "ONE"]).await;
    sentinel.points_to(&replica);
    // Not ready as long as the old session is not known to be lost.
    while one.metric("redis_sessions") < 2 || two.metric("redis_sessions") < 2 {
        tokio::task::yield_now().await;
    }
    one.ready().await;
    assert_eq!(one.placed(event("a")).await, (epoch.clone(), 2));
    assert_eq!(there.until("2").await, ["2"]);
    let page = two.read("a", Since::Start, ALL).await;
    assert_eq!((page.start.epoch.clone(), offsets(&page)), (epoch, vec![1, 2]));
}
