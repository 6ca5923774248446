//! Names that say what is inside. In: paths and modules, and paths of TypeScript. Out: `mod.rs`
//! files, and files, folders and modules whose name fits everything and so tells nothing.

use syn::ItemMod;
use syn::visit::{self, Visit};

use crate::finding::{Finding, Rule};
use crate::source::Source;
use crate::tree::Tree;

/// Names that only say "the rest".
pub const EMPTY_NAMES: [&str; 7] =
    ["common", "helper", "helpers", "misc", "types", "util", "utils"];

/// Finds files, folders and modules with a name that says nothing.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        tree.rust_files().filter_map(|(path, _)| bad_path(path)).collect();
    findings.extend(tree.scripts().filter_map(|script| bad_path(script.path)));
    let names_one = |_: &str, text: &str| EMPTY_NAMES.iter().any(|name| text.contains(name));
    findings.extend(tree.sources(names_one).flat_map(|source| bad_modules(&source)));
    findings
}

fn bad_path(path: &str) -> Option<Finding> {
    if path.ends_with("/mod.rs") {
        let message = "is a mod.rs; name it after its folder and put it beside it";
        return Some(Finding::new(Rule::FileName, path, 1, message).about("mod.rs"));
    }
    let endings = [".rs", ".d.ts", ".ts", ".mjs"];
    let bare = endings.iter().find_map(|ending| path.strip_suffix(ending)).unwrap_or(path);
    let mut parts = bare.split('/');
    let empty = parts.find(|part| EMPTY_NAMES.contains(part))?;
    let message = format!("`{empty}` says nothing; name it after what is inside");
    Some(Finding::new(Rule::FileName, path, 1, message).about(empty))
}

fn bad_modules(source: &Source<'_>) -> Vec<Finding> {
    let mut modules = Modules::default();
    modules.visit_file(&source.file);
    let empty = modules.found.into_iter().filter(|(name, _)| EMPTY_NAMES.contains(&name.as_str()));
    empty
        .map(|(name, line)| {
            let message = format!("module `{name}` says nothing; name it after what is inside");
            Finding::new(Rule::FileName, source.path, line, message).about(&name)
        })
        .collect()
}

#[derive(Default)]
struct Modules {
    found: Vec<(String, usize)>,
}

impl<'ast> Visit<'ast> for Modules {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        // A module without a body is a file, and its path is looked at.
        if item.content.is_some() {
            self.found.push((item.ident.to_string(), item.ident.span().start().line));
        }
        visit::visit_item_mod(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn bad(path: &str, text: &str) -> Vec<(usize, String)> {
        let findings = check(&Tree::of(&[(path, text)]));
        findings.into_iter().map(|found| (found.line, found.subject)).collect()
    }

    #[test]
    fn a_module_is_a_file_beside_its_folder() {
        assert_eq!(bad("crates/hub/src/session/mod.rs", ""), [(1, "mod.rs".to_owned())]);
        assert_eq!(bad("crates/hub/src/session.rs", ""), []);
    }

    #[test]
    fn files_folders_and_modules_say_what_they_hold() {
        assert_eq!(bad("crates/hub/src/utils.rs", ""), [(1, "utils".to_owned())]);
        assert_eq!(bad("crates/hub/tests/common/a.rs", ""), [(1, "common".to_owned())]);
        assert_eq!(bad("crates/hub/src/commonly.rs", ""), []);
        assert_eq!(bad("clients/js/src/types.ts", ""), [(1, "types".to_owned())]);
        assert_eq!(bad("clients/js/build/helpers.mjs", ""), [(1, "helpers".to_owned())]);
        let inside = "//! A room.\nmod helpers {}\nmod time {}\n";
        assert_eq!(bad("crates/hub/src/a.rs", inside), [(2, "helpers".to_owned())]);
    }
}
