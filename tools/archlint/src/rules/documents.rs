//! Documents that are read. In: the texts at the root. Out: those that are missing or too long,
//! and paths in ARCHITECTURE.md and CONTRIBUTING.md that are not there.

use std::path::Path;

use crate::finding::{Finding, Rule};
use crate::tree::Tree;

/// A document and its length in lines.
const LIMITS: [(&str, usize); 3] =
    [("ARCHITECTURE.md", 300), ("CONTRIBUTING.md", 150), ("STYLE.md", 120)];

/// The documents whose paths are looked up.
pub(super) const MAPS: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Folders whose paths are looked up.
const FOLDERS: [&str; 9] = [
    "bench/",
    "clients/",
    "conformance/",
    "crates/",
    "deploy/",
    "docs/",
    "findings/",
    "messages/",
    "tools/",
];

/// Finds missing and long documents, and paths that lead nowhere.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        LIMITS.iter().filter_map(|&(path, limit)| bad_length(tree, path, limit)).collect();
    findings.extend(MAPS.iter().flat_map(|map| paths_that_lead_nowhere(tree, map)));
    findings
}

fn paths_that_lead_nowhere(tree: &Tree, map: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in (1..).zip(tree.text(map).unwrap_or_default().lines()) {
        for path in paths_in(text).into_iter().filter(|path| !tree.has(path)) {
            let message = format!("names `{path}`, which is not there; name what is");
            findings.push(Finding::new(Rule::Document, map, line, message).about(&path));
        }
    }
    findings
}

fn bad_length(tree: &Tree, path: &str, limit: usize) -> Option<Finding> {
    let Some(text) = tree.text(path) else {
        return Some(Finding::new(Rule::Document, path, 1, "is missing, write it"));
    };
    let lines = text.lines().count();
    let message = format!("has {lines} lines, at most {limit}; say less, or say it elsewhere");
    (lines > limit).then(|| Finding::new(Rule::Document, path, limit + 1, message))
}

/// The paths in backticks in `line`, with `{a,b}` written out and anything from `*` or `<` on
/// left off.
fn paths_in(line: &str) -> Vec<String> {
    let quoted = line.split('`').skip(1).step_by(2);
    let paths = quoted.filter(|text| {
        let is_ours = FOLDERS.iter().any(|folder| text.starts_with(folder));
        let is_at_the_root = has_ending(text, "md") && !text.contains('/');
        (is_ours || is_at_the_root) && !text.contains(char::is_whitespace)
    });
    paths.flat_map(written_out).map(|path| fixed_part(&path).to_owned()).collect()
}

/// Whether the name of a file ends in `.` and `ending`.
pub(super) fn has_ending(path: &str, ending: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == ending)
}

fn written_out(path: &str) -> Vec<String> {
    let parts = path.split_once('{').and_then(|(before, rest)| {
        let (choices, after) = rest.split_once('}')?;
        Some((before, choices, after))
    });
    let Some((before, choices, after)) = parts else { return vec![path.to_owned()] };
    let one = |choice: &str| written_out(&format!("{before}{}{after}", choice.trim()));
    choices.split(',').flat_map(one).collect()
}

fn fixed_part(path: &str) -> &str {
    let fixed = path.split(['*', '<']).next().unwrap_or_default();
    if fixed.len() == path.len() { path } else { fixed.rsplit_once('/').map_or("", |(dir, _)| dir) }
}

#[cfg(test)]
mod tests {
    use super::{check, paths_in};
    use crate::tree::Tree;

    fn bad(architecture: &str, contributing: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("ARCHITECTURE.md", architecture),
            ("CONTRIBUTING.md", contributing),
            ("STYLE.md", ""),
            ("crates/link/src/state.rs", ""),
            ("conformance/link/hello/first.json", ""),
        ]);
        let findings = check(&tree).into_iter();
        findings.map(|found| format!("{}:{}", found.path, found.line)).collect()
    }

    #[test]
    fn a_document_is_there_and_not_too_long() {
        assert_eq!(bad(&"line\n".repeat(300), &"line\n".repeat(150)), [""; 0]);
        assert_eq!(bad(&"line\n".repeat(301), ""), ["ARCHITECTURE.md:301"]);
        assert_eq!(bad("", &"line\n".repeat(151)), ["CONTRIBUTING.md:151"]);
        assert_eq!(check(&Tree::default()).len(), 3);
    }

    #[test]
    fn the_map_leads_to_places_that_exist() {
        let good = "`crates/link`, `crates/link/src/state.rs`, `conformance/link/**/*.json`";
        assert_eq!(bad(good, ""), [""; 0]);
        assert_eq!(bad("one\n`crates/link/src/gone.rs`", ""), ["ARCHITECTURE.md:2"]);
        assert_eq!(bad("`crates/{link,gone}/src`", ""), ["ARCHITECTURE.md:1"]);
        assert_eq!(bad("`conformance/gone/*.json`", ""), ["ARCHITECTURE.md:1"]);
        assert_eq!(bad("`STYLE.md`", "`crates/link`, `STYLE.md`"), [""; 0]);
        assert_eq!(bad("", "| `crates/link/src/gone.rs`, `docs/gone.md`, `GONE.md` |").len(), 3);
    }

    #[test]
    fn only_paths_in_backticks_are_looked_up() {
        assert_eq!(paths_in("crates/gone and `state.rs` and `crates/ are`"), [""; 0]);
        assert_eq!(
            paths_in("`crates/hub/src/{a, b}.rs`".replace(", ", ",").as_str()),
            ["crates/hub/src/a.rs", "crates/hub/src/b.rs"]
        );
    }
}
