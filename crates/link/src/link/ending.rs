//! What follows the end of an attempt or of a session. In: how it ended. Out: the next attempt as
//! planned, polls, or rest. Must not know sockets beyond closing them.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::CloseCode;

use super::plan::Plan;
use super::{COMING_BACK, Link};
use crate::effort::{Effort, Shortcut};
use crate::end::{End, Evidence};
use crate::flaps::Flaps;
use crate::phase::{Attempt, Face, Live, Origin, Phase, Polling, Trying, WayBack};
use crate::poll::ANSWER_TIMEOUT;
use crate::{Clue, Output, Reason};

impl Link {
    /// An attempt has failed.
    pub(super) fn on_attempt_end(&mut self, now: Millis, end: End) {
        self.close_if_left(end, self.phase.attempt_sockets());
        if let Some(endpoint) = self.phase.attempt().and_then(Attempt::endpoint) {
            self.endpoints.fail(endpoint);
        }
        self.record.fail();
        match self.phase {
            Phase::Live(_) => return self.on_successor_end(now, end),
            Phase::Resting | Phase::Offline | Phase::Trying(_) | Phase::Polling(_) => {}
        }
        self.gauge.give_up();
        self.note_end(now, end);
        self.blame(now, end);
        self.settle(now);
        if self.is_finishing {
            return self.stop(now, Reason::Finished);
        }
        let attempt = match self.plan(now, end, None) {
            Plan::Stop => return self.stop(now, Reason::Rejected),
            Plan::Wait(at) => Attempt::Waiting { at },
        };
        match &mut self.phase {
            Phase::Trying(trying) => {
                let mut effort = trying.effort.clone();
                effort.fail(end.evidence());
                self.enter_reconnecting(now, attempt, effort, end.reason());
                self.fall_back_if_wanted(now);
                self.probe_path(now);
            }
            Phase::Polling(polling) => polling.way_back = WayBack::Attempt(attempt),
            Phase::Resting | Phase::Offline | Phase::Live(_) => {}
        }
    }

    /// A session has ended.
    pub(super) fn on_session_end(&mut self, now: Millis, end: End) {
        let Some(session) = self.phase.session() else { return };
        let (socket, window) = (session.socket, session.crash_window);
        let is_leaving = session.is_leaving();
        self.close_if_left(end, [socket]);
        self.gauge_end(now, end);
        self.note_end(now, end);
        if is_leaving {
            self.messages.hear(now, Clue::Leaving);
        }
        self.settle(now);
        if self.is_finishing {
            self.drop_successor();
            return self.stop(now, Reason::Finished);
        }
        self.note_lost_return(now, end);
        let heir = if end.leaves_a_place() { self.take_successor() } else { None };
        self.drop_successor();
        if let Some(attempt) = heir {
            let mut effort = self.new_effort(now);
            effort.watch(now, &self.config);
            return self.enter_reconnecting(now, attempt, effort, end.reason());
        }
        let attempt = match self.plan(now, end, Some(window)) {
            Plan::Stop => return self.stop(now, Reason::Rejected),
            Plan::Wait(at) => Attempt::Waiting { at },
        };
        match &mut self.phase {
            Phase::Live(Live { origin, session, .. }) => {
                let (origin, lived) = (*origin, now.since(session.since));
                let effort = self.effort_after(now, origin, lived, end);
                let is_return = effort.shortcut() == Shortcut::LostReturn;
                self.enter_reconnecting(now, attempt, effort, end.reason());
                self.fall_back_if_wanted(now);
                if is_return {
                    self.probe_path(now);
                }
            }
            Phase::Polling(polling) => polling.way_back = WayBack::Attempt(attempt),
            Phase::Resting | Phase::Offline | Phase::Trying(_) => {}
        }
    }

    /// A session that replaced polling and died soon is no better than none, unless the path is
    /// gone too, which a probe will show.
    fn effort_after(&mut self, now: Millis, origin: Origin, lived: Span, end: End) -> Effort {
        let is_short = Flaps::is_death(lived);
        if !is_short {
            self.flaps.clear();
        }
        match origin {
            Origin::Polling if is_short && !end.is_planned() => {
                Effort::after_return(now, self.memory.is_blocked(now))
            }
            Origin::Polling | Origin::Attempt => self.new_effort(now),
        }
    }

    /// A session beside the polls ended: a death, where polls were answered as long as it lived.
    /// WebSocket gets through, so that the next attempt need not wait.
    fn note_lost_return(&mut self, now: Millis, end: End) {
        let Phase::Polling(polling) = &mut self.phase else { return };
        let WayBack::Joining(session) = &polling.way_back else { return };
        if !end.is_planned() && polling.answered_at > session.since {
            self.flaps.add(now);
        }
        polling.is_dark = true;
    }

    /// What an attempt's failure says of the network.
    pub(super) fn blame(&mut self, now: Millis, end: End) {
        let is_answered = |polling: &Polling| {
            let span = now.since(polling.answered_at);
            let is_recent = span <= self.config.poll_wait + ANSWER_TIMEOUT;
            !polling.is_dark && is_recent && polling.polls.channels.iter().any(|one| one.is_told)
        };
        let is_proven = match &self.phase {
            Phase::Trying(Trying { effort, .. }) => effort.is_proven(now) && !effort.is_dark(),
            Phase::Polling(polling) => is_answered(polling),
            Phase::Resting | Phase::Offline | Phase::Live(_) => false,
        };
        let evidence = end.evidence();
        self.memory.blame(now, evidence, is_proven);
        let is_polled = matches!(self.phase, Phase::Polling(_)) && is_proven;
        if is_polled && evidence != Evidence::Busy {
            self.memory.sight(now);
        }
    }

    /// Takes leave of the session, if there is one: what it earned, and what it followed.
    pub(super) fn settle(&mut self, now: Millis) {
        if let Some(session) = self.phase.session() {
            let held = now.since(session.since);
            let is_answered = session.pulse.is_answered();
            self.schedule.settle(now, held, is_answered, &self.config);
        }
        self.channels.part();
        self.publishes.part();
        self.pace.part();
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
        self.endpoints.send_to(None);
        self.enter_resting(now, reason);
    }

    /// Gives up the sockets and the polls, whatever they were at.
    pub(super) fn drop_transports(&mut self, now: Millis, code: CloseCode) {
        for socket in self.phase.sockets() {
            self.out.push_back(Output::CloseSocket { socket, code });
        }
        self.cancel_polls();
        self.gauge.give_up();
        self.settle(now);
        self.record.fail();
    }

    /// An attempt that makes the app wait no longer passes for a session.
    pub(super) fn own_up(&mut self, now: Millis) {
        let Phase::Trying(Trying { face: Face::Moving, attempt, effort }) = &self.phase else {
            return;
        };
        let (attempt, effort) = (attempt.clone(), effort.clone());
        self.enter_reconnecting(now, attempt, effort, Reason::Lost);
    }

    fn close_if_left(&mut self, end: End, sockets: impl IntoIterator<Item = crate::SocketId>) {
        if end.leaves_socket() {
            let close = |socket| Output::CloseSocket { socket, code: COMING_BACK };
            self.out.extend(sockets.into_iter().map(close));
        }
    }
}
