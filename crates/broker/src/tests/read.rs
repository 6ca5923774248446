//! Reading: positions, pages, gaps, and what operators see.

use steadfast_history::{
    ChannelInfo, EVENT_OVERHEAD, HistoryConfig, PageLimit, PublishError, Retention,
};
use steadfast_protocol::{Epoch, GapCause, Since};

use super::{
    ALL, Arm, Kind, THIN, after, channel, contract, each, event, last, offsets, replacing,
};
use crate::Broker;
use crate::tests::live::Listener;

contract! {
    /// P-20
    a_reader_starts_where_it_says;
    a_page_is_bounded_in_events_and_bytes_but_never_empty;
    pages_follow_each_other_to_the_end;
    /// P-25
    a_thinned_page_leaves_out_what_a_newer_event_stands_in_for;
    /// P-22
    a_position_of_another_numbering_is_told;
    a_channel_that_was_only_read_has_a_numbering_that_holds;
    a_name_that_is_only_read_takes_no_place;
    a_name_whose_first_event_is_refused_takes_no_place;
    what_is_read_is_what_was_published;
    operators_see_channels_in_order_of_name;
    a_deleted_channel_begins_anew;
}

async fn a_reader_starts_where_it_says(kind: Kind) {
    let arm = Arm::new(kind).await;
    let (epoch, _) = arm.placed(event("a")).await;
    arm.put(event("a")).await;
    arm.put(event("a")).await;
    let table: [(Since, &[u64]); 5] = [
        (Since::Start, &[1, 2, 3]),
        (Since::Now, &[]),
        (after(&epoch, 0), &[1, 2, 3]),
        (after(&epoch, 2), &[3]),
        (after(&epoch, 3), &[]),
    ];
    for (since, expected) in table {
        let page = arm.read("a", since.clone(), ALL).await;
        assert_eq!(offsets(&page), expected, "{since:?}");
        assert_eq!((page.gap, page.head, page.end), (None, 3, 3), "{since:?}");
    }
}

async fn a_page_is_bounded_in_events_and_bytes_but_never_empty(kind: Kind) {
    let arm = Arm::new(kind).await;
    for _ in 0..5 {
        arm.put(event("a")).await;
    }
    let page = arm.read("a", Since::Start, PageLimit { bytes_max: 1, ..ALL }).await;
    assert_eq!((offsets(&page), page.end, page.head), (vec![1], 1, 5));
    let page = arm.read("a", Since::Start, PageLimit { events_max: 3, ..ALL }).await;
    assert_eq!((offsets(&page), page.end, page.head), (vec![1, 2, 3], 3, 5));
    let page = arm.read("a", Since::Start, PageLimit { events_max: 0, ..ALL }).await;
    assert_eq!((offsets(&page), page.end, page.head), (vec![], 0, 5));
}

async fn pages_follow_each_other_to_the_end(kind: Kind) {
    let arm = Arm::new(kind).await;
    for _ in 0..25 {
        arm.put(event("a")).await;
    }
    arm.put(last("a")).await;
    let (mut since, mut seen) = (Since::Start, Vec::new());
    loop {
        let page = arm.read("a", since, PageLimit { events_max: 4, ..ALL }).await;
        seen.extend(offsets(&page));
        if page.reaches_the_end() {
            break;
        }
        since = after(&page.start.epoch, page.end);
    }
    assert_eq!(seen, each(1..=26));
}

async fn a_thinned_page_leaves_out_what_a_newer_event_stands_in_for(kind: Kind) {
    let arm = Arm::new(kind).await;
    for publish in [
        replacing("a", "bar"),
        event("a"),
        replacing("a", "bar"),
        replacing("a", "other"),
        replacing("a", "bar"),
    ] {
        arm.put(publish).await;
    }
    assert_eq!(offsets(&arm.read("a", Since::Start, THIN).await), [2, 4, 5]);
    assert_eq!(arm.kept("a").await, [1, 2, 3, 4, 5]);
    let page = arm.read("a", Since::Start, PageLimit { events_max: 2, ..THIN }).await;
    assert_eq!((offsets(&page), page.end), (vec![2, 4], 4));
}

async fn a_position_of_another_numbering_is_told(kind: Kind) {
    let arm = Arm::keeping(kind, Retention { events_max: 2, ..Retention::default() }).await;
    let (epoch, _) = arm.placed(event("a")).await;
    for _ in 0..3 {
        arm.put(event("a")).await;
    }
    let foreign = Epoch::new("another").unwrap();
    let table = [
        (after(&epoch, 1), GapCause::Retention),
        (after(&epoch, 5), GapCause::EpochChanged),
        (after(&foreign, 3), GapCause::EpochChanged),
        (after(&foreign, 0), GapCause::EpochChanged),
    ];
    for (since, cause) in table {
        let page = arm.read("a", since.clone(), ALL).await;
        let gap = page.gap.clone().unwrap();
        assert_eq!((gap.cause, gap.to.offset), (cause, 2), "{since:?}");
        assert_eq!((&gap.to, &gap.to.epoch), (&page.start, &epoch), "{since:?}");
        assert_eq!((Since::After(gap.from), offsets(&page)), (since, vec![3, 4]));
    }
    assert_eq!(arm.read("a", after(&epoch, 2), ALL).await.gap, None);
}

async fn a_channel_that_was_only_read_has_a_numbering_that_holds(kind: Kind) {
    let arm = Arm::new(kind).await;
    let page = arm.read("a", Since::Start, ALL).await;
    assert_eq!((page.end, page.head, page.is_final), (0, 0, false));
    assert_eq!(arm.read("a", Since::Now, ALL).await.start, page.start);
    assert_eq!(arm.placed(event("a")).await, (page.start.epoch.clone(), 1));
    let page = arm.read("a", after(&page.start.epoch, 0), ALL).await;
    assert_eq!((offsets(&page), page.gap), (vec![1], None));
}

async fn a_name_that_is_only_read_takes_no_place(kind: Kind) {
    let streams = HistoryConfig { channels_max: 3, ..HistoryConfig::default() };
    let arm = Arm::with(kind, &streams).await;
    let written = || matches!(&*arm.broker, Broker::Nats(_)).then(|| arm.metric("nats_messages"));
    let before = written();
    let mut follower = Listener::to(&arm, "followed");
    assert_eq!(follower.until("subscribed").await, ["subscribed"]);
    for n in 0..50 {
        let page = arm.read(&format!("read-{n}"), Since::Now, ALL).await;
        assert_eq!((page.head, page.gap, page.is_final), (0, None, false));
    }
    assert_eq!(arm.broker.size().0, 0);
    assert_eq!(arm.broker.list(None, 10).await.unwrap(), []);
    assert_eq!(arm.broker.info(&channel("read-1")).await.unwrap(), None);
    assert!(!arm.broker.delete(&channel("read-1")).await.unwrap());
    assert_eq!(written(), before, "nothing is written");
    for name in ["a", "b", "c"] {
        assert_eq!(arm.put(event(name)).await, 1);
    }
    let full = PublishError::TooManyChannels { max: 3 };
    assert_eq!(arm.refused(event("followed")).await, full);
    let page = arm.read("read-49", Since::Start, ALL).await;
    assert_eq!(page.head, 0, "a full broker is read all the same");
}

async fn a_name_whose_first_event_is_refused_takes_no_place(kind: Kind) {
    let streams = HistoryConfig { bytes_total_max: 10, ..HistoryConfig::default() };
    let arm = Arm::with(kind, &streams).await;
    let read = arm.read("a", Since::Start, ALL).await;
    for _ in 0..2 {
        let full = PublishError::StorageFull { bytes_max: 10 };
        assert_eq!(arm.refused(event("a")).await, full);
        assert_eq!(arm.broker.size().0, 0);
        assert_eq!(arm.broker.info(&channel("a")).await.unwrap(), None);
    }
    assert_eq!(arm.read("a", Since::Start, ALL).await, read, "and keeps its epoch");
}

async fn what_is_read_is_what_was_published(kind: Kind) {
    let arm = Arm::new(kind).await;
    let publish = replacing("a:b", "a bar");
    let (epoch, _) = arm.placed(publish.clone()).await;
    let page = arm.read("a:b", Since::Start, ALL).await;
    let event = &page.events[0];
    assert_eq!((&event.channel, &event.epoch, event.offset), (&publish.channel, &epoch, 1));
    assert_eq!((&event.event, &event.replace), (&publish.event, &publish.replace));
    let frame: serde_json::Value = serde_json::from_slice(event.encoded.frame()).unwrap();
    assert_eq!(frame["data"]["n"], 1);
    assert_eq!(event.encoded.data(), publish.data.as_str().as_bytes());
    assert_eq!(frame["epoch"], epoch.as_str());
}

async fn operators_see_channels_in_order_of_name(kind: Kind) {
    let arm = Arm::new(kind).await;
    for name in ["b", "a", "c"] {
        arm.put(event(name)).await;
    }
    arm.put(last("b")).await;
    let names = |list: Vec<ChannelInfo>| {
        list.iter().map(|info| info.channel.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(arm.broker.list(None, 10).await.unwrap()), ["a", "b", "c"]);
    assert_eq!(names(arm.broker.list(None, 2).await.unwrap()), ["a", "b"]);
    assert_eq!(names(arm.broker.list(Some(&channel("a")), 10).await.unwrap()), ["b", "c"]);
    let info = arm.broker.info(&channel("b")).await.unwrap().unwrap();
    assert_eq!((info.offset, info.events, info.is_final), (2, 2, true));
    assert_eq!(arm.broker.info(&channel("d")).await.unwrap(), None);
    let (channels, bytes) = arm.broker.size();
    let overhead = if matches!(kind, Kind::Memory) { EVENT_OVERHEAD } else { 0 };
    let held = |info: &ChannelInfo| info.bytes + info.events * overhead;
    let each: usize = arm.broker.list(None, 10).await.unwrap().iter().map(held).sum();
    assert_eq!((channels, bytes), (3, each));
}

async fn a_deleted_channel_begins_anew(kind: Kind) {
    let arm = Arm::new(kind).await;
    let publish = super::keyed("a", "k");
    let (epoch, _) = arm.placed(publish.clone()).await;
    arm.put(last("a")).await;
    assert!(arm.broker.delete(&channel("a")).await.unwrap());
    assert!(!arm.broker.delete(&channel("a")).await.unwrap());
    assert_eq!(arm.broker.info(&channel("a")).await.unwrap(), None);
    let (fresh, offset) = arm.placed(publish).await;
    assert!(fresh != epoch && offset == 1);
    assert_eq!(arm.kept("a").await, [1]);
    let page = arm.read("a", after(&epoch, 1), ALL).await;
    assert_eq!(page.gap.unwrap().cause, GapCause::EpochChanged);
}
