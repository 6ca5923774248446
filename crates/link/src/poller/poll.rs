//! The polls of one channel, and one request for several of them. In: answers, failures. Out: when
//! the channel's next poll is due. Must not know what the answers say.

use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::Since;

use crate::PollId;

/// Misses in a row after which a channel counts as unreachable.
const MISSES_MAX: u32 = 3;

/// The polls of one channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelPoll {
    /// The id of its subscription.
    pub(crate) subscription: u32,
    pub(super) state: PollState,
    /// Whether its position is known and its last poll had an answer, so that the next may wait.
    pub(super) is_known: bool,
    /// Whether a poll of it has brought an answer.
    pub(crate) has_answered: bool,
    misses: u32,
}

/// Where a channel's polls stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PollState {
    /// The next one is sent at this time.
    Due { at: Millis },
    /// It is part of this request, which is under way.
    Asked { poll: PollId, since: Since },
    /// The server wants another token.
    AwaitingToken,
}

/// A request under way.
#[derive(Clone, Debug)]
pub(crate) struct PollRequest {
    pub(crate) poll: PollId,
    pub(crate) endpoint: u8,
    pub(crate) at: Millis,
    pub(crate) until: Millis,
    /// Whether the server was asked to wait for an event.
    pub(crate) is_long: bool,
    /// Whether it asks for more than one channel.
    pub(crate) is_grouped: bool,
    pub(crate) token_version: u32,
}

/// What is to be asked for next.
#[derive(Clone, Debug, Default)]
pub(crate) struct PollBatch {
    /// The places of its channels.
    pub(super) places: Vec<usize>,
    /// The requests under way whose channels are among them, and which it replaces.
    pub(crate) replaces: Vec<PollId>,
    /// Whether the server may wait for an event.
    pub(crate) is_long: bool,
}

impl ChannelPoll {
    /// To be polled at once.
    pub(super) const fn new(subscription: u32, is_known: bool, now: Millis) -> Self {
        let state = PollState::Due { at: now };
        Self { subscription, state, is_known, has_answered: false, misses: 0 }
    }

    /// Something came back, and the next poll is sent at this time.
    pub(crate) fn answered(&mut self, at: Millis) {
        self.misses = 0;
        self.state = PollState::Due { at };
    }

    /// No answer came: how many times in a row.
    pub(super) const fn missed(&mut self) -> u32 {
        self.misses = self.misses.saturating_add(1);
        self.misses
    }

    /// Whether it has missed often enough to count as unreachable.
    pub(super) const fn is_lost(&self) -> bool {
        self.misses >= MISSES_MAX
    }

    /// Whether the last one that came to an end had no answer.
    pub(super) const fn is_missing(&self) -> bool {
        self.misses > 0
    }

    pub(super) fn is_due(&self, now: Millis) -> bool {
        matches!(self.state, PollState::Due { at } if at <= now)
    }

    /// Whether it is part of this request.
    pub(crate) fn is_asked(&self, by: PollId) -> bool {
        matches!(self.state, PollState::Asked { poll, .. } if poll == by)
    }
}
