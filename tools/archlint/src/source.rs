//! One Rust file, taken apart. In: its text. Out: its syntax tree, its code without strings, its
//! comments, and which lines are tests. Must not know any rule.

mod canvas;

use std::ops::RangeInclusive;

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, ItemFn, ItemMod};

/// A parsed Rust file.
pub(crate) struct Source<'a> {
    /// The path from the root of the repository.
    pub(crate) path: &'a str,
    /// The text as it is on disk.
    pub(crate) text: &'a str,
    /// The syntax tree, with line numbers from 1.
    pub(crate) file: syn::File,
    /// The text with strings and comments blanked out, line for line.
    pub(crate) code: String,
    /// The text with everything but comments blanked out, line for line.
    pub(crate) comments: String,
    tests: Vec<RangeInclusive<usize>>,
    paused: Vec<RangeInclusive<usize>>,
}

impl<'a> Source<'a> {
    /// Takes `text` apart.
    pub(crate) fn parse(path: &'a str, text: &'a str) -> syn::Result<Self> {
        let tokens: TokenStream = text.parse()?;
        let (code, comments) = canvas::paint(text, &tokens);
        let file: syn::File = syn::parse2(tokens)?;
        let mut finder = TestFinder::default();
        finder.visit_file(&file);
        Ok(Self { path, text, file, code, comments, tests: finder.tests, paused: finder.paused })
    }

    /// Whether the file is nothing but tests: it is in a `tests` folder or is called `tests.rs`.
    pub(crate) fn is_test_file(&self) -> bool {
        let mut parts = self.path.rsplit('/');
        parts.next() == Some("tests.rs") || parts.any(|folder| folder == "tests")
    }

    /// Whether `line`, from 1, belongs to a test.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.is_test_file() || self.tests.iter().any(|range| range.contains(&line))
    }

    /// Whether `line`, from 1, belongs to a test under a paused clock, where time is virtual.
    pub(crate) fn is_paused_line(&self, line: usize) -> bool {
        self.paused.iter().any(|range| range.contains(&line))
    }

    /// The lines of [`Source::code`], numbered from 1.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    /// The lines of [`Source::comments`], numbered from 1.
    pub(crate) fn comment_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.comments.lines())
    }
}

/// The lines of `item`, its attributes included, from 1.
pub(crate) fn lines_of(item: &impl Spanned) -> RangeInclusive<usize> {
    let span = item.span();
    span.start().line..=span.end().line
}

/// Whether `attributes` keep an item out of everything but tests.
pub(crate) fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Ok(list) = attribute.meta.require_list() else { return false };
        let condition = list.tokens.to_string().replace(' ', "");
        list.path.is_ident("cfg") && (condition == "test" || condition.starts_with("all(test,"))
    })
}

/// Whether `attributes` make a function a test: `#[test]`, `#[tokio::test]` and the like.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    let last_is_test = |attribute: &Attribute| {
        attribute.path().segments.last().is_some_and(|segment| segment.ident == "test")
    };
    attributes.iter().any(last_is_test)
}

/// Whether `attribute` is a test's that starts with tokio's clock paused.
fn pauses_the_clock(attribute: &Attribute) -> bool {
    let arguments = attribute.meta.require_list().map(|list| list.tokens.to_string());
    arguments.is_ok_and(|text| text.replace(' ', "").contains("start_paused=true"))
}

/// Whether `line` names `path`, such as `Instant::now`, and not as a part of longer names.
pub(crate) fn has_path(line: &str, path: &str) -> bool {
    let goes_on = |letter: char| letter.is_alphanumeric() || letter == '_';
    line.match_indices(path).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + path.len()..]);
        !before.ends_with(goes_on) && !after.starts_with(goes_on)
    })
}

#[derive(Default)]
struct TestFinder {
    tests: Vec<RangeInclusive<usize>>,
    paused: Vec<RangeInclusive<usize>>,
}

impl<'ast> Visit<'ast> for TestFinder {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if only_for_tests(&item.attrs) {
            self.tests.push(lines_of(item));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if is_test(&item.attrs) || only_for_tests(&item.attrs) {
            self.tests.push(lines_of(item));
        }
        if item.attrs.iter().any(pauses_the_clock) {
            self.paused.push(lines_of(item));
        }
        visit::visit_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests;
