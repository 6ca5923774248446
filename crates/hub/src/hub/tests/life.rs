//! Sessions are welcomed, watched, fenced and ended.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{CloseCode, Since};

use super::{Desk, OpenError, event};
use crate::{HubConfig, Speech, StreamsConfig, Transport};

/// P-15
#[test]
fn a_newer_session_of_a_link_fences_the_older_and_never_the_other_way() {
    let mut desk = Desk::new();
    let old = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.drain(old);
    let new = desk.hub.open(desk.now, Desk::opening("abcdefgh", 2, &[])).unwrap();
    assert_eq!(desk.heard(old), ["close 4401"]);
    assert_eq!(desk.heard(new), ["welcome"]);
    for generation in [1, 2] {
        let late = desk.hub.open(desk.now, Desk::opening("abcdefgh", generation, &[]));
        assert_eq!(late, Err(OpenError::Replaced { live: 2 }));
    }
    // The old session's socket ends later: the link stays with the new one.
    desk.hub.closed(desk.now, old, CloseCode::ABNORMAL, "");
    assert!(desk.hub.open(desk.now, Desk::opening("abcdefgh", 2, &[])).is_err());
    desk.publish(event("a"));
    assert_eq!(desk.hub.totals().members, 0);
}

/// P-41, P-51
#[test]
fn a_peer_with_terms_is_stale_after_its_interval_and_timeout() {
    let mut desk = Desk::new();
    let key = desk.open("abcdefgh", &[]);
    desk.drain(key);
    desk.pass(24_999);
    assert!(!desk.hub.is_closing(key));
    desk.say(key, r#"{"type":"heartbeat","next_ms":60000}"#);
    assert_eq!(desk.heard(key), ["heartbeat_ack"]);
    desk.pass(69_999);
    assert!(!desk.hub.is_closing(key));
    desk.pass(1);
    assert_eq!(desk.heard(key), ["close 1001"]);
    desk.hub.closed(desk.now, key, CloseCode::ABNORMAL, "");
    desk.outputs();
    assert_eq!(&*desk.ended[0].reason, "Connection stale");
    assert_eq!(desk.ended[0].code, CloseCode::GOING_AWAY);
    assert_eq!(desk.ended[0].duration, Span(94_999));
    assert_eq!(desk.ended[0].message_count, 1);
}

/// P-42
#[test]
fn a_peer_without_terms_is_pinged_and_closed_when_it_stays_silent() {
    let mut desk = Desk::new();
    let opening = crate::Opening { heartbeat: None, ..Desk::opening("abcdefgh", 1, &[]) };
    let key = desk.hub.open(desk.now, opening).unwrap();
    desk.drain(key);
    desk.pass(20_000);
    assert_eq!(desk.heard(key), ["ping", "ws ping"]);
    desk.pass(9_999);
    desk.say(key, r#"{"type":"pong"}"#);
    desk.pass(20_000);
    assert_eq!(desk.heard(key), ["ping", "ws ping"]);
    desk.pass(10_000);
    assert_eq!(desk.heard(key), ["close 1001"]);
}

/// P-47: a page in the back/forward cache answers the transport's pings, and nobody reads.
#[test]
fn a_transport_that_answers_for_a_frozen_app_is_no_sign_of_life() {
    let ways = [(Speech::Frames, None), (Speech::Legacy, None), (Speech::Frames, Some(()))];
    for (speech, terms) in ways {
        let mut desk = Desk::new();
        let opening = Desk::opening("abcdefgh", 1, &[]);
        let heartbeat = terms.and(opening.heartbeat);
        let opening = crate::Opening { speech, heartbeat, ..opening };
        let key = desk.hub.open(desk.now, opening).unwrap();
        desk.drain(key);
        for _ in 0..30 {
            desk.pass(999);
            desk.hub.transport_frame(key, 2);
            assert!(!desk.hub.is_closing(key) || terms.is_some());
        }
        desk.pass(30);
        assert!(desk.hub.is_closing(key), "{speech:?}");
    }
}

/// P-93
#[test]
fn an_older_client_is_pinged_in_words_too() {
    let mut desk = Desk::new();
    let opening = Desk::opening("abcdefgh", 1, &[]);
    let opening = crate::Opening { speech: Speech::Legacy, heartbeat: None, ..opening };
    let key = desk.hub.open(desk.now, opening).unwrap();
    desk.drain(key);
    desk.pass(20_000);
    let told = desk.drain(key);
    let crate::Outgoing::Text(text) = &told[0] else { panic!("{told:?}") };
    assert_eq!(&**text, br#"{"type":"ping","event":"ping"}"#);
    assert_eq!(told[1..], [crate::Outgoing::Ping]);
    desk.pass(9_999);
    let frame = steadfast_protocol::codec::legacy::decode(r#"{"type":"pong"}"#);
    desk.hub.legacy_frame(desk.now, steadfast_protocol::Timestamp(0), key, 15, frame);
    desk.pass(19_999);
    assert!(!desk.hub.is_closing(key));
}

#[test]
fn a_stream_is_sent_a_comment_now_and_then() {
    let mut desk = Desk::new();
    let opening = crate::Opening {
        speech: Speech::Stream,
        transport: Transport::Sse,
        ..Desk::opening("abcdefgh", 1, &[])
    };
    let key = desk.hub.open(desk.now, opening).unwrap();
    desk.drain(key);
    desk.pass(20_000);
    assert_eq!(desk.heard(key), ["ws ping"]);
    desk.pass(20_000);
    assert_eq!(desk.heard(key), ["ws ping"]);
    assert!(!desk.hub.is_closing(key));
}

/// P-17
#[test]
fn a_session_ends_with_its_token() {
    let mut desk = Desk::new();
    let expires = Some(desk.now + Span(5_000));
    let opening = crate::Opening { expires, ..Desk::opening("abcdefgh", 1, &[]) };
    let key = desk.hub.open(desk.now, opening).unwrap();
    desk.drain(key);
    desk.pass(4_999);
    assert!(!desk.hub.is_closing(key));
    desk.pass(1);
    assert_eq!(desk.heard(key), ["close 4200"]);
}

/// P-55
#[test]
fn a_drain_tells_every_link_and_then_closes_them() {
    let mut desk = Desk::new();
    let key = desk.open("abcdefgh", &[]);
    desk.drain(key);
    desk.hub.go_away(desk.now, Span(0), Span(5_000), None);
    assert_eq!(desk.heard(key), ["go_away"]);
    assert!(!desk.hub.is_closing(key));
    desk.hub.close_all(desk.now, CloseCode::RESTART, "the server restarts");
    assert_eq!(desk.heard(key), ["close 1012"]);
}

#[test]
fn the_hub_wakes_for_a_sweep_and_for_nothing_else_while_idle() {
    let mut desk = Desk::new();
    assert_eq!(desk.hub.wake().at, Millis(31_000));
    desk.pass(30_000);
    assert_eq!(desk.hub.wake().at, Millis(61_000));
}

#[test]
fn a_session_is_called_once_until_it_takes() {
    let mut desk = Desk::with(HubConfig::default(), StreamsConfig::default());
    let key = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.drain(key);
    desk.outputs();
    for _ in 0..10 {
        desk.publish(event("a"));
    }
    assert_eq!(desk.outputs(), [key]);
    desk.drain(key);
    desk.publish(event("a"));
    assert_eq!(desk.outputs(), [key]);
}

#[test]
fn a_session_that_is_closed_is_called_again_even_if_it_never_took() {
    let mut desk = Desk::new();
    let key = desk.open("abcdefgh", &[("a", Since::Now)]);
    assert_eq!(desk.outputs(), [key]);
    desk.hub.close(desk.now, key, CloseCode::DISCONNECTED, "an operator");
    assert_eq!(desk.outputs(), [key]);
    assert_eq!(desk.heard(key), ["close 4402"]);
}

#[test]
fn a_slot_used_again_does_not_answer_for_its_earlier_session() {
    let mut desk = Desk::new();
    let first = desk.open("abcdefgh", &[]);
    desk.hub.closed(desk.now, first, CloseCode::NORMAL, "");
    let second = desk.open("bcdefghi", &[]);
    assert_eq!(first.index, second.index);
    assert!(desk.hub.is_closing(first));
    assert!(desk.hub.take(desk.now, first).frames.is_empty());
    desk.hub.close(desk.now, first, CloseCode::NORMAL, "");
    assert!(!desk.hub.is_closing(second));
    assert_eq!(desk.hub.totals().connections, 1);
}

/// P-77, P-83
#[test]
fn who_cannot_be_asked_to_go_is_ended_at_a_time_of_its_own_within_the_spread() {
    let mut desk = Desk::new();
    let ways = [
        (Speech::Stream, Transport::Sse),
        (Speech::Signal, Transport::Poll),
        (Speech::Legacy, Transport::WebSocket),
    ];
    let mut keys = alloc::vec::Vec::new();
    for (at, (speech, transport)) in ways.into_iter().cycle().take(60).enumerate() {
        let opening = Desk::opening(&alloc::format!("watch-{at:08}"), 1, &[("a", Since::Now)]);
        let opening = crate::Opening { speech, transport, heartbeat: None, ..opening };
        keys.push(desk.hub.open(desk.now, opening).unwrap());
    }
    let link = desk.open("abcdefgh", &[("a", Since::Now)]);
    desk.hub.go_away(desk.now, Span(1_000), Span(8_000), None);
    let (mut open, mut ends) = (keys.len(), alloc::collections::BTreeSet::new());
    for ms in 1..=9_000_u64 {
        desk.pass(1);
        let left = keys.iter().filter(|key| !desk.hub.is_closing(**key)).count();
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
    assert_eq!(desk.heard(keys[1]).last().unwrap(), "close 1012");
    // A link goes when it finds it best.
    assert!(!desk.hub.is_closing(link));
}
