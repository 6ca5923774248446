//! Random lives, each looked at by a reader of the whole story: what is to be seen is the most
//! severe message that is true, unless another went up less than five seconds ago.

use alloc::vec::Vec;

use steadfast_machine::{Millis, Rng};

use super::{Clue, MessageCode as Code, Messages, Severity};
use crate::{LinkState as State, Reason};

#[derive(Clone, Copy, Debug)]
enum Fact {
    State(State, Reason),
    Clue(Clue),
}

#[derive(Default)]
struct Story {
    facts: Vec<(u64, Fact)>,
    has_banner: bool,
    is_recovered: bool,
}

impl Story {
    fn states(&self) -> impl Iterator<Item = (u64, State, Reason)> {
        self.facts.iter().rev().filter_map(|(at, fact)| match fact {
            Fact::State(state, reason) => Some((*at, *state, *reason)),
            Fact::Clue(_) => None,
        })
    }

    /// The clues since the last state of that kind, the newest first.
    fn clues(&self, ends: impl Fn(State, Reason) -> bool) -> impl Iterator<Item = (u64, Clue)> {
        let is_within = move |fact: &Fact| match fact {
            Fact::State(state, reason) => !ends(*state, *reason),
            Fact::Clue(_) => true,
        };
        let within = self.facts.iter().rev().take_while(move |(_, fact)| is_within(fact));
        within.filter_map(|(at, fact)| match fact {
            Fact::Clue(clue) => Some((*at, *clue)),
            Fact::State(..) => None,
        })
    }

    /// When the run of states of that kind began which still goes on.
    fn run(&self, belongs: impl Fn(State, Reason) -> bool) -> Option<u64> {
        let run = self.states().take_while(|(_, state, reason)| belongs(*state, *reason));
        run.last().map(|(at, ..)| at)
    }

    /// All that is true at that time and worth saying then.
    fn truths(&self, now: u64) -> Vec<(Severity, Code)> {
        let begun = (0, State::Disconnected, Reason::Closed);
        let (entered_at, state, reason) = self.states().next().unwrap_or(begun);
        let is_dry = |state, reason| is_trying(state) || reason == Reason::Offline;
        let dry = self.run(is_dry);
        let polled = self.run(|state, _| state == State::Fallback);
        let mut ends = self.clues(is_fresh).map(|(_, clue)| clue).filter(|clue| is_end(*clue));
        let newest = ends.next();
        let is_leaving = newest == Some(Clue::Leaving) || ends.any(|end| end == Clue::Leaving);
        let flowing = self.run(|state, _| matches!(state, State::Connected | State::Fallback));
        let slow = self.poor().zip(flowing).map(|(a, b)| a.max(b));
        let trying = dry.filter(|_| is_trying(state));
        let hinted = |clue| trying.filter(|_| newest == Some(clue));
        let gap = self.clues(|_, reason| reason == Reason::Closed);
        let gap = gap.filter(|(_, clue)| *clue == Clue::Gap).map(|(at, _)| at).next();
        let recovered = (state == State::Connected && self.is_recovered).then_some(entered_at);
        [
            (Code::Recovered, recovered, 2_000),
            (Code::LinkSlow, slow, u64::MAX),
            (Code::LinkFallback, polled, u64::MAX),
            (Code::GapLost, gap, 30_000),
            (Code::LinkReconnecting, trying, u64::MAX),
            (Code::SrvBusy, hinted(Clue::Busy), u64::MAX),
            (Code::SrvMaint, trying.filter(|_| is_leaving), u64::MAX),
            (
                Code::NetOffline,
                dry.filter(|_| !is_trying(state) && state != State::Fallback),
                u64::MAX,
            ),
            (Code::Captive, hinted(Clue::Portal), u64::MAX),
            (self.verdict(), Some(0).filter(|_| reason == Reason::Rejected), u64::MAX),
        ]
        .into_iter()
        .filter_map(|(code, since, worth)| {
            let from = since? + code.show_after().0;
            let is_said = from <= now && now - from < worth;
            let is_small = code.heals() && dry.is_some_and(|since| now < since + 10_000);
            let severity = code.severity();
            let severity = if is_small { severity.min(Severity::Info) } else { severity };
            is_said.then_some((severity, code))
        })
        .collect()
    }

    fn poor(&self) -> Option<u64> {
        let ends = |state, reason| state == State::Disconnected && reason != Reason::Offline;
        let poor = self.clues(ends).filter_map(|(at, clue)| {
            if let Clue::Poor(is_poor) = clue { Some((at, is_poor)) } else { None }
        });
        poor.take_while(|(_, is_poor)| *is_poor).last().map(|(at, _)| at)
    }

    /// What the newest clue before the rejection put it down to.
    fn verdict(&self) -> Code {
        let before = self.facts.iter().rev();
        let mut before =
            before.skip_while(|(_, fact)| !matches!(fact, Fact::State(_, Reason::Rejected)));
        let blamed = before.find_map(|(_, fact)| match fact {
            Fact::Clue(Clue::TokenMissing) => Some(Code::AuthRequired),
            Fact::Clue(Clue::Disconnected) => Some(Code::Disconnected),
            Fact::Clue(Clue::TokenRefused) => Some(Code::AuthExpired),
            Fact::Clue(Clue::ClockWrong) => Some(Code::ClockSkew),
            Fact::Clue(Clue::Replaced) => Some(Code::Replaced),
            Fact::Clue(Clue::Refused) => Some(Code::Policy),
            Fact::Clue(_) | Fact::State(..) => None,
        });
        blamed.unwrap_or(Code::Policy)
    }
}

const fn is_trying(state: State) -> bool {
    matches!(state, State::Connecting | State::Reconnecting)
}

const fn is_end(clue: Clue) -> bool {
    matches!(clue, Clue::NoWord | Clue::Busy | Clue::Leaving | Clue::Portal)
}

/// Whether what ends said before no longer counts.
const fn is_fresh(state: State, reason: Reason) -> bool {
    match state {
        State::Connected | State::Fallback | State::Disconnected => true,
        State::Connecting | State::Reconnecting => {
            matches!(reason, Reason::Asked | Reason::NetworkRestored)
        }
    }
}

struct Walk {
    rng: Rng,
    now: u64,
    messages: Messages,
    story: Story,
    shown: Option<(Severity, Code)>,
    put_up_at: Option<u64>,
    seen: Vec<Code>,
}

impl Walk {
    fn step(&mut self) {
        let span = [50, 2_000, 9_000, 40_000][self.draw(4)];
        let until = self.now + u64::from(self.rng.between(0, span));
        while let Some(at) = self.messages.wake().filter(|at| at.0 <= until) {
            assert!(at.0 > self.now, "woken in vain");
            self.check(at.0 - 1);
            self.now = at.0;
            assert!(self.review(), "woken in vain");
        }
        self.now = until;
        self.check(until);
        let fact = self.fact();
        self.story.facts.push((self.now, fact));
        match fact {
            Fact::State(state, reason) => {
                self.messages.enter(Millis(self.now), state, reason);
                self.story.is_recovered = state == State::Connected && self.story.has_banner;
                let is_kept =
                    is_trying(state) || matches!(reason, Reason::Offline | Reason::Rejected);
                self.story.has_banner &= is_kept;
            }
            Fact::Clue(clue) => self.messages.on_clue(Millis(self.now), clue),
        }
        self.review();
        self.check(self.now);
    }

    fn review(&mut self) -> bool {
        let is_changed = self.messages.review(Millis(self.now), None);
        let shown = self.messages.message().map(|message| (message.severity, message.code));
        assert_eq!(is_changed, shown != self.shown);
        if is_changed && let Some((severity, code)) = shown {
            let is_paced = self.put_up_at.is_some_and(|at| self.now < at + 5_000);
            assert!(!is_paced || code == Code::Recovered, "{code:?} comes too soon");
            self.put_up_at = Some(self.now);
            self.story.has_banner |= severity >= Severity::Warn && code != Code::GapLost;
            self.seen.push(code);
        }
        self.shown = shown;
        is_changed
    }

    fn check(&self, at: u64) {
        let truths = self.story.truths(at);
        let best = truths.iter().max().copied();
        if self.shown != best {
            let is_paced = self.put_up_at.is_some_and(|up| at < up + 5_000);
            let story = &self.story.facts[self.story.facts.len().saturating_sub(8)..];
            assert!(is_paced, "{:?}, not {best:?}, at {at} after {story:?}", self.shown);
            assert!(best.is_none_or(|(_, code)| code != Code::Recovered), "{best:?} is held back");
        }
        let Some((_, code)) = self.shown else { return };
        assert!(truths.iter().any(|truth| truth.1 == code), "{code:?} is not true at {at}");
        let state = self.story.states().next();
        if state.is_some_and(|(_, _, reason)| reason == Reason::Offline) {
            assert!(!matches!(code, Code::SrvBusy | Code::SrvMaint), "{code:?} while offline");
        }
    }

    fn fact(&mut self) -> Fact {
        let ends = [Clue::NoWord, Clue::NoWord, Clue::Busy, Clue::Leaving, Clue::Portal];
        let verdicts = [
            Clue::TokenRefused,
            Clue::TokenMissing,
            Clue::ClockWrong,
            Clue::Replaced,
            Clue::Disconnected,
            Clue::Refused,
        ];
        let others = [Clue::Gap, Clue::Poor(true), Clue::Poor(true), Clue::Poor(false)];
        match self.draw(16) {
            0..=3 => Fact::Clue(ends[self.draw(5)]),
            4 => Fact::Clue(verdicts[self.draw(6)]),
            5 | 6 => Fact::Clue(others[self.draw(4)]),
            _ => self.state(),
        }
    }

    /// A state that may follow the last one.
    fn state(&mut self) -> Fact {
        let (_, old, reason) =
            self.story.states().next().unwrap_or((0, State::Disconnected, Reason::Closed));
        let n = self.draw(16);
        let (state, reason) = match (old, n) {
            (State::Disconnected, _) if reason == Reason::Offline => {
                (State::Reconnecting, Reason::NetworkRestored)
            }
            (State::Disconnected, _) => (State::Connecting, Reason::Asked),
            (_, 0) => (State::Disconnected, Reason::Closed),
            (_, 1) => (State::Disconnected, Reason::Finished),
            (_, 2) => (State::Disconnected, Reason::Rejected),
            (_, 3 | 4) => (State::Disconnected, Reason::Offline),
            (State::Connected, _) | (State::Fallback, 5 | 6) => (State::Reconnecting, Reason::Lost),
            (State::Connecting | State::Reconnecting, 5..=8) => {
                (State::Fallback, Reason::WebSocketBlocked)
            }
            (State::Fallback | State::Connecting | State::Reconnecting, _) => {
                (State::Connected, Reason::Welcomed)
            }
        };
        Fact::State(state, reason)
    }

    fn draw(&mut self, bound: u32) -> usize {
        self.rng.between(0, bound - 1) as usize
    }
}

#[test]
fn every_life_shows_the_most_severe_truth() {
    let mut seen = Vec::new();
    for seed in 0..300 {
        let mut walk = Walk {
            rng: Rng::new(seed),
            now: 0,
            messages: Messages::new(),
            story: Story::default(),
            shown: None,
            put_up_at: None,
            seen: Vec::new(),
        };
        for _ in 0..150 {
            walk.step();
        }
        seen.append(&mut walk.seen);
    }
    for code in Code::ALL {
        assert!(seen.contains(&code), "{code:?} was never shown");
    }
}
