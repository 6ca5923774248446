//! A primary is lost, and its replica had not heard of everything that was acked: nobody may be
//! told that nothing was lost.

use steadfast_protocol::{GapCause, Since};

use super::sentinel::Sentinel;
use super::{arm_by, ready};
use crate::testing::RedisServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, after, event, keyed, offsets};

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

/// P-22, P-27
#[tokio::test]
async fn a_promoted_replica_that_lags_changes_every_epoch_and_all_are_told() {
    let mut primary = RedisServer::start(&[]).await;
    let replica = replica_of(&primary).await;
    let sentinel = Sentinel::start(&primary).await;
    let (one, two) = (arm_by(&sentinel), arm_by(&sentinel));
    ready(&one).await;
    ready(&two).await;
    let mut here = Listener::to(&one, "a");
    let mut there = Listener::to(&two, "a");
    let mut aside = Listener::to(&two, "b");
    let (epoch, _) = one.placed(event("a")).await;
    one.put(event("a")).await;
    two.put(event("b")).await;
    assert_eq!(here.until("2").await, ["subscribed", "1", "2"]);
    assert_eq!(there.until("2").await, ["subscribed", "1", "2"]);
    assert_eq!(aside.until("1").await, ["subscribed", "1"]);
    has_caught_up(&replica, &primary).await;
    cut(&replica, &primary).await;

    // Acked by one node, seen by followers of both, and never heard of by the replica.
    one.put(keyed("a", "k")).await;
    one.put(event("a")).await;
    assert_eq!(here.until("4").await, ["3", "4"]);
    assert_eq!(there.until("4").await, ["3", "4"]);
    primary.kill();
    replica.does(&["REPLICAOF", "NO", "ONE"]).await;
    sentinel.points_to(&replica);

    assert_eq!(here.until("2").await, ["gap epoch_changed", "1", "2"]);
    assert_eq!(there.until("2").await, ["gap epoch_changed", "1", "2"]);
    assert_eq!(aside.until("1").await, ["gap epoch_changed", "1"]);
    ready(&one).await;
    ready(&two).await;
    let (fresh, offset) = two.placed(event("a")).await;
    assert_eq!(offset, 3, "the number is given anew");
    assert_ne!(fresh, epoch, "and so it must not be of the same numbering");
    assert_eq!(one.placed(keyed("a", "k")).await, (fresh.clone(), 4), "that answer was lost too");
    assert_eq!(here.until("4").await, ["3", "4"]);
    // Whoever was away meanwhile is told as well, however far it had come.
    for offset in 0..=4 {
        let page = one.read("a", after(&epoch, offset), ALL).await;
        assert_eq!(page.gap.clone().unwrap().cause, GapCause::EpochChanged);
        assert_eq!(offsets(&page), [1, 2, 3, 4]);
    }
    assert_eq!(one.broker.redis().unwrap().fences, 1);
    assert_eq!(two.broker.redis().unwrap().fences, 1);
}

#[tokio::test]
async fn a_promoted_replica_that_has_everything_changes_nothing() {
    let mut primary = RedisServer::start(&[]).await;
    let replica = replica_of(&primary).await;
    let sentinel = Sentinel::start(&primary).await;
    let (one, two) = (arm_by(&sentinel), arm_by(&sentinel));
    ready(&one).await;
    ready(&two).await;
    let mut there = Listener::to(&two, "a");
    let (epoch, _) = one.placed(event("a")).await;
    assert_eq!(there.until("1").await, ["subscribed", "1"]);
    has_caught_up(&replica, &primary).await;
    primary.kill();
    replica.does(&["REPLICAOF", "NO", "ONE"]).await;
    sentinel.points_to(&replica);
    // Not ready as long as the old session is not known to be lost.
    while one.broker.redis().unwrap().sessions < 2 || two.broker.redis().unwrap().sessions < 2 {
        tokio::task::yield_now().await;
    }
    ready(&one).await;
    assert_eq!(one.placed(event("a")).await, (epoch.clone(), 2));
    assert_eq!(there.until("2").await, ["2"]);
    let page = two.read("a", Since::Start, ALL).await;
    assert_eq!((page.start.epoch.clone(), offsets(&page)), (epoch, vec![1, 2]));
}

/// A server that is emptied under its nodes, which stay connected all the time.
#[tokio::test]
async fn an_emptied_server_changes_every_epoch() {
    let store = RedisServer::start(&[]).await;
    let one = super::arm(&[&store]);
    ready(&one).await;
    let mut here = Listener::to(&one, "a");
    let (epoch, _) = one.placed(event("a")).await;
    assert_eq!(here.until("1").await, ["subscribed", "1"]);
    store.does(&["FLUSHALL"]).await;
    assert_eq!(here.until("gap epoch_changed").await, ["gap epoch_changed"]);
    ready(&one).await;
    let (fresh, offset) = one.placed(event("a")).await;
    assert!(fresh != epoch && offset == 1);
    assert_eq!(here.until("1").await, ["1"]);
}
