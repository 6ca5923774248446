//! Everything whose time has come, and when the next thing's will. In: the time. Out: whatever is
//! due, done. Each step may end in another state; the next one sees that.

use steadfast_machine::{Millis, Wake};

use super::Link;
use crate::Why;
use crate::end::End;
use crate::phase::{Attempt, Phase, Polling, WayBack};
use crate::poll::ChannelPoll;
use crate::session::Due;

impl Link {
    /// Does what is due.
    pub(super) fn run(&mut self, now: Millis) {
        self.run_session(now);
        self.run_requests(now);
        self.run_publishes(now);
        self.rest_if_finished(now);
        self.run_attempt(now);
        self.run_effort(now);
        self.run_polls(now);
    }

    /// When something will be due, and what.
    pub(super) fn next_wake(&self) -> Option<Wake<Why>> {
        let publish = self.publishes.wake(self.phase.session().is_some());
        soonest(self.phase_wake(), publish.map(|at| Wake::new(at, Why::Publish)))
    }

    fn phase_wake(&self) -> Option<Wake<Why>> {
        match &self.phase {
            Phase::Resting | Phase::Offline => None,
            Phase::Trying(trying) => {
                let effort = trying.effort.due_at().map(|at| Wake::new(at, Why::Effort));
                soonest(attempt_wake(&trying.attempt, Why::Backoff), effort)
            }
            Phase::Live(session) => soonest(Some(session.wake(&self.config)), self.again()),
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
                Some(Due::End(end)) => self.on_end(now, end),
                None => return,
            }
        }
    }

    fn run_requests(&mut self, now: Millis) {
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
                Attempt::Opening { until, .. } | Attempt::Greeting { until, .. }
                    if *until <= now =>
                {
                    self.on_end(now, End::Timeout);
                }
                Attempt::Waiting { .. }
                | Attempt::WantingToken
                | Attempt::Opening { .. }
                | Attempt::Greeting { .. } => return,
            }
        }
    }

    fn run_effort(&mut self, now: Millis) {
        if let Phase::Trying(trying) = &mut self.phase
            && trying.effort.take_due(now)
        {
            self.fall_back_if_wanted(now);
        }
    }

    fn polling_wake(&self, polling: &Polling) -> Option<Wake<Why>> {
        let way_back = match &polling.way_back {
            WayBack::Attempt(attempt) => attempt_wake(attempt, Why::Return),
            WayBack::Joining(session) => soonest(Some(session.wake(&self.config)), self.again()),
        };
        polling.polls.iter().map(ChannelPoll::wake).fold(way_back, soonest)
    }

    fn again(&self) -> Option<Wake<Why>> {
        self.channels.wake().map(|at| Wake::new(at, Why::Subscribe))
    }
}

fn attempt_wake(attempt: &Attempt, waiting: Why) -> Option<Wake<Why>> {
    match attempt {
        Attempt::Waiting { at } => Some(Wake::new(*at, waiting)),
        Attempt::WantingToken => None,
        Attempt::Opening { until, .. } | Attempt::Greeting { until, .. } => {
            Some(Wake::new(*until, Why::ConnectTimeout))
        }
    }
}

fn soonest(first: Option<Wake<Why>>, second: Option<Wake<Why>>) -> Option<Wake<Why>> {
    match first {
        Some(first) => Some(first.earlier(second)),
        None => second,
    }
}
