//! One channel in memory: its numbers, and its newest events while they are hot. In: events that
//! the store has. Out: where a reader starts, and pages of what is hot. Must not know the store.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use steadfast_history::{ChannelInfo, Page, PageLimit, Publication, start_of_page};
use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelName, Gap, ReplaceKey, Since};

use super::page::PageBuilder;
use super::record::ChannelNumbers;

/// A thinned page looks at no more events than this.
const THINNED_SCAN_MAX: usize = 10_000;

/// A channel.
#[derive(Debug)]
pub(super) struct DiskChannel {
    numbers: ChannelNumbers,
    /// Whether the store knows the channel, under its epoch.
    pub(super) is_saved: bool,
    touched: Millis,
    /// The newest events, without holes up to the head; fewer than are kept.
    tail: VecDeque<Arc<Publication>>,
    newest_of_key: BTreeMap<ReplaceKey, u64>,
}

impl DiskChannel {
    pub(super) fn new(numbers: ChannelNumbers, is_saved: bool, now: Millis) -> Self {
        let (tail, newest_of_key) = (VecDeque::new(), BTreeMap::new());
        Self { numbers, is_saved, touched: now, tail, newest_of_key }
    }

    pub(super) const fn numbers(&self) -> &ChannelNumbers {
        &self.numbers
    }

    pub(super) const fn touch(&mut self, now: Millis) {
        self.touched = now;
    }

    pub(super) fn is_forgettable(&self, now: Millis, idle: Span) -> bool {
        self.numbers.events() == 0 && now.since(self.touched) > idle
    }

    /// Takes over what the store has now; the bytes of hot events that are not kept any more.
    pub(super) fn take_over(
        &mut self,
        numbers: ChannelNumbers,
        events: Vec<Arc<Publication>>,
    ) -> usize {
        (self.numbers, self.is_saved) = (numbers, true);
        for event in events {
            if let Some(key) = &event.replace {
                self.newest_of_key.insert(key.clone(), event.offset);
            }
            self.tail.push_back(event);
        }
        let mut freed = 0;
        while let Some(oldest) = self.tail.front()
            && oldest.offset < self.numbers.first
        {
            freed += self.cool();
        }
        freed
    }

    /// The offset of the oldest hot event.
    pub(super) fn hot_from(&self) -> Option<u64> {
        self.tail.front().map(|oldest| oldest.offset)
    }

    /// Lets go of the oldest hot event; its bytes.
    pub(super) fn cool(&mut self) -> usize {
        let Some(oldest) = self.tail.pop_front() else { return 0 };
        if let Some(key) = &oldest.replace
            && self.newest_of_key.get(key) == Some(&oldest.offset)
        {
            self.newest_of_key.remove(key);
        }
        if self.tail.is_empty() {
            self.tail = VecDeque::new();
        }
        oldest.encoded.len()
    }

    /// Where delivery starts, and what is missing before it.
    pub(super) fn start(&self, since: &Since) -> (u64, Option<Gap>) {
        let ChannelNumbers { epoch, first, head, .. } = &self.numbers;
        start_of_page(since, epoch, first - 1, *head)
    }

    /// The page after `start`, where all of it is hot.
    pub(super) fn hot_page(&self, start: u64, gap: Option<&Gap>, limit: PageLimit) -> Option<Page> {
        let mut filling = PageBuilder::new(start, limit);
        if start < self.numbers.head {
            let skipped = (start + 1).checked_sub(self.hot_from()?)?;
            let skipped = usize::try_from(skipped).ok()?;
            for publication in self.tail.iter().skip(skipped).take(THINNED_SCAN_MAX) {
                if limit.is_thinned && self.is_superseded(publication) {
                    filling.skip(publication.offset);
                } else if filling.is_full_for(publication.encoded.len()) {
                    break;
                } else {
                    filling.put(Arc::clone(publication));
                }
            }
        }
        Some(filling.page(start, gap.cloned(), &self.numbers))
    }

    pub(super) fn info(&self, channel: &ChannelName) -> ChannelInfo {
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        ChannelInfo {
            channel: channel.clone(),
            epoch: self.numbers.epoch.clone(),
            offset: self.numbers.head,
            events: count(self.numbers.events()),
            bytes: count(self.numbers.bytes),
            is_final: self.numbers.is_final,
        }
    }

    /// Every later event of a hot one is hot, so the tail knows its newest.
    fn is_superseded(&self, publication: &Publication) -> bool {
        let newest = publication.replace.as_ref().and_then(|key| self.newest_of_key.get(key));
        newest.is_some_and(|&newest| newest > publication.offset)
    }
}
