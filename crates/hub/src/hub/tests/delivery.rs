//! Events reach every member in order, once, whatever room there was.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::codec::sse;
use steadfast_protocol::{ChannelName, Epoch, EventName, Position, Since};

use super::{TestHub, event, last, replacing};
use crate::{Encoding, Grants, HubConfig, Outgoing, Transport};
use steadfast_history::{HistoryConfig, Retention};

fn events(range: core::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|offset| format!("event {offset}")).collect()
}

/// P-14, P-20, P-21
#[test]
fn one_hello_connects_subscribes_and_delivers_history_then_live_events() {
    let mut hub = TestHub::new();
    hub.publish(event("a"));
    hub.publish(event("a"));
    let key = hub.open("abcdefgh", &[("a", Since::Start)]);
    assert_eq!(hub.heard(key), ["welcome", "subscribed 0/2", "event 1", "event 2"]);
    hub.publish(event("a"));
    hub.publish(event("b"));
    assert_eq!(hub.heard(key), ["event 3"]);
}

#[test]
fn now_starts_behind_the_newest_event() {
    let mut hub = TestHub::new();
    hub.publish(event("a"));
    let key = hub.open("abcdefgh", &[("a", Since::Now)]);
    assert_eq!(hub.heard(key), ["welcome", "subscribed 1/1"]);
    hub.publish(event("a"));
    assert_eq!(hub.heard(key), ["event 2"]);
}

/// P-24
#[test]
fn live_events_wait_behind_the_last_page_of_a_recovery() {
    let mut hub = TestHub::new();
    for _ in 0..100 {
        hub.publish(event("a"));
    }
    let key = hub.open("abcdefgh", &[("a", Since::Start)]);
    let mut heard: Vec<String> = Vec::new();
    for _ in 0..10 {
        heard.extend(hub.turn(key).iter().map(super::brief));
        hub.publish(event("a"));
    }
    heard.extend(hub.heard(key));
    assert_eq!(heard[..2], ["welcome", "subscribed 0/100"]);
    assert_eq!(heard[2..], events(1..=110));
}

/// P-54
#[test]
fn a_full_outbox_never_grows_and_the_rest_comes_from_history() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.drain(key);
    for _ in 0..1_000 {
        hub.publish(event("a"));
    }
    assert_eq!(hub.hub.connection(hub.now, key).unwrap().queued, 32);
    assert_eq!(hub.hub.totals().lagged, 1);
    assert_eq!(hub.heard(key), events(1..=1_000));
    hub.publish(event("a"));
    assert_eq!(hub.heard(key), ["event 1001"]);
}

/// P-25
#[test]
fn a_slow_session_gets_only_the_newest_of_a_key_and_is_told_what_was_left_out() {
    let config = HubConfig { queue_messages_max: 2, ..HubConfig::default() };
    let mut hub = TestHub::with(config, HistoryConfig::default());
    let key = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.drain(key);
    for _ in 0..5 {
        hub.publish(replacing("a", "bar"));
    }
    hub.publish(event("a"));
    hub.publish(replacing("a", "bar"));
    assert_eq!(hub.heard(key), ["event 1", "event 2", "superseded 3-5", "event 6", "event 7"]);
}

#[test]
fn a_missing_publication_is_fetched_and_a_repeated_one_dropped() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.drain(key);
    let publish = |hub: &mut TestHub| {
        let now = hub.now;
        let time = steadfast_protocol::Timestamp(0);
        hub.streams.publish(now, time, event("a")).unwrap().publication.unwrap()
    };
    let _lost = publish(&mut hub);
    let second = publish(&mut hub);
    hub.hub.publication(hub.now, &second);
    hub.hub.publication(hub.now, &second);
    assert_eq!(hub.heard(key), ["event 1", "event 2"]);
    hub.hub.publication(hub.now, &second);
    assert!(hub.heard(key).is_empty());
}

/// P-22
#[test]
fn a_position_no_longer_kept_or_of_another_epoch_is_told_as_a_gap() {
    let retention = Retention { events_max: 2, ..Retention::default() };
    let config = HistoryConfig { retention, ..HistoryConfig::default() };
    let mut hub = TestHub::with(HubConfig::default(), config);
    for _ in 0..5 {
        hub.publish(event("a"));
    }
    let epoch = hub.streams.info(&ChannelName::new("a").unwrap()).unwrap().epoch;
    let old = Since::After(Position::new(epoch, 1));
    let key = hub.open("abcdefgh", &[("a", old)]);
    assert_eq!(hub.heard(key), ["welcome", "gap retention to 3", "event 4", "event 5"]);
    let other = Since::After(Position::new(Epoch::new("other").unwrap(), 9));
    let key = hub.open("bcdefghi", &[("a", other)]);
    assert_eq!(hub.heard(key), ["welcome", "gap epoch_changed to 3", "event 4", "event 5"]);
}

/// P-27
#[test]
fn a_deleted_channel_tells_its_members_of_the_gap_at_once() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.publish(event("a"));
    hub.drain(key);
    let name = ChannelName::new("a").unwrap();
    assert!(hub.streams.delete(&name));
    hub.hub.forgotten(&name);
    assert_eq!(hub.heard(key), ["gap epoch_changed to 0"]);
    hub.publish(event("a"));
    assert_eq!(hub.heard(key), ["event 1"]);
}

/// P-26
#[test]
fn after_the_final_event_the_session_has_left_and_a_later_one_gets_history_and_the_end() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[("a", Since::Start)]);
    hub.publish(event("a"));
    hub.publish(last("a"));
    let all = ["welcome", "subscribed 0/2", "event 1", "event 2", "finished"];
    assert_eq!(hub.heard(key), all);
    assert_eq!(hub.hub.totals().members, 0);
    let late = hub.open("bcdefghi", &[("a", Since::Start)]);
    assert_eq!(hub.heard(late), all);
    let live = hub.open("cdefghij", &[("b", Since::Now)]);
    hub.drain(live);
    hub.publish(last("b"));
    assert_eq!(hub.heard(live), ["event 1", "finished"]);
}

/// P-90
#[test]
fn an_older_client_gets_updates_and_nothing_else() {
    let mut hub = TestHub::new();
    let opening = crate::Opening {
        encoding: Encoding::Legacy,
        heartbeat: None,
        ..TestHub::opening("legacy-1", 1, &[("diagnosis:8f3c", Since::Now)])
    };
    let key = hub.hub.open(hub.now, opening).unwrap();
    hub.drain(key);
    hub.publish(last("diagnosis:8f3c"));
    let sent = hub.drain(key);
    assert_eq!(sent.len(), 1);
    let Outgoing::Text(text) = &sent[0] else { panic!("not text") };
    assert!(text.starts_with(b"{\"type\":\"diagnosis_update\",\"execution_id\":\"8f3c\""));
}

/// P-80, P-81
#[test]
fn a_stream_names_positions_and_closes_behind_the_final_event() {
    let mut hub = TestHub::new();
    let opening = crate::Opening {
        encoding: Encoding::Stream,
        transport: Transport::Sse,
        heartbeat: None,
        grants: Grants::everything(),
        ..TestHub::opening("stream-1", 1, &[("a", Since::Start)])
    };
    let key = hub.hub.open(hub.now, opening).unwrap();
    hub.publish(last("a"));
    let heard = hub.heard(key);
    assert!(heard[0].starts_with("id: "), "{heard:?}");
    assert!(heard[0].contains(":0\nevent: subscribed\ndata: {"), "{heard:?}");
    assert!(heard[1].starts_with("id: ") && heard[1].contains("\nevent: progress\ndata: {"));
    assert!(heard[2].starts_with("event: finished\n"));
    assert_eq!(heard[3], "close 1000");
}

/// Readers that do not read hold no copies: of what is live, and of pages.
#[test]
fn all_streams_share_the_memory_of_an_events_frame() {
    let mut hub = TestHub::new();
    let opening = |link: &str| crate::Opening {
        encoding: Encoding::Stream,
        transport: Transport::Sse,
        heartbeat: None,
        grants: Grants::everything(),
        ..TestHub::opening(link, 1, &[("a", Since::Start)])
    };
    let live = hub.hub.open(hub.now, opening("stream-live")).unwrap();
    hub.drain(live);
    hub.publish(event("a"));
    let late = hub.hub.open(hub.now, opening("stream-late")).unwrap();
    let frames = [live, late].map(|key| {
        let sent = hub.drain(key);
        let Some(Outgoing::StreamEvent(event)) = sent.last() else { panic!("{sent:?}") };
        let epoch = hub.streams.info(&ChannelName::new("a").unwrap()).unwrap().epoch;
        let name = EventName::new("progress").unwrap();
        let copied = sse::event((&epoch, 1), &name, &event.frame);
        assert_eq!([&event.head, &event.frame, sse::EVENT_END].concat(), copied);
        event.frame.as_ptr()
    });
    assert_eq!(frames[0], frames[1]);
}

#[test]
fn a_poll_is_signalled_once_however_many_events_come() {
    let mut hub = TestHub::new();
    let opening = crate::Opening {
        encoding: Encoding::Signal,
        transport: Transport::Poll,
        heartbeat: None,
        ..TestHub::opening("poll-abc", 1, &[("a", Since::Now)])
    };
    let key = hub.hub.open(hub.now, opening).unwrap();
    assert!(hub.heard(key).is_empty());
    hub.publish(event("a"));
    hub.publish(event("a"));
    assert_eq!(hub.heard(key), ["signal"]);
}

/// P-54
#[test]
fn a_session_that_takes_nothing_is_cut_off_and_the_others_never_notice() {
    let mut hub = TestHub::new();
    let slow = hub.open("abcdefgh", &[("a", Since::Now)]);
    let quick = hub.open("bcdefghi", &[("a", Since::Now)]);
    hub.drain(slow);
    hub.drain(quick);
    hub.publish(event("a"));
    assert_eq!(hub.heard(quick), ["event 1"]);
    // The slow session's owner has taken the event and never comes back: its write is stuck.
    assert_eq!(hub.turn(slow).len(), 1);
    hub.publish(event("a"));
    assert_eq!(hub.heard(quick), ["event 2"]);
    hub.pass(9_999);
    assert!(!hub.hub.is_closing(slow));
    hub.pass(1);
    assert!(hub.hub.is_closing(slow));
    assert_eq!(hub.hub.totals().slow, 1);
    hub.publish(event("a"));
    assert_eq!(hub.heard(quick), ["event 3"]);
    assert_eq!(hub.heard(slow), ["close 4000"]);
    assert_eq!(hub.now, Millis(11_000));
}

fn position(hub: &TestHub) -> Position {
    let info = hub.streams.info(&ChannelName::new("a").unwrap()).unwrap();
    Position::new(info.epoch, info.offset)
}

#[test]
fn a_recheck_has_only_those_read_that_missed_something() {
    let mut hub = TestHub::new();
    let name = ChannelName::new("a").unwrap();
    let early = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.drain(early);
    let (now, time) = (hub.now, steadfast_protocol::Timestamp(0));
    hub.streams.publish(now, time, event("a")).unwrap();
    let late = hub.open("bcdefghi", &[("a", Since::Now)]);
    hub.drain(late);
    hub.outputs();
    let head = position(&hub);
    hub.hub.recheck(&name, &head);
    assert_eq!(hub.outputs(), [early]);
    assert_eq!(hub.heard(early), ["event 1"]);
    hub.outputs();
    hub.hub.recheck(&name, &head);
    assert!(hub.outputs().is_empty());
    hub.publish(event("a"));
    hub.hub.recheck(&name, &head);
    assert_eq!((hub.heard(early), hub.heard(late)), (events(2..=2), events(2..=2)));
}

/// P-27
#[test]
fn a_recheck_in_another_epoch_is_told_as_a_gap() {
    let mut hub = TestHub::new();
    let name = ChannelName::new("a").unwrap();
    let key = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.publish(event("a"));
    hub.drain(key);
    hub.streams.delete(&name);
    hub.streams.publish(hub.now, steadfast_protocol::Timestamp(0), event("a")).unwrap();
    let head = position(&hub);
    hub.hub.recheck(&name, &head);
    assert_eq!(hub.heard(key), ["gap epoch_changed to 0", "event 1"]);
}

#[test]
fn a_session_outlives_a_broker_that_is_away_and_reads_on_when_it_is_back() {
    let mut hub = TestHub::new();
    let name = ChannelName::new("a").unwrap();
    hub.publish(event("a"));
    let key = hub.open("abcdefgh", &[("a", Since::Start)]);
    let read = hub.hub.take(hub.now, key).read.unwrap();
    hub.hub.page(hub.now, key, &read, Err(steadfast_history::ReadError::Unavailable));
    assert!(hub.heard(key).is_empty());
    assert!(!hub.hub.is_closing(key));
    let head = position(&hub);
    hub.hub.recheck(&name, &head);
    assert_eq!(hub.heard(key), ["subscribed 0/1", "event 1"]);
}

/// P-15
#[test]
fn a_session_that_is_newer_elsewhere_fences_the_one_here() {
    let mut hub = TestHub::new();
    let link = TestHub::opening("abcdefgh", 3, &[]).link_key();
    let key = hub.hub.open(hub.now, TestHub::opening("abcdefgh", 3, &[])).unwrap();
    assert_eq!(hub.hub.fence_elsewhere(hub.now, &link, 2), Some(3));
    assert_eq!(hub.hub.fence_elsewhere(hub.now, &link, 3), Some(3));
    assert!(!hub.hub.is_closing(key));
    assert_eq!(hub.hub.fence_elsewhere(hub.now, &link, 4), None);
    assert_eq!(hub.heard(key), ["close 4401"]);
    assert_eq!(hub.hub.fence_elsewhere(hub.now, &link, 1), None);
}
