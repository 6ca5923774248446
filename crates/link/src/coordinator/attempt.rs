//! From nothing to a session. In: what a socket did. Out: the dials, the `hello`, the session. Must
//! not know what frames say of channels.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ClientFrame, CloseCode, HeartbeatTerms, Hello, Welcome};

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{COMING_BACK, Link};
use crate::backoff::jittered;
use crate::connect_race::{ConnectRace, Dial};
use crate::end::End;
use crate::phase::{Attempt, Origin, Phase, ReturnPath, ShownAs, SocketStage};
use crate::session::Session;
use crate::{DialFailure, Output, SocketId};

/// How long no probe is sent while the next attempt is waited for.
const PROBE_PAUSE: Span = Span::seconds(5);

impl Link {
    /// Begins the attempt that was planned; with a fresh token, where the last one was refused.
    pub(super) fn begin_attempt(&mut self, now: Millis) {
        if !self.credential.is_refused() {
            return self.open_socket(now);
        }
        let Some(attempt) = self.phase.attempt_mut() else { return };
        *attempt = Attempt::AwaitingToken;
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
            Phase::Trying(trying) => trying.shown_as != ShownAs::Connecting,
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
        *attempt = Attempt::Opening(ConnectRace { newest, rival: None, race_at, until });
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
        let Some(Attempt::Opening(connect_race)) = self.phase.attempt_mut() else { return };
        connect_race.race_at = None;
        let dialled = connect_race.newest.endpoint;
        let Some(endpoint) = self.endpoints.rival_of(dialled) else { return };
        // Its `hello` would carry a token that a poll has found to be refused.
        if self.credential.is_refused() || self.schedule.admit(now) > now {
            return;
        }
        let dial = self.dial(now, endpoint);
        if let Some(Attempt::Opening(connect_race)) = self.phase.attempt_mut() {
            connect_race.race(dial);
        }
    }

    fn watch_attempt(&mut self, now: Millis) {
        if let Phase::Trying(trying) = &mut self.phase {
            trying.policy.watch(now, &self.config);
        }
    }

    /// The path has just begun to work: an attempt that waits need not wait any longer, and one
    /// that has dialled into the dark dials again, where the budget has room for it at once.
    pub(super) fn retry_at_once(&mut self, now: Millis) {
        let soonest = self.schedule.admit_asked(now, &self.config);
        match self.phase.attempt_mut() {
            Some(Attempt::Waiting { at }) => *at = (*at).min(soonest),
            Some(Attempt::Opening(connect_race))
                if connect_race.rival.is_none() && soonest <= now =>
            {
                let endpoint = connect_race.newest.endpoint;
                connect_race.race_at = None;
                self.network_changed_at = None;
                let dial = self.dial(now, endpoint);
                if let Some(Attempt::Opening(connect_race)) = self.phase.attempt_mut() {
                    connect_race.race(dial);
                }
                self.watch_attempt(now);
            }
            Some(Attempt::Opening(_) | Attempt::AwaitingToken | Attempt::Handshake { .. })
            | None => {}
        }
    }

    /// Plans the next probe in a long pause between two attempts, so that a path that works again
    /// is seen before the pause is over. In the background nobody waits for it.
    pub(super) fn plan_probe(&mut self, now: Millis) {
        let Phase::Trying(trying) = &mut self.phase else { return };
        let Attempt::Waiting { at } = trying.attempt else { return };
        let is_wanted = trying.policy.wants_probe() && !self.channels.is_empty();
        if !is_wanted || self.device.is_background || at.since(now) <= PROBE_PAUSE {
            return;
        }
        let pause = jittered(PROBE_PAUSE, self.config.jitter_percent, &mut self.rng);
        trying.policy.plan_probe(now + pause);
    }

    /// The first socket to open is kept.
    pub(super) fn on_socket_opened(&mut self, now: Millis, socket: SocketId) {
        let Some(Attempt::Opening(connect_race)) = self.phase.attempt() else { return };
        let Some(dial) = connect_race.find(socket) else { return };
        let (losers, until) = (connect_race.all(), connect_race.until);
        for loser in losers.into_iter().filter(|loser| loser.socket != socket) {
            self.out.push_back(Output::CloseSocket { socket: loser.socket, code: COMING_BACK });
        }
        if !self.is_held_back() {
            self.endpoints.open(now.since(dial.since));
        }
        if let Some(attempt) = self.phase.attempt_mut() {
            *attempt = Attempt::Handshake { socket, endpoint: dial.endpoint, until };
        }
        self.replace_session(now);
        if let Phase::Trying(trying) = &mut self.phase {
            trying.policy.open(now, &self.config);
        }
        self.send_hello(now, socket);
    }

    /// Whether the time that a socket took to open may be the browser's, and not the path's.
    const fn is_held_back(&self) -> bool {
        match &self.phase {
            Phase::Trying(trying) => trying.policy.is_held_back(),
            Phase::Polling(polling) => polling.returns > 0,
            Phase::Resting | Phase::Offline | Phase::Live(_) => false,
        }
    }

    pub(super) fn on_socket_failed(&mut self, now: Millis, socket: SocketId, failure: DialFailure) {
        match self.phase.stage(socket) {
            Some(SocketStage::Opening) => self.on_dial_end(now, socket, End::Dial(failure)),
            Some(SocketStage::Handshake) => self.on_attempt_end(now, End::Dial(failure)),
            Some(SocketStage::Welcomed) => {
                self.on_session_end(now, End::Closed(CloseCode::ABNORMAL));
            }
            None => {}
        }
    }

    pub(super) fn on_socket_closed(&mut self, now: Millis, socket: SocketId, code: CloseCode) {
        match self.phase.stage(socket) {
            Some(SocketStage::Opening) => self.on_dial_end(now, socket, End::Closed(code)),
            Some(SocketStage::Handshake) => self.on_attempt_end(now, End::Closed(code)),
            Some(SocketStage::Welcomed) => self.on_session_end(now, End::Closed(code)),
            None => {}
        }
    }

    /// One socket of an attempt will not open. The attempt goes on with its rival, which is
    /// dialled now if that has not been done.
    fn on_dial_end(&mut self, now: Millis, socket: SocketId, end: End) {
        if !end.is_final() {
            self.race_if_planned(now);
        }
        let Some(Attempt::Opening(connect_race)) = self.phase.attempt_mut() else { return };
        if !connect_race.remove(socket) {
            return self.on_attempt_end(now, end);
        }
        self.record_failure(now, end);
    }

    fn race_if_planned(&mut self, now: Millis) {
        let Some(Attempt::Opening(connect_race)) = self.phase.attempt() else { return };
        if connect_race.race_at.is_some() {
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
        if let Some(rtt) = self.path_stats.welcome(now) {
            self.server_clock.sample(now, rtt, &welcome.server_time);
        }
        self.credential.accept(self.hello_token_version);
        self.publishes.on_welcome(welcome.limits.message_bytes);
        self.pacer.on_welcome(now, &welcome.limits);
        let session = Session::new(socket, welcome, now);
        match &mut self.phase {
            Phase::Trying(_) => self.enter_live(now, session, Origin::Attempt),
            Phase::Polling(polling) => polling.return_path = ReturnPath::Joining(session),
            Phase::Resting | Phase::Offline | Phase::Live(_) => {}
        }
        self.pace_session(now);
        for id in self.channels.unasked() {
            self.subscribe(now, id, false);
        }
        self.probe_return(now);
    }

    fn send_hello(&mut self, now: Millis, socket: SocketId) {
        self.generation += 1;
        self.hello_token_version = self.credential.version();
        self.hello_sent_at = now;
        self.path_stats.ask(now, Span::ZERO);
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
