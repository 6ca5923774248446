//! A key in memory, which never shows itself.
//!
//! In: the text or bytes of a key. Out: its bytes for who computes with them, and a comparison
//! that takes as long whatever is compared.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use subtle::ConstantTimeEq;

/// A key. `Debug`, `Display` and `Serialize` write a placeholder.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    /// Keeps these bytes.
    pub fn new(bytes: impl AsRef<[u8]>) -> Self {
        Self(bytes.as_ref().into())
    }

    /// The bytes of the key.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether `guess` is the key, in a time that does not tell how much of it is right.
    pub fn matches(&self, guess: &[u8]) -> bool {
        self.0.ct_eq(guess).into()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(not shown)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(not shown)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("hunter2");
        assert!(!format!("{secret} {secret:?} {:#?}", Some(&secret)).contains("hunter2"));
        assert_eq!(secret.expose(), b"hunter2");
    }

    #[test]
    fn only_the_same_bytes_match() {
        let secret = Secret::new("hunter2");
        assert!(secret.matches(b"hunter2"));
        for guess in ["", "hunter", "hunter22", "Hunter2"] {
            assert!(!secret.matches(guess.as_bytes()), "{guess:?}");
        }
    }
}
