//! Which channels a token opens: one channel, everything below a prefix, or everything.
//!
//! In: the text of a pattern. Out: does a channel's name fit. It knows nothing of tokens.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use steadfast_protocol::ChannelName;

/// Some channels, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every channel: `*`.
    Everything,
    /// Every channel below a prefix, at any depth, but not the prefix itself: `prefix:*`.
    Below(ChannelName),
    /// One channel.
    Channel(ChannelName),
}

/// A text that is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pattern is a channel, `prefix:*` for what is below a prefix, or `*` for every channel")]
pub struct PatternError;

impl Pattern {
    /// Whether this pattern covers `channel`.
    pub fn covers(&self, channel: &ChannelName) -> bool {
        match self {
            Self::Everything => true,
            Self::Channel(name) => name == channel,
            Self::Below(prefix) => {
                let rest = channel.as_str().strip_prefix(prefix.as_str());
                rest.and_then(|rest| rest.strip_prefix(':')).is_some_and(|rest| !rest.is_empty())
            }
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let channel = |name| ChannelName::new(name).map_err(|_| PatternError);
        match text.strip_suffix(":*") {
            _ if text == "*" => Ok(Self::Everything),
            Some(prefix) => channel(prefix).map(Self::Below),
            None => channel(text).map(Self::Channel),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => f.write_str("*"),
            Self::Below(prefix) => write!(f, "{prefix}:*"),
            Self::Channel(name) => name.fmt(f),
        }
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, PatternError};
    use alloc::string::ToString;
    use steadfast_protocol::ChannelName;

    #[test]
    fn a_pattern_covers_what_it_says_and_no_more() {
        let table = [
            ("*", "diagnosis:8f3c", true),
            ("*", "a", true),
            ("diagnosis:8f3c", "diagnosis:8f3c", true),
            ("diagnosis:8f3c", "diagnosis:8f3cd", false),
            ("diagnosis:8f3c", "diagnosis:8f3c:log", false),
            ("diagnosis:8f3c", "Diagnosis:8f3c", false),
            ("diagnosis:*", "diagnosis:8f3c", true),
            ("diagnosis:*", "diagnosis:8f3c:log", true),
            ("diagnosis:*", "diagnosis", false),
            ("diagnosis:*", "diagnosis2:8f3c", false),
            ("diagnosis:*", "my:diagnosis:8f3c", false),
            ("a:b:*", "a:b:c", true),
            ("a:b:*", "a:c", false),
        ];
        for (pattern, channel, expected) in table {
            let pattern: Pattern = pattern.parse().unwrap();
            let channel = ChannelName::new(channel).unwrap();
            assert_eq!(pattern.covers(&channel), expected, "{pattern} {channel}");
        }
    }

    #[test]
    fn a_pattern_is_read_and_written_the_same() {
        for text in ["*", "a", "a:b", "a:*", "a:b:*"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        for text in ["", ":*", "a*", "*:a", "a:*:b", "**", "a::*", "a b", "a:*:*"] {
            assert_eq!(text.parse::<Pattern>(), Err(PatternError), "{text:?}");
        }
    }
}
