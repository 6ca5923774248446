//! Making before breaking: a socket that opens beside a live session, to take its place. In: that
//! the server wants the link elsewhere, or that the device has moved. Out: the attempt, and the old
//! session's leave once the new socket is open. Must not know timers or frames of channels.

use steadfast_machine::Millis;

use super::planning::Plan;
use super::{COMING_BACK, Link};
use crate::end::End;
use crate::health::Session;
use crate::phase::{Attempt, Live, Phase, ShownAs, Successor, SuccessorCause, Trying};
use crate::{Detection, Output};

impl Link {
    /// The session may be dead: the next one is sought at once, until the session shows life.
    pub(super) fn doubt_session(&mut self, now: Millis) {
        let is_wanted = self.config.detection == Detection::Adaptive
            && matches!(self.phase, Phase::Live(Live { successor: None, .. }))
            && !self.subscriptions.is_empty();
        if !is_wanted {
            return;
        }
        let attempt = Attempt::Waiting { at: self.schedule.admit_free(now) };
        if let Some(live) = self.phase.live_mut() {
            live.successor = Some(Successor { attempt, cause: SuccessorCause::Moved });
        }
    }

    /// The session answered, so that it needs no successor.
    pub(super) fn clear_session_doubt(&mut self) {
        let Phase::Live(Live { successor: Some(successor), .. }) = &self.phase else { return };
        match successor.cause {
            SuccessorCause::Moved => self.drop_successor(),
            SuccessorCause::Leaving => {}
        }
    }

    /// The successor's socket is open: the session makes way, and is resumed there.
    pub(super) fn replace_session(&mut self, now: Millis) {
        let Some(attempt) = self.take_successor() else { return };
        let Some(old) = self.health.socket() else { return };
        self.out.push_back(Output::CloseSocket { socket: old, code: COMING_BACK });
        self.health.give_up();
        self.detach_session(now);
        let policy = self.new_policy(now);
        self.enter_replacing(now, Trying { attempt, shown_as: ShownAs::Connected, policy });
    }

    /// The successor did not come, and its sockets have gone. A session that was asked to leave
    /// tries again, as long as it lives; one that is doubted is judged by its answer.
    pub(super) fn on_successor_end(&mut self, now: Millis, end: End) {
        let Some(Live { successor: Some(successor), .. }) = self.phase.live_mut() else { return };
        let plan = match successor.cause {
            SuccessorCause::Leaving => {
                let leave_due_at = self.health.session().and_then(Session::leave_due_at);
                self.plan(now, end, leave_due_at, None)
            }
            SuccessorCause::Moved => Plan::Stop,
        };
        let Some(Live { successor, .. }) = self.phase.live_mut() else { return };
        match plan {
            Plan::Wait(at) => {
                let attempt = Attempt::Waiting { at };
                *successor = Some(Successor { attempt, cause: SuccessorCause::Leaving });
            }
            Plan::Stop => *successor = None,
        }
    }

    /// The attempt beside the session, which goes on without it.
    pub(super) fn take_successor(&mut self) -> Option<Attempt> {
        let successor = self.phase.live_mut()?.successor.take()?;
        Some(successor.attempt)
    }

    /// Gives up the attempt beside the session.
    pub(super) fn drop_successor(&mut self) {
        if !matches!(self.phase, Phase::Live(_)) {
            return;
        }
        for socket in self.phase.attempt_sockets() {
            self.out.push_back(Output::CloseSocket { socket, code: COMING_BACK });
        }
        if self.take_successor().is_some() {
            self.record.withdraw();
        }
    }
}
