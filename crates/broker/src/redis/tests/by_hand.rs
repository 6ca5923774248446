//! What operators and evictions do to the keys: followers are told, and the channel goes on.

use steadfast_protocol::{GapCause, Since};

use super::arm;
use crate::testing::RedisServer;
use crate::tests::live::Listener;
use crate::tests::{ALL, Arm, after, each, event, offsets};

const LOG: &str = "steadfast:log:a";
const RECORD: &str = "steadfast:record:a";

/// A node whose channel `a` has these events, and the ids of its log.
async fn with_events(store: &RedisServer, count: u64) -> (Arm, Vec<String>) {
    let one = arm(&[store]);
    one.ready().await;
    for offset in 1..=count {
        assert_eq!(one.put(event("a")).await, offset);
    }
    let redis::Value::Array(entries) = store.does(&["XRANGE", LOG, "-", "+"]).await else {
        panic!("no log")
    };
    let id = |entry: redis::Value| {
        let redis::Value::Array(mut entry) = entry else { panic!("no entry") };
        redis::from_redis_value::<String>(entry.swap_remove(0)).unwrap()
    };
    (one, entries.into_iter().map(id).collect())
}

#[tokio::test]
async fn events_that_are_taken_out_are_told_as_those_that_are_kept_no_more() {
    // Which of five events go, and which a reader from the start is still given.
    let table: [(&[usize], &[u64]); 5] = [
        (&[0], &[2, 3, 4, 5]),
        (&[2], &[4, 5]),
        (&[4], &[]),
        (&[0, 3], &[5]),
        (&[0, 1, 2, 3, 4], &[]),
    ];
    for (gone, left) in table {
        let store = RedisServer::start(&[]).await;
        let (one, ids) = with_events(&store, 5).await;
        let (epoch, _) = one.placed(event("b")).await;
        for at in gone {
            store.does(&["XDEL", LOG, &ids[*at]]).await;
        }
        let page = one.read("a", Since::Start, ALL).await;
        assert_eq!((&*offsets(&page), page.head, page.end), (left, 5, 5), "{gone:?}");
        let gap = one.read("a", after(&page.start.epoch, 0), ALL).await.gap;
        assert_eq!(gap.map(|gap| gap.cause), Some(GapCause::Retention), "{gone:?}");
        // The channel goes on, and no other is touched.
        assert_eq!(one.placed(event("a")).await, (page.start.epoch, 6), "{gone:?}");
        assert_eq!(one.placed(event("b")).await, (epoch, 2), "{gone:?}");
        assert_eq!(one.metric("redis_fences_raised"), 0);
        let kept = [left, &[6]].concat();
        assert_eq!(one.kept("a").await, kept);
        let infos = one.broker.list(None, 10).await.unwrap();
        let bytes: usize = infos.iter().map(|info| info.bytes).sum();
        assert_eq!((infos[0].events, one.broker.size().1), (kept.len(), bytes), "{gone:?}");
    }
}

#[tokio::test]
async fn a_log_that_is_trimmed_or_deleted_under_a_publisher_takes_the_next_event() {
    for (words, left) in [
        (&["XTRIM", LOG, "MAXLEN", "2"][..], each(4..=6)),
        (&["DEL", LOG], vec![6]),
        (&["DEL", LOG, "steadfast:newest:a"], vec![6]),
    ] {
        let store = RedisServer::start(&[]).await;
        let (one, _) = with_events(&store, 5).await;
        let mut follower = Listener::to(&one, "a");
        follower.until("5").await;
        store.does(words).await;
        assert_eq!(one.put(event("a")).await, 6, "{words:?}");
        assert_eq!(follower.until("6").await, ["6"], "{words:?}: it missed nothing");
        assert_eq!(one.kept("a").await, left, "{words:?}");
    }
}

/// As when the server evicts the key.
#[tokio::test]
async fn a_record_that_is_gone_begins_its_channel_anew_and_no_other() {
    let store = RedisServer::start(&[]).await;
    let (one, _) = with_events(&store, 5).await;
    let mut follower = Listener::to(&one, "a");
    follower.until("5").await;
    let before = one.read("a", Since::Now, ALL).await.start;
    let (other, _) = one.placed(event("b")).await;
    store.does(&["DEL", RECORD]).await;
    let page = one.read("a", after(&before.epoch, 5), ALL).await;
    assert_eq!(page.gap.unwrap().cause, GapCause::EpochChanged);
    let (epoch, offset) = one.placed(event("a")).await;
    assert_eq!((epoch.clone(), offset), (page.start.epoch, 1));
    assert_ne!(epoch, before.epoch);
    assert_eq!(follower.until("1").await, ["gap epoch_changed", "1"]);
    assert_eq!(one.kept("a").await, [1]);
    assert_eq!(one.placed(event("b")).await, (other, 2));
    let infos = one.broker.list(None, 10).await.unwrap();
    let bytes: usize = infos.iter().map(|info| info.bytes).sum();
    assert_eq!((one.broker.size().1, one.metric("redis_fences_raised")), (bytes, 0));
}

#[tokio::test]
async fn an_evicting_server_is_warned_of() {
    for (policy, is_warned) in
        [("allkeys-lru", true), ("volatile-lru", false), ("noeviction", false)]
    {
        let store = RedisServer::start(&["--maxmemory-policy", policy]).await;
        let one = arm(&[&store]);
        one.ready().await;
        let warnings = one.broker.warnings();
        assert_eq!(!warnings.is_empty(), is_warned, "{warnings:?}");
        assert!(warnings.iter().all(|text| text.contains(policy)), "{warnings:?}");
    }
}
