//! One pulse: its two deadlines, what clears them, and what is timed.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ClientFrame, HeartbeatTerms, Scalar};

use super::{Beat, Patience, Pulse};
use crate::wake::Why;

const PATIENCE: Patience = Patience { soft: Some(Span(1000)), hard: Span(4000) };

fn pulse() -> Pulse {
    Pulse::new(HeartbeatTerms { interval: 15_000, timeout: 10_000 }, Millis(0))
}

fn send(pulse: &mut Pulse, now: u64) {
    assert!(matches!(pulse.due(Millis(now), PATIENCE), Beat::Send(_)));
}

fn ack(pulse: &mut Pulse, id: u64, now: u64) -> Option<Span> {
    pulse.hear();
    pulse.on_ack(Some(&Scalar::number(id)), Millis(now))
}

#[test]
fn doubt_comes_once_and_the_verdict_follows_from_the_first_question() {
    let mut pulse = pulse();
    send(&mut pulse, 15_000);
    assert_eq!((pulse.wake().at, pulse.wake().why), (Millis(16_000), Why::Doubt));
    assert!(matches!(pulse.due(Millis(15_999), PATIENCE), Beat::Nothing));
    assert!(matches!(pulse.due(Millis(16_000), PATIENCE), Beat::Doubt(_)));
    assert!(pulse.is_doubted());
    assert_eq!((pulse.wake().at, pulse.wake().why), (Millis(19_000), Why::HeartbeatTimeout));
    assert!(matches!(pulse.due(Millis(18_999), PATIENCE), Beat::Nothing));
    assert!(matches!(pulse.due(Millis(19_000), PATIENCE), Beat::Dead));
}

#[test]
fn any_sign_of_life_clears_doubt_and_the_late_answer_is_still_timed() {
    let mut pulse = pulse();
    send(&mut pulse, 15_000);
    assert!(matches!(pulse.due(Millis(16_000), PATIENCE), Beat::Doubt(_)));
    assert_eq!(ack(&mut pulse, 1, 17_500), Some(Span(2500)));
    assert!(!pulse.is_doubted() && !pulse.is_waiting());
    assert_eq!(ack(&mut pulse, 2, 17_600), None);
    assert_eq!(ack(&mut pulse, 1, 17_700), None, "a duplicate");
}

#[test]
fn after_sleep_nothing_from_before_it_is_timed_or_waited_for() {
    let mut pulse = pulse();
    send(&mut pulse, 15_000);
    pulse.renew(Millis(60_000));
    assert_eq!(ack(&mut pulse, 1, 60_000), None);
    assert!(pulse.is_answered());
    assert!(pulse.is_probe_due());
    send(&mut pulse, 60_000);
    assert_eq!(ack(&mut pulse, 1, 60_010), None);
    assert_eq!(ack(&mut pulse, 2, 60_020), Some(Span(20)));
}

#[test]
fn what_is_heard_meanwhile_does_not_hide_sleep_from_the_answer_that_is_timed() {
    let mut pulse = pulse();
    send(&mut pulse, 15_000);
    pulse.hear();
    assert!(pulse.is_timing());
    assert_eq!((pulse.wake().at, pulse.wake().why), (Millis(16_000), Why::Doubt));
    assert!(matches!(pulse.due(Millis(16_000), PATIENCE), Beat::Nothing));
    assert_eq!((pulse.wake().at, pulse.wake().why), (Millis(30_000), Why::Heartbeat));
    assert!(!pulse.is_timing());
    assert_eq!(ack(&mut pulse, 1, 19_001), None, "later than any verdict");
}

#[test]
fn a_longer_interval_begins_with_the_heartbeat_that_tells_it() {
    let mut pulse = pulse();
    pulse.pace(Millis(1000), Some(Span(55_000)));
    assert_eq!(pulse.wake().at, Millis(15_000));
    let Beat::Send(ClientFrame::Heartbeat(beat)) = pulse.due(Millis(15_000), PATIENCE) else {
        panic!("no heartbeat");
    };
    assert_eq!(beat.next_ms, Some(55_000));
    assert_eq!(ack(&mut pulse, 1, 15_040), Some(Span(40)));
    assert_eq!(pulse.wake().at, Millis(70_000));
    pulse.pace(Millis(30_000), None);
    assert_eq!(pulse.wake().at, Millis(45_000));
}

#[test]
fn patience_keeps_within_the_timeout_and_leaves_room_to_notice_sleep() {
    let patience = |soft, hard| Patience::new(Span(soft), Span(hard), Span(10_000));
    assert_eq!(patience(5000, 11_000), Patience { soft: Some(Span(5000)), hard: Span(10_000) });
    assert_eq!(patience(3000, 4000), Patience { soft: Some(Span(2000)), hard: Span(4000) });
}
