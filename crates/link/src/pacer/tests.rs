//! The pace at the limits that servers tell, and what waits for its turn.

use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, ChannelRequest, ClientFrame, LinkLimits, Since};

use super::FramePacer;

fn limits(frames_per_second: u64, frames_burst: u64) -> LinkLimits {
    let (message_bytes, queue_messages, channels) = (1 << 20, 32, 128);
    LinkLimits {
        message_bytes,
        queue_messages,
        channels,
        frames_per_second,
        frames_burst,
        publish_bytes_per_second: None,
        publish_bytes_burst: None,
    }
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn follow(pacer: &mut FramePacer, name: &str, is_known: bool) {
    let request = ChannelRequest { id: None, channel: channel(name), since: Since::Start };
    pacer.push(channel(name), ClientFrame::Subscribe(request), is_known);
}

fn leave(pacer: &mut FramePacer, name: &str) {
    let frame = ClientFrame::Unsubscribe { id: None, channel: channel(name) };
    pacer.push(channel(name), frame, true);
}

/// What is sent at that time.
fn sent(pacer: &mut FramePacer, now: u64) -> Vec<ClientFrame> {
    let mut all = Vec::new();
    while let Some(frame) = pacer.next(Millis(now)) {
        pacer.on_sent(Millis(now));
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
        let mut pacer = FramePacer::default();
        pacer.on_welcome(Millis(1_000), &limits(per_second, burst));
        for n in 0..200 {
            follow(&mut pacer, &alloc::format!("a:{n}"), false);
        }
        assert_eq!(sent(&mut pacer, 1_000).len(), at_once);
        assert_eq!(pacer.next_deadline().map(|wake| wake.at), Some(Millis(1_000 + pause)));
        assert_eq!(sent(&mut pacer, 1_000 + pause - 1).len(), 0);
        assert_eq!(sent(&mut pacer, 1_000 + pause).len(), 1);
        let expected = Millis(1_000 + pause * (200 - at_once as u64));
        assert_eq!(
            pacer.request_at(Millis(1_000 + pause)),
            expected + steadfast_machine::Span(pause)
        );
    }
}

/// P-69
#[test]
fn what_is_undone_before_its_turn_is_not_said() {
    let mut pacer = FramePacer::default();
    pacer.on_welcome(Millis(0), &limits(50, 2));
    assert_eq!(pacer.next_deadline().map(|wake| wake.at), None);
    follow(&mut pacer, "a:1", false);
    follow(&mut pacer, "b:2", false);
    leave(&mut pacer, "b:2");
    assert_eq!(sent(&mut pacer, 10_000).len(), 1, "the first alone");
    follow(&mut pacer, "c:3", true);
    leave(&mut pacer, "c:3");
    let left = sent(&mut pacer, 20_000);
    assert!(matches!(left[..], [ClientFrame::Unsubscribe { .. }]), "the server may follow it");
    follow(&mut pacer, "d:4", false);
    follow(&mut pacer, "d:4", true);
    assert_eq!(sent(&mut pacer, 30_000).len(), 1, "the later one says where the app is");
    follow(&mut pacer, "e:5", false);
    pacer.on_session_lost();
    assert_eq!(pacer.next_deadline().map(|wake| wake.at), None);
}
