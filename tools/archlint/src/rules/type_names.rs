//! One type name stands for one concept. In: the source files of the crates that ship, without
//! their tests. Out: types whose name another file of the same crate has given to another type.

use std::collections::BTreeMap;

use proc_macro2::Ident;
use syn::visit::Visit;
use syn::{Item, ItemEnum, ItemStruct, ItemTrait, ItemType};

use crate::finding::{Finding, Rule};
use crate::source::Source;
use crate::tree::Tree;

/// Where a type is declared: its path and its line.
type Declaration = (String, usize);

/// Finds names that a crate gives to more than one type.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut by_name: BTreeMap<(String, String), Vec<Declaration>> = BTreeMap::new();
    for source in tree.sources(|path, _| shipped_crate(path).is_some()) {
        let Some(folder) = shipped_crate(source.path) else { continue };
        for (name, line) in types(&source) {
            let key = (folder.to_owned(), name);
            by_name.entry(key).or_default().push((source.path.to_owned(), line));
        }
    }
    let mut findings = Vec::new();
    for ((_, name), declarations) in by_name {
        let Some(((first, _), others)) = declarations.split_first() else { continue };
        for (path, line) in others {
            let message = format!(
                "`{name}` is a type of {first} too; give each the name of what it stands for"
            );
            findings.push(Finding::new(Rule::TypeName, path, *line, message).about(&name));
        }
    }
    findings
}

/// The crate of a source file that ships; nothing for tests and for the tools.
fn shipped_crate(path: &str) -> Option<&str> {
    let (folder, inner) = path.strip_prefix("crates/")?.split_once('/')?;
    let is_test = inner.ends_with("tests.rs") || inner.contains("tests/");
    (inner.starts_with("src/") && !is_test).then_some(folder)
}

/// The types that a file declares at its top level, and their lines.
fn types(source: &Source<'_>) -> Vec<(String, usize)> {
    let mut names = Names::default();
    for item in &source.file.items {
        // Items of modules and functions are private to them.
        if !matches!(item, Item::Mod(_) | Item::Fn(_) | Item::Impl(_)) {
            names.visit_item(item);
        }
    }
    names.found
}

#[derive(Default)]
struct Names {
    found: Vec<(String, usize)>,
}

impl Names {
    fn add(&mut self, name: &Ident) {
        self.found.push((name.to_string(), name.span().start().line));
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.add(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.add(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.add(&item.ident);
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.add(&item.ident);
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    const PLACE: &str = "//! A file.\n\nstruct Place;\n";

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.path).collect()
    }

    #[test]
    fn a_name_stands_for_one_type_of_a_crate() {
        let twice = [("crates/hub/src/a.rs", PLACE), ("crates/hub/src/b.rs", PLACE)];
        assert_eq!(found(&twice), ["crates/hub/src/b.rs"]);
        let alias = "//! A file.\n\ntype Place = u8;\n";
        let mixed = [("crates/hub/src/a.rs", PLACE), ("crates/hub/src/b.rs", alias)];
        assert_eq!(found(&mixed), ["crates/hub/src/b.rs"]);
    }

    #[test]
    fn other_crates_tests_tools_and_types_within_functions_do_not_count() {
        let inner = "//! A file.\n\nfn work() {\n    struct Place;\n}\n";
        for other in ["crates/link/src/a.rs", "crates/hub/src/a/tests.rs", "tools/sim/src/a.rs"] {
            assert_eq!(
                found(&[("crates/hub/src/a.rs", PLACE), (other, PLACE)]),
                [""; 0],
                "{other}"
            );
        }
        let within = [("crates/hub/src/a.rs", PLACE), ("crates/hub/src/b.rs", inner)];
        assert_eq!(found(&within), [""; 0]);
    }
}
