//! Every source file opens with a header. In: Rust files under `crates/*/src` and `tools/*/src`,
//! TypeScript files under `clients/*/src`. Out: files without a header, and headers that are too
//! long to be read.

use crate::finding::{Finding, Rule};
use crate::script::Script;
use crate::tree::Tree;

/// Lines of a header; the header of a whole crate, in `lib.rs`, may be longer.
pub const HEADER_LINES_MAX: usize = 8;

/// Finds files without a header and headers that are too long.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let sources =
        tree.rust_files().filter(|(path, _)| is_source(path, "crates") || is_source(path, "tools"));
    let findings = sources.filter_map(|(path, text)| bad_header(path, text));
    let scripts = tree.scripts().filter(|script| is_source(script.path, "clients"));
    findings.chain(scripts.filter_map(|script| bad_sign(&script))).collect()
}

fn is_source(path: &str, of: &str) -> bool {
    let mut parts = path.split('/');
    parts.next() == Some(of) && parts.nth(1) == Some("src")
}

fn bad_sign(script: &Script<'_>) -> Option<Finding> {
    let lines = script.header().count();
    if lines == 0 || script.header().all(str::is_empty) {
        let message = "has no `//` header; say what it is, what comes in, what goes out";
        return Some(Finding::new(Rule::Header, script.path, 1, message));
    }
    (lines > HEADER_LINES_MAX).then(|| too_long(script.path, lines))
}

fn bad_header(path: &str, text: &str) -> Option<Finding> {
    let is_crate_root = path.ends_with("src/lib.rs");
    if is_crate_root && text.starts_with("#![doc = include_str!(") {
        return None;
    }
    let lines = text.lines().take_while(|line| line.starts_with("//!")).count();
    let said = text.lines().take(lines).any(|line| !line.trim_start_matches("//!").is_empty());
    if !said {
        let message = "has no `//!` header; say what it is, what comes in, what goes out";
        return Some(Finding::new(Rule::Header, path, 1, message));
    }
    if lines > HEADER_LINES_MAX && !is_crate_root {
        return Some(too_long(path, lines));
    }
    None
}

fn too_long(path: &str, lines: usize) -> Finding {
    let message = format!(
        "header has {lines} lines, at most {HEADER_LINES_MAX}; \
         move what is about one item to that item"
    );
    Finding::new(Rule::Header, path, 1, message)
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn findings(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_file_opens_with_one_to_eight_lines() {
        let path = "crates/hub/src/hub/outbox.rs";
        assert_eq!(findings(path, "use std::fmt;\n"), 1);
        assert_eq!(findings(path, ""), 1);
        assert_eq!(findings(path, "//!\n\nuse std::fmt;\n"), 1);
        assert_eq!(findings(path, "\n//! Late.\n"), 1);
        assert_eq!(findings(path, "//! A room.\n"), 0);
        assert_eq!(findings(path, &"//! A line.\n".repeat(8)), 0);
        assert_eq!(findings(path, &"//! A line.\n".repeat(9)), 1);
    }

    #[test]
    fn a_crate_may_say_more_or_have_it_in_its_readme() {
        let path = "crates/hub/src/lib.rs";
        assert_eq!(findings(path, &"//! A line.\n".repeat(20)), 0);
        assert_eq!(findings(path, "#![doc = include_str!(\"../README.md\")]\n"), 0);
        assert_eq!(findings(path, "mod hub;\n"), 1);
    }

    #[test]
    fn a_script_opens_with_a_sign_too() {
        let path = "clients/js/src/link/coordinator.ts";
        for bad in ["import a from \"b\";\n", "", "//\n", "/** Late. */\n", "\n// Late.\n"] {
            assert_eq!(findings(path, bad), 1, "{bad}");
        }
        assert_eq!(findings(path, &"// A line.\n".repeat(8)), 0);
        assert_eq!(findings(path, &"// A line.\n".repeat(9)), 1);
        assert_eq!(findings("clients/js/test/a.test.ts", ""), 0);
    }

    #[test]
    fn files_elsewhere_are_free() {
        assert_eq!(findings("crates/hub/tests/it.rs", "fn a() {}\n"), 0);
        assert_eq!(findings("examples/chat/src/main.rs", "fn main() {}\n"), 0);
    }
}
