//! When the next attempt may begin: by the schedule, by the pace beside polls, at once. In: why it
//! is wanted. Out: the time.

use steadfast_machine::{Millis, Rng, Span};

use super::attempt::Attempt;
use super::{Connector, Purpose};
use crate::Config;

/// How long after a change of network a loss is put down to it.
const CHANGE_SPAN: Span = Span::seconds(10);

impl Connector {
    /// No attempt before `hint` from `now` has passed.
    pub(crate) fn hold(&mut self, now: Millis, hint: Span) {
        self.schedule.hold(now, hint);
    }

    /// As [`Connector::hold`], where the server named no time.
    pub(crate) fn hold_a_while(&mut self, now: Millis, config: &Config, rng: &mut Rng) {
        self.schedule.hold_a_while(now, config, rng);
    }

    /// An endpoint is busy: no attempt before `hint` from `now` has passed, unless another endpoint
    /// may have room.
    pub(crate) fn hold_if_all_busy(&mut self, now: Millis, hint: Span) {
        if self.endpoints.is_all_busy() {
            self.hold(now, hint);
        }
    }

    /// The time for an attempt that the app or the server asked for.
    pub(crate) fn time_when_asked(&self, now: Millis, config: &Config) -> Millis {
        self.schedule.admit_asked(now, config)
    }

    /// The time for the first attempt on another network.
    pub(crate) fn time_after_change(&mut self, now: Millis) -> Millis {
        self.schedule.admit_free(now)
    }

    /// The time after a failure.
    pub(crate) fn usual_time(&mut self, now: Millis, config: &Config, rng: &mut Rng) -> Millis {
        let delay = match &mut self.purpose {
            Purpose::Return(pace) => pace.delay(config, rng),
            Purpose::None | Purpose::Connect(_) | Purpose::Replace(_) => {
                self.schedule.delay(config, rng)
            }
        };
        self.schedule.admit(now + delay)
    }

    /// The time after a loss that may be put down to a change of network, or to the crash of a
    /// server which wants its links back within this window.
    pub(crate) fn time_after_loss(
        &mut self,
        now: Millis,
        crash_window: Option<Span>,
        is_background: bool,
        config: &Config,
        rng: &mut Rng,
    ) -> Millis {
        let changed_at = self.network_changed_at.take();
        if changed_at.is_some_and(|at| now.since(at) <= CHANGE_SPAN) {
            return self.time_after_change(now);
        }
        let spread = config.background_spread.times(2);
        let crash_window = if is_background {
            // Nobody waits: the least that is right for others, too. Half of it is drawn from.
            Some(crash_window.map_or(spread, |window| window.max(spread)))
        } else {
            crash_window
        };
        match (crash_window, &self.purpose) {
            (Some(window), Purpose::None | Purpose::Replace(_)) => {
                let delay = self.schedule.crash_delay(window, config, rng);
                self.schedule.admit(now + delay)
            }
            (Some(_), Purpose::Connect(_) | Purpose::Return(_)) | (None, _) => {
                self.usual_time(now, config, rng)
            }
        }
    }

    /// The app asks for the attempt that waits, or the path has begun to work: it waits no longer
    /// than it must.
    pub(crate) fn hasten(&mut self, now: Millis, config: &Config) {
        let soonest = self.schedule.admit_asked(now, config);
        if let Some(attempt) = &mut self.attempt {
            attempt.hasten(soonest);
        }
    }

    /// The network has changed: an attempt that waits is the first one after that.
    pub(crate) fn hasten_after_change(&mut self, now: Millis) {
        let Some(attempt @ Attempt::Waiting { .. }) = &mut self.attempt else { return };
        // No loss after it is put down to the change.
        self.network_changed_at = None;
        attempt.hasten(self.schedule.admit_free(now));
    }
}
