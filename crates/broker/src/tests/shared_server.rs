//! What every broker does whose server many nodes share, when that server cannot be reached, is
//! emptied, or loses events that it acked. Told once and run on each kind of server. A follower may
//! never be told that nothing was lost when something was.

use steadfast_history::{PublishError, ReadError};
use steadfast_protocol::{GapCause, Since};

use super::cluster_wire::ClusterWire;
use super::live::Listener;
use super::{ALL, Arm, after, channel, event, keyed, offsets};

/// A server that keeps everything it acked, also when it is killed.
pub(crate) trait SharedServer {
    async fn launch() -> Self;

    /// A node on this server.
    fn node(&self) -> Arm;

    /// `kill -9`.
    fn kill(&mut self);

    /// Starts it again with what it has on disk.
    async fn restart(&mut self);

    /// Deletes everything that it keeps, as an operator might.
    async fn empty(&self);

    /// The messages between its nodes.
    async fn wire(&self) -> impl ClusterWire;

    /// How many sessions the node has had, and how often it found that events were lost.
    fn sessions_and_losses(node: &Arm) -> (u64, u64);
}

/// A server that can go back to an older copy of what it keeps.
pub(crate) trait LossyServer {
    async fn launch() -> Self;

    /// A node on this server.
    fn node(&self) -> Arm;

    /// Copies what it keeps. What is acked from now on is not in the copy.
    async fn copy(&mut self);

    /// Goes back to the copy.
    async fn lose(&mut self);

    /// How often the node found that events were lost.
    fn losses(node: &Arm) -> u64;
}

/// Runs the tests of this module as tests of these servers.
macro_rules! shared_server_tests {
    ($server:ty, $lossy:ty) => {
        #[tokio::test]
        async fn without_the_server_nothing_is_accepted_and_then_all_goes_on() {
            $crate::tests::shared_server::nothing_is_accepted_without_it::<$server>().await;
        }

        #[tokio::test]
        async fn a_session_that_subscribes_without_the_server_is_answered_later() {
            $crate::tests::shared_server::a_subscription_waits_for_it::<$server>().await;
        }

        #[tokio::test]
        async fn an_emptied_server_changes_every_epoch() {
            $crate::tests::shared_server::emptying_changes_every_epoch::<$server>().await;
        }

        #[tokio::test]
        async fn every_acked_event_outlives_the_server() {
            $crate::tests::kill::every_acked_event_outlives_it::<$server>().await;
        }

        #[tokio::test]
        async fn messages_between_nodes_keep_their_bytes() {
            $crate::tests::cluster_wire::messages_keep_their_bytes::<$server>().await;
        }

        #[tokio::test]
        async fn bytes_that_no_version_sends_are_ignored() {
            $crate::tests::cluster_wire::other_bytes_are_ignored::<$server>().await;
        }

        /// P-22, P-27
        #[tokio::test]
        async fn a_server_with_an_older_copy_changes_every_epoch_and_all_are_told() {
            $crate::tests::shared_server::a_loss_changes_every_epoch::<$lossy>().await;
        }
    };
}
pub(crate) use shared_server_tests;

pub(crate) async fn nothing_is_accepted_without_it<S: SharedServer>() {
    let mut server = S::launch().await;
    let one = server.node();
    one.ready().await;
    let mut here = Listener::to(&one, "a");
    let (epoch, _) = one.placed(event("a")).await;
    assert_eq!(here.until("1").await, ["subscribed", "1"]);
    server.kill();
    assert_eq!(one.refused(event("a")).await, PublishError::Unavailable);
    assert!(!one.broker.is_ready().await);
    let unread = one.broker.read(&channel("a"), &Since::Start, ALL).await;
    assert_eq!(unread, Err(ReadError::Unavailable));
    assert_eq!(one.broker.delete(&channel("a")).await, Err(ReadError::Unavailable));

    server.restart().await;
    one.ready().await;
    assert_eq!(one.placed(event("a")).await, (epoch, 2), "the same process of the node knows");
    assert_eq!(here.until("2").await, ["2"]);
    assert_eq!(S::sessions_and_losses(&one), (2, 0));
}

pub(crate) async fn a_subscription_waits_for_it<S: SharedServer>() {
    let mut server = S::launch().await;
    let one = server.node();
    one.ready().await;
    one.put(event("a")).await;
    server.kill();
    assert!(!one.broker.is_ready().await);
    let mut here = Listener::to(&one, "a");
    here.looks().await;
    server.restart().await;
    assert_eq!(here.until("1").await, ["subscribed", "1"]);
}

/// The node stays connected all the time.
pub(crate) async fn emptying_changes_every_epoch<S: SharedServer>() {
    let server = S::launch().await;
    let one = server.node();
    one.ready().await;
    let mut here = Listener::to(&one, "a");
    let (epoch, _) = one.placed(event("a")).await;
    assert_eq!(here.until("1").await, ["subscribed", "1"]);
    server.empty().await;
    assert_eq!(here.until("gap epoch_changed").await, ["gap epoch_changed"]);
    one.ready().await;
    let (fresh, offset) = one.placed(event("a")).await;
    assert!(fresh != epoch && offset == 1);
    assert_eq!(here.until("1").await, ["1"]);
}

pub(crate) async fn a_loss_changes_every_epoch<S: LossyServer>() {
    let mut server = S::launch().await;
    let (one, two) = (server.node(), server.node());
    one.ready().await;
    two.ready().await;
    let mut here = Listener::to(&one, "a");
    let mut there = Listener::to(&two, "a");
    let mut aside = Listener::to(&two, "b");
    let (epoch, _) = one.placed(event("a")).await;
    one.put(event("a")).await;
    two.put(event("b")).await;
    assert_eq!(here.until("2").await, ["subscribed", "1", "2"]);
    assert_eq!(there.until("2").await, ["subscribed", "1", "2"]);
    assert_eq!(aside.until("1").await, ["subscribed", "1"]);
    server.copy().await;
    one.ready().await;
    two.ready().await;

    // Acked by one node, seen by followers of both, and not in the copy.
    assert_eq!(one.placed(keyed("a", "k")).await, (epoch.clone(), 3));
    one.put(event("a")).await;
    assert_eq!(here.until("4").await, ["3", "4"]);
    assert_eq!(there.until("4").await, ["3", "4"]);
    server.lose().await;

    assert_eq!(here.until("2").await, ["gap epoch_changed", "1", "2"]);
    assert_eq!(there.until("2").await, ["gap epoch_changed", "1", "2"]);
    assert_eq!(aside.until("1").await, ["gap epoch_changed", "1"]);
    one.ready().await;
    two.ready().await;
    let (fresh, offset) = two.placed(event("a")).await;
    assert_eq!(offset, 3, "the offset is used again");
    assert_ne!(fresh, epoch, "so it must be in another epoch");
    assert_eq!(one.placed(keyed("a", "k")).await, (fresh.clone(), 4), "that receipt was lost too");
    assert_eq!(here.until("4").await, ["3", "4"]);
    // A reader that was away is told as well, whatever its position.
    for offset in 0..=4 {
        let page = one.read("a", after(&epoch, offset), ALL).await;
        assert_eq!(page.gap.clone().unwrap().cause, GapCause::EpochChanged);
        assert_eq!(offsets(&page), [1, 2, 3, 4]);
    }
    assert_eq!((S::losses(&one), S::losses(&two)), (1, 1));
}
