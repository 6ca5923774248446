//! A newer token for a session that goes on. P-39

use alloc::sync::Arc;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::codec::json;
use steadfast_protocol::{Limits, Since, Timestamp, UserId};

use super::{TestHub, event};
use crate::{FrameRequest, Grants, Identity, RefusedRenewal, Renewal, SessionKey};

const HOUR: Span = Span::seconds(3_600);

fn identity(user: Option<&str>, credential: &str) -> Arc<Identity> {
    let user = user.map(|user| UserId::new(user).unwrap());
    Arc::new(Identity { user, credential: Some(credential.into()), ..Identity::default() })
}

fn grants(subscribe: &[&str]) -> Grants {
    let subscribe = subscribe.iter().map(|text| text.parse().unwrap()).collect();
    Grants { subscribe, ..Grants::default() }
}

fn renewal(now: Millis, user: Option<&str>, subscribe: &[&str]) -> Renewal {
    let (identity, grants) = (Some(identity(user, "second")), grants(subscribe));
    Renewal { identity, grants, expires: Some(now + HOUR) }
}

/// A session of `ada` whose token ends in 5 s, with two channels.
fn open(hub: &mut TestHub) -> SessionKey {
    let channels = [("a:1", Since::Now), ("b:1", Since::Now)];
    let opening = crate::Opening {
        identity: Some(identity(Some("ada"), "first")),
        grants: grants(&["a:*", "b:*"]),
        expires: Some(hub.now + Span(5_000)),
        ..TestHub::opening("abcdefgh", 1, &channels)
    };
    let key = hub.hub.open(hub.now, opening).unwrap();
    let welcome = hub.texts(key).remove(0);
    assert!(welcome.contains(r#""token_expires_in_ms":5000"#), "{welcome}");
    key
}

/// Sends a `refresh`; whether it is to be checked.
fn asks(hub: &mut TestHub, key: SessionKey) -> bool {
    let text = r#"{"type":"refresh","id":7,"token":"t"}"#;
    let frame = json::client_frame(text, &Limits::default());
    let request = hub.hub.frame(hub.now, Timestamp(0), key, text.len(), frame);
    matches!(request, Some(FrameRequest::Refresh { id, token })
        if id.is_some() && token.expose() == "t")
}

#[test]
fn a_newer_token_moves_the_end_and_nothing_is_missed() {
    let mut hub = TestHub::new();
    let key = open(&mut hub);
    assert!(asks(&mut hub, key));
    hub.publish(event("a:1"));
    let newer = renewal(hub.now, Some("ada"), &["a:*", "b:*", "c:*"]);
    assert!(hub.hub.refreshed(hub.now, key, None, Ok(newer)));
    hub.publish(event("b:1"));
    let said = hub.texts(key);
    assert!(said[1].contains(r#""type":"refreshed","expires_in_ms":3600000"#), "{said:?}");
    assert_eq!(said.len(), 3);
    hub.say(key, r#"{"type":"subscribe","channel":"c:1"}"#);
    assert_eq!(hub.heard(key), ["subscribed 0/0"]);
    for _ in 0..HOUR.0 / 10_000 - 1 {
        hub.pass(10_000);
        hub.say(key, r#"{"type":"heartbeat"}"#);
        assert_eq!(hub.heard(key), ["heartbeat_ack"], "{:?}", hub.now);
    }
    hub.pass(10_000);
    assert_eq!(hub.heard(key), ["close 4200"]);
}

#[test]
fn a_channel_that_the_newer_token_does_not_permit_is_left_and_named() {
    let mut hub = TestHub::new();
    let key = open(&mut hub);
    let newer = renewal(hub.now, Some("ada"), &["a:*"]);
    assert!(hub.hub.refreshed(hub.now, key, None, Ok(newer)));
    let said = hub.texts(key);
    assert!(said[1].contains("forbidden") && said[1].contains(r#""channel":"b:1""#), "{said:?}");
    hub.publish(event("a:1"));
    hub.publish(event("b:1"));
    assert_eq!(hub.heard(key), ["event 1"]);
}

#[test]
fn a_token_that_is_refused_or_of_another_user_leaves_the_session_as_it_is() {
    let mut hub = TestHub::new();
    let key = open(&mut hub);
    for user in [None, Some("bob")] {
        let theirs = renewal(hub.now, user, &["*"]);
        assert!(!hub.hub.refreshed(hub.now, key, None, Ok(theirs)));
        assert_eq!(hub.heard(key), ["error forbidden"], "{user:?}");
    }
    let message = "the token expired".into();
    let refused = RefusedRenewal { code: "token_expired", message, retry_after_ms: None };
    assert!(!hub.hub.refreshed(hub.now, key, None, Err(refused)));
    assert_eq!(hub.heard(key), ["error token_expired"]);
    hub.say(key, r#"{"type":"subscribe","channel":"c:1"}"#);
    hub.publish(event("b:1"));
    assert_eq!(hub.heard(key), ["error forbidden", "event 1"]);
    hub.pass(5_000);
    assert_eq!(hub.heard(key), ["close 4200"]);
    assert!(!hub.hub.refreshed(hub.now, key, None, Ok(renewal(hub.now, Some("ada"), &["*"]))));
}

#[test]
fn a_session_gets_so_many_newer_tokens_a_minute_and_one_more_waits() {
    let mut hub = TestHub::new();
    let key = open(&mut hub);
    assert!(hub.hub.refreshed(hub.now, key, None, Ok(renewal(hub.now, Some("ada"), &["*"]))));
    hub.drain(key);
    for n in 0..10 {
        assert!(asks(&mut hub, key), "{n}");
    }
    assert!(!asks(&mut hub, key));
    let said = hub.texts(key).remove(0);
    assert!(
        said.contains(r#""code":"rate_limited""#) && said.contains(r#""retry_after_ms":6000"#),
        "{said}"
    );
    assert!(said.contains(r#""id":7"#), "{said}");
    hub.pass(5_999);
    assert!(!asks(&mut hub, key));
    hub.pass(1);
    assert!(asks(&mut hub, key));
    assert!(!asks(&mut hub, key));
}
