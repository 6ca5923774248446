//! Two languages, one core. In: the Rust files of the pure crates that a client needs, and the
//! TypeScript files that mirror them. Out: files whose twin is missing, twins that do not name
//! each other, and functions that stand in another order than in the twin. Names that one of the
//! two does not have, or has more than once, may stand anywhere.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{ImplItemFn, Item, ItemFn, TraitItemFn};

use crate::finding::{Finding, Rule};
use crate::script::Script;
use crate::source::Source;
use crate::tree::Tree;

/// Folders that mirror each other.
const MIRRORED: [(&str, &str); 3] = [
    ("crates/machine/src/", "clients/js/src/machine/"),
    ("crates/protocol/src/", "clients/js/src/protocol/"),
    ("crates/link/src/", "clients/js/src/link/"),
];

/// Finds files without a twin, and twins that differ in what they can share.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(|path, _| mirrored(path).is_some_and(|_| !is_root(path))) {
        let Some(twin) = mirrored(source.path) else { continue };
        match tree.text(&twin) {
            Some(text) => findings.extend(compare(&source, &Script::read(&twin, text))),
            None if source.is_test_file() || declares_modules_only(&source) => {}
            None => findings.push(missing(source.path, &twin)),
        }
    }
    for (path, _) in tree.files_of("ts") {
        if let Some(twin) = mirrored(path).filter(|twin| tree.text(twin).is_none()) {
            findings.push(missing(path, &twin));
        }
    }
    findings
}

/// Where the twin of a file stands, if it is to have one.
fn mirrored(path: &str) -> Option<String> {
    MIRRORED.iter().find_map(|(rust, script)| {
        let mirror = |from: &str, to: &str, ending: [&str; 2]| {
            let room = path.strip_prefix(from)?.strip_suffix(ending[0])?;
            Some(format!("{to}{room}{}", ending[1]))
        };
        mirror(rust, script, [".rs", ".ts"]).or_else(|| mirror(script, rust, [".ts", ".rs"]))
    })
}

/// The other language has no crates, and so no roots of crates.
fn is_root(path: &str) -> bool {
    path.ends_with("/src/lib.rs")
}

fn declares_modules_only(source: &Source<'_>) -> bool {
    source.file.items.iter().all(|item| matches!(item, Item::Mod(_) | Item::Use(_)))
}

fn missing(path: &str, twin: &str) -> Finding {
    let message = format!("has no twin at `{twin}`; write it, or give a reason in allowed.rs");
    Finding::new(Rule::Twin, path, 1, message)
}

fn compare(source: &Source<'_>, script: &Script<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let sign = format!("Twin of {}.", source.path);
    if !script.header().any(|line| line.contains(&sign)) {
        let message = format!("does not name its twin; begin the header with `// {sign}`");
        findings.push(Finding::new(Rule::Twin, script.path, 1, message));
    }
    findings.extend(other_order(source, script));
    findings
}

/// The first shared function that stands before one that it follows in the twin.
fn other_order(source: &Source<'_>, script: &Script<'_>) -> Option<Finding> {
    let mut functions = Functions { source, all: Vec::new() };
    functions.visit_file(&source.file);
    let places = once(functions.all.iter().map(String::as_str));
    let ours = script.functions();
    let known = once(ours.iter().map(|function| function.name));
    let mut last: Option<(usize, &str)> = None;
    for function in ours.iter().filter(|function| known.contains_key(function.name)) {
        let Some(place) = places.get(function.name) else { continue };
        if let Some((before, name)) = last
            && before > *place
        {
            let (path, after) = (source.path, function.name);
            let message = format!("`{after}` stands behind `{name}`, but before it in {path}");
            let finding = Finding::new(Rule::Twin, script.path, function.line, message);
            return Some(finding.about(after));
        }
        last = Some((*place, function.name));
    }
    None
}

/// The place of each name that is there once.
fn once<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (place, name) in names.enumerate() {
        places.entry(name).or_default().push(place);
    }
    let alone = |(name, places): (_, Vec<usize>)| match places[..] {
        [place] => Some((name, place)),
        _ => None,
    };
    places.into_iter().filter_map(alone).collect()
}

/// The functions of a Rust file, but for tests, in order and as the other language calls them.
struct Functions<'a> {
    source: &'a Source<'a>,
    all: Vec<String>,
}

impl Functions<'_> {
    fn take(&mut self, name: &proc_macro2::Ident) {
        if !self.source.is_test_line(name.span().start().line) {
            self.all.push(in_camel_case(&name.to_string()));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.take(&item.sig.ident);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.take(&item.sig.ident);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        self.take(&item.sig.ident);
        visit::visit_trait_item_fn(self, item);
    }
}

fn in_camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut joined = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        joined.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        joined.push_str(letters.as_str());
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    const RUST: &str = "crates/link/src/coordinator/app.rs";
    const SCRIPT: &str = "clients/js/src/link/coordinator/app.ts";
    const SIGN: &str = "// Twin of crates/link/src/coordinator/app.rs. What the app asks.\n";

    fn bad(files: &[(&str, &str)]) -> Vec<String> {
        let findings = check(&Tree::of(files)).into_iter();
        findings.map(|one| format!("{}:{}:{}", one.path, one.line, one.subject)).collect()
    }

    fn twins(rust: &str, script: &str) -> Vec<String> {
        bad(&[(RUST, rust), (SCRIPT, &format!("{SIGN}{script}"))])
    }

    #[test]
    fn a_file_in_one_language_is_missed_in_the_other() {
        assert_eq!(bad(&[(RUST, "fn a() {}\n")]), [format!("{RUST}:1:")]);
        assert_eq!(bad(&[(SCRIPT, SIGN)]), [format!("{SCRIPT}:1:")]);
        assert_eq!(twins("fn a() {}\n", ""), [""; 0]);
    }

    #[test]
    fn roots_tests_and_lists_of_modules_need_no_twin() {
        for path in ["crates/link/src/lib.rs", "crates/link/src/coordinator/tests.rs"] {
            assert_eq!(bad(&[(path, "fn a() {}\n")]), [""; 0], "{path}");
        }
        assert_eq!(bad(&[("crates/protocol/src/frame.rs", "pub mod a;\nuse b::c;\n")]), [""; 0]);
        for path in ["crates/hub/src/hub.rs", "crates/link/tests/it.rs", "clients/js/src/a.ts"] {
            assert_eq!(bad(&[(path, "fn a() {}\n")]), [""; 0], "{path}");
        }
    }

    #[test]
    fn a_twin_names_the_other() {
        let files = [(RUST, ""), (SCRIPT, "// What the app asks.\n")];
        assert_eq!(bad(&files), [format!("{SCRIPT}:1:")]);
        let late = format!("// What the app asks.\n\n{SIGN}");
        assert_eq!(bad(&[(RUST, ""), (SCRIPT, &late)]), [format!("{SCRIPT}:1:")]);
    }

    #[test]
    fn functions_that_both_have_stand_in_one_order() {
        let rust = "impl A {\n fn on_connect() {}\n fn only_here() {}\n}\nfn on_close() {}\n";
        let good = "export function onConnect() {}\nfunction other() {}\nfunction onClose() {}\n";
        assert_eq!(twins(rust, good), [""; 0]);
        let bad = "const onClose = () => 1;\nexport function onConnect() {}\n";
        assert_eq!(twins(rust, bad), [format!("{SCRIPT}:3:onConnect")]);
    }

    #[test]
    fn a_name_that_is_there_twice_has_no_place_and_tests_do_not_count() {
        let rust = "impl A {\n fn new() {}\n}\nimpl B {\n fn new() {}\n fn wake() {}\n}\n";
        assert_eq!(twins(rust, "function wake() {}\nfunction new() {}\n"), [""; 0]);
        let rust = "fn a() {}\nfn b() {}\n#[cfg(test)]\nmod tests {\n fn c() {}\n}\n";
        assert_eq!(twins(rust, "function c() {}\nfunction a() {}\nfunction b() {}\n"), [""; 0]);
    }
}
