//! Everything whose time has come, and when the next thing's will. In: the time. Out: whatever is
//! due, done. Each step may end in another state; the next one sees that.

use steadfast_machine::{Millis, Wake};

use super::Link;
use crate::connect_race::ConnectRace;
use crate::end::End;
use crate::health::SessionAction;
use crate::phase::{Attempt, Live, Phase, Polling, ReturnPath, Successor, SuccessorCause};
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
        self.return_if_proven(now);
    }

    /// When something will be due, and what.
    pub(super) fn next_wake(&self) -> Option<Wake<Why>> {
        let open_at = self.health.session().map(|_| self.pacer.open_at());
        Wake::earliest([
            self.phase_wake(),
            self.publisher.next_deadline(open_at),
            self.pacer.next_deadline(),
            self.token_wake(),
        ])
    }

    /// Nobody is asked for a token while the link wants none, or has no network.
    fn token_wake(&self) -> Option<Wake<Why>> {
        match self.phase {
            Phase::Resting | Phase::Offline => None,
            Phase::Trying(_) | Phase::Live(_) | Phase::Polling(_) => {
                self.credential.wake().map(|at| Wake::new(at, Why::Token))
            }
        }
    }

    fn phase_wake(&self) -> Option<Wake<Why>> {
        match &self.phase {
            Phase::Resting | Phase::Offline => None,
            Phase::Trying(trying) => {
                soonest(attempt_wake(&trying.attempt, Why::Backoff), trying.policy.wake())
            }
            Phase::Live(Live { successor, .. }) => {
                let next = successor.as_ref();
                let next = next.and_then(|next| attempt_wake(&next.attempt, Why::Backoff));
                soonest(
                    soonest(
                        self.health.next_deadline(&self.config),
                        self.subscriptions.next_deadline(),
                    ),
                    next,
                )
            }
            Phase::Polling(polling) => self.polling_wake(polling),
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
        while let Some(attempt) = self.phase.attempt() {
            match attempt {
                Attempt::Waiting { at } if *at <= now => self.begin_attempt(now),
                Attempt::Opening(ConnectRace { until, .. }) | Attempt::Handshake { until, .. }
                    if *until <= now =>
                {
                    self.on_attempt_end(now, End::Timeout);
                }
                Attempt::Opening(ConnectRace { race_at: Some(at), .. }) if *at <= now => {
                    self.race(now);
                }
                Attempt::Waiting { .. }
                | Attempt::AwaitingToken
                | Attempt::Opening(_)
                | Attempt::Handshake { .. } => return,
            }
        }
    }

    fn run_policy(&mut self, now: Millis) {
        let Phase::Trying(trying) = &mut self.phase else { return };
        let is_probe_due = trying.policy.take_probe_due(now);
        let is_due = trying.policy.take_due(now);
        match trying.attempt {
            Attempt::Opening(_) | Attempt::Handshake { .. } if is_probe_due => {
                self.show_reconnecting(now);
                self.probe_path(now);
            }
            Attempt::Waiting { .. } if is_probe_due && !self.device.is_background => {
                self.probe_path(now);
                self.plan_probe(now);
            }
            Attempt::Opening(_)
            | Attempt::Handshake { .. }
            | Attempt::Waiting { .. }
            | Attempt::AwaitingToken => {}
        }
        if is_due {
            self.fall_back_if_wanted(now);
        }
    }

    fn run_token(&mut self, now: Millis) {
        if self.token_wake().is_some() && self.credential.take_due(now) {
            self.out.push_back(Output::WantToken);
        }
    }

    fn polling_wake(&self, polling: &Polling) -> Option<Wake<Why>> {
        let return_path = match &polling.return_path {
            ReturnPath::Attempt(attempt) => attempt_wake(attempt, Why::Return),
            ReturnPath::Joining => {
                let join = self.return_at().map(|at| Wake::new(at, Why::Return));
                soonest(
                    soonest(
                        self.health.next_deadline(&self.config),
                        self.subscriptions.next_deadline(),
                    ),
                    join,
                )
            }
        };
        soonest(return_path, polling.polls.wake(self.endpoints.http()))
    }

    /// The server wants the session gone by now: the next one is sought beside it.
    pub(super) fn leave_session(&mut self, now: Millis) {
        let at = self.schedule.admit_asked(now, &self.config);
        match self.phase.live_mut() {
            Some(Live { successor: Some(successor), .. }) => {
                successor.cause = SuccessorCause::Leaving;
            }
            Some(Live { successor: place, .. }) => {
                let attempt = Attempt::Waiting { at };
                *place = Some(Successor { attempt, cause: SuccessorCause::Leaving });
            }
            // While it polls nothing is lost by breaking first.
            None => self.on_session_end(now, End::Left),
        }
    }
}

fn attempt_wake(attempt: &Attempt, waiting: Why) -> Option<Wake<Why>> {
    match attempt {
        Attempt::Waiting { at } => Some(Wake::new(*at, waiting)),
        Attempt::AwaitingToken => None,
        Attempt::Opening(ConnectRace { until, race_at, .. }) => {
            let race = race_at.map(|at| Wake::new(at, Why::Race));
            Some(Wake::new(*until, Why::ConnectTimeout).earlier(race))
        }
        Attempt::Handshake { until, .. } => Some(Wake::new(*until, Why::ConnectTimeout)),
    }
}

fn soonest(first: Option<Wake<Why>>, second: Option<Wake<Why>>) -> Option<Wake<Why>> {
    match first {
        Some(first) => Some(first.earlier(second)),
        None => second,
    }
}
