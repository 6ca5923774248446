//! One session's health: what is due on it, what its answers tell, and what its end costs.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ClientFrame, HeartbeatTerms, LinkId, LinkLimits, Scalar, Welcome};

use super::{Health, SessionAction};
use crate::device::Device;
use crate::end::End;
use crate::quality::Flow;
use crate::statistics::Statistics;
use crate::{Config, Grade, Why};

const TIME: &str = "2026-02-28T00:00:09.000Z";

fn config() -> Config {
    Config::new(LinkId::new("link-0001").unwrap(), 1)
}

fn welcome() -> Welcome {
    Welcome {
        link: config().link,
        node: "n1".into(),
        region: "r1".into(),
        heartbeat: HeartbeatTerms { interval: 15_000, timeout: 10_000 },
        limits: LinkLimits {
            message_bytes: 1 << 20,
            queue_messages: 32,
            channels: 128,
            frames_per_second: 50,
            frames_burst: 200,
            publish_bytes_per_second: None,
            publish_bytes_burst: None,
        },
        crash_window_ms: 5000,
        path_idle_limit_ms: None,
        token_expires_in_ms: None,
        server_time: TIME.into(),
    }
}

fn on_session() -> Health {
    let mut health = Health::new(Device::new().bounds(&config()));
    health.on_hello(Millis(0));
    health.on_welcome(Millis(40), 7, &welcome());
    health
}

/// Sends the heartbeat that is due then.
fn beat(health: &mut Health, now: u64) {
    let action = health.next_action(Millis(now), &config());
    let Some(SessionAction::Say(mut frame)) = action else { panic!("{action:?}") };
    health.on_send(Millis(now), &mut frame, &Statistics::default());
    assert!(matches!(frame, ClientFrame::Heartbeat(_)));
}

#[test]
fn without_a_session_nothing_is_due() {
    let mut health = Health::new(Device::new().bounds(&config()));
    assert!(health.next_deadline(&config()).is_none());
    assert!(health.next_action(Millis(9_000_000), &config()).is_none());
    assert!(health.probe(Millis(0), &config()).is_none());
    assert!(!health.is_suspect(Millis(0)));
}

#[test]
fn a_heartbeat_that_is_answered_gives_its_round_trip() {
    let mut health = on_session();
    assert_eq!(health.socket(), Some(7));
    let wake = health.next_deadline(&config()).unwrap();
    assert_eq!((wake.at, wake.why), (Millis(15_040), Why::Heartbeat));
    beat(&mut health, 15_040);
    health.on_activity(Millis(15_100));
    let id = Scalar::number(1);
    let rtt = health.on_heartbeat_ack(Millis(15_100), Some(&id), TIME);
    assert_eq!(rtt, Some(Span(60)));
    assert_eq!(health.on_heartbeat_ack(Millis(15_110), Some(&id), TIME), None, "a second answer");
}

#[test]
fn silence_is_doubted_and_then_ends_the_session() {
    let mut health = on_session();
    beat(&mut health, 15_040);
    let mut ends = 0;
    while let Some(wake) = health.next_deadline(&config()).filter(|_| ends == 0) {
        match health.next_action(wake.at, &config()) {
            Some(SessionAction::Doubt(_)) => assert!(health.is_suspect(wake.at)),
            Some(SessionAction::End(end)) => {
                assert_eq!(end, End::Silent);
                ends += 1;
            }
            Some(SessionAction::Say(_) | SessionAction::Leave) | None => {}
        }
    }
    health.on_session_end(Millis(30_000), End::Silent);
    assert_eq!(health.take_session().map(|session| session.since()), Some(Millis(40)));
    assert!(health.next_deadline(&config()).is_none());
}

#[test]
fn a_lost_session_costs_quality_and_one_that_was_to_leave_does_not() {
    let score = |is_leaving: bool| {
        let mut health = on_session();
        if is_leaving {
            health.on_go_away(Millis(90_000));
        }
        health.review(Millis(40), Flow::Live);
        health.on_session_end(Millis(50), End::Silent);
        health.report(Millis(50), None, Flow::Live).score
    };
    assert!(score(false) < score(true));
    let health = on_session();
    assert_eq!(health.report(Millis(50), None, Flow::Live).grade, Grade::Unknown);
}
