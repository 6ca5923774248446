//! Functions that documents name. In: ARCHITECTURE.md, CONTRIBUTING.md and SECURITY.md, where a
//! path in backticks and a name in backticks behind it, one space apart, stand for a function in
//! that file: `path/to/file.rs` `Type::function`. Out: references to a file or function that is not
//! there, and steps of the path of a publish that name no function. Whether the file calls the next
//! one is not checked.

use syn::visit::{self, Visit};
use syn::{Ident, ImplItemFn, ItemFn, ItemImpl, ItemTrait, TraitItemFn, Type};

use super::documents::{MAPS, has_ending};
use crate::finding::{Finding, Rule};
use crate::script::Script;
use crate::source::Source;
use crate::tree::Tree;

/// The document with the path of a publish, and the heading above its steps.
const PATH: (&str, &str) = ("ARCHITECTURE.md", "### The path of one publish, function by function");

/// The document whose tests are looked up.
const THREATS: &str = "SECURITY.md";

/// Finds references that lead nowhere, and steps without one.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for document in MAPS.into_iter().chain([THREATS]) {
        for (line, text) in (1..).zip(tree.text(document).unwrap_or_default().lines()) {
            for (path, name) in references_in(text) {
                if !has_function(tree, path, name) {
                    let message = format!("names `{name}` in `{path}`, which has no such function");
                    let finding = Finding::new(Rule::Document, document, line, message);
                    findings.push(finding.about(name));
                }
            }
        }
    }
    findings.extend(steps_without_function(tree));
    findings
}

fn steps_without_function(tree: &Tree) -> Vec<Finding> {
    let (document, heading) = PATH;
    let Some(text) = tree.text(document) else { return Vec::new() };
    let lines = (1..).zip(text.lines()).skip_while(|(_, line)| *line != heading).skip(1);
    let section = lines.take_while(|(_, line)| !line.starts_with('#'));
    let steps: Vec<(usize, &str)> = section.filter(|(_, line)| is_step(line)).collect();
    if steps.is_empty() {
        let message = format!("has no numbered steps under `{heading}`; write them");
        return vec![Finding::new(Rule::Document, document, 1, message)];
    }
    let unnamed = steps.iter().filter(|(_, line)| references_in(line).is_empty());
    let message = "has a step that names no function: write `path/to/file.rs` `function` first";
    unnamed.map(|&(line, _)| Finding::new(Rule::Document, document, line, message)).collect()
}

fn is_step(line: &str) -> bool {
    line.split_once(". ").is_some_and(|(number, _)| number.parse::<usize>().is_ok())
}

/// Each path to code in `line` with the name behind it.
fn references_in(line: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = line.split('`').collect();
    let quoted = parts.windows(3).skip(1).step_by(2);
    let pairs = quoted.filter_map(|window| match window {
        [path, " ", name] if is_code(path) => Some((*path, *name)),
        _ => None,
    });
    pairs.collect()
}

fn is_code(path: &str) -> bool {
    path.contains('/') && (has_ending(path, "rs") || has_ending(path, "ts"))
}

fn has_function(tree: &Tree, path: &str, name: &str) -> bool {
    let Some(text) = tree.text(path) else { return false };
    if has_ending(path, "ts") {
        let (class, name) = name.rsplit_once('.').map_or((None, name), |(c, n)| (Some(c), n));
        let script = Script::read(path, text);
        let declares = |class| script.code.contains(&format!("class {class} "));
        let is_there = script.functions().iter().any(|function| function.name == name);
        return is_there && class.is_none_or(declares);
    }
    let Ok(source) = Source::parse(path, text) else { return false };
    let mut names = Names::default();
    names.visit_file(&source.file);
    names.all.iter().any(|known| known == name)
}

/// The functions of a Rust file; those of a type or trait with its name before them.
#[derive(Default)]
struct Names {
    of: Option<String>,
    all: Vec<String>,
}

impl Names {
    fn take(&mut self, name: &Ident) {
        self.all.push(match &self.of {
            Some(of) => format!("{of}::{name}"),
            None => name.to_string(),
        });
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let of = if let Type::Path(named) = &*item.self_ty {
            named.path.segments.last().map(|last| last.ident.to_string())
        } else {
            None
        };
        let outer = std::mem::replace(&mut self.of, of);
        visit::visit_item_impl(self, item);
        self.of = outer;
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        let outer = self.of.replace(item.ident.to_string());
        visit::visit_item_trait(self, item);
        self.of = outer;
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.take(&item.sig.ident);
        let outer = self.of.take();
        visit::visit_item_fn(self, item);
        self.of = outer;
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

#[cfg(test)]
mod tests {
    use super::{PATH, check, references_in};
    use crate::tree::Tree;

    const RUST: &str = "fn free() {}\nimpl<T> Shard<T> {\n fn run(&self) {}\n}\n\
                        trait Sink {\n fn send(&self);\n}\nimpl Sink for Shard<u8> {\n \
                        fn send(&self) {}\n}\n#[cfg(test)]\nmod tests {\n #[test]\n \
                        fn it_runs() {}\n}\n";
    const SCRIPT: &str = "export class Driver {\n  feed(input: Input): void {\n  }\n}\n\
                          export const open = (url: string): void => run(url);\n";

    fn bad(architecture: &str, contributing: &str) -> Vec<String> {
        let tree = Tree::of(&[
            ("ARCHITECTURE.md", architecture),
            ("CONTRIBUTING.md", contributing),
            ("crates/a/src/b.rs", RUST),
            ("clients/js/src/c.ts", SCRIPT),
        ]);
        let findings = check(&tree).into_iter();
        findings.map(|one| format!("{}:{}:{}", one.path, one.line, one.subject)).collect()
    }

    fn steps(lines: &str) -> Vec<String> {
        bad(&format!("{}\n{lines}", PATH.1), "")
    }

    #[test]
    fn a_function_is_found_by_its_name_or_by_its_type_and_name() {
        for name in ["free", "Shard::run", "Sink::send", "Shard::send", "it_runs"] {
            assert_eq!(steps(&format!("1. `crates/a/src/b.rs` `{name}`: x.")), [""; 0], "{name}");
        }
        for name in ["feed", "Driver.feed", "open"] {
            assert_eq!(steps(&format!("1. `clients/js/src/c.ts` `{name}`: x.")), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_function_or_file_that_is_not_there_is_found() {
        for name in ["run", "gone", "Sink::run", "Shard::free", "Shard"] {
            let found = steps(&format!("1. `crates/a/src/b.rs` `{name}`: x."));
            assert_eq!(found, [format!("ARCHITECTURE.md:2:{name}")]);
        }
        for name in ["gone", "Other.feed", "Driver"] {
            let found = steps(&format!("1. `clients/js/src/c.ts` `{name}`: x."));
            assert_eq!(found, [format!("ARCHITECTURE.md:2:{name}")]);
        }
        assert_eq!(steps("1. `crates/a/src/gone.rs` `free`: x."), ["ARCHITECTURE.md:2:free"]);
    }

    #[test]
    fn the_path_of_a_publish_has_steps_and_each_names_a_function() {
        assert_eq!(steps("1. `crates/a/src/b.rs`: x.\n## b\n1. y.\n"), ["ARCHITECTURE.md:2:"]);
        assert_eq!(steps("Nothing.\n"), ["ARCHITECTURE.md:1:"]);
        assert_eq!(bad("1. `crates/a/src/b.rs` `free`: x.\n", ""), ["ARCHITECTURE.md:1:"]);
    }

    #[test]
    fn the_other_document_is_read_too() {
        let good = format!("{}\n1. `crates/a/src/b.rs` `free`: x.", PATH.1);
        assert_eq!(bad(&good, "| `crates/a/src/b.rs` `it_runs` |"), [""; 0]);
        assert_eq!(
            bad(&good, "\n| `crates/a/src/b.rs` `it_stops` |"),
            ["CONTRIBUTING.md:2:it_stops"]
        );
    }

    #[test]
    fn only_a_name_right_behind_a_path_to_code_is_a_reference() {
        assert_eq!(references_in("`a/b.rs`, `c`; `a/b.md` `c`; `b.rs` `c`; a/b.rs `c`"), []);
        let two = references_in("x `a/b.rs` `c` and `d/e.ts` `F.g`: `h`");
        assert_eq!(two, [("a/b.rs", "c"), ("d/e.ts", "F.g")]);
    }
}
