//! Making before breaking: a socket that opens beside a live session, to take its place. In: that
//! the server wants the link elsewhere, or that the device has moved. Out: the attempt, and the old
//! session's leave once the new socket is open. Must not know timers or frames of channels.

use steadfast_machine::Millis;

use super::reconnect::Plan;
use super::{COMING_BACK, Link};
use crate::end::End;
use crate::phase::{Attempt, Live, Phase, ShownAs, Successor, SuccessorCause, Trying};
use crate::{Detection, Output};

impl Link {
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

    /// The session may be dead: the next one is sought at once, until the session shows life.
    pub(super) fn doubt_session(&mut self, now: Millis) {
        let is_wanted = self.config.detection == Detection::Adaptive
            && matches!(self.phase, Phase::Live(Live { successor: None, .. }))
            && !self.channels.is_empty();
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
        let Phase::Live(Live { session, .. }) = &self.phase else { return };
        let old = session.socket;
        let Some(attempt) = self.take_successor() else { return };
        self.out.push_back(Output::CloseSocket { socket: old, code: COMING_BACK });
        self.path_stats.give_up();
        self.detach_session(now);
        let policy = self.new_policy(now);
        self.enter_replacing(now, Trying { attempt, shown_as: ShownAs::Connected, policy });
    }

    /// The successor did not come, and its sockets have gone. A session that was asked to leave
    /// tries again, as long as it lives; one that is doubted is judged by its answer.
    pub(super) fn on_successor_end(&mut self, now: Millis, end: End) {
        let Some(Live { successor: Some(successor), .. }) = self.phase.live_mut() else { return };
        let plan = match successor.cause {
            SuccessorCause::Leaving => self.plan(now, end, None),
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
