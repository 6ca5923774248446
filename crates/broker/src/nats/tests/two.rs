//! Several nodes on one log, one after the other and at once; and what the log drops.

use std::time::Duration;

use futures_util::future::join_all;
use steadfast_history::{HistoryConfig, PublishError, Retention};
use steadfast_machine::Span;
use steadfast_protocol::Since;

use super::{HOT, arm, keeping, shared};
use crate::nats::sweep::turn;
use crate::testing::NatsServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, Arm, channel, each, event, keyed, last, replacing};

async fn two(store: &NatsServer) -> (Arm, Arm) {
    let (one, two) = (arm(store), arm(store));
    one.ready().await;
    two.ready().await;
    (one, two)
}

#[tokio::test]
async fn nodes_that_publish_at_once_give_each_place_once_and_all_are_told_in_order() {
    let store = NatsServer::start().await;
    let (one, two) = two(&store).await;
    let mut here = Listener::to(&one, "a");
    let mut there = Listener::to(&two, "a");
    let publishes = (0..200).map(|n| if n % 2 == 0 { &one } else { &two }.put(event("a")));
    let mut places: Vec<u64> = join_all(publishes).await;
    places.sort_unstable();
    assert_eq!(places, each(1..=200));
    assert_eq!((one.kept("a").await, two.kept("a").await), (each(1..=200), each(1..=200)));
    let told: Vec<String> = (1..=200).map(|offset| offset.to_string()).collect();
    for listener in [&mut here, &mut there] {
        let mut heard = listener.until("200").await;
        heard.retain(|said| said != "subscribed");
        assert_eq!(heard, told);
    }
}

#[tokio::test]
async fn what_one_node_has_answered_every_node_knows() {
    let store = NatsServer::start().await;
    let (one, two) = two(&store).await;
    for n in 1..=20 {
        let first = one.placed(keyed("a", &n.to_string())).await;
        assert_eq!(two.placed(keyed("a", &n.to_string())).await, first);
        assert_eq!(two.kept("a").await.last(), Some(&n));
    }
    let keys: Vec<_> = join_all([&one, &two].map(|node| node.placed(keyed("b", "same")))).await;
    assert_eq!(keys[0], keys[1]);
    two.put(last("a")).await;
    assert_eq!(one.refused(event("a")).await, PublishError::Finished);
    let mut here = Listener::to(&one, "a");
    assert_eq!(here.until("finished").await.len(), 23);
    assert!(two.broker.delete(&channel("a")).await.unwrap());
    assert_eq!(one.broker.info(&channel("a")).await.unwrap(), None);
    assert_eq!(one.put(keyed("a", "1")).await, 1, "it begins anew");
    assert_eq!(two.kept("a").await, [1]);
}

#[tokio::test]
async fn a_node_that_comes_later_knows_all_that_was_before() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    one.ready().await;
    for publish in [keyed("a", "k"), replacing("a", "bar"), replacing("a", "bar"), last("b")] {
        one.put(publish).await;
    }
    one.put(event("c")).await;
    one.broker.delete(&channel("c")).await.unwrap();
    let opened = one.read("d", Since::Start, ALL).await;
    let later = keeping(&store, &HistoryConfig::default(), 0);
    later.ready().await;
    let (known, told) = (one.broker.list(None, 10).await, later.broker.list(None, 10).await);
    assert_eq!(known, told);
    assert_eq!(later.broker.size(), one.broker.size());
    assert_eq!(later.put(keyed("a", "k")).await, 1);
    assert_eq!(later.refused(event("b")).await, PublishError::Finished);
    assert_eq!(later.put(event("c")).await, 1);
    // It pending the others for what is not in the log.
    heard_of(&later, "d").await;
    assert_eq!(later.placed(event("d")).await, (opened.start.epoch, 1));
}

/// Waits until a node knows which epoch a name without events has.
async fn heard_of(arm: &Arm, name: &str) {
    while shared(arm).table.lock().reserved.get(&channel(name)).is_none() {
        tokio::task::yield_now().await;
    }
}

/// A reader of a name without events, on one node, and its first event by way of another.
#[tokio::test]
async fn nodes_agree_on_the_epoch_of_a_channel_to_come() {
    let store = NatsServer::start().await;
    let (one, two) = (arm(&store), arm(&store));
    one.ready().await;
    two.ready().await;
    let mut follower = Listener::to(&one, "a");
    assert_eq!(follower.until("subscribed").await, ["subscribed"]);
    heard_of(&two, "a").await;
    assert_eq!(two.put(event("a")).await, 1);
    assert_eq!(follower.until("1").await, ["1"], "without a gap");
    // They agree without a message too, at the same place of the log.
    let bases = [&one, &two].map(|arm| {
        let table = shared(arm).table.lock();
        table.next_base(&channel("never-read"), "spare")
    });
    assert_eq!(bases[0], bases[1]);
    // A message that was late does not bring the epoch of a channel that is gone back.
    let (base, date) = {
        let table = shared(&two).table.lock();
        (table.channels[&channel("a")].base.to_string(), shared(&two).date())
    };
    assert!(two.broker.delete(&channel("a")).await.unwrap());
    for tombstone in [true, false] {
        let mut table = shared(&two).table.lock();
        if !tombstone {
            table.tombstones.clear();
        }
        assert_ne!(*table.next_base(&channel("a"), "spare"), *base, "tombstone: {tombstone}");
    }
    shared(&two).table.lock().accept_reserved(&channel("a"), &base, date);
    assert_eq!(shared(&two).table.lock().reserved.get(&channel("a")), None);
    // Of two at once the lower one holds.
    for (base, expected) in [("5-1", "5-1"), ("7-1", "5-1"), ("3-1", "3-1")] {
        let mut table = shared(&two).table.lock();
        table.accept_reserved(&channel("b"), base, date);
        assert_eq!(table.reserved.get(&channel("b")).map(|base| &**base), Some(expected));
    }
}

/// P-22. Whichever node others read at, and whichever the first event comes by.
#[tokio::test]
async fn what_others_read_at_another_node_changes_no_epoch_that_somebody_follows() {
    let store = NatsServer::start().await;
    let streams = HistoryConfig { channels_max: 3, ..HistoryConfig::default() };
    let (one, two) = (keeping(&store, &streams, HOT), keeping(&store, &streams, HOT));
    one.ready().await;
    two.ready().await;
    // A base that nobody can work out: `two` has it by message alone.
    let date = shared(&one).date();
    shared(&one).table.lock().accept_reserved(&channel("a"), "0-1", date);
    let mut follower = Listener::to(&one, "a");
    assert_eq!(follower.until("subscribed").await, ["subscribed"]);
    heard_of(&two, "a").await;
    for n in 0..50 {
        assert_eq!(two.read(&format!("read-{n}"), Since::Now, ALL).await.head, 0);
    }
    assert_eq!(two.put(event("a")).await, 1);
    assert_eq!(follower.until("1").await, ["1"], "without a gap");
}

#[tokio::test]
async fn the_log_drops_what_nobody_is_given_and_nothing_else() {
    let store = NatsServer::start().await;
    let few = Retention { events_max: 3, ..Retention::default() };
    let streams = HistoryConfig {
        retention: few,
        idempotency_window: Span(3_600_000),
        ..HistoryConfig::default()
    };
    let one = keeping(&store, &streams, HOT);
    one.ready().await;
    one.put(keyed("kept", "k")).await;
    for _ in 0..40 {
        one.put(event("a")).await;
        one.put(event("kept")).await;
    }
    let jetstream = store.jetstream().await;
    let stream = jetstream.get_stream_no_info("steadfast").await.unwrap();
    let count = async |name: &str| {
        let subject = shared(&one).names.of_channel(&channel(name));
        let mut info = stream.info_with_subjects(subject).await.unwrap();
        futures_util::StreamExt::next(&mut info).await.unwrap().unwrap().1
    };
    assert_eq!((count("a").await, count("kept").await), (40, 41));
    turn(shared(&one), None, false).await;
    assert_eq!(count("a").await, 3);
    assert_eq!(count("kept").await, 41, "the first has a key that is remembered");
    let later = keeping(&store, &streams, 0);
    later.ready().await;
    assert_eq!(later.broker.list(None, 9).await, one.broker.list(None, 9).await);
    assert_eq!(later.kept("a").await, [38, 39, 40]);
    assert_eq!(later.put(keyed("kept", "k")).await, 1, "though its event is given to nobody");
    assert_eq!((later.put(event("a")).await, one.put(event("a")).await), (41, 42));
}

#[tokio::test]
async fn what_says_that_a_channel_is_gone_may_be_gone_itself() {
    let store = NatsServer::start().await;
    let (one, two) = two(&store).await;
    one.put(event("a")).await;
    assert!(one.broker.delete(&channel("a")).await.unwrap());
    assert_eq!(two.broker.info(&channel("a")).await.unwrap(), None);
    // Not the newest message, which would say how far there is to read.
    one.put(event("b")).await;
    let subject = shared(&one).names.of_channel(&channel("a"));
    let jetstream = store.jetstream().await;
    let stream = jetstream.get_stream_no_info("steadfast").await.unwrap();
    stream.purge().filter(subject).await.unwrap();
    assert_eq!((one.put(event("a")).await, two.put(event("a")).await), (1, 2));
    // And one that a node does not remember may be there still.
    assert!(two.broker.delete(&channel("a")).await.unwrap());
    assert_eq!(one.broker.info(&channel("a")).await.unwrap(), None);
    shared(&one).table.lock().tombstones.clear();
    assert_eq!((one.put(event("a")).await, two.put(event("a")).await), (1, 2));
}

#[tokio::test]
async fn what_comes_while_a_message_is_on_its_way_shares_the_next() {
    let store = NatsServer::start().await;
    let one = arm(&store);
    one.ready().await;
    let before = one.metric("nats_messages");
    let answers = one.broker.publish_many(vec![event("a"); 600]).await;
    let offsets: Vec<u64> = answers.into_iter().map(|answer| answer.unwrap().offset).collect();
    assert_eq!(offsets, each(1..=600));
    // At most 256 share one; how many came before the first was on its way is chance.
    let messages = one.metric("nats_messages") - before;
    assert!((3..=10).contains(&messages), "{messages}");
    assert_eq!(one.kept("a").await, each(1..=600));
    let cold = keeping(&store, &HistoryConfig::default(), 0);
    cold.ready().await;
    assert_eq!(cold.kept("a").await, each(1..=600));
}

#[tokio::test]
async fn a_node_that_stays_says_again_and_again_that_it_is_there() {
    let store = NatsServer::start().await;
    let (one, two) = two(&store).await;
    // Nobody takes questions here, so that the other is known and silent.
    let answers = one.broker.request("what is it?", None).await;
    assert_eq!(answers.silent, [two.broker.node_id().unwrap().clone()]);
    let heard = || shared(&one).presence.lock().heard(&shared(&two).node);
    let first = heard().unwrap();
    // The record would say so once a minute.
    let again = tokio::time::timeout(Duration::from_secs(30), async {
        while heard() <= Some(first) {
            tokio::task::yield_now().await;
        }
    });
    assert!(again.await.is_ok(), "no message came");
}
