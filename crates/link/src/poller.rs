//! Polls the channels while WebSocket does not get through: one request for up to 128 of them, or
//! one for each at a server that knows no other. In: answers, failures, sessions beside the polls,
//! the time. Out: which channels to ask for, and how; how long a session must live to end the
//! polls. Must not know what the answers say.

mod flap_damping;
mod poll;

use alloc::vec::Vec;

use steadfast_machine::{Millis, Rng, Span, Wake};
use steadfast_protocol::{ChannelRequest, Since};

use crate::backoff::{doubled, jittered};
use crate::{Config, PollId, Why};

use flap_damping::FlapDamping;
use poll::{ChannelPoll, PollState};

pub(crate) use poll::{PollBatch, PollRequest};

/// How long an answer may take beyond what the server was allowed to wait.
const ANSWER_TIMEOUT: Span = Span::seconds(10);
/// The least time from one poll to the next where the first brought nothing.
pub(crate) const EMPTY_PAUSE: Span = Span::seconds(1);
/// Misses in a row after which an endpoint that has not answered a request for many channels is
/// asked for each alone: something in between may let nothing but `GET` through.
const MISSES_GROUPED_MAX: u32 = 2;
/// The most channels of one request.
pub(crate) const GROUP_MAX: usize = 128;
/// How long no poll must have been answered before polling counts as lost.
const SILENCE_MAX: Span = Span::seconds(10);
/// A session beside the polls that has lived so long needs no other proof.
const RETURN_PROOF: Span = Span::seconds(20);

/// The polls of a link; there are none but while it polls.
#[derive(Debug)]
pub(crate) struct Poller {
    /// One entry for each channel, in the same order.
    channels: Vec<ChannelPoll>,
    /// Those under way.
    requests: Vec<PollRequest>,
    /// The endpoints that have answered a request for many channels, one bit each.
    grouped: u8,
    /// The endpoints that are asked for each channel alone, one bit each.
    single: u8,
    last_poll: PollId,
    /// When a poll last brought an answer, or polling began.
    answered_at: Millis,
    flap_damping: FlapDamping,
}

impl Poller {
    /// Nothing is polled.
    pub(crate) const fn new() -> Self {
        Self {
            channels: Vec::new(),
            requests: Vec::new(),
            grouped: 0,
            single: 0,
            last_poll: 0,
            answered_at: Millis::ZERO,
            flap_damping: FlapDamping::new(),
        }
    }

    /// Begins to poll.
    pub(crate) const fn start(&mut self, now: Millis) {
        self.grouped = 0;
        self.single = 0;
        self.answered_at = now;
    }

    /// Ends polling. The requests have been given up.
    pub(crate) fn stop(&mut self) {
        debug_assert!(self.requests.is_empty(), "a poll goes on without polling");
        self.channels.clear();
    }

    /// Polls the channel of this subscription too, beginning at once.
    pub(crate) fn add(&mut self, subscription: u32, now: Millis) {
        self.channels.push(ChannelPoll::new(subscription, false, now));
    }

    /// Forgets the channel of this subscription. Returns the request that asked for no other, if
    /// there is one.
    pub(crate) fn leave(&mut self, subscription: u32) -> Option<PollId> {
        let place = self.channels.iter().position(|one| one.subscription == subscription)?;
        let PollState::Asked { poll, .. } = self.channels.remove(place).state else { return None };
        if self.channels.iter().any(|one| one.is_asked(poll)) {
            return None;
        }
        self.requests.retain(|one| one.poll != poll);
        Some(poll)
    }

    /// Looks at which channels have a position, by their subscriptions: the next poll of those may
    /// wait, but where the last one had no answer. Whether there is one again is to be known soon.
    pub(crate) fn review(&mut self, mut has_position: impl FnMut(u32) -> bool) {
        for one in &mut self.channels {
            one.is_known = !one.is_missing() && has_position(one.subscription);
        }
    }

    /// A request that has taken too long.
    pub(crate) fn overdue(&self, now: Millis) -> Option<PollId> {
        self.requests.iter().find(|one| one.until <= now).map(|one| one.poll)
    }

    /// No endpoint is to be polled before `at`.
    pub(crate) fn put_off(&mut self, now: Millis, at: Millis) {
        for one in self.channels.iter_mut().filter(|one| one.is_due(now)) {
            one.state = PollState::Due { at };
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

    /// Sends a batch to this endpoint, where the server may wait so long. `request` makes the
    /// request for the channel of a subscription.
    pub(crate) fn ask(
        &mut self,
        batch: &PollBatch,
        (now, wait): (Millis, Span),
        endpoint: u8,
        token_version: u32,
        mut request: impl FnMut(u32) -> Option<ChannelRequest>,
    ) -> (PollId, Vec<ChannelRequest>) {
        self.last_poll = self.last_poll.wrapping_add(1);
        let poll = self.last_poll;
        let mut channels = Vec::new();
        for place in &batch.places {
            let Some(one) = self.channels.get_mut(*place) else { continue };
            let Some(request) = request(one.subscription) else { continue };
            one.state = PollState::Asked { poll, since: request.since.clone() };
            channels.push(request);
        }
        self.requests.push(PollRequest {
            poll,
            endpoint,
            at: now,
            until: now + wait + ANSWER_TIMEOUT,
            is_long: batch.is_long,
            is_grouped: channels.len() > 1,
            token_version,
        });
        (poll, channels)
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

    /// The channel of this subscription.
    pub(crate) fn find_mut(&mut self, subscription: u32) -> Option<&mut ChannelPoll> {
        self.channels.iter_mut().find(|one| one.subscription == subscription)
    }

    /// These channels are polled again once the app has given a token.
    pub(crate) fn await_token(&mut self, asked: &[(u32, Since)]) {
        self.set(asked, &PollState::AwaitingToken);
    }

    /// The app gave a token.
    pub(crate) fn on_token(&mut self, now: Millis) {
        for one in self.channels.iter_mut().filter(|one| one.state == PollState::AwaitingToken) {
            one.state = PollState::Due { at: now };
        }
    }

    /// No answer came for these channels. The next poll is sent at once, until each of `endpoints`
    /// has failed.
    pub(crate) fn on_miss(
        &mut self,
        now: Millis,
        request: &PollRequest,
        asked: &[(u32, Since)],
        endpoints: u8,
        (config, rng): (&Config, &mut Rng),
    ) {
        let misses = asked.iter().filter_map(|(id, _)| self.find_mut(*id).map(ChannelPoll::missed));
        let row = misses.max().unwrap_or(0);
        let is_unproven = self.grouped & bit(request.endpoint) == 0;
        if request.is_grouped && is_unproven && row >= MISSES_GROUPED_MAX {
            self.single |= bit(request.endpoint);
        }
        let count = u32::from(endpoints);
        let mut at = now;
        if row.is_multiple_of(count) {
            let nth = (row / count).saturating_sub(1);
            let pause = doubled(config.backoff_min, nth, config.backoff_max);
            at += jittered(pause, config.jitter_percent, rng);
        }
        self.set(asked, &PollState::Due { at });
    }

    fn set(&mut self, asked: &[(u32, Since)], state: &PollState) {
        for (id, _) in asked {
            if let Some(one) = self.find_mut(*id) {
                one.state = state.clone();
            }
        }
    }

    /// An answer came.
    pub(crate) const fn on_answer(&mut self, now: Millis, request: &PollRequest) {
        self.answered_at = now;
        if request.is_grouped {
            self.grouped |= bit(request.endpoint);
        }
    }

    /// The endpoint knows no requests for many channels.
    pub(crate) const fn split(&mut self, request: &PollRequest) {
        self.single |= bit(request.endpoint);
    }

    /// The device slept: no answer can have come.
    pub(crate) const fn on_sleep(&mut self, now: Millis) {
        self.answered_at = now;
    }

    /// Whether polls are answered, so that plain HTTP gets through.
    pub(crate) fn is_answered(&self, now: Millis, config: &Config) -> bool {
        now.since(self.answered_at) <= config.poll_wait + ANSWER_TIMEOUT
            && self.channels.iter().any(|one| one.has_answered)
    }

    /// Whether no channel's last poll was answered.
    pub(crate) fn is_stalled(&self) -> bool {
        !self.channels.is_empty() && self.channels.iter().all(ChannelPoll::is_missing)
    }

    /// Whether no poll of any channel gets through any more.
    pub(crate) fn is_lost(&self, now: Millis) -> bool {
        let is_silent = now.since(self.answered_at) >= SILENCE_MAX;
        is_silent && !self.channels.is_empty() && self.channels.iter().all(ChannelPoll::is_lost)
    }

    /// How long a session beside the polls must live to end them, if it has answered a heartbeat or
    /// not; where sessions kept dying, until a path that is dead would have been noticed.
    pub(crate) fn proof_span(&self, since: Millis, is_answered: bool, config: &Config) -> Span {
        if self.flap_damping.is_held(since) {
            config.heartbeat_interval + config.heartbeat_timeout
        } else if is_answered {
            Span::ZERO
        } else {
            RETURN_PROOF
        }
    }

    /// A session beside the polls was lost that had begun at `since`: a death, where polls were
    /// answered as long as it lived.
    pub(crate) fn on_session_lost(&mut self, now: Millis, since: Millis) {
        if self.answered_at > since {
            self.flap_damping.record_early_loss(now);
        }
    }

    /// A session that had replaced polling was lost soon, although plain HTTP gets through.
    pub(crate) fn record_early_loss(&mut self, now: Millis) {
        self.flap_damping.record_early_loss(now);
    }

    /// A session has ended without polls beside it. Returns whether it lived too short to be worth
    /// the end of polling.
    pub(crate) fn is_early_loss(&mut self, lived: Span) -> bool {
        let is_early = FlapDamping::is_early_loss(lived);
        if !is_early {
            self.flap_damping.clear();
        }
        is_early
    }

    /// The device is on another network.
    pub(crate) const fn on_network_changed(&mut self) {
        self.flap_damping.clear();
    }

    /// When something will be due.
    pub(crate) fn next_deadline(&self, endpoint: u8) -> Option<Wake<Why>> {
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

    /// The subscriptions of the channels that are polled, and the requests under way.
    #[cfg(debug_assertions)]
    pub(crate) fn parts(&self) -> (&[ChannelPoll], &[PollRequest]) {
        (&self.channels, &self.requests)
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
