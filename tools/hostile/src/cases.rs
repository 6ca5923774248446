//! The tables of cases, one file a kind. In: nothing. Out: all cases.

mod addresses;
mod fields;
mod framing;
mod heads;
mod ports;
mod publishing;
mod reading;
mod strangers;
mod tokens;

use crate::case::{Attempt, Case, Deed, Script, Target};
use crate::setup::Setup;
use std::sync::Arc;

/// All cases, in the order in which each server meets them.
pub fn all() -> Vec<Case> {
    [
        heads::CASES,
        framing::CASES,
        fields::CASES,
        tokens::CASES,
        strangers::CASES,
        publishing::CASES,
        addresses::CASES,
        ports::CASES,
        reading::CASES,
        reading::OF_EMPTY_NAMES,
    ]
    .concat()
}

/// A case of attempts, on the usual server.
const fn each(name: &'static str, attack: &'static str, attempt: fn(usize) -> Attempt) -> Case {
    Case { name, attack, setup: Setup::Usual, kept: 0, open: "", deed: Deed::Each(attempt) }
}

/// A case with steps of its own, on the usual server.
const fn script(
    name: &'static str,
    attack: &'static str,
    script: fn(Arc<Target>) -> Script,
) -> Case {
    Case { name, attack, setup: Setup::Usual, kept: 0, open: "", deed: Deed::Script(script) }
}

impl Case {
    /// The same on another server.
    const fn on(mut self, setup: Setup) -> Self {
        self.setup = setup;
        self
    }

    /// The same where the server has this fault, which is known.
    const fn open(mut self, fault: &'static str) -> Self {
        self.open = fault;
        self
    }

    /// The same where the server keeps this much memory for a while.
    const fn keeps(mut self, bytes: u64) -> Self {
        self.kept = bytes;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::all;
    use std::collections::BTreeSet;

    const SECURITY: &str = include_str!("../../../SECURITY.md");

    /// Attacks that only tests in `crates/cli/tests` try, which need more than a socket: an issuer
    /// of keys, a certificate authority, a compressor, or many links of one user.
    const UNTRIED_MAX: usize = 10;

    /// The first column of the rows of the threat model that name a test.
    fn attacks() -> Vec<&'static str> {
        let rows = SECURITY.lines().filter(|line| line.contains(".rs` `"));
        rows.filter_map(|line| line.split('|').nth(1)).map(str::trim).collect()
    }

    #[test]
    fn cases_are_of_attacks_of_the_threat_model_and_few_of_those_are_not_tried() {
        let attacks = attacks();
        assert!(attacks.len() >= 24, "{attacks:?}");
        let cases = all();
        let is_tried = |attack: &&&str| cases.iter().any(|case| attack.starts_with(case.attack));
        let untried: Vec<_> = attacks.iter().filter(|attack| !is_tried(attack)).collect();
        assert!(untried.len() <= UNTRIED_MAX, "no case tries: {untried:#?}");
        for case in &cases {
            let known = attacks.iter().filter(|attack| attack.starts_with(case.attack)).count();
            assert_eq!(known, 1, "{} is of no attack: {}", case.name, case.attack);
        }
    }

    #[test]
    fn cases_are_many_and_no_name_stands_for_two() {
        let names: BTreeSet<&str> = all().iter().map(|case| case.name).collect();
        assert_eq!(names.len(), all().len());
        assert!(names.len() >= 120, "{}", names.len());
        let is_plain = |name: &str| !name.contains('|') && name.len() <= 70;
        assert!(names.iter().all(|name| is_plain(name)), "{names:?}");
    }
}
