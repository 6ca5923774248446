//! What one session may ask of the hub, at each limit and one past it.

use alloc::format;

use steadfast_protocol::codec::json;
use steadfast_protocol::{HeartbeatTerms, ServerFrame, Since};

use super::{OpenError, Opening, TestHub};
use crate::Outgoing;

/// P-41
#[test]
fn terms_together_are_no_longer_than_the_longest_interval() {
    let mut hub = TestHub::new();
    let terms = |interval, timeout| Some(HeartbeatTerms { interval, timeout });
    for (at, (heartbeat, expected)) in [
        (terms(600_000, 600_000), terms(600_000, 1000)),
        (terms(1 << 53, 1 << 53), terms(600_000, 1000)),
        (terms(400_000, 300_000), terms(400_000, 200_000)),
        (terms(1000, 1 << 53), terms(1000, 599_000)),
        (terms(0, 0), terms(1000, 1000)),
    ]
    .into_iter()
    .enumerate()
    {
        let opening = TestHub::opening(&format!("link-{at:04}"), 1, &[]);
        let opening = Opening { heartbeat, ..opening };
        let key = hub.hub.open(hub.now, opening).unwrap();
        let told = hub.drain(key);
        let Outgoing::Text(text) = &told[0] else { panic!("{told:?}") };
        let welcome = json::server_frame(str::from_utf8(text).unwrap());
        let Ok(Some(ServerFrame::Welcome(welcome))) = welcome else { panic!("{welcome:?}") };
        assert_eq!(Some(welcome.heartbeat), expected);
    }
}

/// P-41: `next_ms` cannot stretch what the terms bound.
#[test]
fn the_next_heartbeat_is_not_waited_for_longer_than_the_terms_may_be() {
    let mut hub = TestHub::new();
    let key = hub.hub.open(hub.now, TestHub::opening("abcdefgh", 1, &[])).unwrap();
    hub.say(key, r#"{"type":"heartbeat","next_ms":9007199254740992}"#);
    hub.drain(key);
    hub.pass(599_999);
    assert!(!hub.hub.is_closing(key));
    hub.pass(1);
    assert_eq!(hub.heard(key), ["close 1001"]);
}

/// P-69
#[test]
fn pings_and_pongs_of_the_transport_count_as_frames() {
    let mut hub = TestHub::new();
    let key = hub.hub.open(hub.now, TestHub::opening("abcdefgh", 1, &[])).unwrap();
    hub.drain(key);
    assert!((0..200).all(|_| hub.hub.transport_frame(hub.now, key, 0)));
    assert!(!hub.hub.transport_frame(hub.now, key, 0));
    assert_eq!(hub.heard(key), ["close 4100"]);
}

/// P-29
#[test]
fn a_hello_whose_answers_would_not_fit_is_refused_whole() {
    let named = |count: usize| {
        let mut opening = TestHub::opening("abcdefgh", 1, &[]);
        opening.channels =
            (0..count).map(|at| super::request(&format!("demo:{at}"), &Since::Now)).collect();
        opening
    };
    let mut hub = TestHub::new();
    let key = hub.hub.open(hub.now, named(328)).unwrap();
    let told = hub.drain(key);
    assert_eq!(told.len(), 1 + 328, "a welcome, and an answer for each channel");
    assert!(!hub.hub.is_closing(key));
    let mut hub = TestHub::new();
    let refused = hub.hub.open(hub.now, named(329));
    assert_eq!(refused, Err(OpenError::TooManyChannels { named: 329, max: 128 }));
}
