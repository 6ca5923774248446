//! Sockets: dialled, spoken on, closed, and broken. Frames travel as the text of the wire, so each
//! is written and read as between real peers.

use bytes::Bytes;
use steadfast_link::{DialFailure, Input, SocketId};
use steadfast_protocol::codec::json;
use steadfast_protocol::{ClientFrame, CloseCode};

use super::{Due, World};
use crate::fact::Fact;
use crate::net::{Parcel, Way, WireId};
use crate::plant::Plant;
use crate::rule::{Passage, Verdict};
use crate::sim_server::{HELLO_TIMEOUT_MS, Said};

impl World {
    pub(super) fn open_socket(&mut self, link: usize, socket: SocketId, endpoint: u8) {
        let times = if self.planted.is(Plant::Hammer) { 20 } else { 1 };
        for _ in 0..times {
            self.note(&Fact::Attempt { link });
        }
        let wire = self.net.add(link, socket, endpoint);
        self.clients[link].sockets.insert(socket, wire);
        let at = self.now + self.latency_ms();
        self.queue.push(at, Due::Dialed { wire });
    }

    pub(super) fn on_dialed(&mut self, wire: WireId) {
        let Some(state) = self.net.wire(wire) else { return };
        let (link, endpoint) = (state.link, state.endpoint);
        let result = match self.rules.verdict(self.now, link, Passage::Dial { endpoint }) {
            Verdict::Hold { until } => return self.queue.push(until, Due::Dialed { wire }),
            Verdict::Vanish => return,
            Verdict::Fail(failure) => Err(failure),
            Verdict::Pass { .. } if !self.server.is_up => Err(DialFailure::Unreachable),
            Verdict::Pass { extra_ms: 0 } => Ok(()),
            Verdict::Pass { extra_ms } => {
                // Once more without the delay, which is in the way back.
                let at = self.now + extra_ms + self.latency_ms();
                self.server.accept(wire);
                self.queue.push(self.now + HELLO_TIMEOUT_MS, Due::HelloTimeout { wire });
                return self.queue.push(at, Due::Opened { wire, result: Ok(()) });
            }
        };
        if result.is_ok() {
            self.server.accept(wire);
            self.queue.push(self.now + HELLO_TIMEOUT_MS, Due::HelloTimeout { wire });
        }
        let at = self.now + self.latency_ms();
        self.queue.push(at, Due::Opened { wire, result });
    }

    pub(super) fn on_opened(&mut self, wire: WireId, result: Result<(), DialFailure>) {
        let Some((link, socket)) = self.wanted(wire) else { return };
        let input = match result {
            Ok(()) => Input::SocketOpened { socket },
            Err(failure) => {
                self.forget_wire(wire);
                Input::SocketFailed { socket, failure }
            }
        };
        self.tell_link(link, input);
    }

    pub(super) fn on_hello_timeout(&mut self, wire: WireId) {
        if self.server.is_greeting(wire) {
            self.server_closes(wire, CloseCode::HELLO_TIMEOUT);
        }
    }

    pub(super) fn send_frame(&mut self, link: usize, socket: SocketId, frame: &ClientFrame) {
        let Some(&wire) = self.clients[link].sockets.get(&socket) else { return };
        let text = json::encode_client(frame);
        self.remark(&format!("link {link}  says {text}"));
        self.send(wire, Way::Up, Parcel::Text(text.into()));
    }

    pub(super) fn close_socket(&mut self, link: usize, socket: SocketId, code: CloseCode) {
        let Some(wire) = self.clients[link].sockets.remove(&socket) else { return };
        self.remark(&format!("link {link}  closes a socket with {code}"));
        self.send(wire, Way::Up, Parcel::Close(code));
    }

    /// Puts a parcel on its way.
    pub(super) fn send(&mut self, wire: WireId, way: Way, parcel: Parcel) {
        let at = self.now + self.latency_ms();
        if let Some(at) = self.net.send(wire, way, at, parcel) {
            self.queue.push(at, Due::Direction { wire, way });
        }
    }

    pub(super) fn on_direction(&mut self, wire: WireId, way: Way) {
        let Some(at) = self.net.due(wire, way) else { return };
        if at > self.now {
            return self.queue.push(at, Due::Direction { wire, way });
        }
        let Some(state) = self.net.wire(wire) else { return };
        let is_mute = self.planted.is(Plant::NoHealing) && self.healing_since.is_some();
        if state.is_holed || is_mute && way == Way::Down {
            return;
        }
        let passage = match way {
            Way::Up => Passage::FrameUp,
            Way::Down => Passage::FrameDown,
        };
        match self.rules.verdict(self.now, state.link, passage) {
            Verdict::Hold { until } => return self.queue.push(until, Due::Direction { wire, way }),
            Verdict::Pass { extra_ms } if extra_ms > 0 => {
                let at = self.now + extra_ms;
                if self.net.delay(wire, way, at) {
                    return self.queue.push(at, Due::Direction { wire, way });
                }
            }
            Verdict::Pass { .. } | Verdict::Fail(_) | Verdict::Vanish => {}
        }
        let Some(parcel) = self.net.take(wire, way) else { return };
        if let Some(at) = self.net.due(wire, way) {
            self.queue.push(at.max(self.now), Due::Direction { wire, way });
        }
        match way {
            Way::Up => self.arrive_up(wire, &parcel),
            Way::Down => self.arrive_down(wire, parcel),
        }
    }

    fn arrive_up(&mut self, wire: WireId, parcel: &Parcel) {
        match parcel {
            Parcel::Text(text) => match self.server.on_text(self.now, wire, text) {
                Said::Settled => {}
                Said::Wrong(code) => self.server_closes(wire, code),
                Said::Publish(wish) => self.on_wish(*wish),
            },
            Parcel::Ping | Parcel::Pong => self.server.on_alive(self.now, wire),
            Parcel::Close(code) => {
                self.server.on_closed(self.now, wire, *code);
                // What was on its way to the link is not wanted there.
                self.forget_wire(wire);
            }
        }
        self.settle();
    }

    fn arrive_down(&mut self, wire: WireId, parcel: Parcel) {
        if let Some((link, socket)) = self.wanted(wire) {
            match parcel {
                Parcel::Text(text) => self.hear_text(link, socket, &text),
                Parcel::Ping => {
                    self.send(wire, Way::Up, Parcel::Pong);
                    self.tell_link(link, Input::SocketAlive { socket });
                }
                Parcel::Pong => self.tell_link(link, Input::SocketAlive { socket }),
                Parcel::Close(code) => {
                    self.forget_wire(wire);
                    self.tell_link(link, Input::SocketClosed { socket, code });
                }
            }
        }
        self.unblock(wire);
    }

    fn hear_text(&mut self, link: usize, socket: SocketId, text: &Bytes) {
        let text = String::from_utf8_lossy(text);
        match json::server_frame(&text) {
            Ok(Some(frame)) => {
                self.tell_link(link, Input::SocketFrame { socket, frame: Box::new(frame) });
            }
            Ok(None) => self.tell_link(link, Input::SocketAlive { socket }),
            Err(error) => self.fail("wire", format!("a frame cannot be read: {error:?}: {text}")),
        }
    }

    /// The link and its name for a wire, where it has not given it up.
    fn wanted(&self, wire: WireId) -> Option<(usize, SocketId)> {
        let state = self.net.wire(wire)?;
        let sockets = &self.clients[state.link].sockets;
        (sockets.get(&state.socket) == Some(&wire)).then_some((state.link, state.socket))
    }

    /// Nobody has a wire any more.
    pub(super) fn forget_wire(&mut self, wire: WireId) {
        if let Some(state) = self.net.remove(wire) {
            self.clients[state.link].sockets.remove(&state.socket);
        }
    }
}
