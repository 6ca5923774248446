//! One pulse: its two deadlines, what clears them, and what is timed.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ClientFrame, HeartbeatTerms, Scalar};

use super::{AnswerTimeouts, HeartbeatAction, HeartbeatTimer};
use crate::wake::Why;

const PATIENCE: AnswerTimeouts = AnswerTimeouts { soft: Some(Span(1000)), hard: Span(4000) };

fn heartbeat() -> HeartbeatTimer {
    HeartbeatTimer::new(HeartbeatTerms { interval: 15_000, timeout: 10_000 }, Millis(0))
}

fn send(heartbeat: &mut HeartbeatTimer, now: u64) {
    assert!(matches!(heartbeat.due(Millis(now), PATIENCE), HeartbeatAction::Send(_)));
}

fn ack(heartbeat: &mut HeartbeatTimer, id: u64, now: u64) -> Option<Span> {
    heartbeat.on_activity();
    heartbeat.on_ack(Some(&Scalar::number(id)), Millis(now))
}

#[test]
fn doubt_comes_once_and_the_verdict_follows_from_the_first_question() {
    let mut heartbeat = heartbeat();
    send(&mut heartbeat, 15_000);
    assert_eq!((heartbeat.wake().at, heartbeat.wake().why), (Millis(16_000), Why::Doubt));
    assert!(matches!(heartbeat.due(Millis(15_999), PATIENCE), HeartbeatAction::Nothing));
    assert!(matches!(heartbeat.due(Millis(16_000), PATIENCE), HeartbeatAction::Doubt(_)));
    assert!(heartbeat.is_doubted());
    assert_eq!(
        (heartbeat.wake().at, heartbeat.wake().why),
        (Millis(19_000), Why::HeartbeatTimeout)
    );
    assert!(matches!(heartbeat.due(Millis(18_999), PATIENCE), HeartbeatAction::Nothing));
    assert!(matches!(heartbeat.due(Millis(19_000), PATIENCE), HeartbeatAction::Dead));
}

#[test]
fn any_sign_of_life_clears_doubt_and_the_late_answer_is_still_timed() {
    let mut heartbeat = heartbeat();
    send(&mut heartbeat, 15_000);
    assert!(matches!(heartbeat.due(Millis(16_000), PATIENCE), HeartbeatAction::Doubt(_)));
    assert_eq!(ack(&mut heartbeat, 1, 17_500), Some(Span(2500)));
    assert!(!heartbeat.is_doubted() && !heartbeat.is_waiting());
    assert_eq!(ack(&mut heartbeat, 2, 17_600), None);
    assert_eq!(ack(&mut heartbeat, 1, 17_700), None, "a duplicate");
}

#[test]
fn after_sleep_nothing_from_before_it_is_timed_or_waited_for() {
    let mut heartbeat = heartbeat();
    send(&mut heartbeat, 15_000);
    heartbeat.renew(Millis(60_000));
    assert_eq!(ack(&mut heartbeat, 1, 60_000), None);
    assert!(heartbeat.is_answered());
    assert!(heartbeat.is_probe_due());
    send(&mut heartbeat, 60_000);
    assert_eq!(ack(&mut heartbeat, 1, 60_010), None);
    assert_eq!(ack(&mut heartbeat, 2, 60_020), Some(Span(20)));
}

#[test]
fn what_is_heard_meanwhile_does_not_hide_sleep_from_the_answer_that_is_timed() {
    let mut heartbeat = heartbeat();
    send(&mut heartbeat, 15_000);
    heartbeat.on_activity();
    assert!(heartbeat.is_timing());
    assert_eq!((heartbeat.wake().at, heartbeat.wake().why), (Millis(16_000), Why::Doubt));
    assert!(matches!(heartbeat.due(Millis(16_000), PATIENCE), HeartbeatAction::Nothing));
    assert_eq!((heartbeat.wake().at, heartbeat.wake().why), (Millis(30_000), Why::Heartbeat));
    assert!(!heartbeat.is_timing());
    assert_eq!(ack(&mut heartbeat, 1, 19_001), None, "later than any verdict");
}

#[test]
fn a_longer_interval_begins_with_the_heartbeat_that_tells_it() {
    let mut heartbeat = heartbeat();
    heartbeat.pace(Millis(1000), Some(Span(55_000)));
    assert_eq!(heartbeat.wake().at, Millis(15_000));
    let HeartbeatAction::Send(ClientFrame::Heartbeat(beat)) =
        heartbeat.due(Millis(15_000), PATIENCE)
    else {
        panic!("no heartbeat");
    };
    assert_eq!(beat.next_ms, Some(55_000));
    assert_eq!(ack(&mut heartbeat, 1, 15_040), Some(Span(40)));
    assert_eq!(heartbeat.wake().at, Millis(70_000));
    heartbeat.pace(Millis(30_000), None);
    assert_eq!(heartbeat.wake().at, Millis(45_000));
}

#[test]
fn patience_keeps_within_the_timeout_and_leaves_room_to_notice_sleep() {
    let timeouts = |soft, hard| AnswerTimeouts::new(Span(soft), Span(hard), Span(10_000));
    assert_eq!(
        timeouts(5000, 11_000),
        AnswerTimeouts { soft: Some(Span(5000)), hard: Span(10_000) }
    );
    assert_eq!(timeouts(3000, 4000), AnswerTimeouts { soft: Some(Span(2000)), hard: Span(4000) });
}
