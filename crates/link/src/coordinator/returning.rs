//! Ends polling once a session beside it has proven itself. In: sessions beside the polls, their
//! heartbeats. Out: the polls that are given up, and the live session.

use steadfast_machine::{Millis, Span};

use super::Link;
use crate::Output;
use crate::phase::{Origin, Phase, Polling, ReturnPath};

/// A session beside the polls that has lived so long needs no other proof.
const RETURN_PROOF: Span = Span::seconds(20);

impl Link {
    /// A session beside the polls is asked for a sign of life, which ends them.
    pub(super) fn probe_return(&mut self, now: Millis) {
        let Phase::Polling(Polling { return_path: ReturnPath::Joining, .. }) = self.phase else {
            return;
        };
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
        let Phase::Polling(Polling { return_path: ReturnPath::Joining, .. }) = self.phase else {
            return None;
        };
        let session = self.health.session()?;
        let life = if self.flap_damping.is_held(session.since()) {
            // By then a path that is dead would have been noticed.
            self.config.heartbeat_interval + self.config.heartbeat_timeout
        } else if session.is_answered() {
            Span::ZERO
        } else {
            RETURN_PROOF
        };
        self.subscriptions.all_followed().then(|| session.since() + life)
    }

    /// Gives up the polls under way.
    pub(super) fn cancel_polls(&mut self) {
        let now = self.now;
        let Some(polling) = self.phase.polling_mut() else { return };
        let cancelled = polling.polls.take_all(now).into_iter();
        self.out.extend(cancelled.map(|poll| Output::CancelPoll { poll }));
    }
}
