//! Everything whose time has come, and when the next thing's will. In: the time. Out: whatever is
//! due, done. Each step may end in another state; the next one sees that.

use steadfast_machine::{Millis, Wake};

use super::Link;
use crate::connect_race::ConnectRace;
use crate::end::End;
use crate::phase::{Attempt, Live, Phase, Polling, ReturnPath};
use crate::session::SessionAction;
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
        let open_at = self.phase.session().map(|_| self.pacer.open_at());
        let publish = self.publishes.wake(open_at).map(|at| Wake::new(at, Why::Publish));
        let request = self.pacer.wake().map(|at| Wake::new(at, Why::Subscribe));
        let request = soonest(request, self.token_wake());
        soonest(soonest(self.phase_wake(), publish), request)
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
            Phase::Live(Live { session, successor, .. }) => {
                let next = successor.as_ref();
                let next = next.and_then(|next| attempt_wake(&next.attempt, Why::Backoff));
                soonest(soonest(Some(session.wake(&self.config)), self.again()), next)
            }
            Phase::Polling(polling) => self.polling_wake(polling),
        }
    }

    fn run_session(&mut self, now: Millis) {
        while let Some(session) = self.phase.session_mut() {
            let socket = session.socket;
            match session.due(now, &self.config, &self.path_stats.rtt) {
                Some(SessionAction::Say(frame)) => self.send_timed(now, socket, frame),
                Some(SessionAction::Doubt(frame)) => {
                    self.path_stats.doubt();
                    self.send(socket, frame);
                }
                Some(SessionAction::Leave) => self.leave_session(now),
                Some(SessionAction::End(end)) => self.on_session_end(now, end),
                None => return,
            }
        }
    }

    fn run_subscriptions(&mut self, now: Millis) {
        while self.phase.session().is_some()
            && let Some(id) = self.channels.due(now)
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
            ReturnPath::Joining(session) => {
                let join = self.return_at().map(|at| Wake::new(at, Why::Return));
                soonest(soonest(Some(session.wake(&self.config)), self.again()), join)
            }
        };
        soonest(return_path, polling.polls.wake(self.endpoints.http()))
    }

    fn again(&self) -> Option<Wake<Why>> {
        self.channels.wake().map(|at| Wake::new(at, Why::Subscribe))
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
