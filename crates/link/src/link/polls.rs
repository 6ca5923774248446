//! Plain HTTP: seeing whether it gets through, and carrying events while WebSocket does not.
//! In: answers and failures. Out: probes, polls, notices, and the way back when polls fail too.

use alloc::boxed::Box;
use alloc::string::String;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ErrorCode, PollAnswer};

use super::Link;
use crate::credential::{Fault, Refusal};
use crate::effort::Effort;
use crate::phase::{Attempt, Origin, Phase, Polling, WayBack};
use crate::poll::{self, ANSWER_TIMEOUT, Asked, ChannelPoll, Turn};
use crate::{Output, PollFailure, PollId, Reason};

/// How long a probe may take.
const PROBE_TIMEOUT: Span = Span::seconds(5);
/// A session beside the polls that has lived so long needs no other proof.
const RETURN_PROOF: Span = Span::seconds(20);
/// How long no poll must have been answered before polling counts as lost.
const SILENCE_MAX: Span = Span::seconds(10);

impl Link {
    /// Sees whether plain HTTP gets through, unless that is being seen to.
    pub(super) fn probe_path(&mut self, now: Millis) {
        let Phase::Trying(trying) = &self.phase else { return };
        let is_probing = self.probing_until.is_some_and(|until| until > now);
        if trying.effort.wants_probe() && !is_probing && !self.channels.is_empty() {
            if self.probing_until.replace(now + PROBE_TIMEOUT).is_some() {
                // The last one was never answered.
                self.endpoints.fail_http();
                self.disprove_path();
            }
            self.out.push_back(Output::Probe { endpoint: self.endpoints.http() });
        }
    }

    pub(super) fn on_probed(&mut self, now: Millis, is_ok: bool) {
        let is_in_time = self.probing_until.take().is_some_and(|until| now <= until);
        if !is_ok {
            self.endpoints.fail_http();
            self.disprove_path();
        } else if is_in_time {
            self.prove_path(now);
        }
    }

    fn prove_path(&mut self, now: Millis) {
        let Phase::Trying(trying) = &mut self.phase else { return };
        let is_first = trying.effort.prove(now, &self.config);
        if trying.effort.confirm_lost_return() {
            self.flaps.add(now);
        }
        if is_first {
            self.try_anew(now);
        }
        self.fall_back_if_wanted(now);
    }

    fn disprove_path(&mut self) {
        if let Phase::Trying(trying) = &mut self.phase {
            trying.effort.disprove();
        }
    }

    /// Begins to poll if all speaks for it. The attempt goes on beside it.
    pub(super) fn fall_back_if_wanted(&mut self, now: Millis) {
        let Phase::Trying(trying) = &self.phase else { return };
        let is_wanting_token = matches!(trying.attempt, Attempt::WantingToken);
        let is_suspected = self.memory.is_suspected(now);
        let is_wanted = trying.effort.wants_fallback(now, is_suspected, &self.config);
        // A socket that opened speaks for a path that is slow rather than blocked.
        let is_through = matches!(trying.attempt, Attempt::Greeting { .. }) && !is_suspected;
        if !is_wanted || is_wanting_token || is_through || self.channels.is_empty() {
            return;
        }
        let polls = self.channels.iter().map(|one| ChannelPoll::new(one.id, now)).collect();
        let is_dark = trying.effort.is_dark() && matches!(trying.attempt, Attempt::Opening(_));
        let way_back = WayBack::Attempt(trying.attempt.clone());
        let polling = Polling { polls, way_back, returns: 0, answered_at: now, is_dark };
        if trying.effort.is_proven(now) {
            self.memory.sight(now);
        }
        self.enter_polling(now, polling);
    }

    /// Sends the polls that are due, and gives up those that have taken too long.
    pub(super) fn run_polls(&mut self, now: Millis) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        for one in &mut polling.polls {
            if let Turn::Asked(asked) = &one.turn
                && asked.until <= now
            {
                self.out.push_back(Output::CancelPoll { poll: asked.poll });
                one.missed(now, &self.config, &mut self.rng);
            }
            if matches!(one.turn, Turn::Due { at } if at <= now) {
                let Some(subscription) = self.channels.by_id_mut(one.subscription) else {
                    continue;
                };
                let since = subscription.since();
                // The first poll of a channel is to learn where it stands: it does not wait.
                let is_known = subscription.position().is_some();
                let wait = if is_known { self.config.poll_wait } else { Span::ZERO };
                self.last_poll = self.last_poll.wrapping_add(1);
                let poll = self.last_poll;
                one.turn = Turn::Asked(Asked {
                    poll,
                    since: since.clone(),
                    at: now,
                    until: now + wait + ANSWER_TIMEOUT,
                    is_long: is_known,
                    token_version: self.credential.version(),
                });
                let channel = subscription.channel.clone();
                let endpoint = self.endpoints.http();
                self.out.push_back(Output::Poll {
                    poll,
                    channel,
                    since,
                    wait_ms: wait.0,
                    endpoint,
                });
            }
        }
        self.give_up_polling_if_lost(now);
    }

    pub(super) fn on_polled(
        &mut self,
        now: Millis,
        poll: PollId,
        outcome: Result<Box<PollAnswer>, PollFailure>,
    ) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let Some((one, asked)) = poll::take(&mut polling.polls, poll, now) else { return };
        let id = one.subscription;
        match outcome {
            Ok(answer) => self.on_answer(now, id, &asked, *answer),
            Err(PollFailure::Unreachable) => one.missed(now, &self.config, &mut self.rng),
            Err(PollFailure::Busy { retry_after_ms }) => one.put_off(now, Span(retry_after_ms)),
            Err(PollFailure::Unauthorized) => {
                // It may have been its age: the answer does not say.
                match self.credential.refuse(asked.token_version, asked.at, Fault::Age) {
                    Refusal::Again => {}
                    Refusal::Renew => {
                        one.turn = Turn::WantingToken;
                        self.want_token();
                    }
                    Refusal::Stop => self.rest(now, Reason::Rejected),
                }
            }
            Err(PollFailure::Refused) => {
                let Some(subscription) = self.channels.by_id_mut(id) else { return };
                let channel = subscription.channel.clone();
                let code = ErrorCode::Forbidden.as_str();
                let message = String::from("the server does not let this link poll the channel");
                self.refuse(now, id, channel, code, message);
            }
        }
    }

    fn on_answer(&mut self, now: Millis, id: u32, asked: &Asked, answer: PollAnswer) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let mut polls = polling.polls.iter_mut();
        let Some(one) = polls.find(|one| one.subscription == id) else { return };
        let Some(subscription) = self.channels.by_id_mut(id) else { return };
        if answer.channel != subscription.channel {
            return one.missed(now, &self.config, &mut self.rng);
        }
        self.credential.accept(asked.token_version);
        polling.answered_at = now;
        let (is_final, is_empty) = (answer.is_final, answer.events.is_empty());
        one.answered(now, asked, is_empty, Span(answer.next_poll_ms));
        let out = &mut self.out;
        let mut tell = |notice| out.push_back(Output::Tell(notice));
        let is_taken = subscription.on_answer(answer, &asked.since, !one.is_told, &mut tell);
        one.is_told |= is_taken;
        if is_final && is_taken {
            let channel = subscription.channel.clone();
            self.finish(now, id, channel);
        }
    }

    /// What is to speak for polling from now on.
    pub(super) fn new_effort(&self, now: Millis) -> Effort {
        Effort::new(now, self.memory.is_blocked(now))
    }

    /// A session beside the polls is asked for a sign of life, which ends them.
    pub(super) fn prove_return(&mut self, now: Millis) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let WayBack::Joining(session) = &mut polling.way_back else { return };
        let socket = session.socket;
        let frame = session.echo(now, &self.config, &self.gauge.rtt);
        self.say(now, socket, frame);
        self.join_if_ready(now);
    }

    /// Once the session follows every channel and has shown that it lives, polling has done its
    /// work; where sessions kept dying, not before this one has held out.
    pub(super) fn join_if_ready(&mut self, now: Millis) {
        if self.join_at().is_none_or(|at| at > now) {
            return;
        }
        let Some(polling) = self.phase.polling_mut() else { return };
        let WayBack::Joining(session) = &polling.way_back else { return };
        let session = session.clone();
        self.cancel_polls();
        self.enter_live(now, session, Origin::Polling);
    }

    /// When the session beside the polls will have proven itself, if nothing else is heard.
    pub(super) fn join_at(&self) -> Option<Millis> {
        let Phase::Polling(Polling { way_back: WayBack::Joining(session), .. }) = &self.phase
        else {
            return None;
        };
        let life = if self.flaps.is_held(session.since) {
            // By then a path that is dead would have been noticed.
            self.config.heartbeat_interval + self.config.heartbeat_timeout
        } else if session.pulse.is_answered() {
            Span::ZERO
        } else {
            RETURN_PROOF
        };
        self.channels.all_followed().then(|| session.since + life)
    }

    /// Gives up the polls under way.
    pub(super) fn cancel_polls(&mut self) {
        let Some(polling) = self.phase.polling_mut() else { return };
        let cancelled = poll::under_way(&polling.polls).into_iter();
        self.out.extend(cancelled.map(|poll| Output::CancelPoll { poll }));
    }

    /// Where no poll of any channel gets through any more, there is nothing to fall back on.
    fn give_up_polling_if_lost(&mut self, now: Millis) {
        let Phase::Polling(polling) = &self.phase else { return };
        let is_silent = now.since(polling.answered_at) >= SILENCE_MAX;
        let all_lost = polling.polls.iter().all(ChannelPoll::is_lost);
        let WayBack::Attempt(attempt) = &polling.way_back else { return };
        if !is_silent || !all_lost || polling.polls.is_empty() {
            return;
        }
        let attempt = attempt.clone();
        self.cancel_polls();
        self.endpoints.fail_http();
        // Whatever is remembered of the network, polls do no better there.
        let effort = Effort::new(now, false);
        self.enter_reconnecting(now, attempt, effort, Reason::Lost);
        if let Some(Attempt::Waiting { .. }) = self.phase.attempt() {
            let at = self.usual_time(now);
            if let Some(attempt) = self.phase.attempt_mut() {
                *attempt = Attempt::Waiting { at };
            }
        }
    }
}
