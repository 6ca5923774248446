//! Writes frames from the fan-out to the sockets of a batch of sessions. In: sessions that have
//! something to write. Out: their bytes; their tasks are woken if more than writing is to be done,
//! or if the socket accepts no more. The frames of one socket are joined into one write, and
//! sessions with the same frames share the joined bytes.

use std::sync::Arc;

use bytes::Bytes;
use steadfast_hub::SessionKey;
use steadfast_machine::Millis;
use steadfast_websocket::{Joined, outbound::JoinedSizes};

use super::state::{ShardState, SocketOwner};
use crate::net::socket::TryWrite;
use crate::session::compression::Compression;
use crate::session::waker::SessionWaker;

/// Sessions in one batch. Other tasks get the thread and the lock between two batches.
const SESSIONS: usize = 64;
/// Bytes in one batch, not counting those of the last session beyond that.
const BYTES: usize = 512 * 1024;
/// The most bytes of one session that are joined. The session's task writes more than that, without
/// a copy.
const JOINED_BYTES: usize = 64 * 1024;

/// The sessions and bytes of one batch. The next one uses its memory again.
#[derive(Debug, Default)]
pub(super) struct FlushBatch {
    jobs: Vec<SessionWrite>,
    frames: Vec<Bytes>,
    joined: Joined,
    /// The same with compressed copies, for sessions that take them.
    joined_copies: Joined,
    woken: Vec<Arc<SessionWaker>>,
}

#[derive(Debug)]
struct SessionWrite {
    key: SessionKey,
    socket: Arc<dyn TryWrite>,
    is_compressed: bool,
    /// The end of its frames among those of the batch.
    end: usize,
    /// What the socket did not accept.
    rest: Bytes,
}

impl FlushBatch {
    /// Takes the frames of the next sessions. The caller holds the lock.
    pub(super) fn pick(&mut self, state: &mut ShardState, now: Millis) {
        let mut bytes = 0;
        while self.jobs.len() < SESSIONS && bytes < BYTES {
            let Some(key) = state.next() else { return };
            let Some(slot) = state.slot(key) else { continue };
            let socket = slot.socket.as_ref().filter(|_| matches!(slot.owner, SocketOwner::Free));
            let (socket, from) = (socket.map(Arc::clone), self.frames.len());
            let is_compressed = slot.is_compressed;
            match socket {
                Some(socket) if state.hub.take_text(now, key, JOINED_BYTES, &mut self.frames) => {
                    let taken = self.frames.get(from..).unwrap_or_default();
                    if taken.is_empty() {
                        continue;
                    }
                    bytes += taken.iter().map(Bytes::len).sum::<usize>();
                    let end = self.frames.len();
                    let rest = Bytes::new();
                    self.jobs.push(SessionWrite { key, socket, is_compressed, end, rest });
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

    /// Writes the frames. The caller does not hold the lock.
    pub(super) fn write(&mut self, compression: &Compression) {
        self.wake();
        let mut from = 0;
        let mut sizes = JoinedSizes::default();
        for job in &mut self.jobs {
            let frames = self.frames.get(from..job.end).unwrap_or_default();
            from = job.end;
            let bytes = if job.is_compressed {
                self.joined_copies.join(frames, |text| compression.copy_of(text));
                sizes.add(self.joined_copies.sizes());
                self.joined_copies.bytes()
            } else {
                self.joined.of(frames)
            };
            // The session's task handles an error: it meets it again when it writes the rest.
            let written = job.socket.try_write(bytes).unwrap_or(0);
            if let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
                job.rest = Bytes::copy_from_slice(rest);
            }
        }
        self.frames.clear();
        compression.sent(sizes);
    }

    /// Gives the sockets back. The caller holds the lock, and calls [`FlushBatch::wake`] without it
    /// afterwards.
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
            self.joined_copies.clear();
        }
    }

    /// Wakes the tasks of the sessions whose rest this batch cannot write.
    pub(super) fn wake(&mut self) {
        for waker in self.woken.drain(..) {
            waker.ready.notify_one();
        }
    }
}
