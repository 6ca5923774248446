//! Estimates and deadlines: their bounds, and what moves them.

use proptest::prelude::*;
use steadfast_machine::Span;

use super::{Bounds, Estimator, Path, Rtt, SAMPLE_MAX};

const BOUNDS: Bounds = Bounds {
    warm_min: Span::seconds(1),
    cold_min: Span::seconds(2),
    soft_max: Span::seconds(5),
    hard_min: Span::seconds(4),
    hard_max: Span::seconds(10),
};

fn rtt() -> Rtt {
    Rtt::new(BOUNDS)
}

fn path() -> impl Strategy<Value = Path> {
    prop_oneof![Just(Path::Warm), Just(Path::Cold)]
}

fn sample() -> impl Strategy<Value = u64> {
    prop_oneof![0_u64..5000, any::<u64>()]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn deadlines_keep_their_bounds_whatever_comes(
        samples in proptest::collection::vec((path(), sample(), any::<bool>()), 0..200),
    ) {
        let mut rtt = rtt();
        for (path, sample, is_missed) in samples {
            if is_missed {
                rtt.miss();
            } else {
                rtt.sample(path, Span(sample));
            }
            for path in [Path::Warm, Path::Cold] {
                prop_assert!(rtt.soft(path) <= rtt.hard(path));
                prop_assert!((Span::seconds(1)..=Span::seconds(5)).contains(&rtt.soft(path)));
                prop_assert!((Span::seconds(4)..=Span::seconds(10)).contains(&rtt.hard(path)));
            }
            prop_assert!(rtt.soft(Path::Cold) >= Span::seconds(2));
        }
    }

    #[test]
    fn an_estimate_lies_among_its_samples(
        samples in proptest::collection::vec(sample(), 1..100),
    ) {
        let mut estimator = Estimator::new(Span(samples[0]));
        for sample in &samples[1..] {
            estimator.sample(Span(*sample));
        }
        let bounded = samples.iter().map(|sample| (*sample).min(SAMPLE_MAX.0) * 1000);
        let (least, most) = (bounded.clone().min().unwrap(), bounded.max().unwrap());
        // Each step rounds down, by less than a microsecond.
        prop_assert!((least.saturating_sub(8)..=most).contains(&estimator.smoothed));
        prop_assert!(estimator.variation <= most);
    }

    #[test]
    fn steady_answers_are_learnt(steady in 0_u64..100_000, first in 0_u64..100_000) {
        let mut estimator = Estimator::new(Span(first));
        for _ in 0..200 {
            estimator.sample(Span(steady));
        }
        prop_assert!(estimator.smoothed.abs_diff(steady * 1000) <= 8);
        prop_assert!(estimator.variation <= 10);
    }
}

#[test]
fn the_first_round_trip_and_the_next_are_as_in_rfc_6298() {
    let mut estimator = Estimator::new(Span(100));
    assert_eq!(estimator, Estimator { smoothed: 100_000, variation: 50_000 });
    assert_eq!(estimator.delay(), 150_000);
    assert_eq!(estimator.answer_timeout(), Span(300));
    estimator.sample(Span(180));
    assert_eq!(estimator, Estimator { smoothed: 110_000, variation: 57_500 });
}

#[test]
fn a_path_is_warm_for_five_seconds() {
    assert_eq!(Path::after(Span(5000)), Path::Warm);
    assert_eq!(Path::after(Span(5001)), Path::Cold);
}

#[test]
fn a_cold_answer_tells_nothing_of_the_warm_path() {
    let mut rtt = rtt();
    rtt.sample(Path::Warm, Span(50));
    rtt.sample(Path::Cold, Span(1200));
    assert_eq!(rtt.soft(Path::Warm), Span::seconds(1));
    assert_eq!(rtt.hard(Path::Warm), Span::seconds(4));
    assert_eq!(rtt.soft(Path::Cold), Span(3600));
    assert_eq!(rtt.hard(Path::Cold), Span(8200));
    assert_eq!(rtt.warm().map(Estimator::delay), Some(75_000));
}

#[test]
fn an_unknown_path_is_given_the_longest_time() {
    assert_eq!(rtt().soft(Path::Warm), Span::seconds(5));
    assert_eq!(rtt().hard(Path::Cold), Span::seconds(10));
}

#[test]
fn each_miss_doubles_patience_until_an_answer_comes() {
    let mut rtt = rtt();
    rtt.sample(Path::Warm, Span(10));
    for soft in [1000, 2000, 4000, 5000, 5000] {
        assert_eq!(rtt.soft(Path::Warm), Span(soft));
        rtt.miss();
    }
    rtt.sample(Path::Warm, Span(10));
    assert_eq!(rtt.soft(Path::Warm), Span(1000));
}
