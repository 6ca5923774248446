//! Short functions. In: Rust and TypeScript files. Out: the functions outside tests that are too
//! long to be read in one go. Counts from the line with the name to the closing brace.

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{Block, ImplItemFn, ItemFn, TraitItemFn};

use crate::finding::{Finding, Rule};
use crate::source::Source;
use crate::tree::Tree;

/// Lines of a function outside tests.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Finds functions that are too long.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let is_long = |_: &str, text: &str| text.lines().count() > FUNCTION_LINES_MAX;
    let mut findings: Vec<Finding> =
        tree.sources(is_long).flat_map(|source| long_functions(&source)).collect();
    for script in tree.scripts().filter(|script| !script.is_test_file()) {
        let long = script.functions().into_iter().filter(|one| one.lines > FUNCTION_LINES_MAX);
        findings.extend(long.map(|one| too_long(script.path, one.name, one.line, one.lines)));
    }
    findings
}

fn long_functions(source: &Source<'_>) -> Vec<Finding> {
    let mut meter = Meter::default();
    meter.visit_file(&source.file);
    let mut findings = Vec::new();
    for Function { name, line, lines } in meter.functions {
        if lines > FUNCTION_LINES_MAX && !source.is_test_line(line) {
            findings.push(too_long(source.path, &name, line, lines));
        }
    }
    findings
}

fn too_long(path: &str, name: &str, line: usize, lines: usize) -> Finding {
    let message = format!(
        "`{name}` has {lines} lines, at most {FUNCTION_LINES_MAX}; \
         give its parts names of their own"
    );
    Finding::new(Rule::FunctionLines, path, line, message).about(name)
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

#[derive(Default)]
struct Meter {
    functions: Vec<Function>,
}

impl Meter {
    fn measure(&mut self, name: &Ident, block: &Block) {
        let line = name.span().start().line;
        let last = block.brace_token.span.close().end().line;
        self.functions.push(Function { name: name.to_string(), line, lines: last - line + 1 });
    }
}

impl<'ast> Visit<'ast> for Meter {
    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.measure(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        self.measure(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        if let Some(block) = &item.default {
            self.measure(&item.sig.ident, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn long(text: &str) -> Vec<String> {
        check(&Tree::of(&[("src/a.rs", text)])).into_iter().map(|found| found.subject).collect()
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    work();\n".repeat(lines - 2))
    }

    #[test]
    fn a_function_has_at_most_70_lines() {
        assert_eq!(long(&function("short", 70)), [""; 0]);
        assert_eq!(long(&function("long", 71)), ["long"]);
    }

    #[test]
    fn attributes_and_documentation_do_not_count() {
        let text = format!("/// One.\n/// Two.\n#[inline]\npub async {}", function("short", 70));
        assert_eq!(long(&text), [""; 0]);
    }

    #[test]
    fn functions_in_types_traits_and_functions_count_too() {
        assert_eq!(long(&format!("impl A {{\n{}}}", function("method", 71))), ["method"]);
        assert_eq!(long(&format!("trait A {{\n{}}}", function("default", 71))), ["default"]);
        let nested = format!("fn outer() {{\n{}}}", function("inner", 71));
        assert_eq!(long(&nested), ["outer", "inner"]);
    }

    #[test]
    fn functions_of_scripts_count_too() {
        let long_in = |path: &str, lines: usize| {
            let body = "  work();\n".repeat(lines - 2);
            let text = format!("export function long(): void {{\n{body}}}\n");
            check(&Tree::of(&[(path, &text)])).len()
        };
        assert_eq!(long_in("clients/js/src/a.ts", 70), 0);
        assert_eq!(long_in("clients/js/src/a.ts", 71), 1);
        assert_eq!(long_in("clients/js/test/a.test.ts", 71), 0);
    }

    #[test]
    fn tests_may_tell_a_longer_story() {
        let text = format!("#[test]\n{}", function("it_works", 100));
        assert_eq!(long(&text), [""; 0]);
        let text = format!("#[cfg(test)]\nmod tests {{\n{}}}", function("it_works", 100));
        assert_eq!(long(&text), [""; 0]);
    }
}
