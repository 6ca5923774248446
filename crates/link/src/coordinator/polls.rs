//! Polls of the channels while WebSocket does not get through. In: answers and failures of polls,
//! the time. Out: polls, notices, and the way back to attempts when polls fail too.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelRequest, ErrorCode, PollAnswer, PollPage, PollRefusal, Since};

use super::Link;
use crate::backoff::HINT_MAX;
use crate::connector::attempt::Attempt;
use crate::credential::{Fault, Refusal};
use crate::phase::Phase;
use crate::poller::{EMPTY_PAUSE, PollBatch, PollRequest};
use crate::subscriptions::Subscription;
use crate::{Output, PollFailure, PollId, Reason};

/// The longest pause that a server may ask for.
const PAUSE_MAX: Span = Span::seconds(60);
/// How long a channel is left alone that the server cannot serve for now.
const REFUSED_PAUSE: Span = Span::seconds(5);

impl Link {
    /// Sends the polls that are due, and gives up those that have taken too long.
    pub(super) fn run_polls(&mut self, now: Millis) {
        if self.phase != Phase::Polling {
            return;
        }
        let position = |id| self.subscriptions.by_id(id).and_then(Subscription::position);
        self.poller.review(|id| position(id).is_some());
        while let Some(poll) = self.poller.overdue(now) {
            self.out.push_back(Output::CancelPoll { poll });
            self.on_polled(now, poll, Err(PollFailure::Unreachable));
        }
        let free_at = self.connector.endpoints.seek_http(now);
        self.poller.put_off(now, free_at);
        while let Some(batch) = self.poller.next(now, self.connector.endpoints.http()) {
            for poll in &batch.replaces {
                self.poller.take(*poll, now);
                self.out.push_back(Output::CancelPoll { poll: *poll });
            }
            self.send_poll(now, &batch);
        }
        self.give_up_polling_if_lost(now);
    }

    fn send_poll(&mut self, now: Millis, batch: &PollBatch) {
        let endpoint = self.connector.endpoints.http();
        // The first poll of a channel is to learn where it stands: it does not wait.
        let wait = if batch.is_long { self.config.poll_wait } else { Span::ZERO };
        let request = |id| {
            let one = self.subscriptions.by_id(id)?;
            Some(ChannelRequest { id: None, channel: one.channel.clone(), since: one.since() })
        };
        let version = self.credential.version();
        let (poll, channels) = self.poller.ask(batch, (now, wait), endpoint, version, request);
        self.out.push_back(Output::Poll { poll, channels, wait_ms: wait.0, endpoint });
    }

    pub(super) fn on_polled(
        &mut self,
        now: Millis,
        poll: PollId,
        outcome: Result<Box<PollAnswer>, PollFailure>,
    ) {
        let Some((request, asked)) = self.poller.take(poll, now) else { return };
        match outcome {
            Ok(answer) => self.on_answer(now, &request, asked, *answer),
            Err(PollFailure::Unreachable) => self.on_miss(now, &request, &asked),
            Err(PollFailure::Busy { retry_after_ms }) => {
                let until = now + Span(retry_after_ms).clamp(EMPTY_PAUSE, HINT_MAX);
                self.connector.endpoints.hold_http(request.endpoint, until);
                let at = self.connector.endpoints.seek_http(now);
                for (id, _) in asked {
                    self.poll_again(id, at);
                }
            }
            Err(PollFailure::Unauthorized) => {
                // It may have been its age: the answer does not say.
                match self.credential.refuse(request.token_version, request.at, Fault::Age) {
                    Refusal::Again => {}
                    Refusal::Renew => {
                        self.poller.await_token(&asked);
                        self.want_token();
                    }
                    Refusal::Stop => self.rest(now, Reason::Rejected),
                }
            }
            // A server of an older version; or one that says by which channel it is.
            Err(PollFailure::Refused) if request.is_grouped => self.poller.split(&request),
            Err(PollFailure::Refused) => {
                let message = String::from("the server does not let this link poll the channel");
                for (id, _) in asked {
                    self.refuse_poll(now, id, ErrorCode::Forbidden.as_str(), message.clone());
                }
            }
        }
    }

    /// No answer came, and the next poll goes to another endpoint.
    fn on_miss(&mut self, now: Millis, request: &PollRequest, asked: &[(u32, Since)]) {
        let endpoints = &mut self.connector.endpoints;
        if endpoints.http() == request.endpoint {
            endpoints.fail_http();
        }
        let jitter = (&self.config, &mut self.rng);
        self.poller.on_miss(now, request, asked, endpoints.count(), jitter);
    }

    fn on_answer(
        &mut self,
        now: Millis,
        request: &PollRequest,
        asked: Vec<(u32, Since)>,
        mut answer: PollAnswer,
    ) {
        let is_of = |page: &PollPage, id: u32| {
            self.subscriptions.iter().any(|own| own.id == id && own.channel == page.channel)
        };
        let is_other = |(id, _): &(u32, Since)| !answer.pages.iter().any(|page| is_of(page, *id));
        if !request.is_grouped && asked.iter().any(is_other) {
            return self.on_miss(now, request, &asked);
        }
        self.credential.accept(request.token_version);
        self.poller.on_answer(now, request);
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
        self.connector.endpoints.hold_http(request.endpoint, at.max(now + pause.min(PAUSE_MAX)));
        self.connector.endpoints.seek_http(now)
    }

    fn on_page(&mut self, now: Millis, id: u32, page: PollPage, asked: &Since, at: Millis) {
        let Some(one) = self.poller.find_mut(id) else { return };
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
        if let Some(one) = self.poller.find_mut(id) {
            one.answered(at);
        }
    }

    /// Where no poll of any channel gets through any more, there is nothing to fall back on.
    fn give_up_polling_if_lost(&mut self, now: Millis) {
        if !self.poller.is_lost(now) || self.health.session().is_some() {
            return;
        }
        self.cancel_polls();
        self.connector.connect_after_polls(now);
        self.enter_reconnecting(now, Reason::Lost);
        if let Some(Attempt::Waiting { .. }) = self.connector.attempt() {
            let at = self.usual_time(now);
            self.connector.wait(at);
        }
    }
}
