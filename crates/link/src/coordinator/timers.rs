//! Everything whose time has come, and when the next thing's will. In: the time. Out: whatever is
//! due, done. Each step may end in another state; the next one sees that.

use steadfast_machine::{Millis, Wake};

use super::Link;
use crate::connector::attempt::{Attempt, AttemptStep};
use crate::end::End;
use crate::health::SessionAction;
use crate::phase::Phase;
use crate::{Output, Why};

impl Link {
    /// Does what is due.
    pub(super) fn run(&mut self, now: Millis) {
        self.run_session(now);
        self.run_subscriptions(now);
        self.run_requests(now);
        self.run_publishes(now);
        self.rest_if_finished(now);
        self.run_attempt(now);
        self.run_policy(now);
        self.run_polls(now);
        self.run_token(now);
        self.run_renewal(now);
        self.return_if_proven(now);
    }

    /// When something will be due, and what.
    pub(super) fn next_wake(&self) -> Option<Wake<Why>> {
        let has_session = self.health.session().is_some();
        let open_at = has_session.then(|| self.pacer.open_at());
        Wake::earliest([
            self.health.next_deadline(&self.config),
            self.subscriptions.next_deadline().filter(|_| has_session),
            self.connector.next_deadline(),
            self.return_at().map(|at| Wake::new(at, Why::Return)),
            self.poller.next_deadline(self.connector.endpoints.http()),
            self.publisher.next_deadline(open_at),
            self.pacer.next_deadline(),
            self.token_wake(),
        ])
    }

    /// Nobody is asked for a token while the link wants none, or has no network.
    fn token_wake(&self) -> Option<Wake<Why>> {
        match self.phase {
            Phase::Resting | Phase::Offline => None,
            Phase::Trying(_) | Phase::Live(_) | Phase::Polling => {
                let renewal = self.renewal_at().map(|at| Wake::new(at, Why::Token));
                Wake::earliest([
                    self.credential.wake().map(|at| Wake::new(at, Why::Token)),
                    renewal,
                ])
            }
        }
    }

    fn run_session(&mut self, now: Millis) {
        while let Some(action) = self.health.next_action(now, &self.config) {
            match (action, self.health.socket()) {
                (SessionAction::Say(frame), _) => self.send_timed(now, frame),
                (SessionAction::Doubt(frame), Some(socket)) => self.send(socket, frame),
                (SessionAction::Doubt(_), None) => {}
                (SessionAction::Leave, _) => self.leave_session(now),
                (SessionAction::End(end), _) => self.on_session_end(now, end),
            }
        }
    }

    fn run_subscriptions(&mut self, now: Millis) {
        while self.health.session().is_some()
            && let Some(id) = self.subscriptions.due(now)
        {
            self.ask_again(now, id);
        }
    }

    /// An attempt that has taken too long may be followed by the next one at once.
    fn run_attempt(&mut self, now: Millis) {
        while let Some(step) = self.connector.next_step(now) {
            match step {
                AttemptStep::Begin => self.begin_attempt(now),
                AttemptStep::Race => self.race(now),
                AttemptStep::Timeout => self.on_attempt_end(now, End::Timeout),
            }
        }
    }

    fn run_policy(&mut self, now: Millis) {
        let is_probe_due = self.connector.take_probe_due(now);
        let is_review_due = self.connector.take_review_due(now);
        match self.connector.attempt() {
            Some(Attempt::Opening(_) | Attempt::Handshake { .. }) if is_probe_due => {
                self.show_reconnecting(now);
                self.probe_path(now);
            }
            Some(Attempt::Waiting { .. }) if is_probe_due && self.wants_probe_in_pause() => {
                self.probe_path(now);
                self.plan_probe(now);
            }
            Some(
                Attempt::Opening(_)
                | Attempt::Handshake { .. }
                | Attempt::Waiting { .. }
                | Attempt::AwaitingToken,
            )
            | None => {}
        }
        if is_review_due {
            self.fall_back_if_wanted(now);
        }
    }

    fn run_token(&mut self, now: Millis) {
        if self.token_wake().is_some() && self.credential.take_due(now) {
            self.out.push_back(Output::WantToken);
        }
    }

    /// The server wants the session gone by now: the next one is sought beside it.
    pub(super) fn leave_session(&mut self, now: Millis) {
        match self.phase {
            Phase::Live(_) => self.connector.leave(now, &self.config),
            // While it polls nothing is lost by breaking first.
            Phase::Resting | Phase::Offline | Phase::Trying(_) | Phase::Polling => {
                self.on_session_end(now, End::Left);
            }
        }
    }
}
