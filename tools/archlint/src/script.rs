//! One TypeScript file, taken apart by its text alone. In: its text. Out: its header, its code
//! without strings, its comments, and its functions in order. It need not be parsed for that: the
//! files of the house are laid out alike, one declaration a line. Must not know any rule.

mod sketch;

/// A TypeScript file.
pub(crate) struct Script<'a> {
    /// The path from the root of the repository.
    pub(crate) path: &'a str,
    /// The text as it is on disk.
    pub(crate) text: &'a str,
    /// The text with strings and comments blanked out, line for line.
    pub(crate) code: String,
    /// The text with everything but comments blanked out, line for line.
    pub(crate) comments: String,
}

/// A function with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// Where it begins, from 1.
    pub(crate) line: usize,
    /// How many lines it has.
    pub(crate) lines: usize,
}

/// Words before the name of a function.
const BEFORE_A_NAME: [&str; 8] =
    ["export ", "default ", "async ", "private ", "static ", "override ", "get ", "set "];
/// Words before a bracket that are no names.
const KEYWORDS: [&str; 7] = ["if", "for", "while", "switch", "catch", "return", "constructor"];

impl<'a> Script<'a> {
    /// Takes `text` apart.
    pub(crate) fn read(path: &'a str, text: &'a str) -> Self {
        let (code, comments) = sketch::draw(text);
        Self { path, text, code, comments }
    }

    /// Whether the file is nothing but tests.
    pub(crate) fn is_test_file(&self) -> bool {
        self.path.ends_with(".test.ts") || self.path.split('/').any(|folder| folder == "test")
    }

    /// The lines that it opens with, each without its `//`.
    pub(crate) fn header(&self) -> impl Iterator<Item = &'a str> {
        self.text.lines().map_while(|line| line.strip_prefix("//"))
    }

    /// The functions and methods outside of others, in order.
    pub(crate) fn functions(&self) -> Vec<Function<'_>> {
        let mut functions = Vec::new();
        let mut at = 0;
        for (line, text) in (1..).zip(self.code.lines()) {
            let declared = self.code.get(at..).unwrap_or_default();
            if let Some(name) = name_of_function(text, declared) {
                functions.push(Function { name, line, lines: lines_of(declared) });
            }
            at += text.len() + 1;
        }
        functions
    }
}

/// The name of the function that begins in `line`, which is the first of `declared`.
fn name_of_function<'a>(line: &'a str, declared: &str) -> Option<&'a str> {
    let mut text = line.trim_start();
    let indent = line.len() - text.len();
    while let Some(after) = BEFORE_A_NAME.iter().find_map(|word| text.strip_prefix(word)) {
        text = after;
    }
    let from = line.len() - text.len();
    if let Some(named) = text.strip_prefix("function ") {
        return Some(word_at_start(named)).filter(|name| !name.is_empty());
    }
    let (named, is_constant) = match text.strip_prefix("const ") {
        Some(named) => (named, true),
        None => (text, false),
    };
    let name = word_at_start(named);
    let begin = if is_constant { " = " } else { "" };
    let is_outside = indent == if is_constant { 0 } else { 2 };
    let rest = declared.get(from..)?.split_once(name)?.1.strip_prefix(begin)?;
    let rest = rest.strip_prefix("async ").unwrap_or(rest);
    let after = behind_brackets(rest)?.trim_start();
    let opens = if is_constant { after.starts_with("=>") } else { after.starts_with('{') };
    let is_declared = opens || after.starts_with(':');
    let is_name = !name.is_empty() && !KEYWORDS.contains(&name);
    (is_outside && is_name && is_declared).then_some(name)
}

fn word_at_start(text: &str) -> &str {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    text.split_once(|letter| !is_part(letter)).map_or(text, |(word, _)| word)
}

/// What follows a list of parameters, with or without one of types before it.
fn behind_brackets(text: &str) -> Option<&str> {
    let text = match text.strip_prefix('<') {
        Some(types) => types.split_once(">(").map(|(types, _)| &text[types.len() + 2..])?,
        None => text,
    };
    if !text.starts_with('(') {
        return None;
    }
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return text.get(at + 1..);
        }
    }
    None
}

/// How many lines a declaration has: it ends with the first line behind which no bracket is open.
fn lines_of(declared: &str) -> usize {
    let mut depth = 0_usize;
    for (count, line) in (1..).zip(declared.lines()) {
        for letter in line.chars() {
            match letter {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        if depth == 0 && line.trim_end().ends_with([';', '}']) {
            return count;
        }
    }
    declared.lines().count()
}

#[cfg(test)]
mod tests;
