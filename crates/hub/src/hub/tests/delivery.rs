//! Events reach every member in order, once, whatever room there was.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Epoch, Position, Since};

use super::{Desk, event, last, replacing};
use crate::{Grants, HubConfig, Outgoing, Retention, Speech, StreamsConfig, Transport};

fn events(range: core::ops::RangeInclusive<u64>) -> Vec<String> {
    range.map(|offset| format!("event {offset}")).collect()
}

/// P-14, P-20, P-21
#[test]
fn one_hello_connects_subscribes_and_delivers_history_then_live_events() {
    let mut desk = Desk::new();
    desk.publish(event("a"));
    desk.publish(event("a"));
    let key = desk.open("abcdefgh", &[("a", Since::Start)]);
    assert_eq!(desk.heard(key), ["welcome", "subscribed 0/2", "event 1", "event 2"]);
    desk.publish(event("a"));
    desk.publish(event("b"));
    assert_eq!(desk.heard(key), ["event 3"]);
}

#[test]
fn now_starts_behind_the_newest_event() {
    let mut desk = Desk::new();
    desk.publish(event("a"));
    let key = desk.open("abcdefgh", &[("a", Since::Now)]);
    assert_eq!(desk.heard(key), ["welcome", "subscribed 1/1"]);
    desk.publish(event("a"));
    assert_eq!(desk.heard(key), ["event 2"]);
}

/// P-24
#[test]
fn live_events_wait_behind_the_last_page_of_a_recovery() {
    let mut desk = Desk::new();
    for _ in 0..100 {
        desk.publish(event("a"));
    }
    let key = desk.open("abcdefgh", &[("a", Since::Start)]);
    let mut heard: Vec<String> = Vec::new();
    for _ in 0..10 {
        heard.extend(desk.turn(key).iter().map(super::brief));
        desk.publish(event("a"));
    }
    heard.extend(desk.heard(key));
    assert_eq!(heard[..2], ["welcome", "subscribed 0/100"]);
    assert_eq!(heard[2..], events(1..=110));
}

/// P-54
#[test]
fn a_full_outbox_never_grows_and_the_rest_comes_from_history() {
    let mut desk = Desk::new();
    let key = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.drain(key);
    for _ in 0..1_000 {
        desk.publish(event("a"));
    }
    assert_eq!(desk.hub.connection(desk.now, key).unwrap().queued, 32);
    assert_eq!(desk.hub.totals().lagged, 1);
    assert_eq!(desk.heard(key), events(1..=1_000));
    desk.publish(event("a"));
    assert_eq!(desk.heard(key), ["event 1001"]);
}

/// P-25
#[test]
fn a_slow_session_gets_only_the_newest_of_a_key_and_is_told_what_was_left_out() {
    let config = HubConfig { queue_messages_max: 2, ..HubConfig::default() };
    let mut desk = Desk::with(config, StreamsConfig::default());
    let key = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.drain(key);
    for _ in 0..5 {
        desk.publish(replacing("a", "bar"));
    }
    desk.publish(event("a"));
    desk.publish(replacing("a", "bar"));
    assert_eq!(desk.heard(key), ["event 1", "event 2", "superseded 3-5", "event 6", "event 7"]);
}

#[test]
fn a_missing_publication_is_fetched_and_a_repeated_one_dropped() {
    let mut desk = Desk::new();
    let key = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.drain(key);
    let publish = |desk: &mut Desk| {
        let now = desk.now;
        let time = steadfast_protocol::Timestamp(0);
        desk.streams.publish(now, time, event("a")).unwrap().publication.unwrap()
    };
    let _lost = publish(&mut desk);
    let second = publish(&mut desk);
    desk.hub.publication(desk.now, &second);
    desk.hub.publication(desk.now, &second);
    assert_eq!(desk.heard(key), ["event 1", "event 2"]);
    desk.hub.publication(desk.now, &second);
    assert!(desk.heard(key).is_empty());
}

/// P-22
#[test]
fn a_position_no_longer_kept_or_of_another_epoch_is_told_as_a_gap() {
    let retention = Retention { events_max: 2, ..Retention::default() };
    let config = StreamsConfig { retention, ..StreamsConfig::default() };
    let mut desk = Desk::with(HubConfig::default(), config);
    for _ in 0..5 {
        desk.publish(event("a"));
    }
    let epoch = desk.streams.info(&ChannelName::new("a").unwrap()).unwrap().epoch;
    let old = Since::After(Position::new(epoch, 1));
    let key = desk.open("abcdefgh", &[("a", old)]);
    assert_eq!(desk.heard(key), ["welcome", "gap retention to 3", "event 4", "event 5"]);
    let other = Since::After(Position::new(Epoch::new("other").unwrap(), 9));
    let key = desk.open("bcdefghi", &[("a", other)]);
    assert_eq!(desk.heard(key), ["welcome", "gap epoch_changed to 3", "event 4", "event 5"]);
}

/// P-27
#[test]
fn a_deleted_channel_tells_its_members_of_the_gap_at_once() {
    let mut desk = Desk::new();
    let key = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.publish(event("a"));
    desk.drain(key);
    let name = ChannelName::new("a").unwrap();
    assert!(desk.streams.delete(&name));
    desk.hub.forgotten(&name);
    assert_eq!(desk.heard(key), ["gap epoch_changed to 0"]);
    desk.publish(event("a"));
    assert_eq!(desk.heard(key), ["event 1"]);
}

/// P-26
#[test]
fn after_the_final_event_the_session_has_left_and_a_later_one_gets_history_and_the_end() {
    let mut desk = Desk::new();
    let key = desk.open("abcdefgh", &[("a", Since::Start)]);
    desk.publish(event("a"));
    desk.publish(last("a"));
    let all = ["welcome", "subscribed 0/2", "event 1", "event 2", "finished"];
    assert_eq!(desk.heard(key), all);
    assert_eq!(desk.hub.totals().members, 0);
    let late = desk.open("bcdefghi", &[("a", Since::Start)]);
    assert_eq!(desk.heard(late), all);
    let live = desk.open("cdefghij", &[("b", Since::Now)]);
    desk.drain(live);
    desk.publish(last("b"));
    assert_eq!(desk.heard(live), ["event 1", "finished"]);
}

/// P-90
#[test]
fn an_older_client_gets_updates_and_nothing_else() {
    let mut desk = Desk::new();
    let opening = crate::Opening {
        speech: Speech::Legacy,
        heartbeat: None,
        ..Desk::opening("legacy-1", 1, &[("diagnosis:8f3c", Since::Now)])
    };
    let key = desk.hub.open(desk.now, opening).unwrap();
    desk.drain(key);
    desk.publish(last("diagnosis:8f3c"));
    let sent = desk.drain(key);
    assert_eq!(sent.len(), 1);
    let Outgoing::Text(text) = &sent[0] else { panic!("not text") };
    assert!(text.starts_with(b"{\"type\":\"diagnosis_update\",\"execution_id\":\"8f3c\""));
}

/// P-80, P-81
#[test]
fn a_stream_names_positions_and_closes_behind_the_final_event() {
    let mut desk = Desk::new();
    let opening = crate::Opening {
        speech: Speech::Stream,
        transport: Transport::Sse,
        heartbeat: None,
        grants: Grants::everything(),
        ..Desk::opening("stream-1", 1, &[("a", Since::Start)])
    };
    let key = desk.hub.open(desk.now, opening).unwrap();
    desk.publish(last("a"));
    let heard = desk.heard(key);
    assert!(heard[0].starts_with("id: "), "{heard:?}");
    assert!(heard[0].contains(":0\nevent: subscribed\ndata: {"), "{heard:?}");
    assert!(heard[1].starts_with("id: ") && heard[1].contains("\nevent: progress\ndata: {"));
    assert!(heard[2].starts_with("event: finished\n"));
    assert_eq!(heard[3], "close 1000");
}

#[test]
fn a_poll_is_signalled_once_however_many_events_come() {
    let mut desk = Desk::new();
    let opening = crate::Opening {
        speech: Speech::Signal,
        transport: Transport::Poll,
        heartbeat: None,
        ..Desk::opening("poll-abc", 1, &[("a", Since::Now)])
    };
    let key = desk.hub.open(desk.now, opening).unwrap();
    assert!(desk.heard(key).is_empty());
    desk.publish(event("a"));
    desk.publish(event("a"));
    assert_eq!(desk.heard(key), ["signal"]);
}

/// P-54
#[test]
fn a_session_that_takes_nothing_is_cut_off_and_the_others_never_notice() {
    let mut desk = Desk::new();
    let slow = desk.open("abcdefgh", &[("a", Since::Now)]);
    let quick = desk.open("bcdefghi", &[("a", Since::Now)]);
    desk.drain(slow);
    desk.drain(quick);
    desk.publish(event("a"));
    assert_eq!(desk.heard(quick), ["event 1"]);
    // The slow session's owner has taken the event and never comes back: its write is stuck.
    assert_eq!(desk.turn(slow).len(), 1);
    desk.publish(event("a"));
    assert_eq!(desk.heard(quick), ["event 2"]);
    desk.pass(9_999);
    assert!(!desk.hub.is_closing(slow));
    desk.pass(1);
    assert!(desk.hub.is_closing(slow));
    assert_eq!(desk.hub.totals().slow, 1);
    desk.publish(event("a"));
    assert_eq!(desk.heard(quick), ["event 3"]);
    assert_eq!(desk.heard(slow), ["close 4000"]);
    assert_eq!(desk.now, Millis(11_000));
}

fn position(desk: &Desk) -> Position {
    let info = desk.streams.info(&ChannelName::new("a").unwrap()).unwrap();
    Position::new(info.epoch, info.offset)
}

#[test]
fn a_recheck_has_only_those_read_that_missed_something() {
    let mut desk = Desk::new();
    let name = ChannelName::new("a").unwrap();
    let early = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.drain(early);
    let (now, time) = (desk.now, steadfast_protocol::Timestamp(0));
    desk.streams.publish(now, time, event("a")).unwrap();
    let late = desk.open("bcdefghi", &[("a", Since::Now)]);
    desk.drain(late);
    desk.outputs();
    let head = position(&desk);
    desk.hub.recheck(&name, &head);
    assert_eq!(desk.outputs(), [early]);
    assert_eq!(desk.heard(early), ["event 1"]);
    desk.outputs();
    desk.hub.recheck(&name, &head);
    assert!(desk.outputs().is_empty());
    desk.publish(event("a"));
    desk.hub.recheck(&name, &head);
    assert_eq!((desk.heard(early), desk.heard(late)), (events(2..=2), events(2..=2)));
}

/// P-27
#[test]
fn a_recheck_in_another_epoch_is_told_as_a_gap() {
    let mut desk = Desk::new();
    let name = ChannelName::new("a").unwrap();
    let key = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.publish(event("a"));
    desk.drain(key);
    desk.streams.delete(&name);
    desk.streams.publish(desk.now, steadfast_protocol::Timestamp(0), event("a")).unwrap();
    let head = position(&desk);
    desk.hub.recheck(&name, &head);
    assert_eq!(desk.heard(key), ["gap epoch_changed to 0", "event 1"]);
}

#[test]
fn a_session_outlives_a_broker_that_is_away_and_reads_on_when_it_is_back() {
    let mut desk = Desk::new();
    let name = ChannelName::new("a").unwrap();
    desk.publish(event("a"));
    let key = desk.open("abcdefgh", &[("a", Since::Start)]);
    let read = desk.hub.take(desk.now, key).read.unwrap();
    desk.hub.page(desk.now, key, &read, Err(crate::ReadError::Unavailable));
    assert!(desk.heard(key).is_empty());
    assert!(!desk.hub.is_closing(key));
    let head = position(&desk);
    desk.hub.recheck(&name, &head);
    assert_eq!(desk.heard(key), ["subscribed 0/1", "event 1"]);
}

/// P-15
#[test]
fn a_session_that_is_newer_elsewhere_fences_the_one_here() {
    let mut desk = Desk::new();
    let link = steadfast_protocol::LinkId::new("abcdefgh").unwrap();
    let key = desk.hub.open(desk.now, Desk::opening("abcdefgh", 3, &[])).unwrap();
    assert_eq!(desk.hub.fence_elsewhere(desk.now, &link, 2), Some(3));
    assert_eq!(desk.hub.fence_elsewhere(desk.now, &link, 3), Some(3));
    assert!(!desk.hub.is_closing(key));
    assert_eq!(desk.hub.fence_elsewhere(desk.now, &link, 4), None);
    assert_eq!(desk.heard(key), ["close 4401"]);
    assert_eq!(desk.hub.fence_elsewhere(desk.now, &link, 1), None);
}
