//! Small files, short lines. In: Rust and TypeScript files. Out: the files that hold more than one
//! subject can. In Rust test code is a trailing `#[cfg(test)]` module, a `tests.rs` or a `tests`
//! folder; it does not count as the file's own code, but a test module inside a file has a limit
//! too. In TypeScript it is what stands in a `test` folder.

use syn::Item;

use crate::finding::{Finding, Rule};
use crate::source::{Source, lines_of, only_for_tests};
use crate::tree::Tree;

/// Lines of code outside tests, from which on a file needs a reason.
pub const FILE_LINES_MAX: usize = 400;
/// Lines of code outside tests that no reason lifts.
pub const FILE_LINES_EVER: usize = 600;
/// Lines of a test module inside a file.
pub const TEST_MODULE_LINES_MAX: usize = 150;
/// Columns of a line.
pub const COLUMNS_MAX: usize = 100;

/// Finds files, test modules and lines that are too long, and files that are not Rust.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.rust_files() {
        findings.extend(wide_lines(path, text));
        match Source::parse(path, text) {
            Ok(source) if source.is_test_file() => {}
            Ok(source) => {
                let lines = source.text.lines().count() - trailing_test_lines(&source);
                findings.extend(long_file(path, lines));
                findings.extend(long_test_modules(&source));
            }
            Err(error) => {
                let line = error.span().start().line;
                let message = format!("cannot be parsed ({error}), mend it");
                findings.push(Finding::new(Rule::Parses, path, line, message));
            }
        }
    }
    for script in tree.scripts() {
        findings.extend(wide_lines(script.path, script.text));
        if !script.is_test_file() {
            findings.extend(long_file(script.path, script.text.lines().count()));
        }
    }
    findings
}

fn long_file(path: &str, lines: usize) -> Option<Finding> {
    if lines <= FILE_LINES_MAX {
        return None;
    }
    let (rule, limit, remedy) = if lines > FILE_LINES_EVER {
        (Rule::FileLinesEver, FILE_LINES_EVER, "split it by subject")
    } else {
        (Rule::FileLines, FILE_LINES_MAX, "split it by subject, or give a reason in allowed.rs")
    };
    let message = format!("has {lines} lines outside tests, at most {limit}; {remedy}");
    Some(Finding::new(rule, path, 1, message))
}

fn trailing_test_lines(source: &Source<'_>) -> usize {
    let trailing = source.file.items.iter().rev().map_while(|item| {
        let Item::Mod(module) = item else { return None };
        only_for_tests(&module.attrs).then(|| lines_of(module).count())
    });
    trailing.sum()
}

fn long_test_modules(source: &Source<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for item in &source.file.items {
        let Item::Mod(module) = item else { continue };
        let lines = lines_of(module);
        let (start, count) = (*lines.start(), lines.count());
        if only_for_tests(&module.attrs) && count > TEST_MODULE_LINES_MAX {
            let message = format!(
                "test module has {count} lines, at most {TEST_MODULE_LINES_MAX}; \
                 move it to a tests.rs of its own"
            );
            let finding = Finding::new(Rule::TestModuleLines, source.path, start, message);
            findings.push(finding.about(&module.ident.to_string()));
        }
    }
    findings
}

fn wide_lines<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = Finding> + 'a {
    (1..).zip(text.lines()).filter_map(move |(number, line)| {
        let columns = line.chars().count();
        let message = format!("has {columns} columns, at most {COLUMNS_MAX}; break the line");
        (columns > COLUMNS_MAX).then(|| Finding::new(Rule::LineColumns, path, number, message))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::finding::Rule;
    use crate::tree::Tree;

    fn broken(path: &str, text: &str) -> Vec<Rule> {
        check(&Tree::of(&[(path, text)])).into_iter().map(|finding| finding.rule).collect()
    }

    fn lines(count: usize) -> String {
        "// line\n".repeat(count)
    }

    fn test_module(lines_in_all: usize) -> String {
        format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(lines_in_all - 3))
    }

    #[test]
    fn a_file_may_have_400_lines_and_with_a_reason_600() {
        assert_eq!(broken("src/a.rs", &lines(400)), []);
        assert_eq!(broken("src/a.rs", &lines(401)), [Rule::FileLines]);
        assert_eq!(broken("src/a.rs", &lines(600)), [Rule::FileLines]);
        assert_eq!(broken("src/a.rs", &lines(601)), [Rule::FileLinesEver]);
    }

    #[test]
    fn test_code_does_not_count_as_long_as_it_comes_last() {
        let code = format!("fn a() {{}}\n{}", lines(399));
        assert_eq!(broken("src/a.rs", &format!("{code}{}", test_module(150))), []);
        let first = format!("{}{code}", test_module(150));
        assert_eq!(broken("src/a.rs", &first), [Rule::FileLines]);
        assert_eq!(broken("src/a/tests.rs", &lines(900)), []);
        assert_eq!(broken("tests/it.rs", &lines(900)), []);
    }

    #[test]
    fn a_test_module_has_at_most_150_lines() {
        assert_eq!(broken("src/a.rs", &test_module(150)), []);
        assert_eq!(broken("src/a.rs", &test_module(151)), [Rule::TestModuleLines]);
    }

    #[test]
    fn a_line_has_at_most_100_columns_whatever_its_bytes() {
        assert_eq!(broken("tests/a.rs", &format!("//{}\n", "é".repeat(98))), []);
        assert_eq!(broken("tests/a.rs", &format!("//{}\n", "e".repeat(99))), [Rule::LineColumns]);
    }

    #[test]
    fn scripts_are_as_short() {
        assert_eq!(broken("clients/js/src/a.ts", &lines(400)), []);
        assert_eq!(broken("clients/js/src/a.ts", &lines(401)), [Rule::FileLines]);
        assert_eq!(broken("clients/js/build/a.mjs", &lines(601)), [Rule::FileLinesEver]);
        assert_eq!(broken("clients/js/test/a.test.ts", &lines(900)), []);
        let wide = format!("//{}\n", "e".repeat(99));
        assert_eq!(broken("clients/js/test/a.test.ts", &wide), [Rule::LineColumns]);
    }

    #[test]
    fn a_file_that_is_not_rust_is_named() {
        assert_eq!(broken("src/a.rs", "fn fn"), [Rule::Parses]);
    }
}
