//! What a token permits: channels to subscribe to and to publish to.
//! Checked here, verified elsewhere.

mod pattern;

use alloc::vec::Vec;

use steadfast_protocol::ChannelName;

pub use pattern::{Pattern, PatternError};

/// What one session may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Channels it may follow.
    pub subscribe: Vec<Pattern>,
    /// Channels it may publish to.
    pub publish: Vec<Pattern>,
    /// Channels whose followers it may see.
    pub presence: Vec<Pattern>,
}

impl Grants {
    /// Everything: for `--dev`, and for the tests.
    pub fn everything() -> Self {
        let [subscribe, publish, presence] = [(); 3].map(|()| [Pattern::Everything].into());
        Self { subscribe, publish, presence }
    }

    /// Whether the session may follow `channel`.
    pub fn may_subscribe(&self, channel: &ChannelName) -> bool {
        self.subscribe.iter().any(|pattern| pattern.covers(channel))
    }

    /// Whether the session may publish to `channel`.
    pub fn may_publish(&self, channel: &ChannelName) -> bool {
        self.publish.iter().any(|pattern| pattern.covers(channel))
    }

    /// Whether the session may see who follows `channel`.
    pub fn may_see_presence(&self, channel: &ChannelName) -> bool {
        self.presence.iter().any(|pattern| pattern.covers(channel))
    }
}
