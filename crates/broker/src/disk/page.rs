//! Reads pages from the store. In: a start position and a limit. Out: a page, or the first missing
//! event.

use steadfast_history::{LOOKED_AT_MAX, Page, PageBuilder, PageLimit};
use steadfast_protocol::{ChannelName, Gap};

use super::record::{self, ChannelNumbers, StoredEvent};
use super::store::{Store, StoreError};

/// The most bytes of the store that are read for one page.
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

/// Why a page could not be read.
#[derive(Debug)]
pub(super) enum PageFault {
    /// The store failed.
    Store(StoreError),
    /// A kept event is missing or cannot be parsed.
    Hole {
        /// The first such offset.
        offset: u64,
    },
}

impl StoreRead {
    /// Reads the page. Blocks while the disk is read.
    pub(super) fn read(self, store: &Store) -> Result<Page, PageFault> {
        let Self { channel, numbers, start, gap, limit } = self;
        let mut page = PageBuilder::new(start, gap, limit);
        let range = [start + 1, numbers.head].map(|offset| record::event_key(numbers.id, offset));
        let (mut looked_at, mut scanned, mut is_full) = (0, 0, limit.events_max == 0);
        let mut stored = store.between(&range[0], &range[1]);
        while !is_full && looked_at < LOOKED_AT_MAX && scanned <= SCAN_BYTES_MAX {
            let offset = page.end() + 1;
            let Some(pair) = stored.next() else {
                if offset <= numbers.head {
                    return Err(PageFault::Hole { offset });
                }
                break;
            };
            let (key, value) = pair.map_err(PageFault::Store)?;
            let kept = StoredEvent::of_bytes(&value);
            let kept = kept.filter(|_| record::offset_of_key(&key) == Some(offset));
            let Some(kept) = kept else { return Err(PageFault::Hole { offset }) };
            (looked_at, scanned) = (looked_at + 1, scanned + value.len());
            if limit.is_thinned && is_superseded(store, &numbers, &kept, offset)? {
                page.skip(offset);
            } else {
                let event = || kept.publication(&channel, &numbers.epoch, offset);
                is_full = !page.offer(offset, kept.item.bytes as usize, event);
            }
        }
        Ok(page.finish(&numbers.epoch, numbers.head, numbers.is_final))
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
