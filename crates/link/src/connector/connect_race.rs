//! The sockets of one attempt while none is open: one, and after a while a rival to another
//! endpoint, of which the first to open is kept. In: what was dialled, what opened or failed.
//! Out: what is left. Must not know addresses.

use alloc::vec::Vec;

use steadfast_machine::Millis;

use crate::SocketId;

/// One socket that is opening.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dial {
    pub(crate) socket: SocketId,
    pub(crate) endpoint: u8,
    pub(crate) since: Millis,
}

/// At least one socket that is opening, and at most two.
#[derive(Clone, Debug)]
pub(crate) struct ConnectRace {
    /// The one that was dialled last.
    pub(crate) newest: Dial,
    pub(crate) rival: Option<Dial>,
    /// When to dial another endpoint beside it; none once that was done, or where there is none.
    pub(crate) race_at: Option<Millis>,
    /// When the attempt has failed.
    pub(crate) until: Millis,
}

impl ConnectRace {
    /// Another endpoint was dialled.
    pub(crate) fn race(&mut self, dial: Dial) {
        self.rival = Some(core::mem::replace(&mut self.newest, dial));
        self.race_at = None;
    }

    /// A socket will not open. False where it was the only one.
    pub(crate) fn remove(&mut self, socket: SocketId) -> bool {
        let Some(rival) = self.rival else { return self.newest.socket != socket };
        if self.newest.socket == socket {
            self.newest = rival;
            self.rival = None;
        } else if rival.socket == socket {
            self.rival = None;
        }
        true
    }

    /// The dial of this socket.
    pub(crate) fn find(&self, socket: SocketId) -> Option<Dial> {
        self.all().into_iter().find(|dial| dial.socket == socket)
    }

    /// All that are opening.
    pub(crate) fn all(&self) -> Vec<Dial> {
        self.rival.into_iter().chain([self.newest]).collect()
    }
}
