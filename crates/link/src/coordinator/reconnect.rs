//! What follows the end of an attempt or of a session. In: how it ended. Out: the next attempt as
//! planned, polls, or rest. Must not know sockets beyond closing them.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{Advice, CloseCode};

use super::{COMING_BACK, Link};
use crate::backoff::{doubled, jittered};
use crate::credential::{Fault, Refusal};
use crate::end::{End, Evidence};
use crate::fallback_policy::{FallbackPolicy, Shortcut};
use crate::flap_damping::FlapDamping;
use crate::phase::{Attempt, Live, Origin, Phase, Polling, ReturnPath, ShownAs, Trying};
use crate::poll::ANSWER_TIMEOUT;
use crate::session::Session;
use crate::{Clue, Config, DialFailure, Output, Reason};

/// How long after a change of network a loss is put down to it.
const CHANGE_SPAN: Span = Span::seconds(10);
/// How many pauses between attempts double while polling; the next is the largest.
const RETURNS_DOUBLED: u32 = 3;
/// How far those pauses are jittered, in percent.
const RETURN_JITTER_PERCENT: u32 = 20;

/// What follows an end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plan {
    /// Another attempt, at this time.
    Wait(Millis),
    /// Nothing: the server will not have it.
    Stop,
}

impl Link {
    /// An attempt has failed.
    pub(super) fn on_attempt_end(&mut self, now: Millis, end: End) {
        self.close_if_left(end, self.phase.attempt_sockets());
        if let Some(endpoint) = self.phase.attempt().and_then(Attempt::endpoint) {
            self.endpoints.fail(endpoint);
        }
        self.record.fail();
        match self.phase {
            Phase::Live(_) => return self.on_successor_end(now, end),
            Phase::Resting | Phase::Offline | Phase::Trying(_) | Phase::Polling(_) => {}
        }
        self.path_stats.give_up();
        self.note_end(now, end);
        self.record_failure(now, end);
        self.detach_session(now);
        if self.is_finishing {
            return self.stop(now, Reason::Finished);
        }
        let attempt = match self.plan(now, end, None) {
            Plan::Stop => return self.stop(now, Reason::Rejected),
            Plan::Wait(at) => Attempt::Waiting { at },
        };
        match &mut self.phase {
            Phase::Trying(trying) => {
                let mut policy = trying.policy.clone();
                policy.fail(end.evidence());
                self.enter_reconnecting(now, attempt, policy, end.reason());
                self.fall_back_if_wanted(now);
                self.probe_path(now);
                self.plan_probe(now);
            }
            Phase::Polling(polling) => polling.return_path = ReturnPath::Attempt(attempt),
            Phase::Resting | Phase::Offline | Phase::Live(_) => {}
        }
    }

    /// A session has ended.
    pub(super) fn on_session_end(&mut self, now: Millis, end: End) {
        let Some(session) = self.phase.session() else { return };
        let (socket, window) = (session.socket, session.crash_window);
        let is_leaving = session.is_leaving();
        self.close_if_left(end, [socket]);
        self.measure_end(now, end);
        self.note_end(now, end);
        if is_leaving {
            self.messages.on_clue(now, Clue::Leaving);
        }
        self.detach_session(now);
        if self.is_finishing {
            self.drop_successor();
            return self.stop(now, Reason::Finished);
        }
        self.note_lost_return(now, end);
        let successor = if end.allows_successor() { self.take_successor() } else { None };
        self.drop_successor();
        if let Some(attempt) = successor {
            // Whatever the server said of when to come back: the next attempt is under way.
            self.messages.on_clue(now, Clue::NoWord);
            let mut policy = self.new_policy(now);
            policy.watch(now, &self.config);
            return self.enter_reconnecting(now, attempt, policy, end.reason());
        }
        let attempt = match self.plan(now, end, Some(window)) {
            Plan::Stop => return self.stop(now, Reason::Rejected),
            Plan::Wait(at) => Attempt::Waiting { at },
        };
        match &mut self.phase {
            Phase::Live(Live { origin, session, .. }) => {
                let (origin, lived) = (*origin, now.since(session.since));
                let policy = self.policy_after_loss(now, origin, lived, end);
                let is_return = policy.shortcut() == Shortcut::LostReturn;
                self.enter_reconnecting(now, attempt, policy, end.reason());
                self.fall_back_if_wanted(now);
                if is_return {
                    self.probe_path(now);
                }
            }
            Phase::Polling(polling) => polling.return_path = ReturnPath::Attempt(attempt),
            Phase::Resting | Phase::Offline | Phase::Trying(_) => {}
        }
    }

    /// A session that replaced polling and died soon is no better than none, unless the path is
    /// gone too, which a probe will show.
    fn policy_after_loss(
        &mut self,
        now: Millis,
        origin: Origin,
        lived: Span,
        end: End,
    ) -> FallbackPolicy {
        let is_short = FlapDamping::is_early_loss(lived);
        if !is_short {
            self.flap_damping.clear();
        }
        match origin {
            Origin::Polling if is_short && !end.is_planned() => {
                FallbackPolicy::after_return(now, self.network_history.is_blocked(now))
            }
            Origin::Polling | Origin::Attempt => self.new_policy(now),
        }
    }

    /// A session beside the polls ended: a death, where polls were answered as long as it lived.
    /// WebSocket gets through, so that the next attempt need not wait.
    fn note_lost_return(&mut self, now: Millis, end: End) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let ReturnPath::Joining(session) = &polling.return_path else { return };
        if !end.is_planned() && polling.answered_at > session.since {
            self.flap_damping.record_early_loss(now);
        }
        polling.is_inconclusive = true;
    }

    /// What an attempt's failure says of the network.
    pub(super) fn record_failure(&mut self, now: Millis, end: End) {
        let is_answered = |polling: &Polling| {
            let span = now.since(polling.answered_at);
            let is_recent = span <= self.config.poll_wait + ANSWER_TIMEOUT;
            !polling.is_inconclusive
                && is_recent
                && polling.polls.channels.iter().any(|one| one.has_answered)
        };
        let is_proven = match &self.phase {
            Phase::Trying(Trying { policy, .. }) => {
                policy.is_proven(now) && !policy.is_inconclusive()
            }
            Phase::Polling(polling) => is_answered(polling),
            Phase::Resting | Phase::Offline | Phase::Live(_) => false,
        };
        let evidence = end.evidence();
        self.network_history.record_failure(now, evidence, is_proven);
        let is_polled = matches!(self.phase, Phase::Polling(_)) && is_proven;
        if is_polled && evidence != Evidence::Busy {
            self.network_history.record_fallback(now);
        }
    }

    /// Takes leave of the session, if there is one: what it earned, and what it followed.
    pub(super) fn detach_session(&mut self, now: Millis) {
        if let Some(session) = self.phase.session() {
            let held = now.since(session.since);
            let is_answered = session.timer.is_answered();
            self.schedule.credit_session(now, held, is_answered, &self.config);
        }
        self.channels.on_session_lost();
        self.publishes.on_session_lost();
        self.pacer.on_session_lost();
    }

    /// Ends everything, for good or until the app asks again.
    pub(super) fn rest(&mut self, now: Millis, reason: Reason) {
        self.drop_transports(now, CloseCode::NORMAL);
        self.settle_down(now, reason);
    }

    /// As [`Link::rest`], where the sockets have gone already.
    fn stop(&mut self, now: Millis, reason: Reason) {
        self.cancel_polls();
        self.settle_down(now, reason);
    }

    fn settle_down(&mut self, now: Millis, reason: Reason) {
        self.credential.rest();
        self.endpoints.send_to(None);
        self.enter_resting(now, reason);
    }

    /// Gives up the sockets and the polls, whatever they were at.
    pub(super) fn drop_transports(&mut self, now: Millis, code: CloseCode) {
        for socket in self.phase.sockets() {
            self.out.push_back(Output::CloseSocket { socket, code });
        }
        self.cancel_polls();
        self.path_stats.give_up();
        self.detach_session(now);
        self.record.fail();
    }

    /// An attempt that makes the app wait no longer passes for a session.
    pub(super) fn show_reconnecting(&mut self, now: Millis) {
        let Phase::Trying(Trying { shown_as: ShownAs::Connected, attempt, policy }) = &self.phase
        else {
            return;
        };
        let (attempt, policy) = (attempt.clone(), policy.clone());
        self.enter_reconnecting(now, attempt, policy, Reason::Lost);
    }

    fn close_if_left(&mut self, end: End, sockets: impl IntoIterator<Item = crate::SocketId>) {
        if end.leaves_socket() {
            let close = |socket| Output::CloseSocket { socket, code: COMING_BACK };
            self.out.extend(sockets.into_iter().map(close));
        }
    }

    /// Of an attempt, or of a session with this crash window.
    pub(super) fn plan(&mut self, now: Millis, end: End, window: Option<Span>) -> Plan {
        if let Some(state) = self.phase.session().and_then(Session::leave_due_at) {
            // Lost before its turn: the turn stays, so that the others keep theirs.
            self.schedule.hold(now, state.since(now));
        }
        match end {
            End::Dial(DialFailure::Refused) => Plan::Stop,
            End::Dial(DialFailure::Busy { retry_after_ms }) => {
                // Another endpoint may have room now.
                if self.endpoints.is_all_busy() {
                    self.schedule.hold(now, Span(retry_after_ms));
                }
                Plan::Wait(self.usual_time(now))
            }
            End::Left => Plan::Wait(self.schedule.admit_asked(now, &self.config)),
            End::Unrecoverable => Plan::Wait(self.usual_time(now)),
            End::Dial(DialFailure::Unreachable | DialFailure::Blocked | DialFailure::Portal)
            | End::Timeout
            | End::Silent => Plan::Wait(self.time_after_loss(now, None)),
            End::Closed(code) => match code.advice() {
                Advice::RetryNow => {
                    let window = window.filter(|_| end.is_sudden());
                    Plan::Wait(self.time_after_loss(now, window))
                }
                Advice::RetryAfter => {
                    self.schedule.hold_a_while(now, &self.config, &mut self.rng);
                    Plan::Wait(self.usual_time(now))
                }
                Advice::MoveTo => Plan::Wait(self.usual_time(now)),
                Advice::RefreshToken => self.plan_with_token(now, code),
                Advice::Never => Plan::Stop,
            },
        }
    }

    /// The next time by the schedule, which is slower while events come by polling.
    pub(super) fn usual_time(&mut self, now: Millis) -> Millis {
        let delay = match &mut self.phase {
            Phase::Polling(polling) => return_delay(polling, &self.config, &mut self.rng),
            Phase::Resting | Phase::Offline | Phase::Trying(_) | Phase::Live(_) => {
                self.schedule.delay(&self.config, &mut self.rng)
            }
        };
        self.schedule.admit(now + delay)
    }

    fn time_after_loss(&mut self, now: Millis, crash_window: Option<Span>) -> Millis {
        let changed_at = self.network_changed_at.take();
        if changed_at.is_some_and(|at| now.since(at) <= CHANGE_SPAN) {
            return self.schedule.admit_free(now);
        }
        let spread = self.config.background_spread.times(2);
        let crash_window = if self.device.is_background {
            // Nobody waits: the least that is right for others, too. Half of it is drawn from.
            Some(crash_window.map_or(spread, |window| window.max(spread)))
        } else {
            crash_window
        };
        match (crash_window, &self.phase) {
            (Some(window), Phase::Live(_)) => {
                let delay = self.schedule.crash_delay(window, &self.config, &mut self.rng);
                self.schedule.admit(now + delay)
            }
            (
                Some(_) | None,
                Phase::Resting
                | Phase::Offline
                | Phase::Trying(_)
                | Phase::Live(_)
                | Phase::Polling(_),
            ) => self.usual_time(now),
        }
    }

    /// The server has spoken, so the path has not failed: the next attempt need not wait. It asks
    /// the app for the token when it is due, so that what it sends is fresh.
    fn plan_with_token(&mut self, now: Millis, code: CloseCode) -> Plan {
        let fault = if code == CloseCode::TOKEN_EXPIRED { Fault::Age } else { Fault::Content };
        match self.credential.refuse(self.hello_token_version, self.hello_sent_at, fault) {
            Refusal::Again | Refusal::Renew => {
                Plan::Wait(self.schedule.admit_asked(now, &self.config))
            }
            Refusal::Stop => Plan::Stop,
        }
    }
}

fn return_delay(polling: &mut Polling, config: &Config, rng: &mut steadfast_machine::Rng) -> Span {
    // It says nothing of WebSocket: the next one comes as after a first failure.
    if core::mem::take(&mut polling.is_inconclusive) {
        let pause = jittered(config.backoff_min, config.jitter_percent, rng);
        return pause.max(config.delay_floor);
    }
    let pause = if polling.returns < RETURNS_DOUBLED {
        doubled(config.return_min, polling.returns, config.return_max)
    } else {
        config.return_max
    };
    polling.returns = polling.returns.saturating_add(1);
    jittered(pause, RETURN_JITTER_PERCENT, rng)
}
