//! What keeps a pure crate pure. In: manifests and crate roots. Out: anything by which a clock, a
//! socket or a thread could come in: std itself, or a dependency that is not on the short list.

use super::edges::{manifests, our_folder, shipped_imports};
use crate::finding::{Finding, Rule};
use crate::source::Source;
use crate::tree::Tree;

/// The crates that own no clock, socket, task or randomness.
pub const PURE: [&str; 5] = ["machine", "protocol", "link", "history", "hub"];

/// What a pure crate may depend on besides our own, and which crates may: none named, all may.
pub const MAY_USE: [(&str, &[&str]); 11] = [
    ("bytes", &[]),
    ("serde", &[]),
    ("thiserror", &[]),
    ("tracing", &[]),
    ("jiff", &["protocol"]),
    ("serde_json", &["protocol"]),
    ("slab", &["hub"]),
    ("hashbrown", &["history"]),
    ("foldhash", &["history"]),
    ("itoa", &["protocol"]),
    ("xxhash-rust", &["history"]),
];

/// How std comes back into a crate without it.
const STD: &str = "extern crate std;";

/// Finds pure crates that link std, and their dependencies outside [`MAY_USE`].
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (room, path, manifest) in manifests(tree) {
        if PURE.contains(&room) {
            findings.extend(foreign_imports(room, path, manifest));
            findings.extend(missing_attribute(tree, room));
        }
    }
    findings.extend(tree.sources(may_name_std).flat_map(|source| std_by_name(&source)));
    findings
}

fn foreign_imports(room: &str, path: &str, manifest: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, line) in shipped_imports(manifest) {
        let listed = MAY_USE.iter().find(|(name, _)| *name == package);
        let may_use = listed.is_some_and(|(_, only)| only.is_empty() || only.contains(&room));
        if our_folder(&package).is_none() && !may_use {
            let message = format!(
                "{room} is pure and may not use {package}; \
                 do this part in a shell, or list the crate in MAY_USE in \
                 tools/archlint/src/rules/pure.rs"
            );
            findings.push(Finding::new(Rule::Pure, path, line, message).about(&package));
        }
    }
    findings
}

fn missing_attribute(tree: &Tree, room: &str) -> Option<Finding> {
    let path = format!("crates/{room}/src/lib.rs");
    let has_it = |text: &str| text.lines().any(|line| line.trim_end() == "#![no_std]");
    if tree.text(&path).is_some_and(has_it) {
        return None;
    }
    let message = format!("{room} is pure; write `#![no_std]` below the header");
    Some(Finding::new(Rule::Pure, &path, 1, message).about("no_std"))
}

fn may_name_std(path: &str, text: &str) -> bool {
    let is_pure = PURE.iter().any(|room| path.starts_with(&format!("crates/{room}/src/")));
    is_pure && text.contains(STD)
}

fn std_by_name(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in source.code_lines() {
        if line.contains(STD) && !source.is_test_line(number) {
            let message = "brings std back into a pure crate; use core and alloc";
            findings.push(Finding::new(Rule::Pure, source.path, number, message).about("std"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    const ROOT: &str = "//! A crate.\n\n#![no_std]\n";

    fn bad(room: &str, manifest: &str, lib: &str) -> Vec<String> {
        let manifest_path = format!("crates/{room}/Cargo.toml");
        let lib_path = format!("crates/{room}/src/lib.rs");
        let tree = Tree::of(&[(&manifest_path, manifest), (&lib_path, lib)]);
        check(&tree).into_iter().map(|finding| finding.subject).collect()
    }

    fn import(package: &str) -> String {
        format!("[dependencies]\n{package} = \"1\"\n")
    }

    #[test]
    fn a_pure_crate_uses_the_short_list_only() {
        assert_eq!(bad("link", &import("tokio"), ROOT), ["tokio"]);
        assert_eq!(bad("link", &import("bytes"), ROOT), [""; 0]);
        assert_eq!(bad("link", &import("steadfast-machine"), ROOT), [""; 0]);
        assert_eq!(bad("client", &import("tokio"), ROOT), [""; 0]);
        assert_eq!(bad("link", "[dev-dependencies]\nproptest = \"1\"\n", ROOT), [""; 0]);
    }

    #[test]
    fn some_crates_are_for_one_room_only() {
        assert_eq!(bad("protocol", &import("jiff"), ROOT), [""; 0]);
        assert_eq!(bad("link", &import("jiff"), ROOT), ["jiff"]);
        assert_eq!(bad("hub", &import("slab"), ROOT), [""; 0]);
        assert_eq!(bad("protocol", &import("slab"), ROOT), ["slab"]);
    }

    #[test]
    fn a_pure_crate_goes_without_std() {
        assert_eq!(bad("hub", "", "//! A crate.\n"), ["no_std"]);
        assert_eq!(bad("hub", "", "//! #![no_std]\n"), ["no_std"]);
        assert_eq!(bad("hub", "", &format!("{ROOT}extern crate std;\n")), ["std"]);
        let for_tests = "#[cfg(test)]\nmod tests {\n    extern crate std;\n}\n";
        assert_eq!(bad("hub", "", &format!("{ROOT}{for_tests}")), [""; 0]);
        assert_eq!(bad("server", "", "//! A crate.\n"), [""; 0]);
    }
}
