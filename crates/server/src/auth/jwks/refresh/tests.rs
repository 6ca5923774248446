//! When a set is fetched, in virtual time.

use steadfast_machine::{Machine, Millis, Span};

use super::{
    ASKED_MAX, EMPTY_PAUSE, JwksRefresh, KeyAnswer, RefreshInput, RefreshOutput, RefreshRules,
};

const RULES: RefreshRules = RefreshRules {
    refresh: Span::seconds(300),
    pause: Span::seconds(30),
    stale_max: Some(Span::seconds(3600)),
};

/// A machine, the time, and every fetch so far.
struct World {
    machine: JwksRefresh,
    now: Millis,
    fetches: Vec<Millis>,
    discards: Vec<Millis>,
}

impl World {
    fn new(rules: RefreshRules) -> Self {
        let now = Millis(1_000);
        let machine = JwksRefresh::new(now, rules, 7);
        let mut world = Self { machine, now, fetches: Vec::new(), discards: Vec::new() };
        world.hand(RefreshInput::Tick);
        world
    }

    /// One whose first fetch has succeeded.
    fn loaded(rules: RefreshRules) -> Self {
        let mut world = Self::new(rules);
        world.hand(RefreshInput::Fetched);
        world
    }

    fn hand(&mut self, input: RefreshInput) {
        self.machine.handle(self.now, input);
        while let Some(output) = self.machine.poll() {
            match output {
                RefreshOutput::Fetch => self.fetches.push(self.now),
                RefreshOutput::Discard => self.discards.push(self.now),
            }
        }
    }

    /// Goes on to the next wake, at most by `most`; how long that took.
    fn wakes(&mut self, most: Span) -> Span {
        let wake = self.machine.wake().map_or(self.now + most, |wake| wake.at);
        let before = self.now;
        self.now = wake.min(before + most).max(before);
        self.hand(RefreshInput::Tick);
        self.now.since(before)
    }

    /// The same until a fetch begins; how long that took.
    fn until_fetch(&mut self) -> Span {
        let (begun, before) = (self.fetches.len(), self.now);
        while self.fetches.len() == begun {
            assert!(self.wakes(Span::seconds(86_400)) < Span::seconds(86_400), "it never fetches");
        }
        self.now.since(before)
    }

    fn asks(&mut self, kid: &str) -> KeyAnswer {
        let answer = self.machine.ask(self.now, Some(kid));
        self.hand(RefreshInput::Tick);
        answer
    }
}

fn about(span: Span, expected: Span) -> bool {
    (expected.0 * 9 / 10..=expected.0 * 11 / 10).contains(&span.0)
}

#[test]
fn a_set_is_fetched_at_once_and_then_every_while() {
    let mut world = World::new(RULES);
    assert_eq!(world.fetches, [Millis(1_000)]);
    let mut periods = Vec::new();
    for _ in 0..20 {
        world.hand(RefreshInput::Fetched);
        periods.push(world.until_fetch());
    }
    assert!(periods.iter().all(|period| about(*period, RULES.refresh)), "{periods:?}");
    periods.dedup();
    assert!(periods.len() > 10, "nodes that start together do not fetch together: {periods:?}");
}

#[test]
fn an_unknown_key_causes_one_fetch_and_is_unknown_once_that_has_ended_without_it() {
    let mut world = World::loaded(RULES);
    world.now += RULES.pause;
    assert_eq!(world.asks("new"), KeyAnswer::Wait);
    assert_eq!(world.asks("new"), KeyAnswer::Wait);
    assert_eq!(world.asks("other"), KeyAnswer::Wait);
    assert_eq!(world.fetches.len(), 2, "one fetch for all who ask");
    world.hand(RefreshInput::Fetched);
    assert_eq!(world.asks("new"), KeyAnswer::Unknown);
    assert_eq!(world.asks("other"), KeyAnswer::Unknown);
    world.now += RULES.pause;
    assert_eq!(world.asks("new"), KeyAnswer::Wait, "a set may have it by now");
}

#[test]
fn within_the_pause_a_key_is_asked_for_at_its_end() {
    let mut world = World::loaded(RULES);
    world.now += Span(1);
    assert_eq!(world.asks("new"), KeyAnswer::Later(Span(RULES.pause.0 - 1)));
    assert_eq!(world.fetches.len(), 1);
    assert_eq!(world.until_fetch(), Span(RULES.pause.0 - 1));
    world.hand(RefreshInput::Fetched);
    assert_eq!(world.asks("new"), KeyAnswer::Unknown, "it was asked for before this fetch");
    world.now += Span(RULES.pause.0 - 1);
    let (last, next) = (world.asks("newer"), KeyAnswer::Later(Span(1)));
    assert_eq!(last, next);
}

#[test]
fn strangers_cause_a_fetch_in_each_pause_and_no_more_memory_than_there_is() {
    let mut world = World::loaded(RULES);
    for n in 0..100_000 {
        world.now += Span(10);
        let answer = world.asks(&format!("made up {n}"));
        assert!(!matches!(answer, KeyAnswer::Later(span) if span > RULES.pause), "{answer:?}");
        if answer == KeyAnswer::Wait {
            world.hand(RefreshInput::Fetched);
        }
        assert!(world.machine.asked.len() <= ASKED_MAX && world.machine.absent.len() <= ASKED_MAX);
    }
    let gaps = world.fetches.windows(2).map(|pair| pair[1].since(pair[0])).min();
    assert!(gaps >= Some(RULES.pause), "{gaps:?}");
    // 1,000 s in all.
    assert!((30..=34).contains(&world.fetches.len()), "{}", world.fetches.len());
}

#[test]
fn failures_are_further_and_further_apart_and_nobody_hurries_them() {
    let mut world = World::loaded(RefreshRules { stale_max: None, ..RULES });
    let mut expected = RULES.pause;
    world.until_fetch();
    for failure in 1..=8 {
        world.hand(RefreshInput::Failed);
        assert_eq!(world.machine.failures(), failure);
        assert!(matches!(world.asks("new"), KeyAnswer::Later(_)));
        let pause = world.until_fetch();
        assert!(about(pause, expected), "{failure}: {pause:?} and not {expected:?}");
        expected = expected.times(2).min(RULES.refresh);
    }
    world.hand(RefreshInput::Fetched);
    assert_eq!(world.machine.failures(), 0);
    assert_eq!(world.discards, [], "a stale set is better than none");
}

#[test]
fn without_any_set_the_first_failures_are_close_together() {
    let mut world = World::new(RULES);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        world.hand(RefreshInput::Failed);
        pauses.push(world.until_fetch());
    }
    for (pause, factor) in pauses.into_iter().zip([1, 2, 4, 8]) {
        assert!(about(pause, EMPTY_PAUSE.times(factor)), "{factor}: {pause:?}");
    }
}

#[test]
fn a_set_that_is_too_old_is_used_no_more_even_while_a_fetch_hangs() {
    let stale = RULES.stale_max.unwrap();
    let mut world = World::loaded(RULES);
    let loaded = world.now;
    while world.discards.is_empty() {
        assert_eq!(world.machine.age(world.now), Some(world.now.since(loaded)));
        world.hand(RefreshInput::Failed);
        world.wakes(Span::seconds(86_400));
    }
    assert_eq!(world.discards, [loaded + stale]);
    assert_eq!(world.machine.age(world.now), None);
    world.hand(RefreshInput::Failed);
    assert!(matches!(world.asks("known before"), KeyAnswer::Later(_)));

    let mut world = World::loaded(RULES);
    let loaded = world.now;
    world.until_fetch();
    while world.discards.is_empty() {
        world.wakes(Span::seconds(86_400));
    }
    assert_eq!(world.discards, [loaded + stale]);
    world.hand(RefreshInput::Fetched);
    assert_eq!(world.machine.age(world.now), Some(Span::ZERO));
}
