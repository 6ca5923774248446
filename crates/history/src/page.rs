//! A piece of history, as a broker hands it to a reader.

use alloc::sync::Arc;
use alloc::vec::Vec;

use steadfast_protocol::{Epoch, Gap, GapCause, Position, Since};

use crate::Publication;

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

/// Events after a position, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The position the events start behind.
    pub start: Position,
    /// What was asked for and can no longer be given.
    pub gap: Option<Gap>,
    /// Ascending. A hole between two, or before the first or after the last, was thinned out.
    pub events: Vec<Arc<Publication>>,
    /// The offset behind which the next page starts, in the epoch of `start`.
    pub end: u64,
    /// The newest offset there was.
    pub head: u64,
    /// Whether the event at `head` ended the channel.
    pub is_final: bool,
}

impl Page {
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
