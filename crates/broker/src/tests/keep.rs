//! Keeping: retention by count, bytes and age, and readiness.

use steadfast_history::{HistoryConfig, NamespaceBudget, Publish, Retention};
use steadfast_machine::Span;
use steadfast_protocol::{GapCause, Payload, Position, Since};

use super::{ALL, Arm, Kind, THIN, channel, contract, each, event, keyed, offsets, replacing};

contract! {
    as_many_events_are_kept_as_may_be;
    as_many_bytes_are_kept_as_may_be;
    the_largest_channel_makes_room_and_its_readers_are_told;
    what_is_too_old_goes;
    what_stood_in_for_older_events_may_go_too;
    a_broker_that_answers_is_ready;
}

async fn as_many_events_are_kept_as_may_be(kind: Kind) {
    let arm = Arm::keeping(kind, Retention { events_max: 3, ..Retention::default() }).await;
    for offset in 1..=20_u64 {
        arm.put(event("a")).await;
        let oldest = offset.saturating_sub(2).max(1);
        assert_eq!(arm.kept("a").await, each(oldest..=offset));
    }
    // Of those that come together, too.
    arm.broker.publish_many(vec![event("a"); 10]).await;
    assert_eq!(arm.kept("a").await, [28, 29, 30]);
    assert_eq!(arm.broker.info(&channel("a")).await.unwrap().unwrap().events, 3);
}

async fn as_many_bytes_are_kept_as_may_be(kind: Kind) {
    let arm = Arm::new(kind).await;
    arm.put(event("a")).await;
    let bytes = async |arm: &Arm| arm.broker.info(&channel("a")).await.unwrap().unwrap().bytes;
    let one = bytes(&arm).await;
    // The epoch's counter makes some a byte longer.
    let bytes_max = one * 4 + one / 2;
    let arm = Arm::keeping(kind, Retention { bytes_max, ..Retention::default() }).await;
    for _ in 0..9 {
        arm.put(event("a")).await;
    }
    assert_eq!(arm.kept("a").await, [6, 7, 8, 9]);
    assert!(bytes(&arm).await <= bytes_max);
}

async fn the_largest_channel_makes_room_and_its_readers_are_told(kind: Kind) {
    if !kind.yields() {
        return;
    }
    let large = |name: &str, bytes: usize| Publish {
        data: Payload::new(&format!("\"{}\"", "x".repeat(bytes))).unwrap(),
        ..event(name)
    };
    let arm = Arm::with(
        kind,
        &HistoryConfig {
            bytes_total_max: 1_000_000,
            budgets: [(
                "sure".into(),
                NamespaceBudget { bytes_total_min: 250_000, channels_max: 0 },
            )]
            .into(),
            ..HistoryConfig::default()
        },
    )
    .await;
    let (epoch, _) = arm.placed(large("other:a", 1_000)).await;
    for _ in 0..2 {
        arm.put(large("sure:a", 100_000)).await;
        arm.put(keyed("other:a", "k")).await;
    }
    // What comes together has to fit together, too.
    arm.broker.publish_many(vec![large("other:a", 1_000); 500]).await;
    for _ in 0..20 {
        arm.put(large("other:b", 30_000)).await;
    }
    assert!(arm.broker.size().1 <= 1_000_000);
    assert_eq!(arm.kept("sure:a").await, [1, 2], "it is sure of them");
    assert_eq!(arm.kept("other:b").await.last(), Some(&20));
    let kept = arm.kept("other:a").await;
    let from = kept[0];
    assert_eq!(kept, each(from..=502));
    assert!(from > 1 && arm.broker.yields().events >= from - 1, "{from}");
    let gap = arm.read("other:a", Since::After(Position::new(epoch, 1)), ALL).await.gap.unwrap();
    assert_eq!((gap.to.offset, gap.cause), (from - 1, GapCause::Retention));
    assert_eq!(arm.put(keyed("other:a", "k")).await, 2, "the answer outlives its event");
}

async fn what_is_too_old_goes(kind: Kind) {
    let arm = Arm::keeping(kind, Retention { age_max: Span(1), ..Retention::default() }).await;
    arm.put(event("a")).await;
    let (epoch, _) = arm.placed(event("a")).await;
    // A reader may find them too old before the first sweep, which is what gives up their bytes.
    while !arm.kept("a").await.is_empty() || arm.broker.size().1 > 0 {
        arm.broker.expire();
        tokio::task::yield_now().await;
    }
    let page = arm.read("a", Since::Start, ALL).await;
    assert_eq!((page.start.offset, page.head), (2, 2));
    assert_eq!(arm.placed(event("a")).await, (epoch, 3), "the numbering goes on");
}

async fn what_stood_in_for_older_events_may_go_too(kind: Kind) {
    let arm = Arm::keeping(kind, Retention { events_max: 2, ..Retention::default() }).await;
    for _ in 0..3 {
        arm.put(replacing("a", "bar")).await;
    }
    arm.put(event("a")).await;
    assert_eq!(offsets(&arm.read("a", Since::Start, THIN).await), [3, 4]);
    arm.put(event("a")).await;
    arm.put(replacing("a", "bar")).await;
    assert_eq!(offsets(&arm.read("a", Since::Start, THIN).await), [5, 6]);
}

async fn a_broker_that_answers_is_ready(kind: Kind) {
    let arm = Arm::new(kind).await;
    assert!(arm.broker.is_ready().await);
    arm.put(event("a")).await;
    assert!(arm.broker.is_ready().await);
}
