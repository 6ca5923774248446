//! Publishing: places, keys, ends, limits.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use steadfast_history::{HistoryConfig, NamespaceBudget, Publish, PublishError, Receipt};
use steadfast_machine::Span;
use steadfast_protocol::{EventName, Payload, ReplaceKey, Since};

use super::{ALL, Arm, Kind, channel, contract, each, event, keyed, last};

contract! {
    offsets_count_from_one_in_each_channel;
    publishers_at_once_get_each_place_once;
    many_keep_their_order_and_one_refused_stops_none;
    /// P-30
    a_repeated_key_gets_the_first_answer_and_makes_no_event;
    a_key_that_comes_twice_at_once_makes_one_event;
    /// P-37
    a_key_with_another_event_is_refused_and_a_repeat_says_that_it_is_one;
    /// P-37
    a_key_that_comes_at_once_with_two_events_makes_the_first_alone;
    a_key_is_forgotten_after_its_window;
    /// P-31
    nothing_follows_a_final_event;
    every_table_is_full_at_its_limit_and_refuses_one_past_it;
    a_namespace_has_as_many_channels_as_it_may_and_others_have_theirs;
    unused_channels_go_when_there_are_nearly_as_many_as_may_be;
}

async fn offsets_count_from_one_in_each_channel(kind: Kind) {
    let arm = Arm::new(kind).await;
    let (epoch, first) = arm.placed(event("a")).await;
    assert_eq!((first, arm.placed(event("a")).await), (1, (epoch.clone(), 2)));
    let (other, first) = arm.placed(event("b")).await;
    assert_eq!(first, 1);
    assert_ne!(other, epoch);
}

async fn publishers_at_once_get_each_place_once(kind: Kind) {
    let arm = Arm::new(kind).await;
    let publishes = (0..200).map(|n| arm.put(event(if n % 4 == 0 { "a" } else { "b" })));
    let mut places: Vec<u64> = join_all(publishes).await;
    places.sort_unstable();
    let expected: Vec<u64> = (1..=50).flat_map(|n| [n, n]).chain(51..=150).collect();
    assert_eq!(places, expected);
    assert_eq!(arm.kept("b").await, each(1..=150));
}

async fn many_keep_their_order_and_one_refused_stops_none(kind: Kind) {
    let arm = Arm::new(kind).await;
    let many = vec![event("a"), last("b"), event("b"), event("a"), keyed("a", "k"), event("a")];
    let answers = arm.broker.publish_many(many).await;
    let places: Vec<Option<u64>> =
        answers.iter().map(|answer| answer.as_ref().ok().map(|one| one.offset)).collect();
    assert_eq!(places, [Some(1), Some(1), None, Some(2), Some(3), Some(4)]);
    assert_eq!(answers[2], Err(PublishError::Finished));
}

async fn a_repeated_key_gets_the_first_answer_and_makes_no_event(kind: Kind) {
    let arm = Arm::new(kind).await;
    let first = arm.placed(keyed("a", "k")).await;
    arm.put(event("a")).await;
    assert_eq!(arm.placed(keyed("a", "k")).await, first);
    assert_eq!(arm.put(keyed("b", "k")).await, 1, "a key is one channel's own");
    assert_eq!(arm.put(keyed("a", "k2")).await, 3);
    assert_eq!(arm.kept("a").await, [1, 2, 3]);
    // Even when the channel has ended since.
    arm.put(last("a")).await;
    assert_eq!(arm.placed(keyed("a", "k")).await, first);
}

async fn a_key_that_comes_twice_at_once_makes_one_event(kind: Kind) {
    let arm = Arm::new(kind).await;
    let answers = join_all((0..20).map(|_| arm.placed(keyed("a", "k")))).await;
    assert_eq!(answers.iter().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(arm.kept("a").await, [1]);
}

async fn a_key_with_another_event_is_refused_and_a_repeat_says_that_it_is_one(kind: Kind) {
    let arm = Arm::new(kind).await;
    let first = arm.broker.publish(keyed("a", "k")).await.unwrap();
    assert!(!first.is_repeat);
    let again = arm.broker.publish(keyed("a", "k")).await.unwrap();
    assert_eq!(again, Receipt { is_repeat: true, ..first.clone() });
    for other in others("a", "k") {
        assert_eq!(arm.refused(other).await, PublishError::IdempotencyMismatch);
    }
    assert_eq!(arm.kept("a").await, [1]);
    // Nothing was ended by the final one, and the first answer still stands.
    assert_eq!(arm.put(last("a")).await, 2);
    assert_eq!(arm.broker.publish(keyed("a", "k")).await.unwrap(), again);
    arm.broker.delete(&channel("a")).await.unwrap();
    let anew = Publish { is_final: true, ..keyed("a", "k") };
    assert!(!arm.broker.publish(anew).await.unwrap().is_repeat, "a new epoch has no keys");
}

/// What differs from `keyed` in one thing each.
fn others(name: &str, key: &str) -> [Publish; 4] {
    let first = || keyed(name, key);
    [
        Publish { event: EventName::new("result").unwrap(), ..first() },
        Publish { data: Payload::new("{\"n\": 2}").unwrap(), ..first() },
        Publish { is_final: true, ..first() },
        Publish { replace: ReplaceKey::new("bar").ok(), ..first() },
    ]
}

async fn a_key_that_comes_at_once_with_two_events_makes_the_first_alone(kind: Kind) {
    let arm = Arm::new(kind).await;
    let other = Publish { is_final: true, ..keyed("a", "k") };
    let many = vec![keyed("a", "k"), other, keyed("a", "k"), keyed("a", "k2")];
    let answers = arm.broker.publish_many(many).await;
    let told: Vec<_> =
        answers.iter().map(|one| one.as_ref().map(|one| (one.offset, one.is_repeat))).collect();
    let mismatch = PublishError::IdempotencyMismatch;
    assert_eq!(told, [Ok((1, false)), Err(&mismatch), Ok((1, true)), Ok((2, false))]);
}

async fn a_key_is_forgotten_after_its_window(kind: Kind) {
    let idempotency_window = Span(1);
    let arm =
        Arm::with(kind, &HistoryConfig { idempotency_window, ..HistoryConfig::default() }).await;
    assert_eq!(arm.put(keyed("a", "k")).await, 1);
    while arm.put(keyed("a", "k")).await == 1 {}
    assert_eq!(arm.kept("a").await, [1, 2]);
}

async fn nothing_follows_a_final_event(kind: Kind) {
    let arm = Arm::new(kind).await;
    arm.put(event("a")).await;
    assert_eq!(arm.put(last("a")).await, 2);
    assert_eq!(arm.refused(event("a")).await, PublishError::Finished);
    assert_eq!(arm.refused(last("a")).await, PublishError::Finished);
    let page = arm.read("a", Since::Start, ALL).await;
    assert!(page.is_final && page.reaches_the_end());
    assert!(page.events[1].is_final && !page.events[0].is_final);
}

async fn a_namespace_has_as_many_channels_as_it_may_and_others_have_theirs(kind: Kind) {
    let few = NamespaceBudget { channels_max: 2, ..NamespaceBudget::default() };
    let config =
        HistoryConfig { budgets: [("few".into(), few)].into(), ..HistoryConfig::default() };
    let arm = Arm::with(kind, &config).await;
    for name in ["few", "few:1", "fewer:1", "few-1:1", "fe:1", "fewer:2"] {
        assert_eq!(arm.put(event(name)).await, 1, "{name}");
    }
    let full = PublishError::NamespaceFull { namespace: "few".into(), max: 2 };
    assert_eq!(arm.refused(event("few:2")).await, full);
    assert_eq!(arm.put(event("few:1")).await, 2);
    assert!(arm.broker.delete(&channel("few")).await.unwrap());
    assert_eq!(arm.put(event("few:2")).await, 1);
    assert_eq!(arm.refused(event("few")).await, full);
}

/// What a broker that nodes share does when nobody uses a channel takes it hours.
async fn unused_channels_go_when_there_are_nearly_as_many_as_may_be(kind: Kind) {
    if !kind.yields() {
        return;
    }
    let config = HistoryConfig {
        channels_max: 4,
        reserved_epoch_lasts: Span(1),
        ..HistoryConfig::default()
    };
    let arm = Arm::with(kind, &config).await;
    for name in ["a", "b", "c", "d"] {
        arm.put(event(name)).await;
    }
    loop {
        arm.broker.expire();
        if arm.broker.publish(event("e")).await.is_ok() {
            break;
        }
    }
    assert!(arm.broker.yields().channels > 0);
    let left = arm.broker.list(None, 9).await.unwrap();
    assert!(left.len() <= 4 && left.iter().any(|info| info.channel == channel("e")), "{left:?}");
    // Their events are gone, and their numbering begins anew.
    let gone = ["a", "b", "c", "d"]
        .into_iter()
        .find(|name| left.iter().all(|info| info.channel != channel(name)));
    assert_eq!(arm.read(gone.unwrap(), Since::Start, ALL).await.head, 0);
}

async fn every_table_is_full_at_its_limit_and_refuses_one_past_it(kind: Kind) {
    let length = Arm::new(kind).await.read_length().await;
    let bytes_max = length * 2 + length / 2;
    let arm = Arm::with(
        kind,
        &HistoryConfig {
            channels_max: 1,
            idempotency_keys_max: 1,
            bytes_total_max: bytes_max,
            ..HistoryConfig::default()
        },
    )
    .await;
    arm.put(keyed("a", "k")).await;
    assert_eq!(arm.refused(keyed("a", "k2")).await, PublishError::IdempotencyFull { max: 1 });
    assert_eq!(arm.put(keyed("a", "k")).await, 1);
    assert_eq!(arm.refused(event("b")).await, PublishError::TooManyChannels { max: 1 });
    assert_eq!(arm.read("b", Since::Start, ALL).await.head, 0, "it may be read");
    assert_eq!(arm.put(event("a")).await, 2);
    if kind.yields() {
        assert_eq!(arm.put(event("a")).await, 3);
        assert_eq!((arm.kept("a").await, arm.broker.yields().events), (vec![2, 3], 1));
    } else {
        assert_eq!(arm.refused(event("a")).await, PublishError::StorageFull { bytes_max });
        assert_eq!(arm.broker.yields().events, 0);
    }
    assert!(arm.broker.delete(&channel("a")).await.unwrap());
    assert_eq!(arm.put(event("b")).await, 1);
}

impl Arm {
    /// How many bytes an event takes.
    async fn read_length(&self) -> usize {
        self.put(event("a")).await;
        self.broker.size().1
    }
}
