//! The properties of the score: bounded, steady, never better for worse input, blind to sleep.

use alloc::vec::Vec;

use proptest::prelude::*;
use steadfast_machine::{Millis, Span};

use super::{Flow, Grade, Part, Quality, approach};
use crate::quality::fixed::{ONE, POINT};
use crate::quality::parts;

const TICK: u64 = 15_000;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Act {
    Answer(u64),
    Miss,
    Disconnect,
    Delivery(u64),
    Delay(u64),
    Flow(u8),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0_u64..4000).prop_map(Act::Answer),
        Just(Act::Miss),
        Just(Act::Disconnect),
        any::<u64>().prop_map(Act::Delivery),
        (0_u64..10_000_000).prop_map(Act::Delay),
        (0_u8..6).prop_map(Act::Flow),
    ]
}

fn acts() -> impl Strategy<Value = Vec<(u64, Act)>> {
    proptest::collection::vec((prop_oneof![0_u64..100, 0_u64..40_000], act()), 0..150)
}

fn flow(n: u8) -> Flow {
    [Flow::Live, Flow::Polled, Flow::Suspect, Flow::Down, Flow::Offline, Flow::Unwanted]
        [usize::from(n)]
}

fn happen(quality: &mut Quality, now: Millis, act: Act) {
    match act {
        Act::Answer(rtt) => quality.on_answer(now, Span(rtt)),
        Act::Miss => quality.on_miss(now),
        Act::Disconnect => quality.on_disconnect(now, false),
        Act::Delivery(gap) => quality.on_delivery(now, Span(gap)),
        Act::Delay(microseconds) => quality.on_delay(microseconds),
        Act::Flow(n) => quality.on_flow(now, flow(n)),
    }
}

/// A link that is live, with as many answers at `rtt` as there are ticks.
fn live(ticks: u64) -> Quality {
    let mut quality = Quality::new();
    quality.on_flow(Millis::ZERO, Flow::Live);
    for tick in 1..=ticks {
        quality.on_answer(Millis(tick * TICK), Span(50));
    }
    quality
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_report_is_bounded_whatever_happens(acts in acts()) {
        let mut quality = Quality::new();
        let mut now = 0;
        for (pause, act) in acts {
            now += pause;
            happen(&mut quality, Millis(now), act);
            for later in [0, 1, 100_000, 10_000_000_000] {
                let report = quality.report(Millis(now + later));
                let ceiling = match quality.flow {
                    Flow::Offline => 0,
                    Flow::Down => 20,
                    Flow::Suspect => 40,
                    Flow::Polled => 55,
                    Flow::Live | Flow::Unwanted => 100,
                };
                prop_assert!(report.score <= ceiling);
                let parts = report.parts;
                prop_assert!(parts.delay <= 40 && parts.loss <= 45 && parts.disconnects <= 35);
                prop_assert!(parts.outage <= 60 && parts.delivery <= 20);
                let is_known = quality.samples >= 3 && quality.flow != Flow::Unwanted;
                prop_assert!(!is_known || report.grade != Grade::Unknown);
                prop_assert!(quality.samples >= 3 || report.grade == Grade::Unknown);
            }
        }
    }

    /// Two links live the same life, but something worse happens to one of them.
    #[test]
    fn worse_input_never_raises_what_speaks_for_a_link(
        acts in acts(), place: usize, worse in act(),
    ) {
        let [mut one, mut other] = [Quality::new(), Quality::new()];
        let (mut now, place) = (0, place % (acts.len() + 1));
        for (number, (pause, act)) in acts.into_iter().enumerate() {
            now += pause;
            if number == place {
                match worse {
                    Act::Miss | Act::Answer(_) => {
                        one.on_answer(Millis(now), Span::ZERO);
                        happen(&mut other, Millis(now), worse);
                    }
                    Act::Disconnect => other.on_disconnect(Millis(now), false),
                    Act::Delivery(gap) => {
                        one.on_delivery(Millis(now), Span(gap / 2));
                        other.on_delivery(Millis(now), Span(gap));
                    }
                    Act::Delay(_) | Act::Flow(_) => {}
                }
            }
            happen(&mut one, Millis(now), act);
            happen(&mut other, Millis(now), act);
            if let Act::Delay(microseconds) = worse {
                one.delay = one.delay.min(microseconds);
                other.delay = other.delay.max(microseconds);
            }
            // Roundings may differ by one 65 536th of a point each.
            prop_assert!(other.costs().raw() <= one.costs().raw() + 4);
            prop_assert!(other.score <= one.score + POINT / 16);
        }
    }

    #[test]
    fn a_score_moves_towards_what_speaks_for_it_and_never_past(
        score in 0..=100 * POINT, raw in 0..=100 * POINT, span in 0_u64..10_000_000,
    ) {
        let next = approach(score, raw, span);
        prop_assert!((score.min(raw)..=score.max(raw)).contains(&next));
        // In two steps as in one.
        let twice = approach(approach(score, raw, span / 2), raw, span - span / 2);
        prop_assert!(twice.abs_diff(next) <= POINT / 256, "{next} and {twice}");
    }

    #[test]
    fn steady_input_converges(
        rtt in 0_u64..3000, delay in 0_u64..2_000_000, from in acts(),
    ) {
        let mut quality = Quality::new();
        let mut now = 0;
        for (pause, act) in from {
            now += pause;
            happen(&mut quality, Millis(now), act);
        }
        quality.on_flow(Millis(now), Flow::Live);
        quality.on_delay(delay);
        for _ in 0..1000 {
            now += TICK;
            quality.on_answer(Millis(now), Span(rtt));
        }
        prop_assert!(quality.score.abs_diff(quality.costs().raw()) <= POINT / 8);
        let spoken = parts::delay(delay) + parts::loss(if rtt > 1500 { ONE / 2 } else { 0 });
        let gap = parts::delivery(quality.gaps.at_95_percent());
        let raw = (100 * POINT).saturating_sub(spoken + gap);
        prop_assert!(quality.score.abs_diff(raw) <= POINT / 4);
    }

    #[test]
    fn time_asleep_adds_nothing(acts in acts(), slept in 1_u64..10_000_000_000, place: usize) {
        let [mut awake, mut asleep] = [Quality::new(), Quality::new()];
        let (mut now, mut shift, place) = (0, 0, place % (acts.len() + 1));
        for (number, (pause, act)) in acts.into_iter().enumerate() {
            now += pause;
            if number == place {
                asleep.on_sleep(Millis(now), Millis(now + slept));
                shift = slept;
            }
            happen(&mut awake, Millis(now), act);
            happen(&mut asleep, Millis(now + shift), act);
            prop_assert_eq!(awake.report(Millis(now)), asleep.report(Millis(now + shift)));
        }
    }
}

#[test]
fn a_good_link_is_excellent_from_the_third_answer_on() {
    let grades = [0, 2, 3, 10].map(|ticks| live(ticks).report(Millis(ticks * TICK)).grade);
    assert_eq!(grades, [Grade::Unknown, Grade::Unknown, Grade::Excellent, Grade::Excellent]);
    let report = live(3).report(Millis(3 * TICK));
    assert_eq!((report.score, report.reason), (100, None));
}

#[test]
fn in_one_tick_a_score_falls_by_four_fifths_and_rises_by_two() {
    assert!(approach(100 * POINT, 0, TICK).abs_diff(20 * POINT) <= POINT / 1000);
    assert!(approach(0, 100 * POINT, TICK).abs_diff(40 * POINT) <= POINT / 1000);
}

#[test]
fn a_ceiling_acts_at_once_and_the_way_back_takes_a_minute() {
    let mut quality = live(10);
    let lost = Millis(10 * TICK);
    quality.on_disconnect(lost, false);
    quality.on_flow(lost, Flow::Down);
    let report = quality.report(lost);
    assert_eq!((report.score, report.grade), (20, Grade::Bad));
    assert_eq!((report.reason, report.parts.disconnects), (Some(Part::Disconnects), 7));
    quality.on_flow(lost + Span(1000), Flow::Live);
    let grade_after = |ticks: u64, quality: &mut Quality| {
        for tick in 1..=ticks {
            quality.on_answer(lost + Span(1000 + tick * TICK), Span(50));
        }
        quality.report(lost + Span(1000 + ticks * TICK)).grade
    };
    assert_eq!(grade_after(4, &mut quality.clone()), Grade::Bad);
    assert_eq!(grade_after(5, &mut quality.clone()), Grade::Good);
    assert_eq!(grade_after(12, &mut quality), Grade::Excellent);
}

#[test]
fn a_planned_end_is_no_disconnect_and_a_lost_session_counts_half_after_twenty_minutes() {
    let mut quality = live(3);
    let now = Millis(3 * TICK);
    quality.on_disconnect(now, true);
    assert_eq!(quality.report(now).parts.disconnects, 0);
    for _ in 0..4 {
        quality.on_disconnect(now, false);
    }
    assert_eq!(quality.report(now).parts.disconnects, 28);
    assert_eq!(quality.report(now + Span::seconds(1200)).parts.disconnects, 14);
    assert_eq!(quality.report(now + Span::seconds(2400)).parts.disconnects, 7);
}

#[test]
fn a_fault_shows_at_the_first_miss_and_the_next_grade_two_ticks_later() {
    let mut quality = live(10);
    quality.on_delay(800_000);
    let grades = [11, 12, 13, 14].map(|tick| {
        quality.on_miss(Millis(tick * TICK));
        quality.report(Millis(tick * TICK)).grade
    });
    assert_eq!(grades, [Grade::Fair, Grade::Fair, Grade::Fair, Grade::Poor]);
    assert_eq!(quality.report(Millis(14 * TICK)).reason, Some(Part::Loss));
}

#[test]
fn doubt_is_poor_at_once() {
    let mut quality = live(10);
    quality.on_flow(Millis(10 * TICK), Flow::Suspect);
    let report = quality.report(Millis(10 * TICK));
    assert_eq!((report.score, report.grade), (40, Grade::Poor));
}

#[test]
fn time_that_nobody_wanted_adds_nothing() {
    let mut quality = live(3);
    let closed = Millis(3 * TICK);
    quality.on_flow(closed, Flow::Unwanted);
    let later = closed + Span::seconds(86_400);
    assert_eq!(quality.report(later), quality.report(closed));
    quality.on_flow(later, Flow::Live);
    assert_eq!(quality.report(later).grade, Grade::Excellent);
}
