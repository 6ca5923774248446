//! Fills pages: from the hot tail and from the store, by the same rules. In: events in order, and
//! a limit. Out: a page, or where the store has a hole.

use std::sync::Arc;

use steadfast_history::{Page, PageLimit, Publication};
use steadfast_protocol::{ChannelName, Gap, Position};

use super::record::{self, ChannelNumbers, StoredEvent};
use super::store::{Store, StoreError};

/// A thinned page looks at no more events than this.
const SCAN_EVENTS_MAX: usize = 10_000;
/// Nor at more bytes than this.
const SCAN_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A page that is to be read from the store.
#[derive(Debug)]
pub(super) struct StoreRead {
    pub(super) channel: ChannelName,
    pub(super) numbers: ChannelNumbers,
    pub(super) start: u64,
    pub(super) gap: Option<Gap>,
    pub(super) limit: PageLimit,
}

/// A page that is being filled.
#[derive(Debug)]
pub(super) struct PageBuilder {
    limit: PageLimit,
    events: Vec<Arc<Publication>>,
    bytes: usize,
    end: u64,
}

impl PageBuilder {
    pub(super) const fn new(start: u64, limit: PageLimit) -> Self {
        Self { limit, events: Vec::new(), bytes: 0, end: start }
    }

    /// Whether an event of this length has no place any more.
    pub(super) fn is_full_for(&self, len: usize) -> bool {
        let is_over = !self.events.is_empty() && self.bytes + len > self.limit.bytes_max;
        self.events.len() >= self.limit.events_max || is_over
    }

    /// Leaves out an event that a newer one stands in for.
    pub(super) const fn skip(&mut self, offset: u64) {
        self.end = offset;
    }

    pub(super) fn put(&mut self, publication: Arc<Publication>) {
        self.end = publication.offset;
        self.bytes += publication.encoded.len();
        self.events.push(publication);
    }

    /// The page.
    pub(super) fn page(self, start: u64, gap: Option<Gap>, numbers: &ChannelNumbers) -> Page {
        Page {
            start: Position::new(numbers.epoch.clone(), start),
            gap,
            events: self.events,
            end: self.end,
            head: numbers.head,
            is_final: numbers.is_final,
        }
    }
}

/// Why the store gave no page.
#[derive(Debug)]
pub(super) enum PageFault {
    /// It failed.
    Store(StoreError),
    /// An event that should be kept is not there, or is none.
    Hole {
        /// The first such offset.
        offset: u64,
    },
}

impl StoreRead {
    /// Reads the page. What it needs of the disk it waits for.
    pub(super) fn read(self, store: &Store) -> Result<Page, PageFault> {
        let Self { channel, numbers, start, gap, limit } = self;
        let mut filling = PageBuilder::new(start, limit);
        if limit.events_max == 0 {
            return Ok(filling.page(start, gap, &numbers));
        }
        let (from, to) = (start + 1, numbers.head);
        let range = (record::event_key(numbers.id, from), record::event_key(numbers.id, to));
        let (mut expected, mut scanned) = (from, 0);
        for pair in store.between(&range.0, &range.1).take(SCAN_EVENTS_MAX) {
            let (key, value) = pair.map_err(PageFault::Store)?;
            let hole = PageFault::Hole { offset: expected };
            if record::offset_of_key(&key) != Some(expected) {
                return Err(hole);
            }
            let Some(kept) = StoredEvent::of_bytes(&value) else { return Err(hole) };
            expected += 1;
            scanned += value.len();
            if limit.is_thinned && is_superseded(store, &numbers, &kept, expected - 1)? {
                filling.skip(expected - 1);
            } else if filling.is_full_for(kept.item.bytes as usize) {
                return Ok(filling.page(start, gap, &numbers));
            } else {
                filling.put(kept.publication(&channel, &numbers.epoch, expected - 1));
            }
            if scanned > SCAN_BYTES_MAX {
                return Ok(filling.page(start, gap, &numbers));
            }
        }
        let scanned_all = usize::try_from(expected - from).is_ok_and(|all| all >= SCAN_EVENTS_MAX);
        if expected <= to && !scanned_all {
            return Err(PageFault::Hole { offset: expected });
        }
        Ok(filling.page(start, gap, &numbers))
    }
}

fn is_superseded(
    store: &Store,
    numbers: &ChannelNumbers,
    kept: &StoredEvent<'_>,
    offset: u64,
) -> Result<bool, PageFault> {
    let Some(key) = &kept.item.replace else { return Ok(false) };
    let newest = store.find(&record::newest_key(numbers.id, key)).map_err(PageFault::Store)?;
    Ok(newest.and_then(|bytes| record::number(&bytes)).is_some_and(|newest| newest > offset))
}
