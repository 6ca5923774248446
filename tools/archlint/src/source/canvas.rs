//! Tells code, strings and comments apart. In: a text and its tokens. Out: the text twice, of the
//! same length, once with only its code left and once with only its comments.

use std::ops::Range;

use proc_macro2::{Span, TokenStream, TokenTree};

/// The code of `text` and the comments of `text`, everything else blanked with spaces.
pub(super) fn paint(text: &str, tokens: &TokenStream) -> (String, String) {
    let mut canvas = Canvas { text, code: blank(text), comments: text.as_bytes().to_vec() };
    canvas.tokens(tokens.clone());
    (into_text(canvas.code), into_text(canvas.comments))
}

struct Canvas<'a> {
    text: &'a str,
    code: Vec<u8>,
    comments: Vec<u8>,
}

impl Canvas<'_> {
    fn tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) if self.is_comment(group.span()) => {}
                TokenTree::Group(group) => {
                    self.token(group.span_open());
                    self.tokens(group.stream());
                    self.token(group.span_close());
                }
                TokenTree::Ident(ident) => self.token(ident.span()),
                TokenTree::Punct(punct) => self.token(punct.span()),
                TokenTree::Literal(literal) => self.token(literal.span()),
            }
        }
    }

    /// Whether a token stands for a doc comment, which reaches us as the tokens of an attribute,
    /// each as wide as the comment.
    fn is_comment(&self, span: Span) -> bool {
        self.text.get(span.byte_range()).is_some_and(begins_a_comment)
    }

    fn token(&mut self, span: Span) {
        let range = span.byte_range();
        let Some(token) = self.text.get(range.clone()) else { return };
        if begins_a_comment(token) {
            return;
        }
        erase(&mut self.comments, range.clone());
        if !is_quoted(token) {
            self.code[range].copy_from_slice(token.as_bytes());
        }
    }
}

fn begins_a_comment(token: &str) -> bool {
    token.starts_with("//") || token.starts_with("/*")
}

/// Whether a token is a string or a character, with or without a prefix.
fn is_quoted(token: &str) -> bool {
    let is_character = token.len() > 1 && token.ends_with('\'');
    is_character || token.trim_end_matches('#').ends_with('"')
}

fn blank(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let everything = 0..bytes.len();
    erase(&mut bytes, everything);
    bytes
}

fn erase(bytes: &mut [u8], range: Range<usize>) {
    for byte in &mut bytes[range] {
        if *byte != b'\n' {
            *byte = b' ';
        }
    }
}

fn into_text(bytes: Vec<u8>) -> String {
    // Whole characters are copied or blanked, so this is always UTF-8.
    String::from_utf8(bytes).unwrap_or_default()
}
