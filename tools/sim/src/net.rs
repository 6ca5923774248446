//! The wires between links and the server: two directions each, in order, with latency and jitter.
//! In: parcels of real wire text. Out: the same parcels, later or never. Must not know: what they
//! say, or why a direction stands still; that is the business of the rules.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use steadfast_link::SocketId;
use steadfast_protocol::CloseCode;

/// One socket between a link and the server; never used again for another.
pub(crate) type WireId = u32;

/// Which direction of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the server.
    Up,
    /// To the link.
    Down,
}

/// What travels in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parcel {
    /// A text message.
    Text(Bytes),
    /// The transport's own ping.
    Ping,
    /// Its answer.
    Pong,
    /// A close frame; 1006 stands for a connection that broke without one.
    Close(CloseCode),
}

/// All wires.
#[derive(Debug, Default)]
pub(crate) struct Net {
    wires: BTreeMap<WireId, Wire>,
    last: WireId,
}

/// One wire.
#[derive(Debug)]
pub(crate) struct Wire {
    /// Whose.
    pub(crate) link: usize,
    /// The link's name for it.
    pub(crate) socket: SocketId,
    /// Where it leads.
    pub(crate) endpoint: u8,
    /// Nothing passes any more, and nobody is told.
    pub(crate) is_holed: bool,
    up: Direction,
    down: Direction,
}

#[derive(Debug, Default)]
struct Direction {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    last_at: u64,
}

#[derive(Debug)]
struct Waiting {
    at: u64,
    is_delayed: bool,
    parcel: Parcel,
}

impl Net {
    /// A new wire of `link`.
    pub(crate) fn add(&mut self, link: usize, socket: SocketId, endpoint: u8) -> WireId {
        self.last += 1;
        let (up, down) = (Direction::default(), Direction::default());
        self.wires.insert(self.last, Wire { link, socket, endpoint, is_holed: false, up, down });
        self.last
    }

    /// A wire that still exists.
    pub(crate) fn wire(&self, wire: WireId) -> Option<&Wire> {
        self.wires.get(&wire)
    }

    /// From now on nothing passes on the wires of `link`.
    pub(crate) fn hole(&mut self, link: usize) {
        for wire in self.wires.values_mut().filter(|wire| wire.link == link) {
            wire.is_holed = true;
        }
    }

    /// From now on nothing passes on this wire.
    pub(crate) fn hole_one(&mut self, wire: WireId) {
        if let Some(wire) = self.wires.get_mut(&wire) {
            wire.is_holed = true;
        }
    }

    /// The wires of `link`, oldest first.
    pub(crate) fn of_link(&self, link: usize) -> Vec<WireId> {
        let own = self.wires.iter().filter(|(_, wire)| wire.link == link);
        own.map(|(&id, _)| id).collect()
    }

    /// All wires, oldest first.
    pub(crate) fn all(&self) -> Vec<WireId> {
        self.wires.keys().copied().collect()
    }

    /// Forgets a wire and all that travels on it.
    pub(crate) fn remove(&mut self, wire: WireId) -> Option<Wire> {
        self.wires.remove(&wire)
    }

    /// Sends a parcel in one direction, not to arrive before `at`. Returns the instant at which the
    /// direction is to be looked at, where that was not yet planned.
    pub(crate) fn send(&mut self, wire: WireId, way: Way, at: u64, parcel: Parcel) -> Option<u64> {
        let direction = self.wires.get_mut(&wire)?.direction(way);
        direction.last_at = direction.last_at.max(at);
        direction.bytes += parcel.bytes();
        let is_first = direction.waiting.is_empty();
        direction.waiting.push_back(Waiting { at: direction.last_at, is_delayed: false, parcel });
        is_first.then_some(direction.last_at)
    }

    /// When the first parcel of a direction is due, if one waits.
    pub(crate) fn due(&self, wire: WireId, way: Way) -> Option<u64> {
        let direction = self.wires.get(&wire)?.direction_ref(way);
        direction.waiting.front().map(|first| first.at)
    }

    /// Makes the first parcel wait until `at`. True the first time that it is `delayed` so.
    pub(crate) fn delay(&mut self, wire: WireId, way: Way, at: u64) -> bool {
        let first =
            self.wires.get_mut(&wire).and_then(|wire| wire.direction(way).waiting.front_mut());
        let Some(first) = first.filter(|first| !first.is_delayed) else { return false };
        first.at = first.at.max(at);
        first.is_delayed = true;
        true
    }

    /// Takes the first parcel off a direction.
    pub(crate) fn take(&mut self, wire: WireId, way: Way) -> Option<Parcel> {
        let direction = self.wires.get_mut(&wire)?.direction(way);
        let first = direction.waiting.pop_front()?;
        direction.bytes -= first.parcel.bytes();
        Some(first.parcel)
    }

    /// How many bytes of text are on their way.
    pub(crate) fn bytes(&self, wire: WireId, way: Way) -> usize {
        self.wires.get(&wire).map_or(0, |wire| wire.direction_ref(way).bytes)
    }
}

impl Wire {
    const fn direction(&mut self, way: Way) -> &mut Direction {
        match way {
            Way::Up => &mut self.up,
            Way::Down => &mut self.down,
        }
    }

    const fn direction_ref(&self, way: Way) -> &Direction {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }
}

impl Parcel {
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Ping | Self::Pong | Self::Close(_) => 0,
        }
    }
}
