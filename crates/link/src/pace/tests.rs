//! The pace at the limits that servers tell, and what waits for its turn.

use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, ChannelRequest, ClientFrame, LinkLimits, Since};

use super::Pace;

fn limits(frames_per_second: u64, frames_burst: u64) -> LinkLimits {
    let (message_bytes, queue_messages, channels) = (1 << 20, 32, 128);
    LinkLimits { message_bytes, queue_messages, channels, frames_per_second, frames_burst }
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn follow(pace: &mut Pace, name: &str, is_known: bool) {
    let request = ChannelRequest { id: None, channel: channel(name), since: Since::Start };
    pace.push(channel(name), ClientFrame::Subscribe(request), is_known);
}

fn leave(pace: &mut Pace, name: &str) {
    let frame = ClientFrame::Unsubscribe { id: None, channel: channel(name) };
    pace.push(channel(name), frame, true);
}

/// What is sent at that time.
fn sent(pace: &mut Pace, now: u64) -> Vec<ClientFrame> {
    let mut all = Vec::new();
    while let Some(frame) = pace.next(Millis(now)) {
        pace.count(Millis(now));
        all.push(frame);
    }
    all
}

/// P-69
#[test]
fn a_burst_is_three_quarters_of_the_servers_and_the_rest_is_paced() {
    for (per_second, burst, at_once, pause) in
        [(50, 200, 150, 25), (10, 8, 6, 125), (0, 0, 1, 1250)]
    {
        let mut pace = Pace::default();
        pace.meet(Millis(1_000), &limits(per_second, burst));
        for n in 0..200 {
            follow(&mut pace, &alloc::format!("a:{n}"), false);
        }
        assert_eq!(sent(&mut pace, 1_000).len(), at_once);
        assert_eq!(pace.wake(), Some(Millis(1_000 + pause)));
        assert_eq!(sent(&mut pace, 1_000 + pause - 1).len(), 0);
        assert_eq!(sent(&mut pace, 1_000 + pause).len(), 1);
        let expected = Millis(1_000 + pause * (200 - at_once as u64));
        assert_eq!(
            pace.request_at(Millis(1_000 + pause)),
            expected + steadfast_machine::Span(pause)
        );
    }
}

/// P-69
#[test]
fn what_is_undone_before_its_turn_is_not_said() {
    let mut pace = Pace::default();
    pace.meet(Millis(0), &limits(50, 2));
    assert_eq!(pace.wake(), None);
    follow(&mut pace, "a:1", false);
    follow(&mut pace, "b:2", false);
    leave(&mut pace, "b:2");
    assert_eq!(sent(&mut pace, 10_000).len(), 1, "the first alone");
    follow(&mut pace, "c:3", true);
    leave(&mut pace, "c:3");
    let left = sent(&mut pace, 20_000);
    assert!(matches!(left[..], [ClientFrame::Unsubscribe { .. }]), "the server may follow it");
    follow(&mut pace, "d:4", false);
    follow(&mut pace, "d:4", true);
    assert_eq!(sent(&mut pace, 30_000).len(), 1, "the later one says where the app is");
    follow(&mut pace, "e:5", false);
    pace.part();
    assert_eq!(pace.wake(), None);
}
