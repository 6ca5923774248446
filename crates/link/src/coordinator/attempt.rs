//! What the sockets of an attempt do. In: sockets that open, fail and close, and the `welcome`.
//! Out: the `hello`, the session, or the end of the attempt. Must not know what frames say of
//! channels.

use alloc::boxed::Box;
use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::{ClientFrame, CloseCode, HeartbeatTerms, Hello, Welcome};

use super::{COMING_BACK, Link};
use crate::connector::attempt::SocketStage;
use crate::end::End;
use crate::phase::{Origin, Phase};
use crate::{DialFailure, SocketId};

impl Link {
    /// The first socket to open is kept.
    pub(super) fn on_socket_opened(&mut self, now: Millis, socket: SocketId) {
        let Some(losers) = self.connector.on_opened(now, socket) else { return };
        self.close_sockets(losers, COMING_BACK);
        self.replace_session(now);
        self.connector.on_hello(now, &self.config);
        self.send_hello(now, socket);
    }

    pub(super) fn on_socket_failed(&mut self, now: Millis, socket: SocketId, failure: DialFailure) {
        let is_session = self.stage(socket) == Some(SocketStage::Welcomed);
        let end = if is_session { End::Closed(CloseCode::ABNORMAL) } else { End::Dial(failure) };
        self.on_socket_end(now, socket, end);
    }

    pub(super) fn on_socket_closed(&mut self, now: Millis, socket: SocketId, code: CloseCode) {
        self.on_socket_end(now, socket, End::Closed(code));
    }

    fn on_socket_end(&mut self, now: Millis, socket: SocketId, end: End) {
        match self.stage(socket) {
            Some(SocketStage::Opening) => self.on_dial_end(now, socket, end),
            Some(SocketStage::Handshake) => self.on_attempt_end(now, end),
            Some(SocketStage::Welcomed) => self.on_session_end(now, end),
            None => {}
        }
    }

    /// One socket of an attempt will not open. The attempt goes on with its rival, which is
    /// dialled now if that has not been done.
    fn on_dial_end(&mut self, now: Millis, socket: SocketId, end: End) {
        if !end.is_final() && self.connector.is_race_planned() {
            self.race(now);
        }
        if self.connector.remove(socket) {
            self.record_failure(now, end);
        } else {
            self.on_attempt_end(now, end);
        }
    }

    /// The server took the session.
    pub(super) fn on_welcome(&mut self, now: Millis, socket: SocketId, welcome: &Welcome) {
        self.connector.on_welcome();
        self.has_connected = true;
        self.record.succeed(now);
        self.health.on_welcome(now, socket, welcome);
        self.publisher.on_welcome(welcome.limits.message_bytes);
        self.pacer.on_welcome(now, &welcome.limits);
        self.on_token_accepted(now, self.session_token_version, welcome.token_expires_in_ms);
        match self.phase {
            Phase::Trying(_) => self.enter_live(now, Origin::Attempt),
            Phase::Polling | Phase::Resting | Phase::Offline | Phase::Live(_) => {}
        }
        self.pace_session(now);
        for id in self.subscriptions.unrequested() {
            self.subscribe(now, id, false);
        }
        self.probe_return(now);
    }

    fn send_hello(&mut self, now: Millis, socket: SocketId) {
        self.generation += 1;
        self.session_token_version = self.credential.version();
        self.hello_sent_at = now;
        self.health.on_hello(now);
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
            channels: self.subscriptions.request_all(now),
        };
        self.send(socket, ClientFrame::Hello(Box::new(hello)));
    }
}
