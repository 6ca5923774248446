//! The shard's own hand: frames written straight from the fan-out to the sockets of their sessions,
//! some sessions at a time. In: sessions that have something to write. Out: their bytes, or their
//! owner's waker where writing is not all there is to do, or the socket takes no more.
//! Frames that wait for one socket are joined into one write; sessions for which the same frames
//! wait share the joined bytes.

use std::sync::Arc;

use bytes::Bytes;
use steadfast_hub::SessionKey;
use steadfast_machine::Millis;
use steadfast_websocket::Joined;

use super::state::{ShardState, SocketOwner};
use crate::net::socket::TryWrite;
use crate::session::waker::SessionWaker;

/// Sessions written to in one go; other tasks get the thread, and others the lock, in between.
const SESSIONS: usize = 64;
/// Bytes written in one go, and a session's last ones over that.
const BYTES: usize = 512 * 1024;
/// Bytes that may wait for one session so that they are joined; above, its owner writes them
/// without a copy.
const JOINED_BYTES: usize = 64 * 1024;

/// One batch's sessions and their bytes. Its memory is used again by the next.
#[derive(Debug, Default)]
pub(super) struct FlushBatch {
    jobs: Vec<SessionWrite>,
    frames: Vec<Bytes>,
    joined: Joined,
    woken: Vec<Arc<SessionWaker>>,
}

#[derive(Debug)]
struct SessionWrite {
    key: SessionKey,
    socket: Arc<dyn TryWrite>,
    /// Where its frames end among all.
    end: usize,
    /// What could not be written.
    rest: Bytes,
}

impl FlushBatch {
    /// Takes what waits for the next sessions. Under the lock.
    pub(super) fn pick(&mut self, state: &mut ShardState, now: Millis) {
        let mut bytes = 0;
        while self.jobs.len() < SESSIONS && bytes < BYTES {
            let Some(key) = state.next() else { return };
            let Some(slot) = state.slot(key) else { continue };
            let socket = slot.socket.as_ref().filter(|_| matches!(slot.owner, SocketOwner::Free));
            let (socket, from) = (socket.map(Arc::clone), self.frames.len());
            match socket {
                Some(socket) if state.hub.take_text(now, key, JOINED_BYTES, &mut self.frames) => {
                    let taken = self.frames.get(from..).unwrap_or_default();
                    if taken.is_empty() {
                        continue;
                    }
                    bytes += taken.iter().map(Bytes::len).sum::<usize>();
                    let end = self.frames.len();
                    self.jobs.push(SessionWrite { key, socket, end, rest: Bytes::new() });
                    if let Some(slot) = state.slot(key) {
                        slot.owner = SocketOwner::FlushBatch { is_awaited: false };
                    }
                }
                Some(_) | None => {
                    let waker = state.slot(key).map(|slot| Arc::clone(&slot.waker));
                    self.woken.extend(waker);
                }
            }
        }
    }

    /// Writes it. Without the lock.
    pub(super) fn write(&mut self) {
        self.wake();
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

    /// Gives the sockets back. Under the lock; [`FlushBatch::wake`] has to follow without it.
    pub(super) fn settle(&mut self, state: &mut ShardState, now: Millis) {
        for job in self.jobs.drain(..) {
            let Some(slot) = state.slot(job.key) else { continue };
            let is_awaited = matches!(slot.owner, SocketOwner::FlushBatch { is_awaited: true });
            if is_awaited || !job.rest.is_empty() {
                self.woken.push(Arc::clone(&slot.waker));
            }
            if job.rest.is_empty() {
                slot.owner = SocketOwner::Free;
                state.hub.written(now, job.key);
            } else {
                slot.owner = SocketOwner::Left(Box::new(job.rest));
            }
        }
        if !state.is_anyone_ready() {
            self.joined.clear();
        }
    }

    /// Calls the owners that have to do the rest.
    pub(super) fn wake(&mut self) {
        for waker in self.woken.drain(..) {
            waker.ready.notify_one();
        }
    }
}
