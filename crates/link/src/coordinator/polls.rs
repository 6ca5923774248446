//! Polls of the channels while WebSocket does not get through. In: answers and failures of polls,
//! the time. Out: polls, notices, and the way back to attempts when polls fail too.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelRequest, ErrorCode, PollAnswer, PollPage, PollRefusal, Since};

use super::Link;
use crate::backoff::{HINT_MAX, doubled, jittered};
use crate::credential::{Fault, Refusal};
use crate::fallback_policy::FallbackPolicy;
use crate::phase::{Attempt, Phase, ReturnPath};
use crate::poll::{
    ANSWER_TIMEOUT, ChannelPoll, EMPTY_PAUSE, PAUSE_MAX, PollBatch, PollRequest, PollState,
};
use crate::{Output, PollFailure, PollId, Reason};

/// How long a channel is left alone that the server cannot serve for now.
const REFUSED_PAUSE: Span = Span::seconds(5);
/// How long no poll must have been answered before polling counts as lost.
const SILENCE_MAX: Span = Span::seconds(10);

impl Link {
    /// Sends the polls that are due, and gives up those that have taken too long.
    pub(super) fn run_polls(&mut self, now: Millis) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        for one in &mut polling.polls.channels {
            let subscription = self.subscriptions.by_id_mut(one.subscription);
            // Whether there is an answer again is to be known soon.
            one.is_known =
                !one.is_missing() && subscription.is_some_and(|own| own.position().is_some());
        }
        let requests = polling.polls.requests.iter();
        let late: Vec<_> = requests.filter(|one| one.until <= now).map(|one| one.poll).collect();
        for poll in late {
            self.out.push_back(Output::CancelPoll { poll });
            self.on_polled(now, poll, Err(PollFailure::Unreachable));
        }
        let free_at = self.endpoints.seek_http(now);
        if let Phase::Polling(polling) = &mut self.phase {
            polling.polls.put_off(now, free_at);
        }
        while let Phase::Polling(polling) = &mut self.phase
            && let Some(batch) = polling.polls.next(now, self.endpoints.http())
        {
            for poll in &batch.replaces {
                polling.polls.take(*poll, now);
                self.out.push_back(Output::CancelPoll { poll: *poll });
            }
            self.send_poll(now, &batch);
        }
        self.give_up_polling_if_lost(now);
    }

    fn send_poll(&mut self, now: Millis, batch: &PollBatch) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        self.last_poll = self.last_poll.wrapping_add(1);
        let (poll, endpoint) = (self.last_poll, self.endpoints.http());
        let mut channels = Vec::new();
        for place in &batch.places {
            let Some(one) = polling.polls.channels.get_mut(*place) else { continue };
            let Some(subscription) = self.subscriptions.by_id_mut(one.subscription) else {
                continue;
            };
            let (channel, since) = (subscription.channel.clone(), subscription.since());
            one.state = PollState::Asked { poll, since: since.clone() };
            channels.push(ChannelRequest { id: None, channel, since });
        }
        // The first poll of a channel is to learn where it stands: it does not wait.
        let wait = if batch.is_long { self.config.poll_wait } else { Span::ZERO };
        polling.polls.requests.push(PollRequest {
            poll,
            endpoint,
            at: now,
            until: now + wait + ANSWER_TIMEOUT,
            is_long: batch.is_long,
            is_grouped: channels.len() > 1,
            token_version: self.credential.version(),
        });
        self.out.push_back(Output::Poll { poll, channels, wait_ms: wait.0, endpoint });
    }

    pub(super) fn on_polled(
        &mut self,
        now: Millis,
        poll: PollId,
        outcome: Result<Box<PollAnswer>, PollFailure>,
    ) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let Some((request, asked)) = polling.polls.take(poll, now) else { return };
        match outcome {
            Ok(answer) => self.on_answer(now, &request, asked, *answer),
            Err(PollFailure::Unreachable) => self.on_miss(now, &request, &asked),
            Err(PollFailure::Busy { retry_after_ms }) => {
                let until = now + Span(retry_after_ms).clamp(EMPTY_PAUSE, HINT_MAX);
                self.endpoints.hold_http(request.endpoint, until);
                let at = self.endpoints.seek_http(now);
                for (id, _) in asked {
                    self.poll_again(id, at);
                }
            }
            Err(PollFailure::Unauthorized) => {
                // It may have been its age: the answer does not say.
                match self.credential.refuse(request.token_version, request.at, Fault::Age) {
                    Refusal::Again => {}
                    Refusal::Renew => {
                        for (id, _) in asked {
                            if let Some(one) = polling.polls.find_mut(id) {
                                one.state = PollState::AwaitingToken;
                            }
                        }
                        self.want_token();
                    }
                    Refusal::Stop => self.rest(now, Reason::Rejected),
                }
            }
            // A server of an older version; or one that says by which channel it is.
            Err(PollFailure::Refused) if request.is_grouped => polling.polls.learn(&request, false),
            Err(PollFailure::Refused) => {
                let message = String::from("the server does not let this link poll the channel");
                for (id, _) in asked {
                    self.refuse_poll(now, id, ErrorCode::Forbidden.as_str(), message.clone());
                }
            }
        }
    }

    /// No answer came, and the next poll goes to another endpoint: at once, until each has failed.
    fn on_miss(&mut self, now: Millis, request: &PollRequest, asked: &[(u32, Since)]) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let row = polling.polls.missed(request, asked);
        if self.endpoints.http() == request.endpoint {
            self.endpoints.fail_http();
        }
        let count = u32::from(self.endpoints.count());
        let mut at = now;
        if row.is_multiple_of(count) {
            let nth = (row / count).saturating_sub(1);
            let pause = doubled(self.config.backoff_min, nth, self.config.backoff_max);
            at += jittered(pause, self.config.jitter_percent, &mut self.rng);
        }
        for (id, _) in asked {
            if let Some(one) = polling.polls.find_mut(*id) {
                one.state = PollState::Due { at };
            }
        }
    }

    fn on_answer(
        &mut self,
        now: Millis,
        request: &PollRequest,
        asked: Vec<(u32, Since)>,
        mut answer: PollAnswer,
    ) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let is_of = |page: &PollPage, id: u32| {
            self.subscriptions.iter().any(|own| own.id == id && own.channel == page.channel)
        };
        let is_other = |(id, _): &(u32, Since)| !answer.pages.iter().any(|page| is_of(page, *id));
        if !request.is_grouped && asked.iter().any(is_other) {
            return self.on_miss(now, request, &asked);
        }
        self.credential.accept(request.token_version);
        polling.answered_at = now;
        polling.polls.learn(request, true);
        let is_empty = answer.pages.iter().all(|page| page.events.is_empty());
        let floor = if is_empty { request.at + EMPTY_PAUSE } else { now };
        let at = self.time_of_next_poll(now, request, floor, Span(answer.next_poll_ms));
        for (id, since) in asked {
            let Some(subscription) = self.subscriptions.by_id_mut(id) else { continue };
            let channel = subscription.channel.clone();
            let page = answer.pages.iter().position(|page| page.channel == channel);
            let mut refused = answer.refused.iter();
            match (page.map(|place| answer.pages.swap_remove(place)), since) {
                (Some(page), since) => self.on_page(now, id, page, &since, at),
                (None, since) => match refused.find(|one| *one.channel == *channel.as_str()) {
                    Some(refusal) => self.on_refusal(now, id, refusal, at),
                    None => match since.clone() {
                        // It stands where it stood.
                        Since::After(position) => {
                            let page = PollPage::empty(channel, position);
                            self.on_page(now, id, page, &since, at);
                        }
                        Since::Start | Since::Now => self.poll_again(id, at.max(floor)),
                    },
                },
            }
        }
    }

    /// When to poll again after an answer, and where: an endpoint that names a pause to a poll that
    /// was to wait leaves, and is left at once where there is another.
    fn time_of_next_poll(
        &mut self,
        now: Millis,
        request: &PollRequest,
        floor: Millis,
        pause: Span,
    ) -> Millis {
        if !request.is_long {
            // The pause after a short poll is for who goes on with short ones; the next one waits.
            return now;
        }
        // A server that did not wait though it was asked to would be asked again at once, for ever.
        let at = now.max(floor);
        if pause == Span::ZERO {
            return at;
        }
        self.endpoints.hold_http(request.endpoint, at.max(now + pause.min(PAUSE_MAX)));
        self.endpoints.seek_http(now)
    }

    fn on_page(&mut self, now: Millis, id: u32, page: PollPage, asked: &Since, at: Millis) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let Some(one) = polling.polls.find_mut(id) else { return };
        let Some(subscription) = self.subscriptions.by_id_mut(id) else { return };
        one.answered(at);
        let is_final = page.is_final;
        let out = &mut self.out;
        let mut tell = |notice| out.push_back(Output::Tell(notice));
        let is_taken = subscription.on_page(page, asked, !one.has_answered, &mut tell);
        one.has_answered |= is_taken;
        if is_final && is_taken {
            let channel = subscription.channel.clone();
            self.finish(now, id, channel);
        }
    }

    /// One entry of a poll is not served: for good, or for now.
    fn on_refusal(&mut self, now: Millis, id: u32, refusal: &PollRefusal, at: Millis) {
        let code = &*refusal.code;
        if code == ErrorCode::Forbidden.as_str() || code.starts_with("bad_") {
            self.refuse_poll(now, id, code, String::from(&*refusal.detail));
        } else {
            self.poll_again(id, at.max(now + REFUSED_PAUSE));
        }
    }

    fn refuse_poll(&mut self, now: Millis, id: u32, code: &str, message: String) {
        let Some(subscription) = self.subscriptions.by_id_mut(id) else { return };
        let channel = subscription.channel.clone();
        self.refuse(now, id, channel, code, message);
    }

    fn poll_again(&mut self, id: u32, at: Millis) {
        if let Some(one) = self.phase.polling_mut().and_then(|polling| polling.polls.find_mut(id)) {
            one.answered(at);
        }
    }

    /// Where no poll of any channel gets through any more, there is nothing to fall back on.
    fn give_up_polling_if_lost(&mut self, now: Millis) {
        let Phase::Polling(polling) = &self.phase else { return };
        let is_silent = now.since(polling.answered_at) >= SILENCE_MAX;
        let all_lost = polling.polls.channels.iter().all(ChannelPoll::is_lost);
        let ReturnPath::Attempt(attempt) = &polling.return_path else { return };
        if !is_silent || !all_lost || polling.polls.channels.is_empty() {
            return;
        }
        let attempt = attempt.clone();
        self.cancel_polls();
        // Whatever is remembered of the network, polls do no better there.
        let policy = FallbackPolicy::new(now, false);
        self.enter_reconnecting(now, attempt, policy, Reason::Lost);
        if let Some(Attempt::Waiting { .. }) = self.phase.attempt() {
            let at = self.usual_time(now);
            if let Some(attempt) = self.phase.attempt_mut() {
                *attempt = Attempt::Waiting { at };
            }
        }
    }
}
