//! The shard's own hand: frames written straight from the fan-out to the sockets of their sessions,
//! some sessions at a time. In: sessions that have something to write. Out: their bytes, or their
//! owner's bell where writing is not all there is to do, or the socket takes no more.
//! Frames that wait for one socket are joined into one write; sessions for which the same frames
//! wait share the joined bytes.

use std::sync::Arc;

use bytes::Bytes;
use steadfast_hub::SessionKey;
use steadfast_machine::Millis;
use steadfast_websocket::Joined;

use super::desk::{Desk, Hold};
use crate::bell::Bell;
use crate::socket::TryWrite;

/// Sessions written to in one go; other tasks get the thread, and others the lock, in between.
const SESSIONS: usize = 64;
/// Bytes written in one go, and a session's last ones over that.
const BYTES: usize = 512 * 1024;
/// Bytes that may wait for one session so that they are joined; above, its owner writes them
/// without a copy.
const JOINED_BYTES: usize = 64 * 1024;

/// One round's sessions and their bytes. Its memory is used again by the next.
#[derive(Debug, Default)]
pub(super) struct Round {
    jobs: Vec<Job>,
    frames: Vec<Bytes>,
    joined: Joined,
    rung: Vec<Arc<Bell>>,
}

#[derive(Debug)]
struct Job {
    key: SessionKey,
    socket: Arc<dyn TryWrite>,
    /// Where its frames end among all.
    end: usize,
    /// What could not be written.
    rest: Bytes,
}

impl Round {
    /// Takes what waits for the next sessions. Under the lock.
    pub(super) fn pick(&mut self, desk: &mut Desk, now: Millis) {
        let mut bytes = 0;
        while self.jobs.len() < SESSIONS && bytes < BYTES {
            let Some(key) = desk.next() else { return };
            let Some(place) = desk.place(key) else { continue };
            let socket = place.socket.as_ref().filter(|_| matches!(place.hold, Hold::Free));
            let (socket, from) = (socket.map(Arc::clone), self.frames.len());
            match socket {
                Some(socket) if desk.hub.take_text(now, key, JOINED_BYTES, &mut self.frames) => {
                    let taken = self.frames.get(from..).unwrap_or_default();
                    if taken.is_empty() {
                        continue;
                    }
                    bytes += taken.iter().map(Bytes::len).sum::<usize>();
                    let end = self.frames.len();
                    self.jobs.push(Job { key, socket, end, rest: Bytes::new() });
                    if let Some(place) = desk.place(key) {
                        place.hold = Hold::Round { is_awaited: false };
                    }
                }
                Some(_) | None => {
                    let bell = desk.place(key).map(|place| Arc::clone(&place.bell));
                    self.rung.extend(bell);
                }
            }
        }
    }

    /// Writes it. Without the lock.
    pub(super) fn write(&mut self) {
        self.ring();
        let mut from = 0;
        for job in &mut self.jobs {
            let bytes = self.joined.of(self.frames.get(from..job.end).unwrap_or_default());
            from = job.end;
            // An error is the owner's to find: it writes the rest, and meets it again.
            let written = job.socket.try_write(bytes).unwrap_or(0);
            if let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
                job.rest = Bytes::copy_from_slice(rest);
            }
        }
        self.frames.clear();
    }

    /// Gives the sockets back. Under the lock; [`Round::ring`] has to follow without it.
    pub(super) fn settle(&mut self, desk: &mut Desk, now: Millis) {
        for job in self.jobs.drain(..) {
            let Some(place) = desk.place(job.key) else { continue };
            let is_awaited = matches!(place.hold, Hold::Round { is_awaited: true });
            if is_awaited || !job.rest.is_empty() {
                self.rung.push(Arc::clone(&place.bell));
            }
            if job.rest.is_empty() {
                place.hold = Hold::Free;
                desk.hub.written(now, job.key);
            } else {
                place.hold = Hold::Left(Box::new(job.rest));
            }
        }
        if !desk.is_anyone_ready() {
            self.joined.clear();
        }
    }

    /// Calls the owners that have to do the rest.
    pub(super) fn ring(&mut self) {
        for bell in self.rung.drain(..) {
            bell.ready.notify_one();
        }
    }
}
