//! One channel of the memory broker: its log, its epoch, and whether it has ended.

use alloc::sync::Arc;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelName, Epoch, EventName, ReplaceKey, Since};

use crate::{
    ChannelInfo, ChannelLog, DatedEvent, EVENT_OVERHEAD, HistoryShares, LoggedEvent, Page,
    PageBuilder, PageLimit, Publication, Retention,
};

#[derive(Debug)]
pub(super) struct MemoryChannel {
    epoch: Epoch,
    log: ChannelLog<MemoryEvent>,
    is_final: bool,
    touched: Millis,
}

#[derive(Debug)]
struct MemoryEvent {
    at: Millis,
    publication: Arc<Publication>,
}

impl DatedEvent for MemoryEvent {
    fn at(&self) -> Millis {
        self.at
    }
}

impl LoggedEvent for MemoryEvent {
    fn bytes(&self) -> usize {
        self.publication.bytes()
    }

    fn replace(&self) -> Option<&ReplaceKey> {
        self.publication.replace.as_ref()
    }
}

impl MemoryChannel {
    pub(super) const fn new(epoch: Epoch, now: Millis) -> Self {
        Self { epoch, log: ChannelLog::new(0), is_final: false, touched: now }
    }

    pub(super) const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    pub(super) const fn head(&self) -> u64 {
        self.log.head()
    }

    /// The memory that its events take.
    pub(super) fn held(&self) -> usize {
        self.log.bytes() + self.log.len() * EVENT_OVERHEAD
    }

    pub(super) const fn is_final(&self) -> bool {
        self.is_final
    }

    pub(super) const fn touch(&mut self, now: Millis) {
        self.touched = now;
    }

    /// The name of an event, as the one before has it where it is the same: they share its memory.
    pub(super) fn shared(&self, event: EventName) -> EventName {
        let before = self.log.newest().map(|newest| &newest.publication.event);
        before.filter(|&before| *before == event).cloned().unwrap_or(event)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.log.is_empty()
    }

    /// For how long nobody has used it.
    pub(super) fn idle(&self, now: Millis) -> Span {
        now.since(self.touched)
    }

    /// Appends an event, and drops what is over the retention then.
    pub(super) fn append_within(
        &mut self,
        now: Millis,
        publication: &Arc<Publication>,
        retention: &Retention,
        shares: &mut HistoryShares,
    ) {
        let before = self.held();
        self.is_final = publication.is_final;
        let event = MemoryEvent { at: now, publication: Arc::clone(publication) };
        let appended = self.log.append(event);
        debug_assert_eq!(appended, publication.offset, "offsets have no holes");
        while self.log.drop_over(now, retention).is_some() {}
        shares.resize(&publication.channel, before, self.held());
    }

    /// Drops what is over the retention, oldest first.
    pub(super) fn trim(
        &mut self,
        now: Millis,
        retention: &Retention,
        channel: &ChannelName,
        shares: &mut HistoryShares,
    ) {
        let before = self.held();
        while self.log.drop_over(now, retention).is_some() {}
        shares.resize(channel, before, self.held());
    }

    /// Drops the oldest event.
    pub(super) fn drop_oldest(&mut self) {
        drop(self.log.drop_oldest());
    }

    pub(super) fn read(&self, since: &Since, limit: PageLimit) -> Page {
        let (start, gap) = self.log.start(since, &self.epoch);
        let page = PageBuilder::new(start, gap, limit);
        let page = self.log.fill(page, |_, event| Arc::clone(&event.publication));
        page.finish(&self.epoch, self.log.head(), self.is_final)
    }

    pub(super) fn info(&self, channel: &ChannelName) -> ChannelInfo {
        ChannelInfo {
            channel: channel.clone(),
            epoch: self.epoch.clone(),
            offset: self.log.head(),
            events: self.log.len(),
            bytes: self.log.bytes(),
            is_final: self.is_final,
        }
    }
}
