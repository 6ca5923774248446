//! What is a user's own: links, generations, idempotency keys.

use alloc::sync::Arc;
use alloc::vec::Vec;

use steadfast_protocol::codec::json;
use steadfast_protocol::{CloseCode, Limits, Timestamp, UserId};

use super::TestHub;
use crate::{FrameRequest, Identity, OpenError, Opening};

fn named(name: &str) -> Arc<Identity> {
    Identity { user: Some(UserId::new(name).unwrap()), ..Identity::default() }.into()
}

/// P-15
#[test]
fn the_same_link_id_of_two_users_is_two_links() {
    let mut hub = TestHub::new();
    let of = |user: Option<&str>, generation| Opening {
        identity: user.map(named),
        ..TestHub::opening("abcdefgh", generation, &[])
    };
    let users = [None, Some("ada"), Some("bob")];
    let keys = users.map(|user| hub.hub.open(hub.now, of(user, 7)).unwrap());
    for (user, key) in users.into_iter().zip(keys) {
        assert_eq!(hub.hub.open(hub.now, of(user, 7)), Err(OpenError::Replaced));
        assert!(!hub.hub.is_closing(key));
        let view = hub.hub.connection(hub.now, key).unwrap();
        assert_eq!(view.user.as_ref().map(UserId::as_str), user);
    }
    // Only the user's own session is fenced, by a session here as by one elsewhere.
    hub.hub.open(hub.now, of(Some("ada"), 8)).unwrap();
    let bobs = of(Some("bob"), 1).link_key();
    assert_eq!(hub.hub.fence_elsewhere(hub.now, &bobs, 8), None);
    assert_eq!(keys.map(|key| hub.hub.is_closing(key)), [false, true, true]);
    hub.hub.closed(hub.now, keys[1], CloseCode::NORMAL, "");
    hub.outputs();
    assert_eq!(hub.ended[0].user.as_ref().map(UserId::as_str), Some("ada"));
    // The end of the fenced session leaves the newer one in place.
    assert_eq!(hub.hub.generation(&of(Some("ada"), 1).link_key()), Some(8));
}

/// P-30
#[test]
fn the_idempotency_keys_of_two_users_never_meet_nor_those_of_backends() {
    let mut hub = TestHub::new();
    let mut keys = Vec::new();
    let frame =
        r#"{"type":"publish","id":1,"channel":"a","event":"e","data":1,"idempotency_key":"k"}"#;
    for user in [None, Some("ada"), Some("ada/abcdefgh"), Some("bob")] {
        let identity = user.map(named);
        let opening = Opening { identity, ..TestHub::opening("abcdefgh", 1, &[]) };
        let key = hub.hub.open(hub.now, opening).unwrap();
        let frame = json::client_frame(frame, &Limits::default());
        let request = hub.hub.frame(hub.now, Timestamp(0), key, 1, frame);
        let Some(FrameRequest::Publish { publish, .. }) = request else { panic!("{request:?}") };
        keys.push(publish.idempotency_key.unwrap());
    }
    // The keys of backends are printable.
    assert!(keys.iter().all(|key| key.contains(char::is_control)));
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 4);
}
