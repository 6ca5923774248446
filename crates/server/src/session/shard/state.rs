//! The state behind the lock of a shard: the hub, and the task and socket of each session. Either
//! the session's task or the shard's flush batch writes to a socket, never both. The state records
//! which of them owns it, so that no frame lands inside another.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use steadfast_hub::{Hub, SessionKey, Work};
use steadfast_machine::Millis;

use crate::net::socket::TryWrite;
use crate::session::waker::SessionWaker;

/// Memory of the queue that is kept while it is empty, in sessions.
const READY_KEPT: usize = 16_384;

/// The hub, and a slot for each of its sessions.
#[derive(Debug)]
pub(super) struct ShardState {
    pub(super) hub: Hub,
    /// By the index of the session's key.
    slots: Vec<Option<SessionSlot>>,
    /// Sessions that the next batches write to, in order, each once.
    ready: VecDeque<SessionKey>,
}

/// The task and the socket of one session.
#[derive(Debug)]
pub(super) struct SessionSlot {
    key: SessionKey,
    pub(super) waker: Arc<SessionWaker>,
    /// Where a batch may write; `None` if only the session's task can write.
    pub(super) socket: Option<Arc<dyn TryWrite>>,
    /// Whether its peer takes compressed messages.
    pub(super) is_compressed: bool,
    pub(super) owner: SocketOwner,
    /// Whether it is queued for a batch.
    is_ready: bool,
}

/// A socket that batches may write to.
#[derive(Clone, Debug)]
pub struct ShardSocket {
    /// The socket.
    pub socket: Arc<dyn TryWrite>,
    /// Whether its peer takes compressed messages.
    pub is_compressed: bool,
}

/// Which of the two owns a session's socket.
#[derive(Debug)]
pub(super) enum SocketOwner {
    /// Nobody: everything that was taken is written.
    Free,
    /// The session's task.
    Owner,
    /// The shard's flush batch, for a moment; then the session's task, if it asked for it
    /// meanwhile.
    FlushBatch {
        /// Whether the session's task has asked for the socket.
        is_awaited: bool,
    },
    /// The session's task, which writes this first: what a batch could not write.
    Left(Box<Bytes>),
}

/// What a session's task has to do.
#[derive(Debug)]
pub enum TakenWork {
    /// Nothing now: a batch writes to the socket, and the waker is called when it has finished.
    Busy,
    /// Write these bytes before anything else. They may begin in the middle of a frame.
    Rest(Bytes),
    /// Handle what the hub has.
    Work(Work),
}

impl ShardState {
    pub(super) const fn new(hub: Hub) -> Self {
        Self { hub, slots: Vec::new(), ready: VecDeque::new() }
    }

    /// Adds a session, with the waker of its task, which owns the socket at first.
    pub(super) fn seat(
        &mut self,
        key: SessionKey,
        waker: &Arc<SessionWaker>,
        socket: Option<ShardSocket>,
    ) {
        let slot = key.index as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(slot) {
            let (waker, owner, is_ready) = (Arc::clone(waker), SocketOwner::Owner, false);
            let is_compressed = socket.as_ref().is_some_and(|it| it.is_compressed);
            let socket = socket.map(|it| it.socket);
            *slot = Some(SessionSlot { key, waker, socket, is_compressed, owner, is_ready });
        }
    }

    pub(super) fn slot(&mut self, key: SessionKey) -> Option<&mut SessionSlot> {
        self.slots.get_mut(key.index as usize)?.as_mut().filter(|slot| slot.key == key)
    }

    pub(super) fn forget(&mut self, key: SessionKey) {
        if self.slot(key).is_some()
            && let Some(slot) = self.slots.get_mut(key.index as usize)
        {
            *slot = None;
        }
    }

    /// Queues the session for a batch. Returns false if a batch cannot write to it.
    pub(super) fn line_up(&mut self, key: SessionKey) -> bool {
        let Some(slot) = self.slot(key).filter(|slot| slot.socket.is_some()) else {
            return false;
        };
        if !std::mem::replace(&mut slot.is_ready, true) {
            self.ready.push_back(key);
        }
        true
    }

    /// The next session of the queue.
    pub(super) fn next(&mut self) -> Option<SessionKey> {
        let key = self.ready.pop_front()?;
        if let Some(slot) = self.slot(key) {
            slot.is_ready = false;
        }
        if self.ready.is_empty() {
            // A queue that was long once does not keep its memory.
            self.ready.shrink_to(READY_KEPT);
        }
        Some(key)
    }

    pub(super) fn is_anyone_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// See [`super::Shard::take`]. The task owns the socket as long as it is given anything or has
    /// `has_more`; it gives the socket back by a call that returns nothing.
    pub(super) fn take(&mut self, now: Millis, key: SessionKey, has_more: bool) -> TakenWork {
        let Some(slot) = self.slot(key) else { return TakenWork::Work(Work::default()) };
        match std::mem::replace(&mut slot.owner, SocketOwner::Owner) {
            SocketOwner::FlushBatch { .. } => {
                slot.owner = SocketOwner::FlushBatch { is_awaited: true };
                TakenWork::Busy
            }
            SocketOwner::Left(rest) => TakenWork::Rest(*rest),
            SocketOwner::Free | SocketOwner::Owner => {
                let work = self.hub.take(now, key);
                if work.frames.is_empty()
                    && work.read.is_none()
                    && !has_more
                    && let Some(slot) = self.slot(key)
                {
                    slot.owner = SocketOwner::Free;
                }
                TakenWork::Work(work)
            }
        }
    }
}
