//! Single lives of a link, told to the machine alone.

use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};

use super::{Clue, Message, MessageCode as Code, Messages, Severity};
use crate::{LinkState, Reason};

/// What was to be seen, and from when on.
type Seen = (u64, Option<(Code, Severity)>);

struct Life {
    messages: Messages,
    now: u64,
    seen: Vec<Seen>,
}

impl Life {
    fn new() -> Self {
        let mut life = Self { messages: Messages::new(), now: 0, seen: Vec::new() };
        life.enter(0, LinkState::Connected, Reason::Welcomed);
        life
    }

    fn pass(&mut self, until: u64) {
        while let Some(at) = self.messages.wake().filter(|at| at.0 <= until) {
            assert!(at.0 > self.now, "woken in vain");
            self.now = at.0;
            assert!(self.review(None), "woken in vain");
        }
        self.now = until;
    }

    fn review(&mut self, next_try: Option<u64>) -> bool {
        let is_changed = self.messages.review(Millis(self.now), next_try.map(Millis));
        if is_changed {
            let told = self.messages.message().map(|one| (one.code, one.severity));
            self.seen.push((self.now, told));
        }
        is_changed
    }

    fn enter(&mut self, at: u64, state: LinkState, reason: Reason) {
        self.pass(at);
        self.messages.enter(Millis(at), state, reason);
        self.review(None);
    }

    fn lose(&mut self, at: u64) {
        self.end(at, Clue::NoWord, Reason::Lost);
    }

    fn end(&mut self, at: u64, clue: Clue, reason: Reason) {
        self.pass(at);
        self.messages.on_clue(Millis(at), clue);
        self.enter(at, LinkState::Reconnecting, reason);
    }

    fn on_clue(&mut self, at: u64, clue: Clue) {
        self.pass(at);
        self.messages.on_clue(Millis(at), clue);
        self.review(None);
    }

    fn welcome(&mut self, at: u64) {
        self.enter(at, LinkState::Connected, Reason::Welcomed);
    }

    fn seen(mut self, until: u64) -> Vec<Seen> {
        self.pass(until);
        self.seen
    }
}

const fn info(at: u64, code: Code) -> Seen {
    (at, Some((code, Severity::Info)))
}

const fn loud(at: u64, code: Code) -> Seen {
    (at, Some((code, code.severity())))
}

#[test]
fn codes_are_ordered_by_severity() {
    assert!(Code::ALL.is_sorted_by_key(|code| (code.severity(), *code)));
}

#[test]
fn a_blip_of_two_seconds_shows_nothing() {
    let mut life = Life::new();
    for n in 1..20 {
        life.lose(n * 10_000);
        life.welcome(n * 10_000 + 2_000);
    }
    assert_eq!(life.seen(500_000), []);
}

#[test]
fn small_after_three_seconds_a_banner_after_ten_and_well_again_for_two() {
    let mut life = Life::new();
    life.lose(1_000);
    life.welcome(13_000);
    let seen = life.seen(500_000);
    let expected = [
        info(4_000, Code::LinkReconnecting),
        loud(11_000, Code::LinkReconnecting),
        info(13_000, Code::Recovered),
        (15_000, None),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn without_a_banner_it_ends_without_a_word() {
    let mut life = Life::new();
    life.lose(0);
    life.welcome(9_999);
    assert_eq!(life.seen(500_000), [info(3_000, Code::LinkReconnecting), (9_999, None)]);
}

#[test]
fn no_network_outdoes_the_server() {
    let mut life = Life::new();
    life.end(0, Clue::Busy, Reason::Lost);
    life.enter(4_000, LinkState::Disconnected, Reason::Offline);
    life.on_clue(6_000, Clue::Busy);
    life.enter(20_000, LinkState::Reconnecting, Reason::NetworkRestored);
    let expected = [
        info(3_000, Code::SrvBusy),
        (4_000, None),
        info(8_000, Code::NetOffline),
        loud(13_000, Code::NetOffline),
        loud(20_000, Code::LinkReconnecting),
    ];
    assert_eq!(life.seen(100_000), expected);
}

// P-106.
#[test]
fn a_slow_link_is_not_told_while_polls_go_unanswered() {
    let mut life = Life::new();
    life.on_clue(0, Clue::Poor(true));
    life.enter(40_000, LinkState::Fallback, Reason::WebSocketBlocked);
    life.on_clue(41_000, Clue::Stalled(true));
    life.on_clue(42_000, Clue::Stalled(false));
    life.on_clue(50_000, Clue::Stalled(true));
    life.on_clue(65_000, Clue::Stalled(false));
    life.welcome(70_000);
    let expected = [
        loud(30_000, Code::LinkSlow),
        (41_000, None),
        info(43_000, Code::LinkFallback),
        (50_000, None),
        info(53_000, Code::LinkReconnecting),
        loud(60_000, Code::LinkReconnecting),
        info(65_000, Code::LinkFallback),
        // Events had flowed again before: there is no word that all is well again.
        (70_000, None),
        loud(95_000, Code::LinkSlow),
    ];
    assert_eq!(life.seen(500_000), expected);
}

#[test]
fn a_busy_server_says_when_and_another_end_unsays_it() {
    let mut life = Life::new();
    life.end(0, Clue::Busy, Reason::Lost);
    life.review(Some(4_500));
    life.pass(3_000);
    let busy = Message { code: Code::SrvBusy, severity: Severity::Info, retry_in_ms: Some(1_500) };
    assert_eq!(life.messages.message(), Some(busy));
    life.on_clue(5_000, Clue::NoWord);
    let expected = [info(3_000, Code::SrvBusy), (5_000, None), info(8_000, Code::LinkReconnecting)];
    assert_eq!(life.seen(9_000), expected);
}

#[test]
fn a_server_that_left_is_in_maintenance_after_ten_seconds() {
    let mut life = Life::new();
    life.end(0, Clue::Leaving, Reason::ServerAsked);
    life.on_clue(5_000, Clue::NoWord);
    let expected = [info(3_000, Code::LinkReconnecting), loud(10_000, Code::SrvMaint)];
    assert_eq!(life.seen(100_000), expected);
}

#[test]
fn polling_is_told_once_it_lasts_and_a_gap_for_a_while() {
    let mut life = Life::new();
    life.lose(0);
    life.enter(1_000, LinkState::Fallback, Reason::WebSocketBlocked);
    life.on_clue(20_000, Clue::Gap);
    life.welcome(60_000);
    let expected = [
        info(4_000, Code::LinkFallback),
        loud(20_000, Code::GapLost),
        info(50_000, Code::LinkFallback),
        (60_000, None),
    ];
    assert_eq!(life.seen(100_000), expected);
}

#[test]
fn a_poor_network_is_told_after_thirty_seconds() {
    let mut life = Life::new();
    life.on_clue(0, Clue::Poor(true));
    life.on_clue(20_000, Clue::Poor(true));
    life.on_clue(40_000, Clue::Poor(false));
    assert_eq!(life.seen(100_000), [info(30_000, Code::LinkSlow), (40_000, None)]);
}

#[test]
fn a_network_that_was_poor_in_an_outage_gets_another_chance() {
    let mut life = Life::new();
    life.lose(0);
    life.on_clue(1_000, Clue::Poor(true));
    life.welcome(60_000);
    let seen = life.seen(100_000);
    let after = [info(60_000, Code::Recovered), (62_000, None), info(90_000, Code::LinkSlow)];
    assert_eq!(seen[2..], after);
}

#[test]
fn a_rejection_is_told_by_its_cause_until_the_app_asks_anew() {
    for (clue, code) in [
        (Clue::TokenMissing, Code::AuthRequired),
        (Clue::TokenRefused, Code::AuthExpired),
        (Clue::Disconnected, Code::Disconnected),
        (Clue::ClockWrong, Code::ClockSkew),
        (Clue::Replaced, Code::Replaced),
        (Clue::Refused, Code::Policy),
    ] {
        let mut life = Life::new();
        life.on_clue(1_000, clue);
        life.enter(1_000, LinkState::Disconnected, Reason::Rejected);
        life.on_clue(2_000, Clue::Refused);
        life.enter(60_000, LinkState::Connecting, Reason::Asked);
        life.welcome(61_000);
        let expected =
            [loud(1_000, code), (60_000, None), info(61_000, Code::Recovered), (63_000, None)];
        assert_eq!(life.seen(100_000), expected);
    }
}

#[test]
fn a_portal_needs_people_so_it_is_never_small() {
    let mut life = Life::new();
    life.end(0, Clue::Portal, Reason::Unreachable);
    life.enter(9_000, LinkState::Disconnected, Reason::Closed);
    assert_eq!(life.seen(100_000), [loud(3_000, Code::Captive), (9_000, None)]);
}

#[test]
fn sleep_ages_no_outage() {
    let mut life = Life::new();
    life.lose(0);
    life.now = 3_600_000;
    life.messages.sleep(Span(3_597_000));
    life.review(None);
    life.pass(3_610_000);
    let expected =
        [info(3_600_000, Code::LinkReconnecting), loud(3_607_000, Code::LinkReconnecting)];
    assert_eq!(life.seen, expected);
}
