//! Plain HTTP and the app's tokens: polls and probes on their way there and back.

use steadfast_link::{DialFailure, Input, PollFailure, PollId};
use steadfast_protocol::{ChannelRequest, PollAnswer};

use super::{Due, World};
use crate::fact::Fact;
use crate::rule::{Passage, Verdict};
use crate::sim_server::{Answer, Request, token_until};

/// How long an app takes to get a token, at most.
const TOKEN_DELAY_MS_MAX: u64 = 2_000;
/// How long a token is valid that outlives any run.
const LONG_TOKEN_MS: u64 = 3_600_000;

impl World {
    pub(super) fn send_poll(
        &mut self,
        link: usize,
        poll: PollId,
        channels: Vec<ChannelRequest>,
        wait_ms: u64,
    ) {
        for one in &channels {
            self.note(&Fact::Polled { link, channel: &one.channel, since: &one.since });
        }
        self.clients[link].polls.insert(poll);
        let token = self.clients[link].token.clone();
        let events_max = self.options.poll_events_max;
        let request = Box::new(Request { link, poll, channels, wait_ms, token, events_max });
        let at = self.now + self.latency_ms();
        self.queue.push(at, Due::Request { request });
    }

    pub(super) fn cancel_poll(&mut self, link: usize, poll: PollId) {
        self.clients[link].polls.remove(&poll);
        self.server.forget_poll(link, poll);
    }

    pub(super) fn on_request(&mut self, request: Request) {
        let (link, poll) = (request.link, request.poll);
        if !self.clients[link].polls.contains(&poll) {
            return;
        }
        let failure = match self.rules.verdict(self.now, link, Passage::Request) {
            Verdict::Hold { until } => {
                return self.queue.push(until, Due::Request { request: Box::new(request) });
            }
            Verdict::Vanish => return,
            Verdict::Fail(DialFailure::Busy { retry_after_ms }) => {
                Some(PollFailure::Busy { retry_after_ms })
            }
            Verdict::Fail(_) => Some(PollFailure::Unreachable),
            Verdict::Pass { .. } if !self.server.is_up => Some(PollFailure::Unreachable),
            Verdict::Pass { .. } => None,
        };
        let answer = match failure {
            Some(failure) => Some(Answer { link, poll, body: Err(failure) }),
            None => self.server.on_poll(self.now, request, &mut self.model),
        };
        self.send_answers(answer.into_iter().collect());
        self.plan_expiry();
    }

    /// A waiting poll is looked at each second: its time is up a little late at most.
    fn plan_expiry(&mut self) {
        if self.hub_tick_at.is_none_or(|planned| planned > self.now + 1_000) {
            self.hub_tick_at = Some(self.now + 1_000);
            self.queue.push(self.now + 1_000, Due::HubTick);
        }
    }

    pub(super) fn send_answers(&mut self, answers: Vec<Answer>) {
        for answer in answers {
            let extra_ms = match self.rules.verdict(self.now, answer.link, Passage::Request) {
                Verdict::Pass { extra_ms } => extra_ms,
                Verdict::Hold { until } => until - self.now,
                Verdict::Vanish => continue,
                Verdict::Fail(_) => 0,
            };
            let at = self.now + extra_ms + self.latency_ms();
            self.queue.push(at, Due::Answer { answer: Box::new(answer) });
        }
    }

    pub(super) fn on_answer(&mut self, answer: Answer) {
        let Answer { link, poll, body } = answer;
        if !self.clients[link].polls.remove(&poll) {
            return;
        }
        let outcome = match body {
            Ok(text) => match serde_json::from_str::<PollAnswer>(&text) {
                Ok(answer) => Ok(Box::new(answer)),
                Err(error) => {
                    let what = format!("an answer cannot be read: {error}: {text}");
                    return self.fail("wire", what);
                }
            },
            Err(failure) => Err(failure),
        };
        self.tell_link(link, Input::Polled { poll, outcome });
    }

    /// Polls under way when the server died: their connections break.
    pub(super) fn break_polls(&mut self) {
        for link in 0..self.clients.len() {
            let polls: Vec<PollId> = self.clients[link].polls.iter().copied().collect();
            let body = |_| Err(PollFailure::Unreachable);
            let answers = polls.into_iter().map(|poll| Answer { link, poll, body: body(poll) });
            self.send_answers(answers.collect());
        }
    }

    pub(super) fn send_probe(&mut self, link: usize) {
        self.note(&Fact::Probed { link });
        let there_and_back = self.latency_ms() + self.latency_ms();
        let (at, is_ok) = match self.rules.verdict(self.now, link, Passage::Request) {
            Verdict::Hold { until } => (until, true),
            Verdict::Vanish => return,
            Verdict::Fail(DialFailure::Busy { .. }) => (self.now, true),
            Verdict::Fail(_) => (self.now, false),
            Verdict::Pass { extra_ms } => (self.now + extra_ms, true),
        };
        let input = Input::Probed { is_ok: is_ok && self.server.is_up };
        self.queue.push(at + there_and_back, Due::Say { link, input });
    }

    pub(super) fn want_token(&mut self, link: usize) {
        let late_ms = self.dice.apps.between(0, TOKEN_DELAY_MS_MAX);
        let short_ms = self.options.token_ms.unwrap_or_default();
        // In the second phase nothing ends a session any more, not even age.
        let valid_ms = if self.healing_since.is_some() { LONG_TOKEN_MS } else { short_ms };
        let token = token_until(self.now + late_ms + valid_ms);
        let input = Input::Token(Some(token));
        self.queue.push(self.now + late_ms, Due::Say { link, input });
    }
}
