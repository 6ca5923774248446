//! Searches the log of a server under attack for what must never be in one. In: the file, secrets.
//! Out: how much was searched, and lines that have one, without showing it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::ensure;

use crate::case::{KEY_MARK, LINK_MARK, PAYLOAD_MARK};
use crate::server::LOG_BYTES_MAX;
use crate::token::{BACKEND_KEY, SECRET};

/// How every token begins: `{"` in base64.
const TOKEN_MARK: &str = "eyJ";
/// How many findings are told.
const FOUND_MAX: usize = 20;

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Lines.
    pub lines: u64,
    /// Bytes.
    pub bytes: u64,
    /// The number of each line that has a secret, and which kind.
    pub found: Vec<(u64, &'static str)>,
    /// Lines that tell of a panic.
    pub panics: u64,
}

impl Search {
    /// Whether nothing was found.
    pub const fn is_clean(&self) -> bool {
        self.found.is_empty() && self.panics == 0
    }
}

/// Searches. Link ids may be in a log of a level below info alone.
pub fn search(log: &Path, secrets: &[String], level: &str) -> anyhow::Result<Search> {
    let bytes = log.metadata()?.len();
    ensure!(bytes <= LOG_BYTES_MAX, "the log has {bytes} bytes");
    let mut search = Search { bytes, ..Search::default() };
    let mut reader = BufReader::new(File::open(log)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(search);
        }
        search.lines += 1;
        let text = String::from_utf8_lossy(&line);
        search.panics += u64::from(text.contains("panicked"));
        let kind = kind(&text, secrets, level.starts_with("info"));
        if let Some(kind) = kind.filter(|_| search.found.len() < FOUND_MAX) {
            search.found.push((search.lines, kind));
        }
    }
}

/// The kind of secret in a line.
fn kind(line: &str, secrets: &[String], is_info: bool) -> Option<&'static str> {
    let kinds = [
        ("a token", TOKEN_MARK, true),
        ("the key of tokens", SECRET, true),
        ("the key of the internal port", BACKEND_KEY, true),
        ("a payload", PAYLOAD_MARK, true),
        ("an idempotency key", KEY_MARK, true),
        ("a link id", LINK_MARK, is_info),
    ];
    let found = kinds.into_iter().find(|(_, mark, counts)| *counts && line.contains(mark));
    let is_secret = || secrets.iter().any(|secret| line.contains(secret));
    found.map(|(kind, _, _)| kind).or_else(|| is_secret().then_some("a ticket"))
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn every_kind_of_secret_is_found() {
        let secrets = ["t-123".to_owned()];
        let of = |line: &str, is_info: bool| kind(line, &secrets, is_info);
        assert_eq!(of("token=eyJhbGciOiJIUzI1NiJ9.e30.x", true), Some("a token"));
        assert_eq!(of("url=/v1/ws?ticket=t-123", true), Some("a ticket"));
        assert_eq!(of("link=hostile-link-7", true), Some("a link id"));
        assert_eq!(of("link=hostile-link-7", false), None);
        assert_eq!(of("data=hostile-payload-mark", false), Some("a payload"));
        assert_eq!(of("connection closed", true), None);
    }
}
