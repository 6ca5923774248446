//! A store that was cut or changed behind our back: what is good is served, and every channel that
//! may have lost what was answered has a new epoch.

use steadfast_history::{PublishError, ReadError, Receipt};
use steadfast_protocol::{GapCause, Since};

use super::{Bench, change};
use crate::contract::BrokerBackend;
use crate::disk::DiskError;
use crate::tests::{ALL, after, channel, each, event, keyed, last, offsets};

/// The bytes of a journal that were written.
fn written(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
}

/// What a damaged journal leaves of 61 events: a prefix, told to be under another epoch.
async fn told(damage: impl FnOnce(&mut Vec<u8>)) -> u64 {
    let mut bench = Bench::new();
    let epoch = bench.fill("a", 60).await;
    bench.put(keyed("a", "lost")).await;
    bench.stop().await;
    change(&bench.journal(), damage);
    bench.start();
    let page = bench.read("a", after(&epoch, 60)).await;
    let gap = page.gap.clone().unwrap();
    assert_eq!((gap.cause, gap.to.offset), (GapCause::EpochChanged, 0));
    let kept = page.head;
    assert_eq!(offsets(&page), each(1..=kept));
    // A publish whose event is lost may be repeated, and the numbering goes on.
    let again = bench.put(keyed("a", "lost")).await;
    assert_eq!(again, (page.start.epoch.clone(), (kept + 1).min(61)));
    bench.restart().await;
    assert_eq!(bench.put(event("a")).await, (page.start.epoch, again.1 + 1));
    kept
}

#[tokio::test]
async fn a_truncated_journal_is_told() {
    let kept = told(|bytes| bytes.truncate(written(bytes) / 2)).await;
    assert!((20..40).contains(&kept), "{kept}");
}

#[tokio::test]
async fn a_changed_byte_in_a_journal_is_told() {
    let mut cut = 0;
    for part in [2, 3] {
        for shift in 0..3 {
            let kept = told(|bytes| {
                let at = written(bytes) / part + 40 * shift;
                bytes[at] ^= 0x55;
            });
            // A byte that no checksum covers may cost no event, but nobody can know.
            cut += u64::from(kept.await < 50);
        }
    }
    assert!(cut > 2, "{cut}");
}

#[tokio::test]
async fn a_half_written_commit_that_nobody_was_answered_is_nothing() {
    let mut bench = Bench::new();
    let epoch = bench.fill("a", 10).await;
    bench.stop().await;
    // A start without an end.
    change(&bench.journal(), |bytes| {
        let end = written(bytes);
        bytes.truncate(end);
        bytes.extend([1, 2, 0, 0, 0, 9, 9]);
    });
    bench.start();
    let page = bench.read("a", after(&epoch, 10)).await;
    assert_eq!((page.gap, page.head), (None, 10));
    assert_eq!(bench.put(event("a")).await, (epoch, 11));
}

#[tokio::test]
async fn a_store_that_is_gone_is_told() {
    let mut bench = Bench::new();
    let epoch = bench.fill("a", 3).await;
    bench.stop().await;
    std::fs::remove_dir_all(bench.folder.path().join("store")).unwrap();
    bench.start();
    let page = bench.read("a", after(&epoch, 3)).await;
    assert_eq!((page.gap.unwrap().cause, page.head), (GapCause::EpochChanged, 0));
}

#[tokio::test]
async fn a_damaged_table_costs_only_the_channels_in_it() {
    let mut bench = Bench::new();
    let mut epochs = Vec::new();
    for name in ["a", "b", "c"] {
        epochs.push(bench.fill(name, 100).await);
        bench.put(keyed(name, "k")).await;
    }
    bench.put(last("d")).await;
    bench.broker().shared.handle.store().unwrap().settle().unwrap();
    bench.stop().await;
    let is_table = |path: &std::path::Path| path.parent().unwrap().ends_with("tables");
    let table = bench.files(is_table).pop().unwrap();
    // Events lie in the middle, in the order of their channels.
    change(&table, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
    });
    bench.start();
    // Many find it at once; it is mended once.
    let (all, since) = (["a", "b", "c"].map(channel), Since::Start);
    let reads = all.iter().cycle().take(30).map(|name| bench.broker().read(name, &since, ALL));
    futures_util::future::join_all(reads).await;
    let mut cut = 0;
    for (name, epoch) in ["a", "b", "c"].into_iter().zip(&epochs) {
        let page = loop {
            match bench.broker().read(&channel(name), &after(epoch, 0), ALL).await {
                Ok(page) => break page,
                Err(error) => assert_eq!(error, ReadError::Unavailable),
            }
        };
        assert_eq!(offsets(&page), each(1..=page.head));
        cut += u64::from(page.gap.is_some());
        assert_eq!(page.gap.is_some(), page.head < 101, "{name} keeps {}", page.head);
        // Readers are served a moment before publishers are.
        let again = loop {
            match bench.broker().publish(keyed(name, "k")).await {
                Ok(again) => break again,
                Err(error) => assert_eq!(error, PublishError::Unavailable),
            }
            tokio::task::yield_now().await;
        };
        let offset = if page.gap.is_some() { page.head + 1 } else { 101 };
        let is_repeat = page.gap.is_none();
        assert_eq!(again, Receipt { epoch: page.start.epoch, offset, is_repeat });
    }
    assert!((1..=2).contains(&cut), "one block is in one channel, or in two");
    assert!(bench.read("d", Since::Start).await.is_final);
    assert!(bench.folder.path().join("store.damaged-1").exists());
    assert!(!bench.folder.path().join("store.damaged-2").exists());
    bench.restart().await;
    assert!(bench.broker().is_ready().await);
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_says_how_to_mend_it() {
    let mut bench = Bench::new();
    bench.fill("a", 3).await;
    bench.broker().shared.handle.store().unwrap().settle().unwrap();
    bench.stop().await;
    let is_table = |path: &std::path::Path| path.parent().unwrap().ends_with("tables");
    for table in bench.files(is_table) {
        std::fs::remove_file(table).unwrap();
    }
    let error = bench.try_start().unwrap_err();
    assert!(matches!(error, DiskError::Store { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("Mend it by restoring") && text.contains("moving"), "{text}");
}
