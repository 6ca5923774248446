//! Opens the sockets that the connector dials, and closes those that are not needed. In: that an
//! attempt is due, or that the path has begun to work. Out: sockets to open and to close, and a
//! request for a token where the last one was refused. Must not know what follows when one opens.

use steadfast_machine::Millis;
use steadfast_protocol::CloseCode;

use super::Link;
use crate::connector::Dial;
use crate::connector::attempt::SocketStage;
use crate::phase::{Phase, ShownAs};
use crate::{Output, SocketId};

impl Link {
    /// Begins the attempt that was planned; with a fresh token, where the last one was refused.
    pub(super) fn begin_attempt(&mut self, now: Millis) {
        if self.credential.is_refused() {
            self.connector.await_token();
            return self.want_token();
        }
        self.record.begin(!matches!(self.phase, Phase::Trying(ShownAs::Connecting)));
        let dial = self.connector.open(now, &self.config);
        self.open_socket(dial);
    }

    /// Asks the app for a token, unless it is being asked.
    pub(super) fn want_token(&mut self) {
        if self.credential.want() {
            self.out.push_back(Output::WantToken);
        }
    }

    /// Dials another endpoint beside the first. Its `hello` must not carry a token that a poll has
    /// found to be refused.
    pub(super) fn race(&mut self, now: Millis) {
        if let Some(dial) = self.connector.race(now, self.credential.is_refused()) {
            self.open_socket(dial);
        }
    }

    /// The path has just begun to work.
    pub(super) fn retry_at_once(&mut self, now: Millis) {
        if let Some(dial) = self.connector.retry_at_once(now, &self.config) {
            self.open_socket(dial);
        }
    }

    fn open_socket(&mut self, dial: Dial) {
        let Dial { socket, endpoint, .. } = dial;
        let to = self.connector.endpoints.to();
        self.out.push_back(Output::OpenSocket { socket, to, endpoint });
    }

    /// How far this socket has come; `None` where it is no longer wanted.
    pub(super) fn stage(&self, socket: SocketId) -> Option<SocketStage> {
        if self.health.socket() == Some(socket) {
            return Some(SocketStage::Welcomed);
        }
        self.connector.stage(socket)
    }

    /// Closes these sockets with this code.
    pub(super) fn close_sockets(
        &mut self,
        sockets: impl IntoIterator<Item = SocketId>,
        code: CloseCode,
    ) {
        let close = |socket| Output::CloseSocket { socket, code };
        self.out.extend(sockets.into_iter().map(close));
    }
}
