//! Which subscription a frame is about, what is due, and when the last channel has ended.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelName, Scalar, Since};

use super::{Added, Subscriptions, read_number};
use crate::Why;

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn following(names: &[&str]) -> Subscriptions {
    let mut subscriptions = Subscriptions::new(2);
    for name in names {
        assert!(matches!(subscriptions.add(channel(name), Since::Start), Added::New(_)));
    }
    subscriptions
}

/// P-29
#[test]
fn a_channel_is_added_once_and_only_where_there_is_room() {
    let mut subscriptions = following(&["a:1", "a:2"]);
    assert_eq!(subscriptions.add(channel("a:1"), Since::Now), Added::Known);
    assert_eq!(subscriptions.add(channel("a:3"), Since::Now), Added::Full);
}

#[test]
fn hello_requests_all_channels_and_later_ones_are_requested_by_id() {
    let mut subscriptions = following(&["a:1"]);
    assert_eq!(subscriptions.request_all(Millis(0)).len(), 1);
    let Added::New(id) = subscriptions.add(channel("a:2"), Since::Start) else { panic!() };
    assert_eq!(subscriptions.unrequested(), [id]);
    let request = subscriptions.request(Millis(5), id).unwrap();
    let echoed = request.id.unwrap();
    assert_eq!(subscriptions.by_request(&echoed).unwrap().channel, channel("a:2"));
    assert!(subscriptions.by_request(&Scalar::number(99)).is_none());
    assert!(subscriptions.unrequested().is_empty());
    assert_eq!(read_number(&echoed), Some(1));
}

#[test]
fn an_unanswered_request_is_due_after_its_timeout_and_not_before() {
    let mut subscriptions = following(&["a:1"]);
    assert!(subscriptions.next_deadline().is_none());
    subscriptions.request_all(Millis(0));
    let wake = subscriptions.next_deadline().unwrap();
    assert_eq!((wake.at, wake.why), (Millis(30_000), Why::Subscribe));
    assert_eq!(subscriptions.due(Millis(0) + Span(29_999)), None);
    assert_eq!(subscriptions.due(wake.at), Some(1));
    subscriptions.on_sleep(Millis(40_000));
    assert_eq!(subscriptions.next_deadline().unwrap().at, Millis(70_000));
    subscriptions.on_session_lost();
    assert!(subscriptions.next_deadline().is_none());
}

#[test]
fn events_are_requested_again_once_in_a_session() {
    let mut subscriptions = following(&["a:1"]);
    let subscription = subscriptions.by_id_mut(1).unwrap();
    assert!(subscription.try_resubscribe());
    assert!(!subscription.try_resubscribe());
    subscription.on_session_lost();
    assert!(subscription.try_resubscribe());
}

#[test]
fn the_last_channel_to_end_finishes_the_link_until_another_is_added() {
    let mut subscriptions = following(&["a:1", "a:2"]);
    subscriptions.remove(1);
    assert!(!subscriptions.on_finished());
    subscriptions.remove(2);
    assert!(subscriptions.on_finished() && subscriptions.is_finishing());
    subscriptions.add(channel("a:3"), Since::Start);
    assert!(!subscriptions.is_finishing());
}
