//! Everything whose time has come, and when the next thing's will. In: the time. Out: whatever is
//! due, done. Each step may end in another state; the next one sees that.

use steadfast_machine::{Millis, Wake};

use super::Link;
use crate::dialling::Dialling;
use crate::end::End;
use crate::phase::{Attempt, Live, Phase, Polling, WayBack};
use crate::session::Due;
use crate::{Output, Why};

impl Link {
    /// Does what is due.
    pub(super) fn run(&mut self, now: Millis) {
        self.run_session(now);
        self.run_overdue(now);
        self.run_requests(now);
        self.run_publishes(now);
        self.rest_if_finished(now);
        self.run_attempt(now);
        self.run_effort(now);
        self.run_polls(now);
        self.run_token(now);
        self.join_if_ready(now);
    }

    /// When something will be due, and what.
    pub(super) fn next_wake(&self) -> Option<Wake<Why>> {
        let open_at = self.phase.session().map(|_| self.pace.open_at());
        let publish = self.publishes.wake(open_at).map(|at| Wake::new(at, Why::Publish));
        let request = self.pace.wake().map(|at| Wake::new(at, Why::Subscribe));
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
                soonest(attempt_wake(&trying.attempt, Why::Backoff), trying.effort.wake())
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
            match session.due(now, &self.config, &self.gauge.rtt) {
                Some(Due::Say(frame)) => self.say(now, socket, frame),
                Some(Due::Doubt(frame)) => {
                    self.gauge.doubt();
                    self.send(socket, frame);
                }
                Some(Due::Leave) => self.leave_session(now),
                Some(Due::End(end)) => self.on_session_end(now, end),
                None => return,
            }
        }
    }

    fn run_overdue(&mut self, now: Millis) {
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
                Attempt::Opening(Dialling { until, .. }) | Attempt::Greeting { until, .. }
                    if *until <= now =>
                {
                    self.on_attempt_end(now, End::Timeout);
                }
                Attempt::Opening(Dialling { race_at: Some(at), .. }) if *at <= now => {
                    self.race(now);
                }
                Attempt::Waiting { .. }
                | Attempt::WantingToken
                | Attempt::Opening(_)
                | Attempt::Greeting { .. } => return,
            }
        }
    }

    fn run_effort(&mut self, now: Millis) {
        let Phase::Trying(trying) = &mut self.phase else { return };
        let is_long = trying.effort.take_probe_due(now);
        let is_due = trying.effort.take_due(now);
        if is_long && !matches!(trying.attempt, Attempt::Waiting { .. } | Attempt::WantingToken) {
            self.own_up(now);
            self.probe_path(now);
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
        let way_back = match &polling.way_back {
            WayBack::Attempt(attempt) => attempt_wake(attempt, Why::Return),
            WayBack::Joining(session) => {
                let join = self.join_at().map(|at| Wake::new(at, Why::Return));
                soonest(soonest(Some(session.wake(&self.config)), self.again()), join)
            }
        };
        soonest(way_back, polling.polls.wake(self.endpoints.http()))
    }

    fn again(&self) -> Option<Wake<Why>> {
        self.channels.wake().map(|at| Wake::new(at, Why::Subscribe))
    }
}

fn attempt_wake(attempt: &Attempt, waiting: Why) -> Option<Wake<Why>> {
    match attempt {
        Attempt::Waiting { at } => Some(Wake::new(*at, waiting)),
        Attempt::WantingToken => None,
        Attempt::Opening(Dialling { until, race_at, .. }) => {
            let race = race_at.map(|at| Wake::new(at, Why::Race));
            Some(Wake::new(*until, Why::ConnectTimeout).earlier(race))
        }
        Attempt::Greeting { until, .. } => Some(Wake::new(*until, Why::ConnectTimeout)),
    }
}

fn soonest(first: Option<Wake<Why>>, second: Option<Wake<Why>>) -> Option<Wake<Why>> {
    match first {
        Some(first) => Some(first.earlier(second)),
        None => second,
    }
}
