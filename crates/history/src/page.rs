//! A piece of history, as a broker hands it to a reader.

use alloc::sync::Arc;
use alloc::vec::Vec;

use steadfast_protocol::{Epoch, Gap, GapCause, Position, Since};

use crate::Publication;

/// The most kept events that one page looks at: a thinned one may leave out nearly all of them.
pub const LOOKED_AT_MAX: usize = 10_000;

/// How much a reader takes at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimit {
    /// Events.
    pub events_max: usize,
    /// Bytes of encoded events; one event is given even where it alone is larger.
    pub bytes_max: usize,
    /// Whether events that a newer one with the same `replace` key stands in for are left out.
    pub is_thinned: bool,
}

/// Events after a position, in order. `E` is an event, or what it takes to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<E = Arc<Publication>> {
    /// The position the events start behind.
    pub start: Position,
    /// What was asked for and can no longer be given.
    pub gap: Option<Gap>,
    /// Ascending. A hole between two, or before the first or after the last, was thinned out.
    pub events: Vec<E>,
    /// The offset behind which the next page starts, in the epoch of `start`.
    pub end: u64,
    /// The newest offset there was.
    pub head: u64,
    /// Whether the event at `head` ended the channel.
    pub is_final: bool,
}

impl<E> Page<E> {
    /// The page of a channel that has had no event; its first one will be of this epoch.
    pub fn of_nothing(since: &Since, epoch: Epoch) -> Self {
        let (_, gap) = start_of_page(since, &epoch, 0, 0);
        let start = Position::new(epoch, 0);
        Self { start, gap, events: Vec::new(), end: 0, head: 0, is_final: false }
    }

    /// Whether the page reaches the end of a finished channel.
    pub const fn reaches_the_end(&self) -> bool {
        self.is_final && self.end >= self.head
    }
}

/// A page that is being filled, by the same rules for every store: events are offered in order of
/// their offsets, without a hole, from the first one after the start.
#[derive(Debug)]
pub struct PageBuilder<E = Arc<Publication>> {
    start: u64,
    gap: Option<Gap>,
    limit: PageLimit,
    events: Vec<E>,
    bytes: usize,
    end: u64,
}

impl<E> PageBuilder<E> {
    /// An empty page; `start` and `gap` are those of [`start_of_page`].
    pub const fn new(start: u64, gap: Option<Gap>, limit: PageLimit) -> Self {
        Self { start, gap, limit, events: Vec::new(), bytes: 0, end: start }
    }

    /// The offset of the last event that was offered or left out.
    pub const fn end(&self) -> u64 {
        self.end
    }

    /// Whether events that a newer one stands in for are to be left out.
    pub const fn is_thinned(&self) -> bool {
        self.limit.is_thinned
    }

    /// Leaves out an event that a newer one stands in for.
    pub const fn skip(&mut self, offset: u64) {
        self.end = offset;
    }

    /// Adds an event of so many bytes; false, and nothing is added, where the page is full.
    pub fn offer(&mut self, offset: u64, bytes: usize, event: impl FnOnce() -> E) -> bool {
        let is_over = !self.events.is_empty() && self.bytes + bytes > self.limit.bytes_max;
        if self.events.len() >= self.limit.events_max || is_over {
            return false;
        }
        self.end = offset;
        self.bytes += bytes;
        self.events.push(event());
        true
    }

    /// The page of a channel under this epoch, with this newest offset.
    pub fn finish(self, epoch: &Epoch, head: u64, is_final: bool) -> Page<E> {
        let Self { start, gap, events, end, .. } = self;
        let start = Position::new(epoch.clone(), start);
        Page { start, gap, events, end, head, is_final }
    }
}

/// Where delivery starts in a channel under `epoch` whose newest offset is `head`, and what is
/// missing before it. `before_oldest` is the offset before the oldest kept event: the head where
/// nothing is kept.
pub fn start_of_page(
    since: &Since,
    epoch: &Epoch,
    before_oldest: u64,
    head: u64,
) -> (u64, Option<Gap>) {
    let position = match since {
        Since::Start => return (before_oldest, None),
        Since::Now => return (head, None),
        Since::After(position) => position,
    };
    let cause = if position.epoch != *epoch || position.offset > head {
        GapCause::EpochChanged
    } else if position.offset < before_oldest {
        GapCause::Retention
    } else {
        return (position.offset, None);
    };
    let to = Position::new(epoch.clone(), before_oldest);
    (before_oldest, Some(Gap { from: position.clone(), to, cause }))
}

/// Why history could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// The broker cannot be reached.
    Unavailable,
}
