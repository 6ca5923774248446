//! What a shard has behind its lock: the hub, and where each session's owner and socket are.
//! One of two writes to a socket at any time: its owner, or the shard's round. Who does is said
//! here, so that no frame ever lands inside another.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use steadfast_hub::{Hub, SessionKey, Work};
use steadfast_machine::Millis;

use crate::bell::Bell;
use crate::socket::TryWrite;

/// Room in the line that is kept while nobody waits.
const READY_KEPT: usize = 16_384;

/// The hub and its sessions' places.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) hub: Hub,
    /// By slot of the session.
    places: Vec<Option<Place>>,
    /// Sessions that the next rounds write to, first come first served; each once.
    ready: VecDeque<SessionKey>,
}

/// One session's owner and socket.
#[derive(Debug)]
pub(super) struct Place {
    key: SessionKey,
    pub(super) bell: Arc<Bell>,
    /// Where a round may write; `None` where only the owner can.
    pub(super) socket: Option<Arc<dyn TryWrite>>,
    pub(super) hold: Hold,
    /// It stands in line for a round.
    is_ready: bool,
}

/// Who writes to a session's socket.
#[derive(Debug)]
pub(super) enum Hold {
    /// Nobody: all that was taken is written.
    Free,
    /// The owner.
    Owner,
    /// The shard's round, for a moment; then the owner, where it has asked meanwhile.
    Round {
        /// Whether it has.
        is_awaited: bool,
    },
    /// The owner, which is to begin with this: what a round could not write.
    Left(Box<Bytes>),
}

/// What an owner is given to do.
#[derive(Debug)]
pub enum Taken {
    /// Nothing now: a round is writing, and the bell rings when it has.
    Busy,
    /// These bytes come before anything else, in the middle of a frame perhaps.
    Rest(Bytes),
    /// What the hub has.
    Work(Work),
}

impl Desk {
    pub(super) const fn new(hub: Hub) -> Self {
        Self { hub, places: Vec::new(), ready: VecDeque::new() }
    }

    /// Remembers where the session's owner and its socket are. The owner holds the socket.
    pub(super) fn seat(
        &mut self,
        key: SessionKey,
        bell: &Arc<Bell>,
        socket: Option<Arc<dyn TryWrite>>,
    ) {
        let slot = key.index as usize;
        if self.places.len() <= slot {
            self.places.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.places.get_mut(slot) {
            let (bell, hold, is_ready) = (Arc::clone(bell), Hold::Owner, false);
            *place = Some(Place { key, bell, socket, hold, is_ready });
        }
    }

    pub(super) fn place(&mut self, key: SessionKey) -> Option<&mut Place> {
        self.places.get_mut(key.index as usize)?.as_mut().filter(|place| place.key == key)
    }

    pub(super) fn forget(&mut self, key: SessionKey) {
        if self.place(key).is_some()
            && let Some(place) = self.places.get_mut(key.index as usize)
        {
            *place = None;
        }
    }

    /// Puts the session in line for a round, where a round can write to it; else false.
    pub(super) fn line_up(&mut self, key: SessionKey) -> bool {
        let Some(place) = self.place(key).filter(|place| place.socket.is_some()) else {
            return false;
        };
        if !std::mem::replace(&mut place.is_ready, true) {
            self.ready.push_back(key);
        }
        true
    }

    /// The next in line.
    pub(super) fn next(&mut self) -> Option<SessionKey> {
        let key = self.ready.pop_front()?;
        if let Some(place) = self.place(key) {
            place.is_ready = false;
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

    /// What the session's owner has to do. It keeps the hold while it is given anything, or
    /// `has_more` of its own to write; it gives it back by coming again and getting nothing.
    pub(super) fn take(&mut self, now: Millis, key: SessionKey, has_more: bool) -> Taken {
        let Some(place) = self.place(key) else { return Taken::Work(Work::default()) };
        match std::mem::replace(&mut place.hold, Hold::Owner) {
            Hold::Round { .. } => {
                place.hold = Hold::Round { is_awaited: true };
                Taken::Busy
            }
            Hold::Left(rest) => Taken::Rest(*rest),
            Hold::Free | Hold::Owner => {
                let work = self.hub.take(now, key);
                if work.frames.is_empty()
                    && work.read.is_none()
                    && !has_more
                    && let Some(place) = self.place(key)
                {
                    place.hold = Hold::Free;
                }
                Taken::Work(work)
            }
        }
    }
}
