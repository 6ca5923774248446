//! What a shell does in one place only: reading clocks, queues without a bound, changing the
//! environment, ending the process. In: the shells' Rust files. Out: every such call outside
//! tests; the allow-list names the files where it belongs.

use crate::finding::{Finding, Rule};
use crate::source::{Source, has_path};
use crate::tree::Tree;

/// The crates that have clocks and sockets.
const SHELLS: [&str; 4] =
    ["crates/broker/src/", "crates/client/src/", "crates/server/src/", "crates/cli/src/"];

/// A call, and what to do instead.
const CALLS: [(&str, &str); 6] = [
    ("Instant::now", "ask the one clock of the crate"),
    ("SystemTime::now", "ask the one clock of the crate"),
    ("Timestamp::now", "ask the one clock of the crate"),
    ("unbounded_channel", "use a bounded queue and decide what happens when it is full"),
    ("env::set_var", "pass the setting as a value"),
    ("process::exit", "return an ExitCode from main"),
];

/// Finds such calls in the shells.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let in_shell = |path: &str, _: &str| SHELLS.iter().any(|shell| path.starts_with(shell));
    tree.sources(in_shell).flat_map(|source| calls_in(&source)).collect()
}

fn calls_in(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.code_lines() {
        for (call, remedy) in CALLS {
            if has_path(line, call) && !source.is_test_line(number) {
                let message = format!(
                    "uses `{call}`; {remedy}, or name this file in allowed.rs with a reason"
                );
                findings.push(Finding::new(Rule::Call, source.path, number, message).about(call));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn bad(path: &str, text: &str) -> Vec<String> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.subject).collect()
    }

    fn function(line: &str) -> String {
        format!("fn a() {{\n    {line};\n}}\n")
    }

    #[test]
    fn each_call_is_found_with_and_without_its_full_path() {
        let path = "crates/server/src/relay.rs";
        assert_eq!(bad(path, &function("std::time::Instant::now()")), ["Instant::now"]);
        assert_eq!(bad(path, &function("let t = SystemTime::now()")), ["SystemTime::now"]);
        assert_eq!(bad(path, &function("jiff::Timestamp::now()")), ["Timestamp::now"]);
        assert_eq!(bad(path, &function("unbounded_channel::<u8>()")), ["unbounded_channel"]);
        assert_eq!(bad(path, &function("env::set_var(a, b)")), ["env::set_var"]);
        assert_eq!(bad(path, &function("process::exit(1)")), ["process::exit"]);
    }

    #[test]
    fn comments_strings_tests_and_longer_names_are_free() {
        let path = "crates/server/src/relay.rs";
        assert_eq!(bad(path, "// Never Instant::now.\n"), [""; 0]);
        assert_eq!(bad(path, &function("say(\"Instant::now\")")), [""; 0]);
        assert_eq!(bad(path, &function("FakeInstant::now()")), [""; 0]);
        let test = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function("Instant::now()"));
        assert_eq!(bad(path, &test), [""; 0]);
        assert_eq!(bad("crates/server/tests/it.rs", &function("Instant::now()")), [""; 0]);
        assert_eq!(bad("tools/archlint/src/a.rs", &function("Instant::now()")), [""; 0]);
    }
}
