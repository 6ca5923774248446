//! One channel as the log tells it: its numbering, what is kept of it and where in the log that
//! stands, and what the log may drop. In: events. Out: where a reader starts and what it is given.

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
    /// Its part of the epoch; the fence is the other.
    pub(super) base: Box<str>,
    pub(super) epoch: Epoch,
    pub(super) is_final: bool,
    /// The newest message about it, and when it came.
    pub(super) last: u64,
    pub(super) last_at: u64,
    pub(super) trash: Trash,
    log: ChannelLog<KeptEvent>,
}

/// A kept event.
#[derive(Debug)]
pub(super) struct KeptEvent {
    /// The message that it is in, at which place, and when that came.
    pub(super) seq: u64,
    pub(super) nth: u32,
    pub(super) at: u64,
    pub(super) size: usize,
    pub(super) replace: Option<ReplaceKey>,
    /// Until when the message is needed for the keys in it.
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

/// Messages whose events are all dropped, but that the log has still.
#[derive(Debug, Default)]
pub(super) struct Trash {
    /// Their numbers, and from when on nobody needs them.
    waiting: VecDeque<(u64, u64)>,
    /// How many may go now; those below this number.
    count: usize,
    below: u64,
}

impl Trash {
    fn put(&mut self, seq: u64, needed_to: u64) {
        self.waiting.push_back((seq, needed_to));
    }

    /// How many messages may go now, and below which number they stand.
    pub(super) fn ripe(&mut self, now: u64) -> (usize, u64) {
        while let Some((seq, needed_to)) = self.waiting.front().copied()
            && needed_to <= now
        {
            self.waiting.pop_front();
            self.count += 1;
            self.below = seq + 1;
        }
        (self.count, self.below)
    }

    /// They have gone.
    pub(super) const fn is_emptied(&mut self) {
        self.count = 0;
    }
}

impl NatsChannel {
    /// A channel behind this offset; the message that says so.
    pub(super) fn new(base: &str, epoch: Epoch, head: u64, seq: u64, at: u64) -> Self {
        Self {
            base: base.into(),
            epoch,
            is_final: false,
            last: seq,
            last_at: at,
            trash: Trash::default(),
            log: ChannelLog::new(head),
        }
    }

    /// The newest offset.
    pub(super) const fn head(&self) -> u64 {
        self.log.head()
    }

    /// The bytes of the kept events.
    pub(super) const fn bytes(&self) -> usize {
        self.log.bytes()
    }

    /// One more message about it has come. The one before may go, if it holds no event.
    pub(super) fn follow(&mut self, seq: u64, at: u64) {
        if self.last < seq {
            let is_held = self.log.newest().is_some_and(|kept| kept.seq == self.last);
            let is_thrown = self.trash.waiting.back().is_some_and(|(seq, _)| *seq == self.last);
            if !is_held && !is_thrown {
                self.trash.put(self.last, 0);
            }
            (self.last, self.last_at) = (seq, at);
        }
    }

    /// Takes in the next event.
    pub(super) fn take(&mut self, kept: KeptEvent, is_final: bool) {
        self.is_final |= is_final;
        self.log.append(kept);
    }

    /// Drops what is over the limits, oldest first; the bytes that freed, and those of hot events.
    pub(super) fn trim(&mut self, retention: &Retention, now: u64) -> (usize, usize) {
        let (before, mut cooled) = (self.log.bytes(), 0);
        while let Some(dropped) = self.log.drop_over(Millis(now), retention) {
            cooled += self.throw(&dropped);
        }
        (before - self.log.bytes(), cooled)
    }

    /// Drops everything, since a message was taken out of the log.
    pub(super) fn skip_to(&mut self, head: u64) -> usize {
        let mut cooled = 0;
        while let Some(dropped) = self.log.drop_oldest() {
            cooled += self.throw(&dropped);
        }
        self.log.restart_at(head);
        cooled
    }

    /// Drops all that is in messages up to this one; the bytes that freed, and those of hot events.
    pub(super) fn drop_to(&mut self, seq: u64) -> (usize, usize) {
        let (before, mut cooled) = (self.log.bytes(), 0);
        while self.log.oldest().is_some_and(|oldest| oldest.seq <= seq)
            && let Some(dropped) = self.log.drop_oldest()
        {
            cooled += self.throw(&dropped);
        }
        (before - self.log.bytes(), cooled)
    }

    /// An event was dropped: its message is trash once no event of it is kept. The bytes that it
    /// took while hot.
    fn throw(&mut self, dropped: &KeptEvent) -> usize {
        if self.log.oldest().is_none_or(|next| next.seq != dropped.seq) {
            self.trash.put(dropped.seq, dropped.needed_to);
        }
        dropped.hot.as_ref().map_or(0, LoggedEvent::bytes)
    }

    /// Lets go of one hot event; its bytes.
    pub(super) fn cool(&mut self, offset: u64) -> usize {
        let hot = self.log.event_mut(offset).and_then(|kept| kept.hot.take());
        hot.as_ref().map_or(0, LoggedEvent::bytes)
    }

    /// Whether it keeps nothing, and nobody has touched it since this date.
    pub(super) fn is_idle_since(&self, date: u64) -> bool {
        self.log.is_empty() && self.last_at < date
    }

    /// How many events are kept.
    pub(super) fn len(&self) -> usize {
        self.log.len()
    }

    /// The page after `since`.
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
