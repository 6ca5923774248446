//! Tokens, key sets and configuration files.

use std::path::Path;

use steadfast_server::auth::token::Verifier;
use steadfast_server::config::{Config, Overrides};
use steadfast_server::fuzzing;

const KEY: [u8; 32] = *b"a key that no fuzzer can guess..";
const NOW_S: u64 = 1_800_000_000;

/// No text passes for a token that nobody signed, and no text breaks the reader of key sets.
pub(crate) fn token(bytes: &[u8]) {
    fuzzing::key_set(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let checked = Verifier::new(&KEY, 30).verify(text, NOW_S);
    assert!(checked.is_err(), "a token was made without the key");
}

/// A configuration file: settings, or mistakes with a text each.
pub(crate) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Nothing is read from files that a text could name.
    if text.contains("file") || text.contains("dir") || text.contains("tls") {
        return;
    }
    let file = Path::new("steadfast.toml");
    let loaded = Config::load(Some((file, text)), Vec::new(), &Overrides::default());
    if let Err(mistakes) = loaded {
        assert!(!mistakes.to_string().trim().is_empty());
    }
}
