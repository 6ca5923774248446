//! Holds this repository against the house rules, and the allow-list against the repository.

use std::path::Path;

use steadfast_archlint::rules::{self, Check};
use steadfast_archlint::{ALLOWED, Tree, report, sift, unneeded};

fn repository() -> Tree {
    // Asked for when the test runs, because a built test may be moved with its checkout.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| ".".into());
    let root = Path::new(&here).join("../..");
    match Tree::read(&root) {
        Ok(tree) if tree.has("tools/archlint/tests/house.rs") => tree,
        Ok(_) => panic!("no repository at {}", root.display()),
        Err(error) => panic!("{error}"),
    }
}

fn obeyed(check: Check) {
    let findings = sift(check(&repository()), ALLOWED);
    assert!(findings.is_empty(), "{} to mend\n{}", findings.len(), report(&findings));
}

#[test]
fn files_and_lines_are_short() {
    obeyed(rules::sizes::check);
}

#[test]
fn functions_are_short() {
    obeyed(rules::functions::check);
}

#[test]
fn files_open_with_a_header() {
    obeyed(rules::headers::check);
}

#[test]
fn crates_import_only_what_they_may() {
    obeyed(rules::edges::check);
}

#[test]
fn pure_crates_stay_pure() {
    obeyed(rules::pure::check);
}

#[test]
fn files_and_modules_have_names_that_say_something() {
    obeyed(rules::names::check);
}

#[test]
fn words_mean_one_thing() {
    obeyed(rules::words::check);
}

#[test]
fn a_type_name_stands_for_one_concept() {
    obeyed(rules::type_names::check);
}

#[test]
fn clocks_queues_and_exits_have_one_place_each() {
    obeyed(rules::calls::check);
}

#[test]
fn tests_do_not_sleep() {
    obeyed(rules::sleeps::check);
}

#[test]
fn every_rule_of_the_protocol_is_tested() {
    obeyed(rules::scenarios::check);
}

#[test]
fn documents_are_short_and_their_paths_exist() {
    obeyed(rules::documents::check);
}

#[test]
fn close_codes_and_routes_are_listed() {
    obeyed(rules::lists::check);
}

#[test]
fn functions_that_documents_name_exist() {
    obeyed(rules::references::check);
}

#[test]
fn files_hold_on_any_machine() {
    obeyed(rules::traces::check);
}

#[test]
fn what_is_there_in_two_languages_is_alike() {
    obeyed(rules::twins::check);
}

#[test]
fn every_exception_has_a_reason_and_is_still_needed() {
    let tree = repository();
    let findings: Vec<_> = rules::ALL.iter().flat_map(|check| check(&tree)).collect();
    let idle = unneeded(&findings, ALLOWED);
    assert!(idle.is_empty(), "take out of tools/archlint/src/allowed.rs: {idle:#?}");
    for entry in ALLOWED {
        assert!(entry.reason.split_whitespace().count() >= 4, "give a full reason: {entry:#?}");
    }
}
