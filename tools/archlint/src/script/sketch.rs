//! Tells code, strings and comments of TypeScript apart. In: a text. Out: the text twice, of the
//! same length, once with only its code left and once with only its comments. What a template
//! holds in `${}` counts as a part of the string.

/// What a letter is part of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    LineComment,
    BlockComment,
    /// A string or template, until this.
    Quoted(char),
    /// A regular expression; whether in brackets, where a slash does not end it.
    Pattern(bool),
}

/// The code of `text` and the comments of `text`, everything else blanked with spaces.
pub(super) fn draw(text: &str) -> (String, String) {
    let (mut code, mut comments) = (String::new(), String::new());
    let mut part = Part::Code;
    let mut is_escaped = false;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let rest = &text[at..];
        let before = part;
        part = begin(before, rest, &code);
        if part != before {
            // Both letters of `//` and `/*`, and one of everything else that begins.
            let width = if rest.starts_with("//") || rest.starts_with("/*") { 2 } else { 1 };
            put(&mut code, letter, false);
            put(&mut comments, letter, width == 2);
            if width == 2
                && let Some((_, letter)) = letters.next()
            {
                put(&mut code, letter, false);
                put(&mut comments, letter, true);
            }
            continue;
        }
        put(&mut code, letter, part == Part::Code);
        put(&mut comments, letter, matches!(part, Part::LineComment | Part::BlockComment));
        part = go_on(part, letter, is_escaped, &comments);
        is_escaped = letter == '\\' && !is_escaped;
    }
    (code, comments)
}

/// What begins here, if anything does.
fn begin(part: Part, rest: &str, code: &str) -> Part {
    if part != Part::Code {
        return part;
    }
    match rest.chars().next() {
        Some('/') if rest.starts_with("//") => Part::LineComment,
        Some('/') if rest.starts_with("/*") => Part::BlockComment,
        // Elsewhere it divides.
        Some('/') if code.trim_end().ends_with(|last| "(,=:[!&|?{;>".contains(last)) => {
            Part::Pattern(false)
        }
        Some(quote @ ('"' | '\'' | '`')) => Part::Quoted(quote),
        Some(_) | None => Part::Code,
    }
}

/// What the letter after this one is part of, unless something begins there.
fn go_on(part: Part, letter: char, is_escaped: bool, comments: &str) -> Part {
    match part {
        Part::LineComment | Part::Pattern(_) if letter == '\n' => Part::Code,
        Part::BlockComment if comments.ends_with("*/") => Part::Code,
        Part::Quoted(quote) if letter == quote && !is_escaped => Part::Code,
        Part::Pattern(false) if letter == '/' && !is_escaped => Part::Code,
        Part::Pattern(_) if letter == '[' && !is_escaped => Part::Pattern(true),
        Part::Pattern(_) if letter == ']' && !is_escaped => Part::Pattern(false),
        Part::Code
        | Part::LineComment
        | Part::BlockComment
        | Part::Quoted(_)
        | Part::Pattern(_) => part,
    }
}

fn put(text: &mut String, letter: char, is_kept: bool) {
    if is_kept || letter == '\n' {
        text.push(letter);
    } else {
        text.extend(std::iter::repeat_n(' ', letter.len_utf8()));
    }
}
