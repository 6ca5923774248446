//! From nothing to a session. In: what a socket did. Out: the dials, the `hello`, the session. Must
//! not know what frames say of channels.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ClientFrame, CloseCode, HeartbeatTerms, Hello, Welcome};

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{COMING_BACK, Link};
use crate::dialling::{Dial, Dialling};
use crate::end::End;
use crate::phase::{Attempt, Face, Origin, Phase, Stage, WayBack};
use crate::session::Session;
use crate::{DialFailure, Output, SocketId};

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
            Phase::Trying(trying) => trying.face != Face::First,
            Phase::Polling(_) | Phase::Live(_) => true,
            Phase::Resting | Phase::Offline => return,
        };
        // Whatever fails from here on, the change of network has had its attempt.
        self.network_changed_at = None;
        self.record.begin(is_reconnect);
        let newest = self.dial(now, self.endpoints.next());
        let race_at = self.endpoints.rival_of(newest.endpoint);
        let race_at = race_at.map(|_| now + self.endpoints.race_after());
        let until = now + self.config.connect_timeout;
        let Some(attempt) = self.phase.attempt_mut() else { return };
        *attempt = Attempt::Opening(Dialling { newest, rival: None, race_at, until });
        self.watch_attempt(now);
    }

    fn dial(&mut self, now: Millis, endpoint: u8) -> Dial {
        self.last_socket = self.last_socket.wrapping_add(1);
        let socket = self.last_socket;
        self.schedule.spend(now);
        self.out.push_back(Output::OpenSocket { socket, to: self.endpoints.to(), endpoint });
        Dial { socket, endpoint, since: now }
    }

    /// Dials another endpoint beside the first, where the budget has room for it at once.
    pub(super) fn race(&mut self, now: Millis) {
        let Some(Attempt::Opening(dialling)) = self.phase.attempt_mut() else { return };
        dialling.race_at = None;
        let dialled = dialling.newest.endpoint;
        let Some(endpoint) = self.endpoints.rival_of(dialled) else { return };
        if self.schedule.admit(now) > now {
            return;
        }
        let dial = self.dial(now, endpoint);
        if let Some(Attempt::Opening(dialling)) = self.phase.attempt_mut() {
            dialling.race(dial);
        }
    }

    fn watch_attempt(&mut self, now: Millis) {
        if let Phase::Trying(trying) = &mut self.phase {
            trying.effort.watch(now, &self.config);
        }
    }

    /// The path has just begun to work: an attempt that waits need not wait any longer, and one
    /// that has dialled into the dark dials again, where the budget has room for it at once.
    pub(super) fn try_anew(&mut self, now: Millis) {
        let soonest = self.schedule.admit_asked(now, &self.config);
        match self.phase.attempt_mut() {
            Some(Attempt::Waiting { at }) => *at = (*at).min(soonest),
            Some(Attempt::Opening(dialling)) if dialling.rival.is_none() && soonest <= now => {
                let endpoint = dialling.newest.endpoint;
                dialling.race_at = None;
                self.network_changed_at = None;
                let dial = self.dial(now, endpoint);
                if let Some(Attempt::Opening(dialling)) = self.phase.attempt_mut() {
                    dialling.race(dial);
                }
                self.watch_attempt(now);
            }
            Some(Attempt::Opening(_) | Attempt::WantingToken | Attempt::Greeting { .. }) | None => {
            }
        }
    }

    /// The first socket to open is kept.
    pub(super) fn on_socket_opened(&mut self, now: Millis, socket: SocketId) {
        let Some(Attempt::Opening(dialling)) = self.phase.attempt() else { return };
        let Some(dial) = dialling.find(socket) else { return };
        let (losers, until) = (dialling.all(), dialling.until);
        for loser in losers.into_iter().filter(|loser| loser.socket != socket) {
            self.out.push_back(Output::CloseSocket { socket: loser.socket, code: COMING_BACK });
        }
        self.endpoints.open(now.since(dial.since));
        if let Some(attempt) = self.phase.attempt_mut() {
            *attempt = Attempt::Greeting { socket, endpoint: dial.endpoint, until };
        }
        self.make_way(now);
        if let Phase::Trying(trying) = &mut self.phase {
            trying.effort.open(now, &self.config);
        }
        self.greet(now, socket);
    }

    pub(super) fn on_socket_failed(&mut self, now: Millis, socket: SocketId, failure: DialFailure) {
        match self.phase.stage(socket) {
            Some(Stage::Opening) => self.on_dial_end(now, socket, End::Dial(failure)),
            Some(Stage::Greeting) => self.on_attempt_end(now, End::Dial(failure)),
            Some(Stage::Welcomed) => self.on_session_end(now, End::Closed(CloseCode::ABNORMAL)),
            None => {}
        }
    }

    pub(super) fn on_socket_closed(&mut self, now: Millis, socket: SocketId, code: CloseCode) {
        match self.phase.stage(socket) {
            Some(Stage::Opening) => self.on_dial_end(now, socket, End::Closed(code)),
            Some(Stage::Greeting) => self.on_attempt_end(now, End::Closed(code)),
            Some(Stage::Welcomed) => self.on_session_end(now, End::Closed(code)),
            None => {}
        }
    }

    /// One socket of an attempt will not open. The attempt goes on with its rival, which is
    /// dialled now if that has not been done.
    fn on_dial_end(&mut self, now: Millis, socket: SocketId, end: End) {
        if !end.is_final() {
            self.race_if_planned(now);
        }
        let Some(Attempt::Opening(dialling)) = self.phase.attempt_mut() else { return };
        if !dialling.lose(socket) {
            return self.on_attempt_end(now, end);
        }
        self.blame(now, end);
    }

    fn race_if_planned(&mut self, now: Millis) {
        let Some(Attempt::Opening(dialling)) = self.phase.attempt() else { return };
        if dialling.race_at.is_some() {
            self.race(now);
        }
    }

    /// The server took the session.
    pub(super) fn on_welcome(&mut self, now: Millis, socket: SocketId, welcome: &Welcome) {
        if let Some(endpoint) = self.phase.attempt().and_then(Attempt::endpoint) {
            self.endpoints.welcome(endpoint);
        }
        self.has_connected = true;
        self.record.succeed(now);
        if let Some(rtt) = self.gauge.welcome(now) {
            self.server_clock.sample(now, rtt, &welcome.server_time);
        }
        self.credential.accept(self.greeted_version);
        self.publishes.meet(welcome.limits.message_bytes);
        self.pace.meet(now, &welcome.limits);
        let session = Session::new(socket, welcome, now);
        match &mut self.phase {
            Phase::Trying(_) => self.enter_live(now, session, Origin::Attempt),
            Phase::Polling(polling) => polling.way_back = WayBack::Joining(session),
            Phase::Resting | Phase::Offline | Phase::Live(_) => {}
        }
        self.pace_session(now);
        for id in self.channels.unasked() {
            self.subscribe(now, id, false);
        }
        self.prove_return(now);
    }

    fn greet(&mut self, now: Millis, socket: SocketId) {
        self.generation += 1;
        self.greeted_version = self.credential.version();
        self.greeted_at = now;
        self.gauge.ask(now, Span::ZERO);
        let hello = Hello {
            bad_channels: Vec::new(),
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
