//! Many seeds, the ones that failed before, and bugs put in on purpose.

use std::collections::BTreeSet;

use steadfast_sim::{PLANTS, Plant, Setup, Tally, run};

/// Runs the seeds of `seeds` and shows every violation at once.
fn hold(seeds: impl Iterator<Item = u32>) -> Tally {
    let mut tally = Tally::default();
    let mut broken = Vec::new();
    for seed in seeds {
        let report = run(seed, Setup::default());
        tally += report.tally;
        if report.violation.is_some() {
            broken.push(format!("{report}\n    steadfast-sim replay --seed {seed}"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    tally
}

#[test]
fn the_first_75_seeds_keep_every_promise() {
    let tally = hold(0..75);
    assert!(tally.events_told > 10_000, "{tally:?}");
    assert!(tally.cuts > 500 && tally.resumes > 1_000, "{tally:?}");
    assert!(tally.gaps > 100 && tally.ends > 100, "{tally:?}");
    assert!(tally.publishes > 1_000 && tally.publishes_failed > 100, "{tally:?}");
    assert!(tally.fallbacks > 50 && tally.polls > 1_000, "{tally:?}");
}

#[test]
fn the_next_75_seeds_keep_every_promise() {
    hold(75..150);
}

#[test]
fn seeds_that_failed_before_keep_every_promise() {
    let lines = include_str!("../regressions.txt").lines();
    let lines = lines.filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let seeds: Vec<u32> =
        lines.map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect();
    assert!(!seeds.is_empty());
    hold(seeds.into_iter());
}

#[test]
fn where_nothing_goes_wrong_every_link_connects_once_and_misses_nothing() {
    for seed in 0..25 {
        let report = run(seed, Setup { is_calm: true, ..Setup::default() });
        assert!(report.violation.is_none(), "{report}");
        let tally = report.tally;
        assert_eq!((tally.gaps, tally.polls), (0, 0), "seed {seed}: {tally:?}");
        assert!(tally.attempts <= 8, "seed {seed}: {tally:?}");
        assert!(tally.cuts <= tally.ends, "seed {seed}: {tally:?}");
    }
}

#[test]
fn one_seed_makes_one_run() {
    let digests = || -> Vec<u64> { (0..8).map(|s| run(s, Setup::default()).digest).collect() };
    let (first, second) = (digests(), digests());
    assert_eq!(first, second);
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
}

#[test]
fn keeping_the_log_changes_nothing() {
    let logged = run(3, Setup { is_logged: true, ..Setup::default() });
    assert_eq!(logged.digest, run(3, Setup::default()).digest);
    assert!(logged.log.iter().any(|line| line.contains("app told")));
}

#[test]
fn every_check_finds_the_bug_that_is_put_in_for_it() {
    for (plant, check) in PLANTS {
        let found = found_by(plant);
        assert!(found.contains(check), "{plant:?} is to be found by {check}, not {found:?}");
    }
}

/// The checks that find a planted bug within a few seeds.
fn found_by(plant: Plant) -> BTreeSet<&'static str> {
    let setup = Setup { plant: Some(plant), ..Setup::default() };
    let violations = (0..12).filter_map(|seed| run(seed, setup).violation);
    violations.map(|violation| violation.check).collect()
}
