//! Ends polling once a session beside it has proven itself. In: sessions beside the polls, their
//! heartbeats. Out: the polls that are given up, and the live session.

use steadfast_machine::Millis;

use super::Link;
use crate::Output;
use crate::phase::{Origin, Phase};

impl Link {
    /// A session beside the polls is asked for a sign of life, which ends them.
    pub(super) fn probe_return(&mut self, now: Millis) {
        if self.phase != Phase::Polling {
            return;
        }
        if let Some(frame) = self.health.echo(now, &self.config) {
            self.send_timed(now, frame);
        }
        self.return_if_proven(now);
    }

    /// Once the session follows every channel and has shown that it lives, polling has done its
    /// work; where sessions kept dying, not before this one has held out.
    pub(super) fn return_if_proven(&mut self, now: Millis) {
        if self.return_at().is_none_or(|at| at > now) {
            return;
        }
        self.cancel_polls();
        self.enter_live(now, Origin::Polling);
    }

    /// When the session beside the polls will have proven itself, if nothing else is heard.
    pub(super) fn return_at(&self) -> Option<Millis> {
        let session = self.health.session().filter(|_| self.phase == Phase::Polling)?;
        let (since, is_answered) = (session.since(), session.is_answered());
        let span = self.poller.proof_span(since, is_answered, &self.config);
        self.subscriptions.all_followed().then(|| since + span)
    }

    /// Gives up the polls under way.
    pub(super) fn cancel_polls(&mut self) {
        let cancelled = self.poller.take_all(self.now).into_iter();
        self.out.extend(cancelled.map(|poll| Output::CancelPoll { poll }));
    }
}
