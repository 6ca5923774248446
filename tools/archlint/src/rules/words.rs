//! One word for one thing. In: Rust and TypeScript files. Out: synonyms of the glossary's words in
//! identifiers and comments, and names of our own that hide what a thing does. Strings are free:
//! they may quote other people's words.

use proc_macro2::Ident;
use syn::visit::{self, Visit};
use syn::{ItemEnum, ItemFn, ItemImpl, ItemStruct, ItemTrait, ItemType};

use crate::finding::{Finding, Rule};
use crate::script::Script;
use crate::source::Source;
use crate::tree::Tree;

/// A synonym, its spellings, and the word of the glossary.
const SYNONYMS: [(&str, &[&str], &str); 3] = [
    ("topic", &["topic", "Topic", "TOPIC"], "channel"),
    ("room id", &["room id", "room_id", "roomId", "RoomId", "ROOM_ID"], "channel"),
    ("event id", &["event id", "event_id", "eventId", "EventId", "EVENT_ID"], "position"),
];

/// Words of our own that nobody searches for, and where to look for better ones. Whole words only.
const PRIVATE_WORDS: [(&str, &str); 8] = [
    ("bell", "waker"),
    ("crew", "worker pool"),
    ("desk", "state"),
    ("errands", "requests"),
    ("lane", "queue or direction"),
    ("road", "connector"),
    ("shelf", "handle"),
    ("whereabouts", "discovery"),
];

/// Endings of type names under which anything could hide.
const VAGUE_ENDINGS: [&str; 3] = ["Manager", "Helper", "Helpers"];

/// Finds synonyms and vague names.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources(|_, text| may_hold_one(text)) {
        let lines = || source.code_lines().chain(source.comment_lines());
        findings.extend(synonyms(source.path, lines()));
        findings.extend(private_words(source.path, lines()));
        findings.extend(vague_names(&source));
    }
    for script in tree.scripts().filter(|script| may_hold_one(script.text)) {
        let lines = || (1..).zip(script.code.lines()).chain((1..).zip(script.comments.lines()));
        findings.extend(synonyms(script.path, lines()));
        findings.extend(private_words(script.path, lines()));
        findings.extend(vague_types(&script));
    }
    findings
}

/// Whether `text` may break the rule at all; spares taking apart the many that do not.
fn may_hold_one(text: &str) -> bool {
    let mut spellings = SYNONYMS.iter().flat_map(|(_, spellings, _)| *spellings);
    spellings.any(|spelling| text.contains(spelling))
        || VAGUE_ENDINGS.iter().any(|ending| text.contains(ending))
        || PRIVATE_WORDS.iter().any(|(word, _)| holds_word(text, word))
        || text.contains("get_")
}

fn synonyms<'a>(path: &str, lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in lines {
        for (word, spellings, better) in SYNONYMS {
            if spellings.iter().any(|spelling| begins_a_word(line, spelling)) {
                let message = format!("says `{word}`; the word here is `{better}`");
                findings.push(Finding::new(Rule::Word, path, number, message).about(word));
            }
        }
    }
    findings
}

fn private_words<'a>(path: &str, lines: impl Iterator<Item = (usize, &'a str)>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in lines {
        for (word, better) in PRIVATE_WORDS {
            if holds_word(line, word) {
                let message = format!("says `{word}`, a word of our own; say {better}");
                findings.push(Finding::new(Rule::Word, path, number, message).about(word));
            }
        }
    }
    findings
}

/// Whether `text` has `word` between underscores, spaces or signs, small or with a capital.
fn holds_word(text: &str, word: &str) -> bool {
    let parts = text.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| part.len() == word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// The types of a script under whose names anything could hide.
fn vague_types(script: &Script<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(script.code.lines()) {
        let mut words = line.split_whitespace();
        let declares = |word: &str| ["class", "interface", "type"].contains(&word);
        let Some(name) = words.any(declares).then(|| words.next()).flatten() else { continue };
        let name = name.split(['<', '{', '=']).next().unwrap_or_default();
        if VAGUE_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            findings.push(vague(script.path, name, number, "name it after what it does"));
        }
    }
    findings
}

/// Whether `spelling` is in `line`, neither as the tail of a longer word nor in the standard's
/// name of the header that resumes a stream.
fn begins_a_word(line: &str, spelling: &str) -> bool {
    let last = |before: &str| before.to_lowercase().trim_end_matches(['_', ' ']).ends_with("last");
    line.match_indices(spelling).filter(|(at, _)| !last(&line[..*at])).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let capital = spelling.starts_with(char::is_uppercase);
        !before.is_some_and(|letter| letter.is_lowercase() && !capital || letter.is_uppercase())
    })
}

fn vague_names(source: &Source<'_>) -> Vec<Finding> {
    let mut names = Names::default();
    names.visit_file(&source.file);
    let mut findings = Vec::new();
    for name in names.types {
        let text = name.to_string();
        if VAGUE_ENDINGS.iter().any(|ending| text.ends_with(ending)) {
            let line = name.span().start().line;
            findings.push(vague(source.path, &text, line, "name it after what it does"));
        }
    }
    for name in names.functions {
        let text = name.to_string();
        if text.starts_with("get_") {
            let line = name.span().start().line;
            findings.push(vague(source.path, &text, line, "name it after what it gives"));
        }
    }
    findings
}

fn vague(path: &str, name: &str, line: usize, remedy: &str) -> Finding {
    let message = format!("`{name}` is vague; {remedy}");
    Finding::new(Rule::Word, path, line, message).about(name)
}

#[derive(Default)]
struct Names {
    types: Vec<Ident>,
    functions: Vec<Ident>,
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        self.types.push(item.ident.clone());
    }

    fn visit_item_enum(&mut self, item: &'ast ItemEnum) {
        self.types.push(item.ident.clone());
    }

    fn visit_item_type(&mut self, item: &'ast ItemType) {
        self.types.push(item.ident.clone());
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        self.types.push(item.ident.clone());
        visit::visit_item_trait(self, item);
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        self.functions.push(item.sig.ident.clone());
        visit::visit_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        // The names in a trait's implementation are the trait's.
        if item.trait_.is_none() {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.functions.push(item.sig.ident.clone());
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.functions.push(item.sig.ident.clone());
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    fn bad(text: &str) -> Vec<String> {
        let findings = check(&Tree::of(&[("crates/hub/src/a.rs", text)]));
        findings.into_iter().map(|found| format!("{}:{}", found.line, found.subject)).collect()
    }

    #[test]
    fn a_synonym_is_found_in_identifiers_and_comments() {
        assert_eq!(bad("fn join(topic: u8) {}\n"), ["1:topic"]);
        assert_eq!(bad("struct TopicName;\n"), ["1:topic"]);
        assert_eq!(bad("struct JoinTopic;\n"), ["1:topic"]);
        assert_eq!(bad("// One.\n// Every topic.\n"), ["2:topic"]);
        assert_eq!(bad("/// By room id.\nfn join() {}\n"), ["1:room id"]);
        assert_eq!(bad("fn a(event_id: u8) {}\n"), ["1:event id"]);
    }

    #[test]
    fn strings_and_longer_words_are_free() {
        assert_eq!(bad("const NAME: &str = \"topic\";\n"), [""; 0]);
        assert_eq!(bad("// An isotopic room, last_event_id.\n"), [""; 0]);
    }

    #[test]
    fn a_private_word_is_found_alone_and_in_snake_case_but_not_in_longer_words() {
        assert_eq!(bad("fn ring(bell: u8) {}\n"), ["1:bell"]);
        assert_eq!(bad("fn fast_lane() {}\n"), ["1:lane"]);
        assert_eq!(bad("struct Desk;\n"), ["1:desk"]);
        assert_eq!(bad("// A road.\n"), ["1:road"]);
        assert_eq!(bad("// A planet, a broad road map: a label, belly.\n"), ["1:road"]);
        assert_eq!(bad("const NAME: &str = \"desk\";\n"), [""; 0]);
    }

    #[test]
    fn names_of_our_own_are_not_vague() {
        assert_eq!(bad("struct SessionManager;\n"), ["1:SessionManager"]);
        assert_eq!(bad("trait A { fn get_name(&self); }\n"), ["1:get_name"]);
        assert_eq!(bad("impl A { fn get_name(&self) {} }\n"), ["1:get_name"]);
        assert_eq!(bad("fn get_name() {}\n"), ["1:get_name"]);
        assert_eq!(bad("fn forget_name() {}\n"), [""; 0]);
    }

    #[test]
    fn scripts_use_the_same_words() {
        let bad = |text: &str| {
            let findings = check(&Tree::of(&[("clients/js/src/a.ts", text)])).into_iter();
            findings.map(|one| format!("{}:{}", one.line, one.subject)).collect::<Vec<_>>()
        };
        assert_eq!(bad("// One.\nfunction join(roomId: string) {}\n"), ["2:room id"]);
        assert_eq!(bad("/** Every topic. */\nconst a = \"topic\";\n"), ["1:topic"]);
        assert_eq!(bad("export class LinkManager<A> {}\n"), ["1:LinkManager"]);
        assert_eq!(bad("export type Helper = string;\nnew Helper();\n"), ["1:Helper"]);
        assert_eq!(bad("const manager: Manager = wx.getManager();\n"), [""; 0]);
    }

    #[test]
    fn names_of_other_people_are_theirs() {
        assert_eq!(bad("use other::Manager;\nfn a(m: Manager) { m.get_name(); }\n"), [""; 0]);
        assert_eq!(bad("impl Other for A { fn get_name(&self) {} }\n"), [""; 0]);
    }
}
