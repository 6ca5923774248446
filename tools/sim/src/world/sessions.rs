//! The server's shell around the hub: takes what a session has to do as fast as its socket takes
//! text, reads what it asks of the broker, and tells it the time.

use steadfast_hub::{Outgoing, Output, Read, SessionKey};
use steadfast_machine::Millis;
use steadfast_protocol::CloseCode;

use super::{Due, World};
use crate::fact::Fact;
use crate::net::{Parcel, Way, WireId};
use crate::plant::Plant;

impl World {
    /// Does what the hub asks for until it asks for nothing.
    pub(super) fn settle(&mut self) {
        while let Some(output) = self.server.hub.poll() {
            match output {
                Output::Ready(key) => self.pump(key),
                Output::Ended(report) => {
                    let (link, code) = (report.link, report.code);
                    self.remark(&format!("server  session of {link} ended with {code}"));
                }
            }
        }
        self.plan_hub_tick();
    }

    /// One session writes and reads until its socket is full or nothing is left.
    fn pump(&mut self, key: SessionKey) {
        let Some(wire) = self.server.wire(key) else { return };
        loop {
            let is_full = self.net.bytes(wire, Way::Down) > self.options.send_buffer_bytes;
            // One that is to end is not waited for.
            if is_full && !self.server.hub.is_closing(key) {
                self.server.blocked.insert(wire, key);
                return;
            }
            let work = self.server.hub.take(Millis(self.now), key);
            if work.frames.is_empty() && work.read.is_none() {
                return;
            }
            self.note_taken(work.frames.iter());
            for frame in work.frames {
                let parcel = match frame {
                    Outgoing::Text(text) => Parcel::Text(text),
                    Outgoing::Ping => Parcel::Ping,
                    // No link polls or reads a stream of the hub here.
                    Outgoing::Signal | Outgoing::StreamEvent(_) => continue,
                    Outgoing::Close { code, .. } => return self.server_closes(wire, code),
                };
                self.send(wire, Way::Down, parcel);
            }
            if let Some(read) = work.read {
                let late_ms = self.dice.net.between(0, self.options.read_ms_max);
                let (boot, read) = (self.server.boot, Box::new(read));
                self.queue.push(self.now + late_ms, Due::Page { boot, key, read });
            }
        }
    }

    fn note_taken<'a>(&mut self, frames: impl Iterator<Item = &'a Outgoing>) {
        let (mut messages, mut bytes) = (0, 0);
        for frame in frames {
            messages += 1;
            bytes += frame.text_bytes();
        }
        if self.planted.is(Plant::GreedyOutbox) {
            messages *= 100;
        }
        self.note(&Fact::Taken { messages, bytes });
    }

    /// The socket of a session has written something: it may take more.
    pub(super) fn unblock(&mut self, wire: WireId) {
        let Some(&key) = self.server.blocked.get(&wire) else { return };
        if self.net.bytes(wire, Way::Down) <= self.options.send_buffer_bytes {
            self.server.blocked.remove(&wire);
            self.pump(key);
            self.settle();
        }
    }

    /// The server says goodbye on a wire and forgets it.
    pub(super) fn server_closes(&mut self, wire: WireId, code: CloseCode) {
        if let Some(link) = self.net.wire(wire).map(|wire| wire.link) {
            self.note(&Fact::Ended { link, code });
        }
        self.send(wire, Way::Down, Parcel::Close(code));
        self.server.on_closed(self.now, wire, code);
    }

    pub(super) fn on_page(&mut self, boot: u64, key: SessionKey, read: &Read) {
        if self.planted.is(Plant::NoPages) && self.healing_since.is_some() {
            return;
        }
        if boot == self.server.boot && self.server.is_up {
            self.server.read(self.now, key, read, &mut self.model);
            self.settle();
        }
    }

    pub(super) fn plan_hub_tick(&mut self) {
        let at = self.server.hub.wake().at.0.max(self.now);
        if self.server.is_up && self.hub_tick_at.is_none_or(|planned| at < planned) {
            self.hub_tick_at = Some(at);
            self.queue.push(at, Due::HubTick);
        }
    }

    pub(super) fn on_hub_tick(&mut self) {
        if self.hub_tick_at.is_some_and(|planned| planned <= self.now) {
            self.hub_tick_at = None;
        }
        if self.server.is_up && !self.planted.is(Plant::NoHubTicks) {
            self.server.hub.tick(Millis(self.now));
            let answers = self.server.expire_waiters(self.now, &mut self.model);
            self.send_answers(answers);
            self.settle();
        }
    }
}
