//! What a token permits: channels to subscribe to and to publish to. Checked here, verified elsewhere.

use alloc::boxed::Box;
use alloc::vec::Vec;

use steadfast_protocol::{ChannelName, NameError};

/// Which channels: one, all below a prefix, or all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every channel: `*`.
    All,
    /// Every channel below a prefix: `diagnosis:*`. Holds the prefix with its colon.
    Below(Box<str>),
    /// One channel.
    Exact(ChannelName),
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(pub NameError);

impl Pattern {
    /// Reads `*`, `prefix:*` or a channel.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text == "*" {
            return Ok(Self::All);
        }
        if let Some(prefix) = text.strip_suffix(":*") {
            ChannelName::new(prefix).map_err(PatternError)?;
            return Ok(Self::Below(text.trim_end_matches('*').into()));
        }
        ChannelName::new(text).map(Self::Exact).map_err(PatternError)
    }

    /// Whether `channel` is one of those meant.
    pub fn matches(&self, channel: &ChannelName) -> bool {
        match self {
            Self::All => true,
            Self::Below(prefix) => channel.as_str().starts_with(&**prefix),
            Self::Exact(exact) => exact == channel,
        }
    }
}

/// What one session may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Channels it may follow.
    pub subscribe: Vec<Pattern>,
    /// Channels it may publish to.
    pub publish: Vec<Pattern>,
}

impl Grants {
    /// Everything: for `--dev`, and for the tests.
    pub fn everything() -> Self {
        Self { subscribe: [Pattern::All].into(), publish: [Pattern::All].into() }
    }

    /// Whether the session may follow `channel`.
    pub fn may_subscribe(&self, channel: &ChannelName) -> bool {
        self.subscribe.iter().any(|pattern| pattern.matches(channel))
    }

    /// Whether the session may publish to `channel`.
    pub fn may_publish(&self, channel: &ChannelName) -> bool {
        self.publish.iter().any(|pattern| pattern.matches(channel))
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;
    use steadfast_protocol::ChannelName;

    #[test]
    fn a_prefix_never_reaches_beyond_its_segment() {
        let matches = |pattern: &str, channel: &str| {
            Pattern::parse(pattern).unwrap().matches(&ChannelName::new(channel).unwrap())
        };
        assert!(matches("*", "a:b"));
        assert!(matches("a:*", "a:b"));
        assert!(matches("a:*", "a:b:c"));
        assert!(!matches("a:*", "a"));
        assert!(!matches("a:*", "ab:c"));
        assert!(matches("a:b", "a:b"));
        assert!(!matches("a:b", "a:b:c"));
        for bad in ["", ":*", "a*", "a:*:b", "a::*", "* "] {
            assert!(Pattern::parse(bad).is_err(), "{bad}");
        }
    }
}
