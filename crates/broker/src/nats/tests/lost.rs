//! A log that lost something that was acked: nobody may be told that nothing was lost.

use steadfast_history::Receipt;
use steadfast_protocol::{GapCause, Since};

use super::{arm, figures, ready};
use crate::testing::NatsServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, after, channel, event, keyed, offsets};

/// P-22, P-27
#[tokio::test]
async fn a_server_that_is_back_with_an_older_copy_changes_every_epoch_and_all_are_told() {
    let mut store = NatsServer::start().await;
    let (one, two) = (arm(&store), arm(&store));
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
    store.kill();
    store.back_up();
    store.restart().await;
    ready(&one).await;
    ready(&two).await;

    // Acked by one node, seen by followers of both, and not in the copy.
    assert_eq!(one.placed(keyed("a", "k")).await, (epoch.clone(), 3));
    one.put(event("a")).await;
    assert_eq!(here.until("4").await, ["3", "4"]);
    assert_eq!(there.until("4").await, ["3", "4"]);
    store.kill();
    store.roll_back();
    store.restart().await;

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
    assert_eq!((figures(&one).fences, figures(&two).fences), (1, 1));
}

/// A log that is deleted under its nodes, which stay connected all the time.
#[tokio::test]
async fn a_log_that_is_deleted_changes_every_epoch() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    ready(&one).await;
    let mut here = Listener::to(&one, "a");
    let (epoch, _) = one.placed(event("a")).await;
    assert_eq!(here.until("1").await, ["subscribed", "1"]);
    store.jetstream().await.delete_stream("steadfast").await.unwrap();
    assert_eq!(here.until("gap epoch_changed").await, ["gap epoch_changed"]);
    ready(&one).await;
    let (fresh, offset) = one.placed(event("a")).await;
    assert!(fresh != epoch && offset == 1);
    assert_eq!(here.until("1").await, ["1"]);
}

/// An operator empties the log, whose numbers go on.
#[tokio::test]
async fn a_log_that_is_emptied_is_found_out_by_who_publishes() {
    let store = NatsServer::start().await;
    let (one, two) = (arm(&store), arm(&store));
    ready(&one).await;
    ready(&two).await;
    let (epoch, _) = one.placed(event("a")).await;
    let mut there = Listener::to(&two, "a");
    assert_eq!(there.until("1").await, ["subscribed", "1"]);
    let jetstream = store.jetstream().await;
    let stream = jetstream.get_stream_no_info("steadfast").await.unwrap();
    stream.purge().await.unwrap();
    let Receipt { epoch: fresh, offset, .. } = loop {
        if let Ok(placed) = one.broker.publish(keyed("a", "k")).await {
            break placed;
        }
    };
    assert!(fresh != epoch && offset == 1);
    assert_eq!(there.until("1").await, ["gap epoch_changed", "1"]);
}

/// Events that were taken out of the log alone are missed as those that it may drop.
#[tokio::test]
async fn an_event_that_is_taken_out_of_the_log_is_told() {
    let store = NatsServer::start().await;
    let one = super::keeping(&store, &steadfast_history::HistoryConfig::default(), 0);
    ready(&one).await;
    let (epoch, _) = one.placed(event("a")).await;
    for _ in 0..3 {
        one.put(event("a")).await;
    }
    let subject = super::shared(&one).names.of_channel(&channel("a"));
    let jetstream = store.jetstream().await;
    let stream = jetstream.get_stream_no_info("steadfast").await.unwrap();
    let mut first = stream.direct_get_first_for_subject(subject).await.unwrap().sequence;
    // The record may stand between them.
    while one.kept("a").await.len() > 2 {
        stream.delete_message(first).await.ok();
        first += 1;
    }
    assert_eq!(one.kept("a").await, [3, 4]);
    let page = one.read("a", after(&epoch, 1), ALL).await;
    assert_eq!(page.gap.unwrap().cause, GapCause::Retention);
    assert_eq!(one.placed(event("a")).await, (epoch, 5));
}

/// Both have come to another process of the server, in whichever order.
#[tokio::test]
async fn a_new_node_on_a_server_that_kept_everything_changes_nothing() {
    let mut store = NatsServer::start().await;
    let one = arm(&store);
    ready(&one).await;
    let (epoch, _) = one.placed(event("a")).await;
    store.kill();
    store.restart().await;
    let two = arm(&store);
    ready(&two).await;
    ready(&one).await;
    let page = two.read("a", Since::Start, ALL).await;
    assert_eq!((page.start.epoch.clone(), offsets(&page)), (epoch.clone(), vec![1]));
    assert_eq!(two.placed(event("a")).await, (epoch, 2));
    assert_eq!(one.kept("a").await, [1, 2]);
}
