//! Which inputs met which states. In: a link and what it is about to hear. Out: the pairs that
//! were never seen. Frames count by their type too.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use steadfast_link::scenario::{INPUT_KINDS, input_kind};
use steadfast_link::{Input, Link, LinkState, Reason};

use super::frames::{FRAME_KINDS, frame_kind};

/// The states that are told apart: at rest for want of a network is a state of its own.
const STATES: [&str; 6] =
    ["disconnected", "offline", "connecting", "connected", "reconnecting", "fallback"];

/// How often each pair of a state and an input was seen.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    pairs: BTreeMap<(&'static str, &'static str), u64>,
}

impl Coverage {
    /// The pairs that were never seen, as `state: input`.
    pub fn missing(&self) -> Vec<String> {
        let kinds = || INPUT_KINDS.into_iter().chain(FRAME_KINDS);
        let pairs = STATES.into_iter().flat_map(|state| kinds().map(move |kind| (state, kind)));
        let missing = pairs.filter(|pair| !self.pairs.contains_key(pair));
        missing.map(|(state, kind)| format!("{state}: {kind}")).collect()
    }

    /// The pair that was seen least often, and how often.
    pub fn rarest(&self) -> Option<(String, u64)> {
        let (&(state, kind), &count) = self.pairs.iter().min_by_key(|(_, count)| **count)?;
        Some((format!("{state}: {kind}"), count))
    }

    /// How many pairs there are to see.
    pub const fn pairs_max(&self) -> usize {
        STATES.len() * (INPUT_KINDS.len() + FRAME_KINDS.len())
    }

    pub(super) fn note(&mut self, link: &Link, input: &Input) {
        let state = state_of(link);
        *self.pairs.entry((state, input_kind(input))).or_default() += 1;
        if let Input::SocketFrame { frame, .. } = input {
            *self.pairs.entry((state, frame_kind(frame))).or_default() += 1;
        }
    }
}

fn state_of(link: &Link) -> &'static str {
    match link.state() {
        LinkState::Disconnected if link.reason() == Reason::Offline => "offline",
        LinkState::Disconnected
        | LinkState::Connecting
        | LinkState::Connected
        | LinkState::Reconnecting
        | LinkState::Fallback => link.state().as_str(),
    }
}

impl AddAssign for Coverage {
    fn add_assign(&mut self, other: Self) {
        for (pair, count) in other.pairs {
            *self.pairs.entry(pair).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Coverage, STATES};
    use steadfast_link::{Config, Input, Link};
    use steadfast_protocol::LinkId;

    #[test]
    fn a_pair_is_missing_until_it_is_seen() {
        let link = Link::new(Config::new(LinkId::new("link-0001").unwrap(), 1));
        let mut coverage = Coverage::default();
        assert_eq!(coverage.missing().len(), coverage.pairs_max());
        assert!(coverage.missing().contains(&format!("{}: connect", STATES[0])));
        coverage.note(&link, &Input::Connect);
        assert!(!coverage.missing().contains(&format!("{}: connect", STATES[0])));
        assert_eq!(coverage.missing().len(), coverage.pairs_max() - 1);
    }
}
