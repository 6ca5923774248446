//! Sessions are welcomed, watched, fenced and ended.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{CloseCode, Since};

use super::{OpenError, TestHub, event};
use crate::{Encoding, HubConfig, Transport};
use steadfast_history::HistoryConfig;

/// P-15
#[test]
fn a_newer_session_of_a_link_fences_the_older_and_never_the_other_way() {
    let mut hub = TestHub::new();
    let old = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.drain(old);
    let new = hub.hub.open(hub.now, TestHub::opening("abcdefgh", 2, &[])).unwrap();
    assert_eq!(hub.heard(old), ["close 4401"]);
    assert_eq!(hub.heard(new), ["welcome"]);
    for generation in [1, 2] {
        let late = hub.hub.open(hub.now, TestHub::opening("abcdefgh", generation, &[]));
        assert_eq!(late, Err(OpenError::Replaced));
    }
    // The old session's socket ends later: the link stays with the new one.
    hub.hub.closed(hub.now, old, CloseCode::ABNORMAL, "");
    assert!(hub.hub.open(hub.now, TestHub::opening("abcdefgh", 2, &[])).is_err());
    hub.publish(event("a"));
    assert_eq!(hub.hub.totals().members, 0);
}

/// P-41, P-51
#[test]
fn a_peer_with_terms_is_stale_after_its_interval_and_timeout() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[]);
    hub.drain(key);
    hub.pass(24_999);
    assert!(!hub.hub.is_closing(key));
    hub.say(key, r#"{"type":"heartbeat","next_ms":60000}"#);
    assert_eq!(hub.heard(key), ["heartbeat_ack"]);
    hub.pass(69_999);
    assert!(!hub.hub.is_closing(key));
    hub.pass(1);
    assert_eq!(hub.heard(key), ["close 1001"]);
    hub.hub.closed(hub.now, key, CloseCode::ABNORMAL, "");
    hub.outputs();
    assert_eq!(&*hub.ended[0].reason, "Connection stale");
    assert_eq!(hub.ended[0].code, CloseCode::GOING_AWAY);
    assert_eq!(hub.ended[0].duration, Span(94_999));
    assert_eq!(hub.ended[0].message_count, 1);
}

/// P-42
#[test]
fn a_peer_without_terms_is_pinged_and_closed_when_it_stays_silent() {
    let mut hub = TestHub::new();
    let opening = crate::Opening { heartbeat: None, ..TestHub::opening("abcdefgh", 1, &[]) };
    let key = hub.hub.open(hub.now, opening).unwrap();
    hub.drain(key);
    hub.pass(20_000);
    assert_eq!(hub.heard(key), ["ping", "ws ping"]);
    hub.pass(9_999);
    hub.say(key, r#"{"type":"pong"}"#);
    hub.pass(20_000);
    assert_eq!(hub.heard(key), ["ping", "ws ping"]);
    hub.pass(10_000);
    assert_eq!(hub.heard(key), ["close 1001"]);
}

/// P-47: a page in the back/forward cache answers the transport's pings, and nobody reads.
#[test]
fn a_transport_that_answers_for_a_frozen_app_is_no_sign_of_life() {
    let ways = [(Encoding::Frames, None), (Encoding::Legacy, None), (Encoding::Frames, Some(()))];
    for (encoding, terms) in ways {
        let mut hub = TestHub::new();
        let opening = TestHub::opening("abcdefgh", 1, &[]);
        let heartbeat = terms.and(opening.heartbeat);
        let opening = crate::Opening { encoding, heartbeat, ..opening };
        let key = hub.hub.open(hub.now, opening).unwrap();
        hub.drain(key);
        for _ in 0..30 {
            hub.pass(999);
            hub.hub.transport_frame(hub.now, key, 2);
            assert!(!hub.hub.is_closing(key) || terms.is_some());
        }
        hub.pass(30);
        assert!(hub.hub.is_closing(key), "{encoding:?}");
    }
}

/// P-93
#[test]
fn an_older_client_is_pinged_in_words_too() {
    let mut hub = TestHub::new();
    let opening = TestHub::opening("abcdefgh", 1, &[]);
    let opening = crate::Opening { encoding: Encoding::Legacy, heartbeat: None, ..opening };
    let key = hub.hub.open(hub.now, opening).unwrap();
    hub.drain(key);
    hub.pass(20_000);
    let told = hub.drain(key);
    let crate::Outgoing::Text(text) = &told[0] else { panic!("{told:?}") };
    assert_eq!(&**text, br#"{"type":"ping","event":"ping"}"#);
    assert_eq!(told[1..], [crate::Outgoing::Ping]);
    hub.pass(9_999);
    let frame = steadfast_protocol::codec::legacy::decode(r#"{"type":"pong"}"#);
    hub.hub.legacy_frame(hub.now, steadfast_protocol::Timestamp(0), key, 15, frame);
    hub.pass(19_999);
    assert!(!hub.hub.is_closing(key));
}

#[test]
fn a_stream_is_sent_a_comment_now_and_then() {
    let mut hub = TestHub::new();
    let opening = crate::Opening {
        encoding: Encoding::Stream,
        transport: Transport::Sse,
        ..TestHub::opening("abcdefgh", 1, &[])
    };
    let key = hub.hub.open(hub.now, opening).unwrap();
    hub.drain(key);
    hub.pass(20_000);
    assert_eq!(hub.heard(key), ["ws ping"]);
    hub.pass(20_000);
    assert_eq!(hub.heard(key), ["ws ping"]);
    assert!(!hub.hub.is_closing(key));
}

/// P-17
#[test]
fn a_session_ends_with_its_token() {
    let mut hub = TestHub::new();
    let expires = Some(hub.now + Span(5_000));
    let opening = crate::Opening { expires, ..TestHub::opening("abcdefgh", 1, &[]) };
    let key = hub.hub.open(hub.now, opening).unwrap();
    hub.drain(key);
    hub.pass(4_999);
    assert!(!hub.hub.is_closing(key));
    hub.pass(1);
    assert_eq!(hub.heard(key), ["close 4200"]);
}

/// P-55
#[test]
fn a_drain_tells_every_link_and_then_closes_them() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[]);
    hub.drain(key);
    hub.hub.go_away(hub.now, Span(0), Span(5_000), None);
    assert_eq!(hub.heard(key), ["go_away"]);
    assert!(!hub.hub.is_closing(key));
    hub.hub.close_all(hub.now, CloseCode::RESTART, "the server restarts");
    assert_eq!(hub.heard(key), ["close 1012"]);
}

#[test]
fn the_hub_wakes_for_a_sweep_and_for_nothing_else_while_idle() {
    let mut hub = TestHub::new();
    assert_eq!(hub.hub.wake().at, Millis(31_000));
    hub.pass(30_000);
    assert_eq!(hub.hub.wake().at, Millis(61_000));
}

#[test]
fn a_session_is_called_once_until_it_takes() {
    let mut hub = TestHub::with(HubConfig::default(), HistoryConfig::default());
    let key = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.drain(key);
    hub.outputs();
    for _ in 0..10 {
        hub.publish(event("a"));
    }
    assert_eq!(hub.outputs(), [key]);
    hub.drain(key);
    hub.publish(event("a"));
    assert_eq!(hub.outputs(), [key]);
}

#[test]
fn a_session_that_is_closed_is_called_again_even_if_it_never_took() {
    let mut hub = TestHub::new();
    let key = hub.open("abcdefgh", &[("a", Since::Now)]);
    assert_eq!(hub.outputs(), [key]);
    hub.hub.close(hub.now, key, CloseCode::DISCONNECTED, "an operator");
    assert_eq!(hub.outputs(), [key]);
    assert_eq!(hub.heard(key), ["close 4402"]);
}

#[test]
fn a_slot_used_again_does_not_answer_for_its_earlier_session() {
    let mut hub = TestHub::new();
    let first = hub.open("abcdefgh", &[]);
    hub.hub.closed(hub.now, first, CloseCode::NORMAL, "");
    let second = hub.open("bcdefghi", &[]);
    assert_eq!(first.index, second.index);
    assert!(hub.hub.is_closing(first));
    assert!(hub.hub.take(hub.now, first).frames.is_empty());
    hub.hub.close(hub.now, first, CloseCode::NORMAL, "");
    assert!(!hub.hub.is_closing(second));
    assert_eq!(hub.hub.totals().connections, 1);
}

/// P-72
#[test]
fn a_poll_that_waits_is_sent_nothing_and_never_counts_as_slow() {
    let mut hub = TestHub::new();
    let opening = TestHub::opening("watch-0001", 1, &[("a", Since::Now)]);
    let (encoding, transport) = (Encoding::Signal, Transport::Poll);
    let opening = crate::Opening { encoding, transport, heartbeat: None, ..opening };
    let key = hub.hub.open(hub.now, opening).unwrap();
    for _ in 0..120 {
        hub.pass(1_000);
        assert!(!hub.hub.is_closing(key) && hub.hub.totals().connections == 1);
    }
}

/// P-77, P-83
#[test]
fn who_cannot_be_asked_to_go_is_ended_at_a_time_of_its_own_within_the_spread() {
    let mut hub = TestHub::new();
    let ways = [
        (Encoding::Stream, Transport::Sse),
        (Encoding::Signal, Transport::Poll),
        (Encoding::Legacy, Transport::WebSocket),
    ];
    let mut keys = alloc::vec::Vec::new();
    for (at, (encoding, transport)) in ways.into_iter().cycle().take(60).enumerate() {
        let opening = TestHub::opening(&alloc::format!("watch-{at:08}"), 1, &[("a", Since::Now)]);
        let opening = crate::Opening { encoding, transport, heartbeat: None, ..opening };
        keys.push(hub.hub.open(hub.now, opening).unwrap());
    }
    let link = hub.open("abcdefgh", &[("a", Since::Now)]);
    hub.hub.go_away(hub.now, Span(1_000), Span(8_000), None);
    let (mut open, mut ends) = (keys.len(), alloc::collections::BTreeSet::new());
    for ms in 1..=9_000_u64 {
        hub.pass(1);
        let left = keys.iter().filter(|key| !hub.hub.is_closing(**key)).count();
        if left < open {
            assert!(ms >= 1_000, "{ms}");
            ends.insert(ms);
            open = left;
        }
    }
    assert_eq!(open, 0);
    assert!(ends.len() > 50, "{ends:?}");
    let (first, last) = (ends.first().unwrap(), ends.last().unwrap());
    assert!(*first < 2_000 && *last > 8_000, "{ends:?}");
    assert_eq!(hub.heard(keys[1]).last().unwrap(), "close 1012");
    // A link goes when it finds it best.
    assert!(!hub.hub.is_closing(link));
}
