//! Names that travel: channels, epochs, event names, replace keys, link ids, users, generations.
//! In: text from anywhere. Out: a checked, cheaply cloned name, or what is wrong with it.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// Why a text is not the name it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("{what} must not be empty")]
    Empty {
        /// The kind of name, with its article.
        what: &'static str,
    },
    /// Fewer bytes than the least.
    #[error("{what} has at least {min} bytes, this one has {actual}")]
    TooShort {
        /// The kind of name, with its article.
        what: &'static str,
        /// The least number of bytes.
        min: usize,
        /// The bytes given.
        actual: usize,
    },
    /// More bytes than the most.
    #[error("{what} has at most {max} bytes, this one has {actual}")]
    TooLong {
        /// The kind of name, with its article.
        what: &'static str,
        /// The largest number of bytes.
        max: usize,
        /// The bytes given.
        actual: usize,
    },
    /// A character that this kind of name cannot have.
    #[error("{what} is made of {allowed}; {found:?} at byte {at} is not")]
    Character {
        /// The kind of name, with its article.
        what: &'static str,
        /// What is allowed, in words.
        allowed: &'static str,
        /// The first wrong character …
        found: char,
        /// … and where it stands, in bytes from 0.
        at: usize,
    },
    /// Two colons together, or one at an end of a channel.
    #[error("a channel's segments, joined by ':', must not be empty; see byte {at}")]
    EmptySegment {
        /// Where the empty segment stands, in bytes from 0.
        at: usize,
    },
    /// A channel that is a step in a path: a URL could not name it.
    #[error("a channel is neither '.' nor '..', which a URL cannot have as a segment")]
    Dots,
}

struct Rule {
    what: &'static str,
    min: usize,
    max: usize,
    allowed: &'static str,
}

impl Rule {
    /// `is_allowed` is compiled into the loop: every event that is published passes here.
    fn check(&self, text: &str, is_allowed: impl Fn(char) -> bool) -> Result<(), NameError> {
        let (what, actual) = (self.what, text.len());
        if actual == 0 {
            return Err(NameError::Empty { what });
        }
        if actual < self.min {
            return Err(NameError::TooShort { what, min: self.min, actual });
        }
        if actual > self.max {
            return Err(NameError::TooLong { what, max: self.max, actual });
        }
        match text.char_indices().find(|&(_, c)| !is_allowed(c)) {
            Some((at, found)) => {
                Err(NameError::Character { what, allowed: self.allowed, found, at })
            }
            None => Ok(()),
        }
    }
}

const fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

const fn is_channel(c: char) -> bool {
    is_token(c) || c == '.' || c == ':'
}

fn is_printable(c: char) -> bool {
    !c.is_control()
}

const CHANNEL: Rule = Rule {
    what: "a channel",
    min: 1,
    max: 255,
    allowed: "A-Z a-z 0-9 _ . - and ':' between segments",
};
const EPOCH: Rule = Rule { what: "an epoch", min: 1, max: 64, allowed: "A-Z a-z 0-9 _ -" };
const EVENT: Rule =
    Rule { what: "an event name", min: 1, max: 128, allowed: "anything but control characters" };
const REPLACE: Rule =
    Rule { what: "a replace key", min: 1, max: 128, allowed: "anything but control characters" };
const LINK: Rule = Rule { what: "a link id", min: 8, max: 64, allowed: "A-Z a-z 0-9 _ -" };
const USER: Rule =
    Rule { what: "a user", min: 1, max: 255, allowed: "anything but control characters" };

fn check_channel(text: &str) -> Result<(), NameError> {
    CHANNEL.check(text, is_channel)?;
    if matches!(text, "." | "..") {
        return Err(NameError::Dots);
    }
    // A segment is empty where a colon, or the end, follows the start or another colon.
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte == b':' {
            if at == start {
                return Err(NameError::EmptySegment { at });
            }
            start = at + 1;
        }
    }
    if start == text.len() { Err(NameError::EmptySegment { at: start }) } else { Ok(()) }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` and keeps it.
            pub fn new(text: &str) -> Result<Self, NameError> {
                $check(text)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::new(&text).map_err(|error| D::Error::custom(error.to_string()))
            }
        }
    };
}

name! {
    /// A channel's name: segments of `[A-Za-z0-9_.-]` joined by `:`, 1 to 255 bytes.
    ChannelName, check_channel
}
name! {
    /// One numbering of a channel: 1 to 64 bytes of `[A-Za-z0-9_-]`, compared and never read.
    Epoch, |text: &str| EPOCH.check(text, is_token)
}
name! {
    /// What kind of event: `progress`, `result`, `complete`, `error` or the app's own word,
    /// 1 to 128 bytes without control characters.
    EventName, |text: &str| EVENT.check(text, is_printable)
}
name! {
    /// Events of one channel with the same key may replace each other: 1 to 128 bytes without
    /// control characters.
    ReplaceKey, |text: &str| REPLACE.check(text, is_printable)
}
name! {
    /// A link's id, made at random by the client: 8 to 64 bytes of `[A-Za-z0-9_-]`.
    LinkId, |text: &str| LINK.check(text, is_token)
}

name! {
    /// Whom a token is for, its `sub`: 1 to 255 bytes without control characters. Servers use it
    /// among themselves; it is in no frame.
    UserId, |text: &str| USER.check(text, is_printable)
}

/// A link as a server knows it. The same id of another user is another link. P-15
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkKey {
    /// Whose link it is; nobody's if tokens have no `sub`, or if there are none.
    pub user: Option<UserId>,
    /// The id that the client made.
    pub link: LinkId,
}

impl ChannelName {
    /// The first segment, whose options the configuration sets.
    pub fn namespace(&self) -> &str {
        self.0.split(':').next().unwrap_or(&self.0)
    }
}

/// Which session of a link: 1 for the first, higher for every later one.
pub type Generation = u64;

#[cfg(test)]
mod tests {
    use super::{ChannelName, Epoch, EventName, LinkId, NameError, UserId};
    use alloc::string::{String, ToString};

    fn text_of(len: usize) -> String {
        core::iter::repeat_n('a', len).collect()
    }

    #[test]
    fn a_channel_is_segments_joined_by_colons() {
        let channel = ChannelName::new("diagnosis:8f3c.v-2_x").unwrap();
        assert_eq!(channel.namespace(), "diagnosis");
        assert_eq!(ChannelName::new("alone").unwrap().namespace(), "alone");
        for bad in ["", ":", "a:", ":a", "a::b", "a b", "a/b", "é", "a\n", "a%3Ab", ".", ".."] {
            assert!(ChannelName::new(bad).is_err(), "{bad:?}");
        }
        assert_eq!(ChannelName::new("a::b"), Err(NameError::EmptySegment { at: 2 }));
    }

    #[test]
    fn what_is_wrong_with_a_name_is_a_sentence() {
        let told = |error: NameError| error.to_string();
        assert_eq!(
            told(EventName::new("a\nb").unwrap_err()),
            r"an event name is made of anything but control characters; '\n' at byte 1 is not"
        );
        assert_eq!(told(EventName::new("").unwrap_err()), "an event name must not be empty");
        assert_eq!(
            told(ChannelName::new("a b").unwrap_err()),
            "a channel is made of A-Z a-z 0-9 _ . - and ':' between segments; ' ' at byte 1 is not"
        );
        let long = told(Epoch::new(&text_of(65)).unwrap_err());
        assert_eq!(long, "an epoch has at most 64 bytes, this one has 65");
    }

    #[test]
    fn every_name_has_its_length_limit() {
        assert!(ChannelName::new(&text_of(255)).is_ok());
        assert!(ChannelName::new(&text_of(256)).is_err());
        assert!(LinkId::new(&text_of(8)).is_ok());
        assert!(LinkId::new(&text_of(7)).is_err());
        assert!(LinkId::new(&text_of(64)).is_ok());
        assert!(LinkId::new(&text_of(65)).is_err());
        assert!(Epoch::new(&text_of(64)).is_ok());
        assert!(Epoch::new(&text_of(65)).is_err());
        assert!(EventName::new(&text_of(128)).is_ok());
        assert!(EventName::new(&text_of(129)).is_err());
        assert!(EventName::new("").is_err());
        assert!(EventName::new("a\nb").is_err());
        assert!(UserId::new(&text_of(255)).is_ok());
        assert!(UserId::new(&text_of(256)).is_err());
        assert!(UserId::new("auth0|Zoë 7").is_ok());
        assert!(UserId::new("a\nb").is_err());
    }
}
