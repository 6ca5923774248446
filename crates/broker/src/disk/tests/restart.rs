//! After the end of the process everything is as it was.

use steadfast_history::{HistoryConfig, Publish, PublishError, Retention};
use steadfast_protocol::{Epoch, GapCause, Since};

use super::Bench;
use crate::contract::BrokerBackend;
use crate::disk::DiskError;
use crate::tests::{after, channel, each, event, keyed, last, offsets, replacing};

#[tokio::test]
async fn events_numbers_and_ends_are_kept() {
    let mut bench = Bench::new();
    let epoch = bench.fill("a", 5).await;
    let (ended, _) = bench.put(last("b")).await;
    let before = bench.read("a", Since::Start).await;
    bench.restart().await;
    assert_eq!(bench.read("a", Since::Start).await, before);
    let page = bench.read("a", after(&epoch, 3)).await;
    assert_eq!((offsets(&page), page.gap), (vec![4, 5], None));
    assert_eq!(bench.put(event("a")).await, (epoch, 6));
    let page = bench.read("b", after(&ended, 1)).await;
    assert!(page.is_final && page.gap.is_none());
    let refused = bench.broker().publish(event("b")).await;
    assert_eq!(refused, Err(PublishError::Finished));
    assert_eq!(bench.broker().size().0, 2);
}

/// P-30
#[tokio::test]
async fn answers_are_kept_for_their_window() {
    let mut bench = Bench::new();
    let first = bench.put(keyed("a", "k")).await;
    bench.put(event("a")).await;
    bench.restart().await;
    assert_eq!(bench.put(keyed("a", "k")).await, first);
    let other = bench.broker().publish(Publish { is_final: true, ..keyed("a", "k") }).await;
    assert_eq!(other, Err(PublishError::IdempotencyMismatch));
    assert_eq!(bench.put(keyed("a", "k2")).await.1, 3);
    bench.stop().await;
    bench.streams.idempotency_window = steadfast_machine::Span(1);
    bench.start();
    while bench.put(keyed("a", "k")).await.1 == 1 {}
}

/// P-30
#[tokio::test]
async fn an_answer_outlives_the_event_that_it_was_kept_with() {
    let retention = Retention { events_max: 2, ..Retention::default() };
    let mut bench = Bench::with(HistoryConfig { retention, ..HistoryConfig::default() });
    let (first, second) = (bench.put(keyed("a", "1")).await, bench.put(keyed("a", "2")).await);
    bench.fill("a", 5).await;
    assert_eq!(bench.put(keyed("a", "1")).await, first);
    for _ in 0..2 {
        bench.restart().await;
        assert_eq!(bench.put(keyed("a", "1")).await, first);
        assert_eq!(bench.put(keyed("a", "2")).await, second);
        // P-37: what the first request said outlives its event too.
        for key in ["1", "2"] {
            let other = bench.broker().publish(Publish { is_final: true, ..keyed("a", key) }).await;
            assert_eq!(other, Err(PublishError::IdempotencyMismatch));
        }
    }
    assert_eq!(offsets(&bench.read("a", Since::Start).await), [6, 7]);
}

/// What is kept already is more than a lower limit allows.
#[tokio::test]
async fn under_a_lower_limit_the_oldest_events_go_and_a_channel_stays_sound() {
    let mut bench = Bench::new();
    bench.fill("a", 20).await;
    let bytes = bench.broker().size().1;
    bench.stop().await;
    bench.streams.bytes_total_max = bytes / 4;
    bench.start();
    while bench.broker().size().1 > bytes / 4 {
        bench.broker().expire();
        tokio::task::yield_now().await;
    }
    let kept = offsets(&bench.read("a", Since::Start).await);
    assert!(kept.len() > 2 && kept == each(kept[0]..=20), "{kept:?}");
    assert_eq!(bench.broker().yields().events, kept[0] - 1);
    bench.restart().await;
    assert_eq!(offsets(&bench.read("a", Since::Start).await), kept);
    assert_eq!(bench.put(event("a")).await.1, 21);
    assert_eq!(offsets(&bench.read("a", Since::Start).await).last(), Some(&21));
}

#[tokio::test]
async fn a_channel_that_was_only_read_keeps_its_numbering() {
    let mut bench = Bench::new();
    let page = bench.read("a", Since::Start).await;
    // Its number is written down before the next publish is.
    bench.put(event("b")).await;
    bench.restart().await;
    let again = bench.read("a", Since::After(page.start.clone())).await;
    assert_eq!((again.start, again.gap), (page.start.clone(), None));
    assert_eq!(bench.broker().size().0, 1, "and takes no place");
    // It is the epoch of the first event, too.
    bench.restart().await;
    let since = Since::After(page.start.clone());
    assert_eq!(bench.read("a", since.clone()).await.gap, None);
    assert_eq!(bench.put(event("a")).await, (page.start.epoch.clone(), 1));
    // Once a channel has gone it may have been this one.
    assert!(bench.broker().delete(&channel("a")).await.unwrap());
    bench.restart().await;
    let gap = bench.read("a", since).await.gap.unwrap();
    assert_eq!((gap.from, gap.cause), (page.start, GapCause::EpochChanged));
}

#[tokio::test]
async fn what_was_deleted_or_dropped_stays_away() {
    let retention = Retention { events_max: 2, ..Retention::default() };
    let mut bench = Bench::with(HistoryConfig { retention, ..HistoryConfig::default() });
    let epoch = bench.fill("a", 5).await;
    let deleted = bench.fill("b", 2).await;
    assert!(bench.broker().delete(&channel("b")).await.unwrap());
    bench.restart().await;
    let page = bench.read("a", after(&epoch, 1)).await;
    assert_eq!((offsets(&page), page.gap.unwrap().cause), (vec![4, 5], GapCause::Retention));
    assert_eq!(bench.broker().info(&channel("b")).await.unwrap(), None);
    assert_ne!(bench.put(event("b")).await.0, deleted);
}

#[tokio::test]
async fn retention_that_has_become_less_is_applied_in_steps() {
    let mut bench = Bench::new();
    bench.broker().read(&channel("a"), &Since::Start, super::ALL).await.unwrap();
    let told: Vec<_> = futures_util::future::join_all(
        (0..3_000).map(|_| bench.broker().publish(replacing("a", "bar"))),
    )
    .await;
    assert!(told.iter().all(Result::is_ok));
    bench.stop().await;
    bench.streams.retention.events_max = 1;
    bench.start();
    assert_eq!(bench.broker().info(&channel("a")).await.unwrap().unwrap().events, 3_000);
    while bench.broker().info(&channel("a")).await.unwrap().unwrap().events > 1 {
        bench.broker().expire();
        tokio::task::yield_now().await;
    }
    assert_eq!(offsets(&bench.read("a", Since::Start).await), [3_000]);
}

#[tokio::test]
async fn one_directory_is_for_one_process() {
    let bench = Bench::new();
    let error = bench.try_start().unwrap_err();
    assert!(matches!(error, DiskError::Locked { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&format!("in use by process {}", std::process::id())), "{text}");
}

#[tokio::test]
async fn a_restored_backup_changes_every_epoch_once() {
    let mut bench = Bench::new();
    let epoch = bench.fill("a", 3).await;
    bench.stop().await;
    std::fs::write(bench.folder.path().join("restored"), "").unwrap();
    bench.start();
    let page = bench.read("a", after(&epoch, 3)).await;
    assert_eq!((offsets(&page), page.gap.unwrap().cause), (vec![1, 2, 3], GapCause::EpochChanged));
    let fresh: Epoch = page.start.epoch;
    assert_ne!(fresh, epoch);
    bench.restart().await;
    bench.restart().await;
    assert_eq!(bench.put(event("a")).await, (fresh, 4));
}
