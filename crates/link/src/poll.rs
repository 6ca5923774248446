//! The polls of a link while it polls: one request for up to 128 channels, or one for each channel
//! at a server that knows no other. In: answers, failures, the time. Out: which channels are to be
//! asked for, and how. Must not know what the answers say.

use alloc::vec::Vec;

use steadfast_machine::{Millis, Span, Wake};
use steadfast_protocol::Since;

use crate::PollId;
use crate::wake::Why;

/// How long an answer may take beyond what the server was allowed to wait.
pub(crate) const ANSWER_TIMEOUT: Span = Span::seconds(10);
/// The least time from one poll to the next where the first brought nothing.
pub(crate) const EMPTY_PAUSE: Span = Span::seconds(1);
/// The longest pause that a server may ask for.
pub(crate) const PAUSE_MAX: Span = Span::seconds(60);
/// Misses in a row after which a channel counts as unreachable.
const MISSES_MAX: u32 = 3;
/// Misses in a row after which an endpoint that has not answered a request for many channels is
/// asked for each alone: something in between may let nothing but `GET` through.
const MISSES_GROUPED_MAX: u32 = 2;
/// The most channels of one request.
pub(crate) const GROUP_MAX: usize = 128;

/// All polls of a link.
#[derive(Clone, Debug)]
pub(crate) struct Polls {
    /// One entry for each channel, in the same order.
    pub(crate) channels: Vec<ChannelPoll>,
    /// Those under way.
    pub(crate) requests: Vec<PollRequest>,
    /// The endpoints that have answered a request for many channels, one bit each.
    grouped: u8,
    /// The endpoints that are asked for each channel alone, one bit each.
    single: u8,
}

/// The polls of one channel.
#[derive(Clone, Debug)]
pub(crate) struct ChannelPoll {
    /// The id of its subscription.
    pub(crate) subscription: u32,
    pub(crate) state: PollState,
    /// Whether its position is known and its last poll had an answer, so that the next may wait.
    pub(crate) is_known: bool,
    /// Whether a poll of it has brought an answer.
    pub(crate) has_answered: bool,
    misses: u32,
}

/// Where a channel's polls stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PollState {
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
    pub(crate) places: Vec<usize>,
    /// The requests under way whose channels are among them, and which it replaces.
    pub(crate) replaces: Vec<PollId>,
    /// Whether the server may wait for an event.
    pub(crate) is_long: bool,
}

impl ChannelPoll {
    /// To be polled at once.
    pub(crate) const fn new(subscription: u32, is_known: bool, now: Millis) -> Self {
        let state = PollState::Due { at: now };
        Self { subscription, state, is_known, has_answered: false, misses: 0 }
    }

    /// Something came back, and the next poll is sent at this time.
    pub(crate) fn answered(&mut self, at: Millis) {
        self.misses = 0;
        self.state = PollState::Due { at };
    }

    /// Whether it has missed often enough to count as unreachable.
    pub(crate) const fn is_lost(&self) -> bool {
        self.misses >= MISSES_MAX
    }

    /// Whether the last one that came to an end had no answer.
    pub(crate) const fn is_missing(&self) -> bool {
        self.misses > 0
    }

    fn is_due(&self, now: Millis) -> bool {
        matches!(self.state, PollState::Due { at } if at <= now)
    }

    /// Whether it is part of this request.
    pub(crate) fn is_asked(&self, by: PollId) -> bool {
        matches!(self.state, PollState::Asked { poll, .. } if poll == by)
    }
}

impl Polls {
    /// Of these channels; nothing is under way.
    pub(crate) const fn new(channels: Vec<ChannelPoll>) -> Self {
        Self { channels, requests: Vec::new(), grouped: 0, single: 0 }
    }

    /// The request under way with this id, which has come back, and what it asked for. Its channels
    /// are due.
    pub(crate) fn take(
        &mut self,
        poll: PollId,
        now: Millis,
    ) -> Option<(PollRequest, Vec<(u32, Since)>)> {
        let place = self.requests.iter().position(|one| one.poll == poll)?;
        let request = self.requests.remove(place);
        let mut asked = Vec::new();
        for one in self.channels.iter_mut().filter(|one| one.is_asked(poll)) {
            let state = core::mem::replace(&mut one.state, PollState::Due { at: now });
            if let PollState::Asked { since, .. } = state {
                asked.push((one.subscription, since));
            }
        }
        Some((request, asked))
    }

    /// Gives up all requests. Their channels are due.
    pub(crate) fn take_all(&mut self, now: Millis) -> Vec<PollId> {
        let all: Vec<_> = self.requests.iter().map(|one| one.poll).collect();
        for poll in &all {
            self.take(*poll, now);
        }
        all
    }

    /// No endpoint is to be polled before `at`.
    pub(crate) fn put_off(&mut self, now: Millis, at: Millis) {
        for one in self.channels.iter_mut().filter(|one| one.is_due(now)) {
            one.state = PollState::Due { at };
        }
    }

    /// The channel of this subscription.
    pub(crate) fn find_mut(&mut self, subscription: u32) -> Option<&mut ChannelPoll> {
        self.channels.iter_mut().find(|one| one.subscription == subscription)
    }

    /// Forgets the channel of this subscription; the request that asked for no other, if any.
    pub(crate) fn leave(&mut self, subscription: u32) -> Option<PollId> {
        let place = self.channels.iter().position(|one| one.subscription == subscription)?;
        let PollState::Asked { poll, .. } = self.channels.remove(place).state else { return None };
        if self.channels.iter().any(|one| one.is_asked(poll)) {
            return None;
        }
        self.requests.retain(|one| one.poll != poll);
        Some(poll)
    }

    /// No answer came for these channels: how many times in a row.
    pub(crate) fn missed(&mut self, request: &PollRequest, asked: &[(u32, Since)]) -> u32 {
        let mut row = 0;
        for (subscription, _) in asked {
            if let Some(one) = self.find_mut(*subscription) {
                one.misses = one.misses.saturating_add(1);
                row = row.max(one.misses);
            }
        }
        let is_unproven = self.grouped & bit(request.endpoint) == 0;
        if request.is_grouped && is_unproven && row >= MISSES_GROUPED_MAX {
            self.single |= bit(request.endpoint);
        }
        row
    }

    /// The endpoint knows requests for many channels, or does not.
    pub(crate) const fn learn(&mut self, request: &PollRequest, is_known: bool) {
        if !request.is_grouped {
        } else if is_known {
            self.grouped |= bit(request.endpoint);
        } else {
            self.single |= bit(request.endpoint);
        }
    }

    /// The next request that is due at this endpoint. A channel whose position is known joins the
    /// request that waits, which is sent anew with it; one that is new is asked for by a short
    /// request beside that, one at a time.
    pub(crate) fn next(&self, now: Millis, endpoint: u8) -> Option<PollBatch> {
        let due: Vec<usize> =
            (0..self.channels.len()).filter(|place| self.channels[*place].is_due(now)).collect();
        let is_known = |place: &usize| self.channels[*place].is_known;
        if self.single & bit(endpoint) != 0 {
            let first = *due.first()?;
            let is_long = is_known(&first);
            return Some(PollBatch { places: alloc::vec![first], replaces: Vec::new(), is_long });
        }
        if !self.has_short() && due.iter().any(|place| !is_known(place)) {
            let places = due.into_iter().take(GROUP_MAX).collect();
            return Some(PollBatch { places, replaces: Vec::new(), is_long: false });
        }
        let mut places: Vec<usize> = due.into_iter().filter(is_known).take(GROUP_MAX).collect();
        if places.is_empty() {
            return None;
        }
        let mut replaces = Vec::new();
        for one in self.requests.iter().filter(|one| one.is_long && one.endpoint == endpoint) {
            let own = |place: &usize| self.channels[*place].is_asked(one.poll);
            let theirs: Vec<usize> = (0..self.channels.len()).filter(own).collect();
            if places.len() + theirs.len() <= GROUP_MAX {
                places.extend(theirs);
                replaces.push(one.poll);
            }
        }
        places.sort_unstable();
        Some(PollBatch { places, replaces, is_long: true })
    }

    /// When something will be due.
    pub(crate) fn wake(&self, endpoint: u8) -> Option<Wake<Why>> {
        let has_short = self.has_short() && self.single & bit(endpoint) == 0;
        let due = self.channels.iter().filter_map(|one| match one.state {
            // It waits for the short request that is under way.
            PollState::Due { .. } if has_short && !one.is_known => None,
            PollState::Due { at } => Some(Wake::new(at, Why::Poll)),
            PollState::Asked { .. } | PollState::AwaitingToken => None,
        });
        let until = self.requests.iter().map(|one| Wake::new(one.until, Why::PollTimeout));
        due.chain(until).reduce(|soonest, one| soonest.earlier(Some(one)))
    }

    fn has_short(&self) -> bool {
        self.requests.iter().any(|one| !one.is_long)
    }
}

const fn bit(endpoint: u8) -> u8 {
    1 << endpoint
}

#[cfg(test)]
mod tests;
