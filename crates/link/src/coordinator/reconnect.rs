//! What follows the end of an attempt or of a session. In: how it ended. Out: the next attempt as
//! planned, polls, or rest. Must not know sockets beyond closing them.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::CloseCode;

use super::{COMING_BACK, Link};
use crate::end::End;
use crate::phase::{Origin, Phase, ShownAs};
use crate::{Clue, Reason};

impl Link {
    /// An attempt has failed.
    pub(super) fn on_attempt_end(&mut self, now: Millis, end: End) {
        if end.leaves_socket() {
            self.close_sockets(self.connector.sockets(), COMING_BACK);
        }
        self.connector.on_attempt_end();
        self.record.fail();
        match self.phase {
            Phase::Live(_) => return self.on_successor_end(now, end),
            Phase::Resting | Phase::Offline | Phase::Trying(_) | Phase::Polling => {}
        }
        self.health.give_up();
        self.note_end(now, end);
        self.record_failure(now, end);
        self.detach_session(now);
        if self.subscriptions.is_finishing() {
            return self.stop(now, Reason::Finished);
        }
        let Some(at) = self.plan(now, end, None, None) else {
            return self.stop(now, Reason::Rejected);
        };
        self.connector.wait(at);
        match self.phase {
            Phase::Trying(_) => {
                self.connector.count_failure(end.evidence());
                self.enter_reconnecting(now, end.reason());
                self.fall_back_if_wanted(now);
                self.probe_path(now);
                self.plan_probe(now);
            }
            Phase::Resting | Phase::Offline | Phase::Live(_) | Phase::Polling => {}
        }
    }

    /// A session has ended.
    pub(super) fn on_session_end(&mut self, now: Millis, end: End) {
        let Some(session) = self.health.session().cloned() else { return };
        if end.leaves_socket() {
            self.close_sockets([session.socket()], COMING_BACK);
        }
        self.health.on_session_end(now, end);
        self.note_end(now, end);
        if session.is_leaving() {
            self.messages.on_clue(now, Clue::Leaving);
        }
        self.detach_session(now);
        if self.subscriptions.is_finishing() {
            self.drop_successor();
            return self.stop(now, Reason::Finished);
        }
        if self.phase == Phase::Polling {
            self.note_lost_return(now, session.since(), end);
        }
        if end.allows_successor() && self.connector.successor_cause().is_some() {
            // Whatever the server said of when to come back: the next attempt is under way.
            self.messages.on_clue(now, Clue::NoWord);
            self.connector.connect(now);
            self.connector.watch(now, &self.config);
            return self.enter_reconnecting(now, end.reason());
        }
        self.drop_successor();
        let Some(at) = self.plan(now, end, session.leave_due_at(), Some(session.crash_window()))
        else {
            return self.stop(now, Reason::Rejected);
        };
        self.connector.wait(at);
        match self.phase {
            Phase::Live(origin) => {
                self.connect_after_loss(now, origin, now.since(session.since()), end);
                self.enter_reconnecting(now, end.reason());
                let is_return = self.connector.has_lost_return();
                self.fall_back_if_wanted(now);
                if is_return {
                    self.probe_path(now);
                }
            }
            Phase::Resting | Phase::Offline | Phase::Trying(_) | Phase::Polling => {}
        }
    }

    /// A session that replaced polling and died soon is no better than none, unless the path is
    /// gone too, which a probe will show.
    fn connect_after_loss(&mut self, now: Millis, origin: Origin, lived: Span, end: End) {
        let is_early = self.poller.is_early_loss(lived);
        match origin {
            Origin::Polling if is_early && !end.is_planned() => {
                self.connector.connect_after_return(now);
            }
            Origin::Polling | Origin::Attempt => self.connector.connect(now),
        }
    }

    /// A session beside the polls has ended.
    fn note_lost_return(&mut self, now: Millis, since: Millis, end: End) {
        if !end.is_planned() {
            self.poller.on_session_lost(now, since);
        }
        self.connector.excuse_failure();
    }

    /// What an attempt's failure says of the network.
    pub(super) fn record_failure(&mut self, now: Millis, end: End) {
        let is_polled = self.poller.is_answered(now, &self.config);
        self.connector.record_failure(now, end.evidence(), is_polled);
    }

    /// Ends everything, for good or until the app asks again.
    pub(super) fn rest(&mut self, now: Millis, reason: Reason) {
        self.drop_transports(now, CloseCode::NORMAL);
        self.settle_down(now, reason);
    }

    /// As [`Link::rest`], where the sockets have gone already.
    fn stop(&mut self, now: Millis, reason: Reason) {
        self.cancel_polls();
        self.settle_down(now, reason);
    }

    fn settle_down(&mut self, now: Millis, reason: Reason) {
        self.credential.rest();
        self.enter_resting(now, reason);
    }

    /// Gives up the sockets and the polls, whatever they were at.
    pub(super) fn drop_transports(&mut self, now: Millis, code: CloseCode) {
        self.close_sockets(self.health.socket(), code);
        self.close_sockets(self.connector.sockets(), code);
        self.cancel_polls();
        self.health.give_up();
        self.detach_session(now);
        self.record.fail();
    }

    /// An attempt that makes the app wait no longer passes for a session.
    pub(super) fn show_reconnecting(&mut self, now: Millis) {
        if let Phase::Trying(ShownAs::Connected) = self.phase {
            self.enter_reconnecting(now, Reason::Lost);
        }
    }

    /// A link whose channels have all finished rests, once what it has published is answered.
    pub(super) fn rest_if_finished(&mut self, now: Millis) {
        let is_done = self.publisher.is_empty() || self.health.session().is_none();
        if self.subscriptions.is_finishing() && is_done {
            self.rest(now, Reason::Finished);
        }
    }
}
