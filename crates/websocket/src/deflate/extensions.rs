//! The negotiation: what a client offers and a server answers.
//!
//! In: the lines of one header, which may hold several offers each. Out: an answer, or whether one
//! is what was asked for. An offer that cannot be met is passed over, never an error.

use std::borrow::Cow;
use thiserror::Error;

/// The header, in lower case.
pub const EXTENSIONS: &str = "sec-websocket-extensions";

/// What a client of ours offers, and a server of ours answers: no side keeps a window.
pub const OFFER: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// The same for a client that names the largest window, which then has to be answered.
const ANSWER_15: &str = "permessage-deflate; server_no_context_takeover; \
                         client_no_context_takeover; server_max_window_bits=15";

const NAME: &str = "permessage-deflate";
const SERVER_FRESH: &str = "server_no_context_takeover";
const CLIENT_FRESH: &str = "client_no_context_takeover";
const SERVER_WINDOW: &str = "server_max_window_bits";
const CLIENT_WINDOW: &str = "client_max_window_bits";

/// The window that messages are compressed with, as a power of two.
const WINDOW_BITS: u8 = 15;

/// A server's answer that a client cannot go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// Something was agreed that was not offered, or not in this form.
    #[error("the server agreed to an extension or a parameter that was not offered")]
    NotOffered,
    /// The server wants to keep its window over messages.
    #[error("the server keeps its window, although it was asked not to")]
    KeepsWindow,
}

/// The answer to the first offer that can be met; `None` where there is none, and then messages are
/// not compressed. A smaller window than ours cannot be.
pub fn accept_offer<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Option<&'static str> {
    lines.into_iter().flat_map(extensions).find_map(|offer| answer_of(&offer))
}

/// Whether the server of this answer takes compressed messages, and sends them. The offer must have
/// been [`OFFER`].
pub fn read_answer<'a>(lines: impl IntoIterator<Item = &'a [u8]>) -> Result<bool, AnswerError> {
    let mut agreed = false;
    for line in lines {
        let mut rest = extensions(line);
        for extension in rest.by_ref() {
            if agreed || extension.name != NAME {
                return Err(AnswerError::NotOffered);
            }
            agreed = true;
            let parameters = parameters(&extension).ok_or(AnswerError::NotOffered)?;
            if parameters.has_client_window {
                return Err(AnswerError::NotOffered);
            }
            if !parameters.is_server_fresh {
                return Err(AnswerError::KeepsWindow);
            }
        }
        if rest.is_broken {
            return Err(AnswerError::NotOffered);
        }
    }
    Ok(agreed)
}

fn answer_of(offer: &Extension<'_>) -> Option<&'static str> {
    if offer.name != NAME {
        return None;
    }
    match parameters(offer)?.server_window {
        None => Some(OFFER),
        Some(WINDOW_BITS) => Some(ANSWER_15),
        Some(_) => None,
    }
}

/// The parameters of permessage-deflate.
#[derive(Default)]
struct Parameters {
    is_server_fresh: bool,
    is_client_fresh: bool,
    server_window: Option<u8>,
    has_client_window: bool,
}

/// `None` where one is unknown, comes twice or has a value that it cannot have.
fn parameters(extension: &Extension<'_>) -> Option<Parameters> {
    let mut found = Parameters::default();
    for (name, value) in &extension.parameters {
        let value = value.as_deref();
        let is_new = match *name {
            SERVER_FRESH => value.is_none() && !std::mem::replace(&mut found.is_server_fresh, true),
            CLIENT_FRESH => value.is_none() && !std::mem::replace(&mut found.is_client_fresh, true),
            SERVER_WINDOW => found.server_window.replace(window(value?)?).is_none(),
            CLIENT_WINDOW => {
                // It may come without a value.
                value.is_none_or(|value| window(value).is_some())
                    && !std::mem::replace(&mut found.has_client_window, true)
            }
            _ => false,
        };
        if !is_new {
            return None;
        }
    }
    Some(found)
}

/// 8 to 15, in decimal without a leading zero.
fn window(text: &str) -> Option<u8> {
    let bits = text.parse().ok().filter(|_| !text.starts_with(['0', '+']))?;
    (8..=15).contains(&bits).then_some(bits)
}

/// One extension of a header.
struct Extension<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, Option<Cow<'a, str>>)>,
}

/// The extensions of a line; they end where it cannot be read.
fn extensions(line: &[u8]) -> Extensions<'_> {
    Extensions { rest: str::from_utf8(line).unwrap_or("\0"), is_broken: false }
}

struct Extensions<'a> {
    rest: &'a str,
    is_broken: bool,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        // A list may have empty elements.
        self.rest = self.rest.trim_start_matches([' ', '\t', ',']);
        if self.rest.is_empty() {
            return None;
        }
        let found = self.extension();
        if found.is_none() {
            (self.rest, self.is_broken) = ("", true);
        }
        found
    }
}

impl<'a> Extensions<'a> {
    fn extension(&mut self) -> Option<Extension<'a>> {
        let mut found = Extension { name: self.token()?, parameters: Vec::new() };
        while self.take(';') {
            let name = self.token()?;
            let value = if self.take('=') { Some(self.value()?) } else { None };
            found.parameters.push((name, value));
        }
        (self.rest.is_empty() || self.take(',')).then_some(found)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, wanted: char) -> bool {
        self.skip_space();
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn token(&mut self) -> Option<&'a str> {
        self.skip_space();
        let end = self.rest.find(|one| !is_token(one)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token, in quotes or not.
    fn value(&mut self) -> Option<Cow<'a, str>> {
        if !self.take('"') {
            return self.token().map(Cow::Borrowed);
        }
        let mut value = String::new();
        let mut letters = self.rest.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return (!value.is_empty()).then_some(Cow::Owned(value));
                }
                '\\' => value.push(letters.next().map(|(_, it)| it).filter(|it| is_token(*it))?),
                letter if is_token(letter) => value.push(letter),
                _ => return None,
            }
        }
        None
    }
}

fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::{ANSWER_15, AnswerError, OFFER, accept_offer, read_answer};

    fn answer(lines: &[&str]) -> Option<&'static str> {
        accept_offer(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn an_offer_that_allows_it_is_answered_without_windows_to_keep() {
        for offer in [
            "permessage-deflate",
            "permessage-deflate; client_max_window_bits",
            "permessage-deflate;client_max_window_bits=8",
            "permessage-deflate; client_max_window_bits=\"10\"",
            "permessage-deflate; client_max_window_bits=\"1\\5\"",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "\tpermessage-deflate ; server_no_context_takeover ,",
            "x-webkit-deflate-frame, permessage-deflate",
            "permessage-deflate; server_max_window_bits=10, permessage-deflate",
            "permessage-deflate; unknown, permessage-deflate",
        ] {
            assert_eq!(answer(&[offer]), Some(OFFER), "{offer}");
        }
        assert_eq!(answer(&["foo; a=b", "permessage-deflate"]), Some(OFFER));
        assert_eq!(answer(&["\"", "permessage-deflate"]), Some(OFFER));
        assert_eq!(answer(&["permessage-deflate; server_max_window_bits=15"]), Some(ANSWER_15));
    }

    /// P-160
    #[test]
    fn an_offer_that_cannot_be_met_is_declined() {
        for offer in [
            "",
            ",",
            "deflate",
            "Permessage-Deflate",
            "permessage-deflate; server_max_window_bits=14",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=7",
            "permessage-deflate; server_max_window_bits=015",
            "permessage-deflate; server_max_window_bits=+15",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=15; server_max_window_bits=15",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_max_window_bits=16",
            "permessage-deflate; client_max_window_bits; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=\"",
            "permessage-deflate; client_max_window_bits=\"\"",
            "permessage-deflate; client_max_window_bits=\"1 5\"",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; other",
            "permessage-deflate;",
            "permessage-deflate other",
            "permessage-deflate; =",
            "foo; a=\"b c\", permessage-deflate",
        ] {
            assert_eq!(answer(&[offer]), None, "{offer}");
        }
        assert_eq!(accept_offer([&b"permessage-deflate\xFF"[..]]), None);
    }

    /// P-163
    #[test]
    fn a_client_takes_answers_within_its_offer_alone() {
        let read = |line: &str| read_answer([line.as_bytes()]);
        assert_eq!(read_answer([]), Ok(false));
        for good in [
            OFFER,
            ANSWER_15,
            "permessage-deflate; server_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; server_max_window_bits=8",
        ] {
            assert_eq!(read(good), Ok(true), "{good}");
        }
        let keeps = Err(AnswerError::KeepsWindow);
        assert_eq!(read("permessage-deflate"), keeps);
        assert_eq!(read("permessage-deflate; client_no_context_takeover"), keeps);
        for bad in [
            "permessage-bzip2",
            "permessage-deflate; server_no_context_takeover; client_max_window_bits=15",
            "permessage-deflate; server_no_context_takeover; other",
            "permessage-deflate; server_no_context_takeover=1",
            "permessage-deflate; server_no_context_takeover, permessage-deflate",
            "permessage-deflate; server_no_context_takeover;",
            "\"",
        ] {
            assert_eq!(read(bad), Err(AnswerError::NotOffered), "{bad}");
        }
        let twice = read_answer([OFFER.as_bytes(), OFFER.as_bytes()]);
        assert_eq!(twice, Err(AnswerError::NotOffered));
    }
}
