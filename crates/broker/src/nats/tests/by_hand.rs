//! What operators do to the log: the channel that they did it to goes on, and no other is touched.

use async_nats::jetstream::stream::Stream;
use steadfast_protocol::{GapCause, Since};

use super::{HOT, arm, keeping, shared};
use crate::testing::NatsServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, Arm, after, channel, event, offsets};

async fn log(store: &NatsServer) -> Stream {
    store.jetstream().await.get_stream("steadfast").await.unwrap()
}

/// Publishes, as a client does that is told to try again.
async fn put_in_the_end(arm: &Arm, name: &str) -> (steadfast_protocol::Epoch, u64) {
    loop {
        if let Ok(receipt) = arm.broker.publish(event(name)).await {
            return (receipt.epoch, receipt.offset);
        }
    }
}

/// The last message about a channel.
fn last(arm: &Arm, name: &str) -> u64 {
    shared(arm).table.lock().channels[&channel(name)].last
}

#[tokio::test]
async fn a_channel_whose_newest_event_is_taken_out_begins_anew_alone() {
    let store = NatsServer::start().await;
    let (one, two) = (arm(&store), arm(&store));
    one.ready().await;
    two.ready().await;
    let (epoch, _) = one.placed(event("a")).await;
    one.put(event("a")).await;
    one.put(event("a")).await;
    let (other, _) = one.placed(event("b")).await;
    let mut followers = [Listener::to(&one, "a"), Listener::to(&two, "a")];
    let mut aside = [Listener::to(&one, "b"), Listener::to(&two, "b")];
    for follower in &mut followers {
        follower.until("3").await;
    }
    for follower in &mut aside {
        follower.until("1").await;
    }
    log(&store).await.delete_message(last(&one, "a")).await.unwrap();

    let (fresh, offset) = one.placed(event("a")).await;
    assert_eq!(offset, 1, "it does not have to be tried again");
    assert_ne!(fresh, epoch);
    for follower in &mut followers {
        assert_eq!(follower.until("1").await, ["gap epoch_changed", "1"]);
    }
    assert_eq!(two.placed(event("a")).await, (fresh, 2));
    // Nobody else is told anything, and nothing was raised.
    assert_eq!(two.placed(event("b")).await, (other, 2));
    for follower in &mut aside {
        assert_eq!(follower.until("2").await, ["2"]);
    }
    assert_eq!([&one, &two].map(|node| node.metric("nats_fences_raised")), [0, 0]);
    assert_eq!((one.metric("nats_channels_repaired"), one.metric("nats_channels_stuck")), (1, 0));
    assert!(one.broker.warnings().is_empty());
}

/// First, in the middle, and all of a subject.
#[tokio::test]
async fn events_that_are_taken_out_of_the_log_are_told_and_the_channel_goes_on() {
    let store = NatsServer::start().await;
    let one = keeping(&store, &steadfast_history::HistoryConfig::default(), 0);
    one.ready().await;
    let mut seqs = Vec::new();
    for _ in 0..5 {
        one.put(event("a")).await;
        seqs.push(last(&one, "a"));
    }
    let (other, _) = one.placed(event("b")).await;
    let (epoch, stream) = (one.read("a", Since::Now, ALL).await.start.epoch, log(&store).await);
    for (at, left) in [(0, vec![2, 3, 4, 5]), (2, vec![4, 5])] {
        stream.delete_message(seqs[at]).await.unwrap();
        while one.kept("a").await != left {}
        let gap = one.read("a", after(&epoch, 0), ALL).await.gap;
        assert_eq!(gap.map(|gap| gap.cause), Some(GapCause::Retention), "{at}");
    }
    assert_eq!(one.placed(event("a")).await, (epoch.clone(), 6));
    // A node that comes now reads a log with holes.
    let later = keeping(&store, &steadfast_history::HistoryConfig::default(), HOT);
    later.ready().await;
    assert_eq!(later.kept("a").await, [4, 5, 6]);
    assert_eq!(later.placed(event("a")).await, (epoch.clone(), 7));

    stream.purge().filter(shared(&one).names.of_channel(&channel("a"))).await.unwrap();
    let (fresh, offset) = put_in_the_end(&one, "a").await;
    assert!(fresh != epoch && offset == 1);
    assert_eq!(put_in_the_end(&later, "a").await, (fresh, 2));
    assert_eq!(later.placed(event("b")).await, (other, 2));
    assert_eq!([&one, &later].map(|node| node.metric("nats_fences_raised")), [0, 0]);
}

/// A node that comes after the newest event was taken out goes on before it; the others had it.
#[tokio::test]
async fn an_offset_is_not_given_twice_to_a_node_that_came_later() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    one.ready().await;
    let (epoch, _) = one.placed(event("a")).await;
    one.put(event("a")).await;
    let mut follower = Listener::to(&one, "a");
    assert_eq!(follower.until("2").await, ["subscribed", "1", "2"]);
    log(&store).await.delete_message(last(&one, "a")).await.unwrap();
    let later = arm(&store);
    later.ready().await;
    assert_eq!(later.kept("a").await, [1]);
    let (given, _) = put_in_the_end(&later, "a").await;
    // Either the server saw that something was gone, or this node saw that 2 came twice.
    follower.until("gap epoch_changed").await;
    let (now, _) = put_in_the_end(&one, "a").await;
    assert_ne!(now, epoch, "{given}");
    let page = one.read("a", after(&epoch, 2), ALL).await;
    assert_eq!(page.gap.unwrap().cause, GapCause::EpochChanged);
    while offsets(&later.read("a", Since::Start, ALL).await) != one.kept("a").await {}
    assert_eq!([&one, &later].map(|node| node.metric("nats_fences_raised")), [0, 0]);
}

/// The record says which fence holds; the log has everything without it.
#[tokio::test]
async fn a_record_that_is_taken_out_is_written_again_under_the_same_fence() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    one.ready().await;
    let (epoch, _) = one.placed(event("a")).await;
    let stream = log(&store).await;
    stream.purge().filter(shared(&one).names.record.clone()).await.unwrap();
    let session = shared(&one).session().unwrap();
    super::super::connect::announce_presence(shared(&one), &session).await.unwrap();
    let two = arm(&store);
    two.ready().await;
    assert_eq!(two.placed(event("a")).await, (epoch, 2));
    assert_eq!([&one, &two].map(|node| node.metric("nats_fences_raised")), [0, 0]);
}
