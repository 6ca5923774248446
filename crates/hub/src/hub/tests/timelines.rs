//! What happened to a link is kept over its sessions, within limits.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use steadfast_protocol::codec::json::LinkGrade;
use steadfast_protocol::{CloseCode, Since};

use super::{TestHub, event};
use crate::{Encoding, HubConfig, Opening, SessionKey, TimelineEvent, Transport};
use steadfast_history::HistoryConfig;

fn with(entries_max: usize, links_max: usize) -> TestHub {
    let config = HubConfig {
        timeline_entries_max: entries_max,
        timeline_links_max: links_max,
        queue_messages_max: 1,
        ..HubConfig::default()
    };
    TestHub::with(config, HistoryConfig::default())
}

fn open(hub: &mut TestHub, link: &str, generation: u64) -> SessionKey {
    let opening = TestHub::opening(link, generation, &[("a", Since::Now)]);
    let key = hub.hub.open(hub.now, opening).unwrap();
    hub.drain(key);
    key
}

fn report(hub: &mut TestHub, key: SessionKey, grade: &str, score: u8) {
    let stats = format!(
        r#"{{"grade":"{grade}","score":{score},"availability":99.5,"realtime_availability":90}}"#
    );
    hub.say(key, &format!(r#"{{"type":"heartbeat","stats":{stats}}}"#));
    hub.drain(key);
}

fn close(hub: &mut TestHub, key: SessionKey, reason: &str) {
    hub.hub.closed(hub.now, key, CloseCode::ABNORMAL, reason);
}

/// The timeline of a live session, a word or two each.
fn told(hub: &TestHub, key: SessionKey) -> Vec<String> {
    let entries = hub.hub.timeline(key);
    let told = entries.into_iter().map(|entry| match entry.event {
        TimelineEvent::Opened { generation, .. } => format!("opened {generation}"),
        TimelineEvent::Reported(stats) => stats.grade.as_str().to_string(),
        TimelineEvent::FellBehind => "behind".into(),
        TimelineEvent::Closed { reason, .. } => format!("closed {reason}"),
    });
    told.collect()
}

#[test]
fn the_timeline_of_a_link_goes_on_over_its_sessions() {
    let mut hub = TestHub::new();
    let first = open(&mut hub, "abcdefgh", 1);
    assert_eq!(told(&hub, first), ["opened 1"]);
    assert_eq!(hub.hub.totals().timeline_entries, 0, "nothing happened that needs memory");
    for (grade, score) in [("good", 80), ("good", 84), ("poor", 30)] {
        report(&mut hub, first, grade, score);
    }
    close(&mut hub, first, "gone");
    let second = open(&mut hub, "abcdefgh", 2);
    assert_eq!(told(&hub, second), ["opened 1", "good", "poor", "closed gone", "opened 2"]);
    let totals = hub.hub.totals();
    assert_eq!((totals.timeline_entries, totals.timelines_kept), (5, 0));
    let other = open(&mut hub, "another1", 1);
    assert_eq!(told(&hub, other), ["opened 1"]);
}

#[test]
fn a_session_that_ends_after_its_successor_began_is_told_before_it() {
    let mut hub = TestHub::new();
    let first = open(&mut hub, "abcdefgh", 1);
    let second = open(&mut hub, "abcdefgh", 2);
    report(&mut hub, second, "good", 80);
    close(&mut hub, first, "late");
    let reason = "closed a newer session of this link is here";
    assert_eq!(told(&hub, second), ["opened 1", reason, "opened 2", "good"]);
    assert_eq!(hub.hub.totals().timeline_entries, 4);
    close(&mut hub, second, "gone");
    let third = open(&mut hub, "abcdefgh", 3);
    assert_eq!(told(&hub, third)[2..], ["opened 2", "good", "closed gone", "opened 3"]);
}

#[test]
fn a_timeline_has_so_many_entries_and_not_one_more() {
    for (max, expected) in [(3, &["closed gone", "opened 2", "fair"][..]), (0, &[][..])] {
        let mut hub = with(max, 10);
        let first = open(&mut hub, "abcdefgh", 1);
        report(&mut hub, first, "good", 80);
        close(&mut hub, first, "gone");
        let second = open(&mut hub, "abcdefgh", 2);
        report(&mut hub, second, "fair", 60);
        assert_eq!(told(&hub, second), expected, "{max}");
        assert_eq!(hub.hub.totals().timeline_entries, max as u64);
    }
}

#[test]
fn so_many_links_keep_their_timeline_and_not_one_more() {
    let mut hub = with(8, 2);
    for link in ["link-aaa", "link-bbb", "link-ccc"] {
        let key = open(&mut hub, link, 1);
        close(&mut hub, key, "gone");
    }
    let totals = hub.hub.totals();
    assert_eq!((totals.timelines_kept, totals.timeline_entries), (2, 4));
    let [a, c] = ["link-aaa", "link-ccc"].map(|link| open(&mut hub, link, 2));
    assert_eq!(told(&hub, a), ["opened 2"]);
    assert_eq!(told(&hub, c), ["opened 1", "closed gone", "opened 2"]);
    let mut none = with(8, 0);
    let key = open(&mut none, "link-aaa", 1);
    report(&mut none, key, "good", 80);
    close(&mut none, key, "gone");
    let totals = none.hub.totals();
    assert_eq!((totals.timelines_kept, totals.timeline_entries), (0, 0));
}

#[test]
fn requests_that_make_up_a_link_have_no_timeline() {
    let mut hub = TestHub::new();
    let (transport, encoding) = (Transport::Poll, Encoding::Signal);
    let opening =
        Opening { transport, encoding, heartbeat: None, ..TestHub::opening("poll-0001", 1, &[]) };
    let key = hub.hub.open(hub.now, opening).unwrap();
    assert_eq!(hub.hub.totals().transports, [0, 0, 1]);
    close(&mut hub, key, "answered");
    let totals = hub.hub.totals();
    assert_eq!((totals.transports, totals.timelines_kept), ([0; 3], 0));
}

#[test]
fn a_slow_reader_is_told_of_once_until_something_else_happens() {
    let mut hub = with(8, 10);
    let key = open(&mut hub, "abcdefgh", 1);
    for _ in 0..3 {
        for _ in 0..3 {
            hub.publish(event("a"));
        }
        hub.drain(key);
    }
    assert_eq!(hub.hub.totals().lagged, 3);
    assert_eq!(told(&hub, key), ["opened 1", "behind"]);
}

#[test]
fn grades_and_availability_are_counted_while_their_sessions_live() {
    let mut hub = TestHub::new();
    let [one, two] = ["link-aaa", "link-bbb"].map(|link| open(&mut hub, link, 1));
    report(&mut hub, one, "good", 80);
    report(&mut hub, one, "poor", 30);
    report(&mut hub, two, "excellent", 99);
    let quality = hub.hub.totals().quality;
    assert_eq!(quality.grades, [0, 0, 1, 0, 0, 1], "{:?}", LinkGrade::ALL);
    assert_eq!((quality.reporting, quality.availability), (2, 2 * 9950));
    assert_eq!(quality.realtime_availability, 2 * 9000);
    for key in [one, two] {
        close(&mut hub, key, "gone");
    }
    assert_eq!(hub.hub.totals().quality, crate::QualityTotals::default());
}
