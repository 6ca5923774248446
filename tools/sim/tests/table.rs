//! The table of recovery, and policies broken on purpose.

use steadfast_sim::{MUTANTS, Setup, TUNINGS, run, table};

#[test]
fn every_fault_is_noticed_and_mended_in_time_and_loses_nothing() {
    let table = table(2, TUNINGS);
    assert_eq!(table.problems(), [""; 0]);
    assert_eq!(table.broken(), [""; 0]);
}

#[test]
fn settings_stand_side_by_side() {
    let (_, tune) = TUNINGS[0];
    let markdown = table(1, &[("one", tune), ("other", tune)]).markdown();
    let heads: Vec<_> = markdown.lines().filter(|line| line.starts_with("| fault |")).collect();
    assert_eq!(heads.len(), 2, "{markdown}");
    let columns = |line: &str| line.matches('|').count() - 1;
    assert_eq!(columns(heads[0]), 1 + 2 * 2);
    assert_eq!(columns(heads[1]), 1 + 2 * 5);
    for line in markdown.lines().filter(|line| line.contains("flight mode")) {
        let cells: Vec<_> = line.split(" | ").skip(1).collect();
        let (one, other) = cells.split_at(cells.len() / 2);
        assert_eq!(one.join(" "), other.join(" ").trim_end_matches(" |"));
    }
}

#[test]
fn broken_policies_are_found_by_the_checks_that_can_see_them() {
    for mutant in MUTANTS {
        let Some(check) = mutant.check else { continue };
        let setup = Setup { tune: Some(mutant.tune), ..Setup::default() };
        let found = |seed| run(seed, setup).violation.is_some_and(|found| found.check == check);
        assert!((0..12).any(found), "{check} does not find: {}", mutant.name);
    }
}
