//! From nothing to a session, and from a session to nothing. In: what a socket did. Out: the dial,
//! the `hello`, and after an end whatever the plan says. Must not know what frames say of channels.

use alloc::boxed::Box;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ClientFrame, CloseCode, HeartbeatTerms, Hello, Welcome};

use super::plan::Plan;
use super::{COMING_BACK, Link};
use crate::effort::Effort;
use crate::end::End;
use crate::phase::{Attempt, Phase, Stage, WayBack};
use crate::session::Session;
use crate::{DialFailure, Output, Reason, SocketId};

impl Link {
    /// Begins the attempt that was planned; with a fresh token, where the last one was refused.
    pub(super) fn begin_attempt(&mut self, now: Millis) {
        if !self.credential.is_refused() {
            return self.open_socket(now);
        }
        let Some(attempt) = self.phase.attempt_mut() else { return };
        *attempt = Attempt::WantingToken;
        self.want_token();
    }

    /// Asks the app for a token, unless it is being asked.
    pub(super) fn want_token(&mut self) {
        if self.credential.want() {
            self.out.push_back(Output::WantToken);
        }
    }

    fn open_socket(&mut self, now: Millis) {
        let is_reconnect = match &self.phase {
            Phase::Trying(trying) => !trying.is_first,
            Phase::Polling(_) => true,
            Phase::Resting | Phase::Offline | Phase::Live(_) => return,
        };
        self.last_socket = self.last_socket.wrapping_add(1);
        let socket = self.last_socket;
        let until = now + self.config.connect_timeout;
        let Some(attempt) = self.phase.attempt_mut() else { return };
        *attempt = Attempt::Opening { socket, until };
        // Whatever fails from here on, the change of network has had its attempt.
        self.network_changed_at = None;
        self.schedule.spend(now);
        self.record.begin(is_reconnect);
        self.out.push_back(Output::OpenSocket { socket, to: self.endpoint.clone() });
    }

    pub(super) fn on_socket_opened(&mut self, now: Millis, socket: SocketId) {
        let Some(attempt) = self.phase.attempt_mut() else { return };
        match *attempt {
            Attempt::Opening { socket: wanted, until } if wanted == socket => {
                *attempt = Attempt::Greeting { socket, until };
                self.greet(now, socket);
            }
            Attempt::Opening { .. }
            | Attempt::Greeting { .. }
            | Attempt::Waiting { .. }
            | Attempt::WantingToken => {}
        }
    }

    pub(super) fn on_socket_failed(&mut self, now: Millis, socket: SocketId, failure: DialFailure) {
        match self.phase.stage(socket) {
            Some(Stage::Opening | Stage::Greeting) => self.on_end(now, End::Dial(failure)),
            Some(Stage::Welcomed) => self.on_end(now, End::Closed(CloseCode::ABNORMAL)),
            None => {}
        }
    }

    pub(super) fn on_socket_closed(&mut self, now: Millis, socket: SocketId, code: CloseCode) {
        match self.phase.stage(socket) {
            Some(Stage::Opening | Stage::Greeting | Stage::Welcomed) => {
                self.on_end(now, End::Closed(code));
            }
            None => {}
        }
    }

    /// The server took the session.
    pub(super) fn on_welcome(&mut self, now: Millis, socket: SocketId, welcome: &Welcome) {
        self.has_connected = true;
        self.record.succeed(now);
        self.gauge.welcome(now);
        self.credential.accept(self.greeted_version);
        self.publishes.meet(welcome.limits.message_bytes);
        let session = Session::new(socket, welcome, now);
        match &mut self.phase {
            Phase::Trying(_) => self.enter_live(now, session),
            Phase::Polling(polling) => polling.way_back = WayBack::Joining(session),
            Phase::Resting | Phase::Offline | Phase::Live(_) => {}
        }
        self.pace_session(now);
        for id in self.channels.unasked() {
            self.subscribe(now, id);
        }
        self.join_if_ready(now);
    }

    /// Once the session follows every channel, polling has done its work.
    pub(super) fn join_if_ready(&mut self, now: Millis) {
        if !self.channels.all_followed() {
            return;
        }
        let Some(polling) = self.phase.polling_mut() else { return };
        let WayBack::Joining(session) = &polling.way_back else { return };
        let session = session.clone();
        self.cancel_polls();
        self.enter_live(now, session);
    }

    /// An attempt or a session has ended.
    pub(super) fn on_end(&mut self, now: Millis, end: End) {
        if end.leaves_socket()
            && let Some((socket, _)) = self.phase.socket()
        {
            self.out.push_back(Output::CloseSocket { socket, code: COMING_BACK });
        }
        self.gauge_end(now, end);
        self.note_end(now, end);
        let window = self.phase.session().map(|session| session.crash_window);
        if window.is_none() {
            // The endpoint it was sent to has not taken it: the usual one is next.
            self.endpoint = None;
        }
        self.settle(now);
        self.record.fail();
        if self.is_finishing {
            return self.stop(now, Reason::Finished);
        }
        let attempt = match self.plan(now, end, window) {
            Plan::Stop => return self.stop(now, Reason::Rejected),
            Plan::Wait(at) => Attempt::Waiting { at },
        };
        match &mut self.phase {
            Phase::Live(_) => {
                self.enter_reconnecting(now, attempt, Effort::new(now), end.reason());
            }
            Phase::Trying(trying) => {
                let mut effort = trying.effort.clone();
                effort.fail(end.evidence());
                self.enter_reconnecting(now, attempt, effort, end.reason());
                self.fall_back_if_wanted(now);
                self.probe_path(now);
            }
            Phase::Polling(polling) => polling.way_back = WayBack::Attempt(attempt),
            Phase::Resting | Phase::Offline => {}
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
    }

    /// As [`Link::rest`], where the socket has gone already.
    fn stop(&mut self, now: Millis, reason: Reason) {
        self.cancel_polls();
        self.credential.rest();
        self.endpoint = None;
        self.enter_resting(now, reason);
    }

    fn greet(&mut self, now: Millis, socket: SocketId) {
        self.generation += 1;
        self.greeted_version = self.credential.version();
        self.greeted_at = now;
        self.gauge.ask(now, Span::ZERO);
        let hello = Hello {
            link: self.config.link.clone(),
            generation: self.generation,
            token: self.credential.token().cloned(),
            client: self.config.client.clone(),
            heartbeat: Some(HeartbeatTerms {
                interval: self.config.heartbeat_interval.0,
                timeout: self.config.heartbeat_timeout.0,
            }),
            channels: self.channels.ask_all(now),
        };
        self.send(socket, ClientFrame::Hello(Box::new(hello)));
    }
}
