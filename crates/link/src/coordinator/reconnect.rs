//! What follows the end of an attempt or of a session. In: how it ended. Out: the next attempt as
//! planned, polls, or rest. Must not know sockets beyond closing them.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::CloseCode;

use super::planning::Plan;
use super::{COMING_BACK, Link};
use crate::end::{End, Evidence};
use crate::fallback_policy::{FallbackPolicy, Shortcut};
use crate::flap_damping::FlapDamping;
use crate::phase::{Attempt, Live, Origin, Phase, Polling, ReturnPath, ShownAs, Trying};
use crate::poll::ANSWER_TIMEOUT;
use crate::{Clue, Output, Reason};

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
        self.health.give_up();
        self.note_end(now, end);
        self.record_failure(now, end);
        self.detach_session(now);
        if self.subscriptions.is_finishing() {
            return self.stop(now, Reason::Finished);
        }
        let attempt = match self.plan(now, end, None, None) {
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
        let Some(session) = self.health.session().cloned() else { return };
        self.close_if_left(end, [session.socket()]);
        self.health.on_session_end(now, end);
        self.note_end(now, end);
        if session.is_leaving() {
            self.messages.on_clue(now, Clue::Leaving);
        }
        self.detach_session(now);
        if self.subscriptions.is_finishing() {
            self.drop_successor();
            return self.stop(now, Reason::Finished);
        }
        self.note_lost_return(now, session.since(), end);
        let successor = if end.allows_successor() { self.take_successor() } else { None };
        self.drop_successor();
        if let Some(attempt) = successor {
            // Whatever the server said of when to come back: the next attempt is under way.
            self.messages.on_clue(now, Clue::NoWord);
            let mut policy = self.new_policy(now);
            policy.watch(now, &self.config);
            return self.enter_reconnecting(now, attempt, policy, end.reason());
        }
        let attempt =
            match self.plan(now, end, session.leave_due_at(), Some(session.crash_window())) {
                Plan::Stop => return self.stop(now, Reason::Rejected),
                Plan::Wait(at) => Attempt::Waiting { at },
            };
        match &mut self.phase {
            Phase::Live(Live { origin, .. }) => {
                let (origin, lived) = (*origin, now.since(session.since()));
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
    fn note_lost_return(&mut self, now: Millis, since: Millis, end: End) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let ReturnPath::Joining = polling.return_path else { return };
        if !end.is_planned() && polling.answered_at > since {
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
        for socket in self.health.socket().into_iter().chain(self.phase.attempt_sockets()) {
            self.out.push_back(Output::CloseSocket { socket, code });
        }
        self.cancel_polls();
        self.health.give_up();
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

    /// A link whose channels have all finished rests, once what it has published is answered.
    pub(super) fn rest_if_finished(&mut self, now: Millis) {
        let is_done = self.publisher.is_empty() || self.health.session().is_none();
        if self.subscriptions.is_finishing() && is_done {
            self.rest(now, Reason::Finished);
        }
    }
}
