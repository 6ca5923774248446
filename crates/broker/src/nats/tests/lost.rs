//! A log that an operator changed, or whose server was started again.

use steadfast_history::Receipt;
use steadfast_protocol::{GapCause, Since};

use super::arm;
use crate::testing::NatsServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, after, channel, event, keyed, offsets};

/// An operator empties the log, whose numbers go on.
#[tokio::test]
async fn a_log_that_is_emptied_is_found_out_by_who_publishes() {
    let store = NatsServer::start().await;
    let (one, two) = (arm(&store), arm(&store));
    one.ready().await;
    two.ready().await;
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
    one.ready().await;
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
    one.ready().await;
    let (epoch, _) = one.placed(event("a")).await;
    store.kill();
    store.restart().await;
    let two = arm(&store);
    two.ready().await;
    one.ready().await;
    let page = two.read("a", Since::Start, ALL).await;
    assert_eq!((page.start.epoch.clone(), offsets(&page)), (epoch.clone(), vec![1]));
    assert_eq!(two.placed(event("a")).await, (epoch, 2));
    assert_eq!(one.kept("a").await, [1, 2]);
}
