//! One channel in memory: its offsets, and its newest events while they are hot. In: committed
//! events. Out: start positions of readers, and pages of hot events. Must not know the store.

use std::sync::Arc;

use steadfast_history::{
    ChannelInfo, ChannelLog, LoggedEvent, Page, PageBuilder, PageLimit, Publication, start_of_page,
};
use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelName, Gap, Since};

use super::record::ChannelNumbers;

/// A channel.
#[derive(Debug)]
pub(super) struct DiskChannel {
    numbers: ChannelNumbers,
    /// Whether the store has the channel under its current epoch.
    pub(super) is_saved: bool,
    touched: Millis,
    /// The hot events: the newest of the kept ones.
    hot: ChannelLog<Arc<Publication>>,
}

impl DiskChannel {
    pub(super) fn new(numbers: ChannelNumbers, is_saved: bool, now: Millis) -> Self {
        let hot = ChannelLog::new(numbers.head);
        Self { numbers, is_saved, touched: now, hot }
    }

    pub(super) const fn numbers(&self) -> &ChannelNumbers {
        &self.numbers
    }

    pub(super) const fn touch(&mut self, now: Millis) {
        self.touched = now;
    }

    /// How long it has been unused.
    pub(super) fn idle(&self, now: Millis) -> Span {
        now.since(self.touched)
    }

    /// Takes over the state after a commit; returns the bytes of hot events that were dropped.
    pub(super) fn take_over(
        &mut self,
        numbers: ChannelNumbers,
        events: Vec<Arc<Publication>>,
    ) -> usize {
        (self.numbers, self.is_saved) = (numbers, true);
        for event in events {
            self.hot.append(event);
        }
        let mut freed = 0;
        debug_assert_eq!(self.hot.head(), self.numbers.head, "every new event is hot");
        while self.hot_from().is_some_and(|oldest| oldest < self.numbers.first) {
            freed += self.cool();
        }
        freed
    }

    /// The offset of the oldest hot event.
    pub(super) fn hot_from(&self) -> Option<u64> {
        (!self.hot.is_empty()).then(|| self.hot.before_oldest() + 1)
    }

    /// Evicts the oldest hot event; returns its bytes.
    pub(super) fn cool(&mut self) -> usize {
        self.hot.drop_oldest().map_or(0, |oldest| oldest.bytes())
    }

    /// The start position of a reader, and the gap before it.
    pub(super) fn start(&self, since: &Since) -> (u64, Option<Gap>) {
        let ChannelNumbers { epoch, first, head, .. } = &self.numbers;
        start_of_page(since, epoch, first - 1, *head)
    }

    /// The page after `start`, if all of it is hot.
    pub(super) fn hot_page(&self, start: u64, gap: Option<&Gap>, limit: PageLimit) -> Option<Page> {
        if start < self.hot.before_oldest() {
            return None;
        }
        let page = PageBuilder::new(start, gap.cloned(), limit);
        let ChannelNumbers { epoch, head, is_final, .. } = &self.numbers;
        Some(self.hot.fill(page, |_, event| Arc::clone(event)).finish(epoch, *head, *is_final))
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
}
