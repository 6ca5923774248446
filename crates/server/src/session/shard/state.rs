//! What a shard has behind its lock: the hub, and where each session's owner and socket are.
//! One of two writes to a socket at any time: its owner, or the shard's batch. Who does is said
//! here, so that no frame ever lands inside another.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use steadfast_hub::{Hub, SessionKey, Work};
use steadfast_machine::Millis;

use crate::net::socket::TryWrite;
use crate::session::waker::SessionWaker;

/// Room in the line that is kept while nobody waits.
const READY_KEPT: usize = 16_384;

/// The hub and its sessions' slots.
#[derive(Debug)]
pub(super) struct ShardState {
    pub(super) hub: Hub,
    /// By slot of the session.
    slots: Vec<Option<SessionSlot>>,
    /// Sessions that the next batches write to, first come first served; each once.
    ready: VecDeque<SessionKey>,
}

/// One session's owner and socket.
#[derive(Debug)]
pub(super) struct SessionSlot {
    key: SessionKey,
    pub(super) waker: Arc<SessionWaker>,
    /// Where a batch may write; `None` where only the owner can.
    pub(super) socket: Option<Arc<dyn TryWrite>>,
    pub(super) owner: SocketOwner,
    /// It stands in line for a batch.
    is_ready: bool,
}

/// Who writes to a session's socket.
#[derive(Debug)]
pub(super) enum SocketOwner {
    /// Nobody: all that was taken is written.
    Free,
    /// The owner.
    Owner,
    /// The shard's batch, for a moment; then the owner, where it has asked meanwhile.
    FlushBatch {
        /// Whether it has.
        is_awaited: bool,
    },
    /// The owner, which is to begin with this: what a batch could not write.
    Left(Box<Bytes>),
}

/// What an owner is given to do.
#[derive(Debug)]
pub enum TakenWork {
    /// Nothing now: a batch is writing, and the waker wakes when it has.
    Busy,
    /// These bytes come before anything else, in the middle of a frame perhaps.
    Rest(Bytes),
    /// What the hub has.
    Work(Work),
}

impl ShardState {
    pub(super) const fn new(hub: Hub) -> Self {
        Self { hub, slots: Vec::new(), ready: VecDeque::new() }
    }

    /// Remembers where the session's owner and its socket are. The owner owners the socket.
    pub(super) fn seat(
        &mut self,
        key: SessionKey,
        waker: &Arc<SessionWaker>,
        socket: Option<Arc<dyn TryWrite>>,
    ) {
        let slot = key.index as usize;
        if self.slots.len() <= slot {
            self.slots.resize_with(slot + 1, || None);
        }
        if let Some(slot) = self.slots.get_mut(slot) {
            let (waker, owner, is_ready) = (Arc::clone(waker), SocketOwner::Owner, false);
            *slot = Some(SessionSlot { key, waker, socket, owner, is_ready });
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

    /// Puts the session in line for a batch, where a batch can write to it; else false.
    pub(super) fn line_up(&mut self, key: SessionKey) -> bool {
        let Some(slot) = self.slot(key).filter(|slot| slot.socket.is_some()) else {
            return false;
        };
        if !std::mem::replace(&mut slot.is_ready, true) {
            self.ready.push_back(key);
        }
        true
    }

    /// The next in line.
    pub(super) fn next(&mut self) -> Option<SessionKey> {
        let key = self.ready.pop_front()?;
        if let Some(slot) = self.slot(key) {
            slot.is_ready = false;
        }
        if self.ready.is_empty() {
            // A line that was long once is no reason to keep its memory.
            self.ready.shrink_to(READY_KEPT);
        }
        Some(key)
    }

    pub(super) fn is_anyone_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// What the session's owner has to do. It keeps the owner while it is given anything, or
    /// `has_more` of its own to write; it gives it back by coming again and getting nothing.
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
