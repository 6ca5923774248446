//! Making before breaking: a socket that opens beside a live session, to take its place. In: that
//! the server wants the link elsewhere, or that the device has moved. Out: the attempt, and the old
//! session's leave once the new socket is open. Must not know timers or frames of channels.

use steadfast_machine::Millis;

use super::{COMING_BACK, Link};
use crate::Detection;
use crate::connector::SuccessorCause;
use crate::end::End;
use crate::health::Session;
use crate::phase::Phase;

impl Link {
    /// The session may be dead: the next one is sought at once, until the session shows life.
    pub(super) fn doubt_session(&mut self, now: Millis) {
        let is_wanted = self.config.detection == Detection::Adaptive
            && matches!(self.phase, Phase::Live(_))
            && !self.subscriptions.is_empty();
        if is_wanted && self.connector.successor_cause().is_none() {
            let at = self.connector.time_after_change(now);
            self.connector.replace(at, SuccessorCause::Moved);
        }
    }

    /// The session answered, so that it needs no successor.
    pub(super) fn clear_session_doubt(&mut self) {
        match self.connector.successor_cause() {
            Some(SuccessorCause::Moved) => self.drop_successor(),
            Some(SuccessorCause::Leaving) | None => {}
        }
    }

    /// The successor's socket is open: the session makes way, and is resumed there.
    pub(super) fn replace_session(&mut self, now: Millis) {
        if self.connector.successor_cause().is_none() {
            return;
        }
        self.close_sockets(self.health.socket(), COMING_BACK);
        self.health.give_up();
        self.detach_session(now);
        self.enter_replacing(now);
    }

    /// The successor did not come, and its sockets have gone. A session that was asked to leave
    /// tries again, as long as it lives; one that is doubted is judged by its answer.
    pub(super) fn on_successor_end(&mut self, now: Millis, end: End) {
        let at = match self.connector.successor_cause() {
            Some(SuccessorCause::Leaving) => {
                let leave_due_at = self.health.session().and_then(Session::leave_due_at);
                self.plan(now, end, leave_due_at, None)
            }
            Some(SuccessorCause::Moved) | None => None,
        };
        match at {
            Some(at) => self.connector.wait(at),
            None => self.connector.stop(),
        }
    }

    /// Gives up the attempt beside the session.
    pub(super) fn drop_successor(&mut self) {
        if self.connector.successor_cause().is_some() {
            self.close_sockets(self.connector.sockets(), COMING_BACK);
            self.connector.stop();
            self.record.withdraw();
        }
    }
}
