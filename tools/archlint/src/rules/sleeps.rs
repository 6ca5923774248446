//! Tests wait for what they want to see. In: Rust tests. Out: every sleep in them, because a
//! sleep is too short on a busy machine and too long on all others. Under tokio's paused clock
//! nothing really sleeps, so there only the thread must not.

use crate::finding::{Finding, Rule};
use crate::source::{Source, has_path};
use crate::tree::Tree;

/// Functions that let time pass.
const SLEEPS: [&str; 4] = ["sleep", "sleep_ms", "sleep_until", "park_timeout"];

/// Finds sleeps in tests.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let names_one = |_: &str, text: &str| SLEEPS.iter().any(|sleep| text.contains(sleep));
    tree.sources(names_one).flat_map(|source| sleeps_in(&source)).collect()
}

fn sleeps_in(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.code_lines() {
        let sleeps =
            blocks_the_thread(line) || (!source.is_paused_line(number) && lets_time_pass(line));
        if sleeps && source.is_test_line(number) {
            let message = "a test sleeps; wait for the event it is about, or use virtual time";
            findings.push(Finding::new(Rule::Sleep, source.path, number, message));
        }
    }
    findings
}

fn blocks_the_thread(line: &str) -> bool {
    SLEEPS.iter().any(|sleep| calls(line, &format!("thread::{sleep}")))
}

fn lets_time_pass(line: &str) -> bool {
    SLEEPS.iter().any(|sleep| calls(line, &format!("time::{sleep}")) || calls_bare(line, sleep))
}

fn calls(line: &str, path: &str) -> bool {
    has_path(line, path) && !line.trim_start().starts_with("use ")
}

/// Whether `line` calls the free function `name`: not a method, and not where it is declared.
fn calls_bare(line: &str, name: &str) -> bool {
    line.match_indices(&format!("{name}(")).any(|(at, _)| {
        let before = &line[..at];
        let other = |end: char| end.is_alphanumeric() || end == '_' || end == '.';
        !before.ends_with(other) && !before.ends_with("fn ") && !before.ends_with("::")
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn sleeps(path: &str, line: &str) -> usize {
        check(&Tree::of(&[(path, &format!("fn a() {{\n    {line};\n}}\n"))])).len()
    }

    #[test]
    fn a_sleeping_test_is_found() {
        for line in [
            "thread::sleep(wait)",
            "std::thread::sleep(wait)",
            "tokio::time::sleep(wait).await",
            "tokio::time::sleep_until(then).await",
            "sleep(wait).await",
            "let nap = std::thread::sleep",
        ] {
            assert_eq!(sleeps("crates/server/tests/it.rs", line), 1, "{line}");
        }
    }

    #[test]
    fn other_things_called_sleep_are_free() {
        for line in [
            "device.sleep(wait)",
            "say(\"sleep(\")",
            "fn sleep() {}",
            "Input::sleep(wait)",
            "oversleep(wait)",
            "step() // no sleep(1)",
            "use tokio::time::sleep",
        ] {
            assert_eq!(sleeps("crates/server/tests/it.rs", line), 0, "{line}");
        }
    }

    #[test]
    fn under_a_paused_clock_only_the_thread_must_not_sleep() {
        let paused = |line: &str| {
            let test = "#[tokio::test(start_paused = true)]\nasync fn a() {\n    ";
            check(&Tree::of(&[("crates/server/tests/it.rs", &format!("{test}{line};\n}}\n"))]))
                .len()
        };
        assert_eq!(paused("tokio::time::sleep(wait).await"), 0);
        assert_eq!(paused("sleep(wait).await"), 0);
        assert_eq!(paused("std::thread::sleep(wait)"), 1);
    }

    #[test]
    fn code_that_ships_may_sleep_but_its_tests_may_not() {
        assert_eq!(sleeps("crates/server/src/relay.rs", "sleep(wait).await"), 0);
        let tests = "#[cfg(test)]\nmod tests {\n    fn a() {\n        sleep(wait);\n    }\n}\n";
        assert_eq!(check(&Tree::of(&[("crates/server/src/relay.rs", tests)])).len(), 1);
    }
}
