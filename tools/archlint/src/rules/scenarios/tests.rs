//! Citations that hold and citations that do not.

use super::{check, rule_at_start, rules_in};
use crate::tree::Tree;

const PROTOCOL: (&str, &str) =
    ("PROTOCOL.md", "# The wire\n\n**P-1** A link says hello.\n\n- **P-2** It is welcomed.\n");
const FIRST: (&str, &str) = ("conformance/link/hello/first.json", "{ \"rule\": \"P-1\" }");
const SECOND: (&str, &str) = ("conformance/link/hello/second.json", "{ \"rule\": \"P-2\" }");

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let findings = check(&Tree::of(files));
    findings.into_iter().map(|found| format!("{}:{}", found.path, found.line)).collect()
}

#[test]
fn a_rule_with_a_scenario_is_tested() {
    assert_eq!(found(&[PROTOCOL, FIRST, SECOND]), [""; 0]);
    assert_eq!(found(&[PROTOCOL, FIRST]), ["PROTOCOL.md:5"]);
}

#[test]
fn a_rule_is_tested_by_a_comment_in_a_test_or_in_the_simulator() {
    let comment = "// P-2: a test of it.\n";
    for path in ["crates/hub/tests/it.rs", "crates/hub/src/a/tests.rs", "tools/sim/src/a.rs"] {
        assert_eq!(found(&[PROTOCOL, FIRST, (path, comment)]), [""; 0], "{path}");
    }
    let documented = "#[cfg(test)]\nmod tests {\n    /// P-2\n    #[test]\n    fn a() {}\n}\n";
    assert_eq!(found(&[PROTOCOL, FIRST, ("crates/hub/src/a.rs", documented)]), [""; 0]);
    assert_eq!(found(&[PROTOCOL, FIRST, ("crates/hub/src/a.rs", comment)]), ["PROTOCOL.md:5"]);
    let quoted = "const RULE: &str = \"P-2\";\n";
    assert_eq!(found(&[PROTOCOL, FIRST, ("crates/hub/tests/a.rs", quoted)]), ["PROTOCOL.md:5"]);
}

#[test]
fn a_vector_may_cite_a_rule_but_need_not() {
    let frames = |text| ("conformance/frames/hello.json", text);
    assert_eq!(found(&[PROTOCOL, FIRST, frames("{ \"rule\": \"P-2\" }")]), [""; 0]);
    assert_eq!(found(&[PROTOCOL, FIRST, SECOND, frames("[]")]), [""; 0]);
}

#[test]
fn a_scenario_cites_a_rule_that_exists() {
    let third = |text| found(&[PROTOCOL, FIRST, SECOND, ("conformance/link/third.json", text)]);
    assert_eq!(third("{\n  \"rule\": \"P-3\"\n}"), ["conformance/link/third.json:2"]);
    assert_eq!(third("{}"), ["conformance/link/third.json:1"]);
    assert_eq!(third("{ \"rule\": 3 }"), ["conformance/link/third.json:1"]);
    assert_eq!(third("{"), ["conformance/link/third.json:1"]);
}

#[test]
fn a_comment_cites_a_rule_that_exists() {
    let stale = ("crates/hub/src/a.rs", "//! A room.\n\n// P-99 says so.\n");
    assert_eq!(found(&[PROTOCOL, FIRST, SECOND, stale]), ["crates/hub/src/a.rs:3"]);
}

#[test]
fn a_document_cites_a_rule_that_exists_and_tests_none() {
    let stale = (
        "README.md",
        "# A link

See P-2 and P-99.
",
    );
    assert_eq!(found(&[PROTOCOL, FIRST, SECOND, stale]), ["README.md:3"]);
    assert_eq!(
        found(&[
            PROTOCOL,
            FIRST,
            (
                "README.md",
                "See P-2.
"
            )
        ]),
        ["PROTOCOL.md:5"]
    );
}

#[test]
fn a_protocol_and_scenarios_must_be_there() {
    assert_eq!(found(&[FIRST]), ["PROTOCOL.md:1"]);
    assert_eq!(found(&[("PROTOCOL.md", "# Empty\n"), FIRST]).len(), 2);
    let comments = ("crates/hub/tests/it.rs", "// P-1, P-2\n");
    assert_eq!(found(&[PROTOCOL, comments]), ["conformance/link/:1"]);
}

#[test]
fn a_number_is_given_once() {
    let twice = ("PROTOCOL.md", "**P-1** One.\n**P-2** Two.\n**P-1** Again.\n");
    assert_eq!(found(&[twice, FIRST, SECOND]), ["PROTOCOL.md:3"]);
}

#[test]
fn a_rule_starts_with_its_bold_number() {
    for line in ["**P-31** a", "- **P-31** a", "* **P-31.** a", "12. **P-31** a", "| **P-31** | a"]
    {
        assert_eq!(rule_at_start(line), Some(31), "{line}");
    }
    for line in ["P-31 a", "See **P-31**.", "**P-** a", "**P-31 a", ""] {
        assert_eq!(rule_at_start(line), None, "{line}");
    }
}

#[test]
fn rules_are_named_as_words_of_their_own() {
    assert_eq!(rules_in("// P-3, P-14 and (P-15)"), [3, 14, 15]);
    assert_eq!(rules_in("// HTTP-2, P-, UP-3, X-P-4"), [0; 0]);
}
