//! The machine from outside: limits, statistics between inputs, settings of nothing.

use alloc::format;
use alloc::vec::Vec;

use steadfast_machine::{Machine as _, Millis, Span};
use steadfast_protocol::{ChannelName, LinkId, Since};

use super::Link;
use crate::{Config, DialFailure, Input, LinkState, Notice, Output, Why};

fn link() -> Link {
    Link::new(Config::new(LinkId::new("link-0001").unwrap(), 1))
}

fn tell(link: &mut Link, now: u64, input: Input) -> Vec<Output> {
    link.handle(Millis(now), input);
    core::iter::from_fn(|| link.poll()).collect()
}

/// P-29
#[test]
fn as_many_channels_as_allowed_and_not_one_more() {
    let mut link = link();
    for n in 1..=128 {
        let channel = ChannelName::new(&format!("a:{n}")).unwrap();
        assert!(tell(&mut link, 0, Input::Subscribe { channel, since: Since::Start }).is_empty());
    }
    let channel = ChannelName::new("a:129").unwrap();
    let outputs = tell(&mut link, 0, Input::Subscribe { channel, since: Since::Start });
    assert!(matches!(outputs.as_slice(), [Output::Tell(Notice::Refused { .. })]));
    assert_eq!(link.channels().count(), 128);
}

#[test]
fn statistics_are_right_between_inputs_and_leave_sleep_out() {
    let mut link = link();
    tell(&mut link, 1000, Input::Connect);
    tell(&mut link, 1500, Input::SocketFailed { socket: 1, failure: DialFailure::Unreachable });
    let wake = link.wake().unwrap();
    assert_eq!(wake.why, Why::Backoff);
    let awake = link.statistics(wake.at);
    assert_eq!(awake.total_downtime, wake.at.since(Millis(1000)));
    let asleep = link.statistics(wake.at + Span::seconds(3600));
    assert_eq!(asleep.total_downtime, awake.total_downtime);
    assert_eq!(link.state(), LinkState::Reconnecting);
}

#[test]
fn an_app_can_count_down_to_the_next_attempt() {
    let mut link = link();
    assert_eq!(link.next_attempt_at(), None);
    tell(&mut link, 1000, Input::Connect);
    assert_eq!(link.next_attempt_at(), None, "one is under way");
    tell(&mut link, 1500, Input::SocketFailed { socket: 1, failure: DialFailure::Unreachable });
    assert_eq!(link.next_attempt_at(), link.wake().map(|wake| wake.at));
    tell(&mut link, 1600, Input::Close);
    assert_eq!(link.next_attempt_at(), None);
}

#[test]
fn spans_of_nothing_do_not_spin() {
    let mut config = Config::new(LinkId::new("link-0001").unwrap(), 1);
    for span in [
        &mut config.backoff_min,
        &mut config.backoff_max,
        &mut config.delay_floor,
        &mut config.connect_timeout,
        &mut config.fallback_effort,
    ] {
        *span = Span::ZERO;
    }
    let mut link = Link::new(config);
    tell(&mut link, 0, Input::Connect);
    for _ in 0..100 {
        let at = link.wake().unwrap().at;
        tell(&mut link, at.0, Input::Tick);
        assert!(link.wake().unwrap().at > at);
    }
}
