//! One channel of the log: its epoch and offsets, its kept events with their messages in the log,
//! and the messages that may be purged. In: events. Out: planned pages.

use std::collections::VecDeque;
use std::sync::Arc;

use steadfast_history::{
    ChannelInfo, ChannelLog, DatedEvent, LoggedEvent, Page, PageBuilder, PageLimit, Publication,
    Retention,
};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Epoch, ReplaceKey, Since};

use super::plan::PlannedEvent;

/// A channel.
#[derive(Debug)]
pub(super) struct NatsChannel {
    /// The first part of the epoch; the fence is the second.
    pub(super) base: Box<str>,
    pub(super) epoch: Epoch,
    pub(super) is_final: bool,
    /// The sequence number of its last message, and when that was stored.
    pub(super) last: u64,
    pub(super) last_at: u64,
    pub(super) purge_queue: PurgeQueue,
    log: ChannelLog<KeptEvent>,
}

/// A kept event.
#[derive(Debug)]
pub(super) struct KeptEvent {
    /// The sequence number of its message, its index there, and when the message was stored.
    pub(super) seq: u64,
    pub(super) nth: u32,
    pub(super) at: u64,
    pub(super) size: usize,
    pub(super) replace: Option<ReplaceKey>,
    /// Until when the message is needed for its idempotency keys, in ms since 1970.
    pub(super) needed_to: u64,
    pub(super) hot: Option<Arc<Publication>>,
}

impl LoggedEvent for KeptEvent {
    fn bytes(&self) -> usize {
        self.size
    }

    fn replace(&self) -> Option<&ReplaceKey> {
        self.replace.as_ref()
    }
}

impl DatedEvent for KeptEvent {
    fn at(&self) -> Millis {
        Millis(self.at)
    }
}

/// Messages whose events are all dropped, and that the log still has.
#[derive(Debug, Default)]
pub(super) struct PurgeQueue {
    /// Their sequence numbers, and the dates from which on they are not needed.
    waiting: VecDeque<(u64, u64)>,
    /// How many may be purged now: those below this sequence number.
    count: usize,
    below: u64,
}

impl PurgeQueue {
    fn put(&mut self, seq: u64, needed_to: u64) {
        self.waiting.push_back((seq, needed_to));
    }

    /// How many messages may be purged now, and the sequence number below which they are.
    pub(super) fn purgeable(&mut self, now: u64) -> (usize, u64) {
        while let Some((seq, needed_to)) = self.waiting.front().copied()
            && needed_to <= now
        {
            self.waiting.pop_front();
            self.count += 1;
            self.below = seq + 1;
        }
        (self.count, self.below)
    }

    /// Notes that they were purged.
    pub(super) const fn note_purged(&mut self) {
        self.count = 0;
    }
}

impl NatsChannel {
    /// A channel whose last offset is `head`, as message `seq` says.
    pub(super) fn new(base: &str, epoch: Epoch, head: u64, seq: u64, at: u64) -> Self {
        Self {
            base: base.into(),
            epoch,
            is_final: false,
            last: seq,
            last_at: at,
            purge_queue: PurgeQueue::default(),
            log: ChannelLog::new(head),
        }
    }

    /// The last offset.
    pub(super) const fn head(&self) -> u64 {
        self.log.head()
    }

    /// The bytes of the kept events.
    pub(super) const fn bytes(&self) -> usize {
        self.log.bytes()
    }

    /// Notes its next message. The previous one may be purged if it holds no kept event.
    pub(super) fn follow(&mut self, seq: u64, at: u64) {
        if self.last < seq {
            let is_held = self.log.newest().is_some_and(|kept| kept.seq == self.last);
            let is_queued =
                self.purge_queue.waiting.back().is_some_and(|(seq, _)| *seq == self.last);
            if !is_held && !is_queued {
                self.purge_queue.put(self.last, 0);
            }
            (self.last, self.last_at) = (seq, at);
        }
    }

    /// Appends the next event.
    pub(super) fn take(&mut self, kept: KeptEvent, is_final: bool) {
        self.is_final |= is_final;
        self.log.append(kept);
    }

    /// Drops events beyond the retention, oldest first; returns the freed bytes, and those of hot
    /// events.
    pub(super) fn trim(&mut self, retention: &Retention, now: u64) -> (usize, usize) {
        let (before, mut hot_bytes) = (self.log.bytes(), 0);
        while let Some(dropped) = self.log.drop_over(Millis(now), retention) {
            hot_bytes += self.release(&dropped);
        }
        (before - self.log.bytes(), hot_bytes)
    }

    /// Drops every event, because messages are missing in the log; returns the bytes of hot events.
    pub(super) fn skip_to(&mut self, head: u64) -> usize {
        let mut hot_bytes = 0;
        while let Some(dropped) = self.log.drop_oldest() {
            hot_bytes += self.release(&dropped);
        }
        self.log.restart_at(head);
        hot_bytes
    }

    /// Drops the events in messages up to `seq`; returns the freed bytes, and those of hot events.
    pub(super) fn drop_to(&mut self, seq: u64) -> (usize, usize) {
        let (before, mut hot_bytes) = (self.log.bytes(), 0);
        while self.log.oldest().is_some_and(|oldest| oldest.seq <= seq)
            && let Some(dropped) = self.log.drop_oldest()
        {
            hot_bytes += self.release(&dropped);
        }
        (before - self.log.bytes(), hot_bytes)
    }

    /// Queues the message of a dropped event for purging once none of its events is kept; returns
    /// the bytes of the event if it was hot.
    fn release(&mut self, dropped: &KeptEvent) -> usize {
        if self.log.oldest().is_none_or(|next| next.seq != dropped.seq) {
            self.purge_queue.put(dropped.seq, dropped.needed_to);
        }
        dropped.hot.as_ref().map_or(0, LoggedEvent::bytes)
    }

    /// Evicts one hot event; returns its bytes.
    pub(super) fn evict_hot(&mut self, offset: u64) -> usize {
        let hot = self.log.event_mut(offset).and_then(|kept| kept.hot.take());
        hot.as_ref().map_or(0, LoggedEvent::bytes)
    }

    /// Whether it is empty and was not touched since this date.
    pub(super) fn is_idle_since(&self, date: u64) -> bool {
        self.log.is_empty() && self.last_at < date
    }

    /// The number of kept events.
    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    /// Plans the page after `since`.
    pub(super) fn plan(&self, since: &Since, limit: PageLimit) -> Page<PlannedEvent> {
        let (start, gap) = self.log.start(since, &self.epoch);
        let page = self.log.fill(PageBuilder::new(start, gap, limit), |offset, kept| {
            let KeptEvent { seq, nth, at, .. } = *kept;
            PlannedEvent { offset, seq, nth, at, hot: kept.hot.clone() }
        });
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
