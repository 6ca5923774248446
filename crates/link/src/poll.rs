//! The polls of a link while it polls: one at a time for each channel. In: answers, failures, the
//! time. Out: whose turn it is. Must not know what the answers say.

use alloc::vec::Vec;

use steadfast_machine::{Millis, Rng, Span, Wake};
use steadfast_protocol::Since;

use crate::backoff::{HINT_MAX, doubled, jittered};
use crate::wake::Why;
use crate::{Config, PollId};

/// How long an answer may take beyond what the server was allowed to wait.
pub(crate) const ANSWER_TIMEOUT: Span = Span::seconds(10);
/// The least time from one poll to the next where the first brought nothing.
const EMPTY_PAUSE: Span = Span::seconds(1);
/// The longest pause that a server may ask for.
const PAUSE_MAX: Span = Span::seconds(60);
/// Misses in a row after which a channel counts as unreachable.
const MISSES_MAX: u32 = 3;

/// The polls of one channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelPoll {
    /// The id of its subscription.
    pub(crate) subscription: u32,
    pub(crate) turn: Turn,
    /// Whether a poll of it has brought an answer.
    pub(crate) is_told: bool,
    misses: u32,
}

/// Where a channel's polls stand.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    /// The next one is sent at this time.
    Due { at: Millis },
    /// One is under way.
    Asked(Asked),
    /// The server wants another token.
    WantingToken,
}

/// A poll under way.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) poll: PollId,
    pub(crate) since: Since,
    pub(crate) at: Millis,
    pub(crate) until: Millis,
    /// Whether the server was asked to wait for an event.
    pub(crate) is_long: bool,
    pub(crate) token_version: u32,
}

impl ChannelPoll {
    /// To be polled at once.
    pub(crate) const fn new(subscription: u32, now: Millis) -> Self {
        Self { subscription, turn: Turn::Due { at: now }, is_told: false, misses: 0 }
    }

    /// An answer came to a poll; the server names the pause before the next.
    pub(crate) fn answered(&mut self, now: Millis, asked: &Asked, is_empty: bool, pause: Span) {
        self.misses = 0;
        // A server that did not wait though it was asked to would be asked again at once, for ever.
        let soonest = if is_empty && asked.is_long { asked.at + EMPTY_PAUSE } else { now };
        // The pause after a short poll is for who goes on with short ones; the next one waits.
        let pause = if asked.is_long { pause.min(PAUSE_MAX) } else { Span::ZERO };
        self.turn = Turn::Due { at: soonest.max(now + pause) };
    }

    /// No answer came.
    pub(crate) fn missed(&mut self, now: Millis, config: &Config, rng: &mut Rng) {
        let pause = doubled(config.backoff_min, self.misses, config.backoff_max);
        self.misses = self.misses.saturating_add(1);
        self.turn = Turn::Due { at: now + jittered(pause, config.jitter_percent, rng) };
    }

    /// The server asked for patience.
    pub(crate) fn put_off(&mut self, now: Millis, hint: Span) {
        self.misses = 0;
        self.turn = Turn::Due { at: now + hint.clamp(EMPTY_PAUSE, HINT_MAX) };
    }

    /// Whether it has missed often enough to count as unreachable.
    pub(crate) const fn is_lost(&self) -> bool {
        self.misses >= MISSES_MAX
    }

    /// The poll under way, if any.
    pub(crate) const fn asked(&self) -> Option<&Asked> {
        match &self.turn {
            Turn::Asked(asked) => Some(asked),
            Turn::Due { .. } | Turn::WantingToken => None,
        }
    }

    /// When something will be due.
    pub(crate) const fn wake(&self) -> Option<Wake<Why>> {
        match &self.turn {
            Turn::Due { at } => Some(Wake::new(*at, Why::Poll)),
            Turn::Asked(asked) => Some(Wake::new(asked.until, Why::PollTimeout)),
            Turn::WantingToken => None,
        }
    }
}

/// The poll under way with this id, which has come back, and its channel.
pub(crate) fn take(
    polls: &mut [ChannelPoll],
    poll: PollId,
    now: Millis,
) -> Option<(&mut ChannelPoll, Asked)> {
    let is_meant = |one: &&mut ChannelPoll| one.asked().is_some_and(|asked| asked.poll == poll);
    let one = polls.iter_mut().find(is_meant)?;
    let asked = one.asked()?.clone();
    one.turn = Turn::Due { at: now };
    Some((one, asked))
}

/// The polls that are under way.
pub(crate) fn under_way(polls: &[ChannelPoll]) -> Vec<PollId> {
    polls.iter().filter_map(|one| one.asked().map(|asked| asked.poll)).collect()
}
