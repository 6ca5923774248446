//! Files that hold on any machine. In: all text files. Out: paths of the machine that something
//! was written on, and host names of package registries, which differ from place to place.

use crate::finding::{Finding, Rule};
use crate::tree::Tree;

/// What must not be in a file. Put together here, so that this file does not hold it either.
const TRACES: [&str; 6] = [
    concat!("/wo", "rk/"),
    concat!("/tmp/", "target"),
    concat!("arti", "factory"),
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("registry.", "npmjs.org"),
];

/// Finds traces of one machine.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.files() {
        for (number, line) in (1..).zip(text.lines()) {
            for trace in TRACES {
                if has_trace(line, trace) && !names_its_registry(path, line) {
                    let message = format!("holds `{trace}`; write it so that it is true anywhere");
                    findings.push(Finding::new(Rule::Trace, path, number, message).about(trace));
                }
            }
        }
    }
    findings
}

/// Whether `trace` is in `line`; a path only where it starts, so not in the middle of another.
fn has_trace(line: &str, trace: &str) -> bool {
    line.match_indices(trace).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let goes_on = before.is_some_and(|c| c.is_alphanumeric() || "._-".contains(c));
        !(trace.starts_with('/') && goes_on)
    })
}

/// Cargo's lock file has to say where a package is from.
fn names_its_registry(path: &str, line: &str) -> bool {
    path.ends_with("Cargo.lock") && line.starts_with("source = \"registry+https")
}

#[cfg(test)]
mod tests {
    use super::{TRACES, check};
    use crate::tree::Tree;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn each_trace_is_found_in_any_file() {
        for trace in TRACES {
            assert_eq!(found("docs/start.md", &format!("cd {trace}\n")), 1, "{trace}");
        }
    }

    #[test]
    fn a_longer_path_is_free_and_so_is_a_source_in_the_lock_file() {
        assert_eq!(found("a.md", concat!("see frame", "wo", "rk/ and home/wo", "rk/\n")), 0);
        let source = format!("source = \"registry+https://{}/\"\n", TRACES[3]);
        assert_eq!(found("Cargo.lock", &source), 0);
        assert_eq!(found("Cargo.lock", &format!("# {}\n", TRACES[3])), 1);
        assert_eq!(found("other.lock", &source), 1);
    }
}
