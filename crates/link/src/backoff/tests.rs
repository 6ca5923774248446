//! Delays, budget and hints: bounds at the limit and one past it.

use steadfast_machine::{Millis, Rng, Span};
use steadfast_protocol::LinkId;

use super::{ATTEMPT_COST, CREDIT_MAX, Schedule};
use crate::Config;

fn config() -> Config {
    Config::new(LinkId::new("link-0001").unwrap(), 1)
}

/// P-60
#[test]
fn every_delay_is_within_its_bounds_whatever_the_seed() {
    let config = config();
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let mut schedule = Schedule::new();
        for base in [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000] {
            let delay = schedule.delay(&config, &mut rng);
            let least = Span(base * 7 / 10).max(config.delay_floor);
            assert!((least..=Span(base * 13 / 10)).contains(&delay), "{base}: {delay}");
        }
    }
}

/// P-60
#[test]
fn links_at_the_cap_do_not_share_one_delay() {
    let config = config();
    let delay = |seed| {
        let (mut rng, mut schedule) = (Rng::new(seed), Schedule::new());
        (0..9).map(|_| schedule.delay(&config, &mut rng)).last().unwrap()
    };
    let above = (0..100).filter(|&seed| delay(seed) > Span::seconds(30)).count();
    assert!((30..70).contains(&above), "{above} of 100 are above the cap");
}

/// P-62
#[test]
fn a_crash_is_spread_over_half_its_window() {
    let config = config();
    for seed in 0..200 {
        let delay = Schedule::new().crash_delay(Span(60_000), &config, &mut Rng::new(seed));
        assert!((Span(1000)..=Span(30_000)).contains(&delay), "{delay}");
    }
    let soon = Schedule::new().crash_delay(Span::ZERO, &config, &mut Rng::new(1));
    assert_eq!(soon, config.delay_floor);
}

/// P-65
#[test]
fn ten_attempts_are_free_and_the_next_one_waits() {
    let mut schedule = Schedule::new();
    for _ in 0..10 {
        assert_eq!(schedule.admit(Millis(0)), Millis(0));
        schedule.spend(Millis(0));
    }
    assert_eq!(schedule.admit(Millis(0)), Millis(0) + ATTEMPT_COST);
    assert_eq!(schedule.admit(Millis(15_000)), Millis(15_000));
}

/// P-65
#[test]
fn a_session_of_a_minute_earns_the_whole_budget() {
    let config = config();
    let mut schedule = Schedule::new();
    for _ in 0..10 {
        schedule.spend(Millis(0));
    }
    schedule.credit_session(Millis(59_999), Span(59_999), true, &config);
    assert!(schedule.credit_at(Millis(59_999)) < CREDIT_MAX);
    schedule.credit_session(Millis(60_000), Span(60_000), false, &config);
    assert_eq!(schedule.credit_at(Millis(60_000)), CREDIT_MAX);
}

/// P-61
#[test]
fn only_a_session_that_held_and_answered_starts_the_count_anew() {
    let config = config();
    let next = |held, is_answered| {
        let (mut schedule, mut rng) = (Schedule::new(), Rng::new(1));
        for _ in 0..5 {
            schedule.delay(&config, &mut rng);
        }
        schedule.credit_session(Millis(held), Span(held), is_answered, &config);
        schedule.delay(&config, &mut rng)
    };
    assert!(next(30_000, true) <= Span(1300));
    assert!(next(29_999, true) > Span(1300));
    assert!(next(30_000, false) > Span(1300));
}

/// P-50, P-60
#[test]
fn a_hint_holds_back_every_path_and_a_free_attempt_comes_once_in_five_seconds() {
    let config = config();
    let mut schedule = Schedule::new();
    assert_eq!(schedule.admit_free(Millis(100)), Millis(100));
    assert_eq!(schedule.admit_free(Millis(200)), Millis(5100));
    assert_eq!(schedule.admit_free(Millis(300)), Millis(5100));
    schedule.hold(Millis(300), Span(20_000));
    assert_eq!(schedule.admit_free(Millis(400)), Millis(20_300));
    assert_eq!(schedule.admit_asked(Millis(400), &config), Millis(20_300));
    schedule.hold(Millis(400), Span(u64::MAX));
    assert_eq!(schedule.admit(Millis(400)), Millis(3_600_400));
}
