//! One channel as the log tells it: its numbering, what is kept of it and where in the log that
//! stands, and what the log may drop. In: events. Out: where a reader starts and what it is given.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use steadfast_history::{ChannelInfo, PageLimit, Publication, Retention, start_of_page};
use steadfast_protocol::{ChannelName, Epoch, Gap, Position, ReplaceKey, Since};

use super::plan::{PagePlan, PlannedEvent};

/// A page looks at no more kept events than this.
const LOOKED_AT_MAX: usize = 10_000;

/// A channel.
#[derive(Debug)]
pub(super) struct NatsChannel {
    /// Its part of the epoch; the fence is the other.
    pub(super) base: Box<str>,
    pub(super) epoch: Epoch,
    pub(super) head: u64,
    pub(super) is_final: bool,
    pub(super) bytes: usize,
    /// The newest message about it, and when it came.
    pub(super) last: u64,
    pub(super) last_at: u64,
    pub(super) trash: Trash,
    kept: VecDeque<KeptEvent>,
    newest_of_key: BTreeMap<ReplaceKey, u64>,
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
            head,
            is_final: false,
            bytes: 0,
            last: seq,
            last_at: at,
            trash: Trash::default(),
            kept: VecDeque::new(),
            newest_of_key: BTreeMap::new(),
        }
    }

    /// One more message about it has come. The one before may go, if it holds no event.
    pub(super) fn follow(&mut self, seq: u64, at: u64) {
        if self.last < seq {
            let is_held = self.kept.back().is_some_and(|kept| kept.seq == self.last);
            let is_thrown = self.trash.waiting.back().is_some_and(|(seq, _)| *seq == self.last);
            if !is_held && !is_thrown {
                self.trash.put(self.last, 0);
            }
            (self.last, self.last_at) = (seq, at);
        }
    }

    /// Takes in the next event.
    pub(super) fn take(&mut self, kept: KeptEvent, is_final: bool) {
        self.head += 1;
        self.is_final |= is_final;
        self.bytes += kept.size;
        if let Some(key) = &kept.replace {
            self.newest_of_key.insert(key.clone(), self.head);
        }
        self.kept.push_back(kept);
    }

    /// Drops what is over the limits, oldest first; the bytes that freed, and those of hot events.
    pub(super) fn trim(&mut self, retention: &Retention, now: u64) -> (usize, usize) {
        let (before, mut cooled) = (self.bytes, 0);
        while let Some(oldest) = self.kept.front() {
            let is_kept = self.kept.len() <= retention.events_max
                && self.bytes <= retention.bytes_max
                && now.saturating_sub(oldest.at) <= retention.age_max.0;
            if is_kept {
                break;
            }
            cooled += self.drop_oldest();
        }
        (before - self.bytes, cooled)
    }

    /// Drops everything, since a message was taken out of the log.
    pub(super) fn skip_to(&mut self, head: u64) -> usize {
        let mut cooled = 0;
        while !self.kept.is_empty() {
            cooled += self.drop_oldest();
        }
        self.head = head;
        cooled
    }

    /// Drops all that is in messages up to this one; the bytes that freed, and those of hot events.
    pub(super) fn drop_to(&mut self, seq: u64) -> (usize, usize) {
        let (before, mut cooled) = (self.bytes, 0);
        while self.kept.front().is_some_and(|oldest| oldest.seq <= seq) {
            cooled += self.drop_oldest();
        }
        (before - self.bytes, cooled)
    }

    fn drop_oldest(&mut self) -> usize {
        let offset = self.before_oldest() + 1;
        let Some(oldest) = self.kept.pop_front() else { return 0 };
        self.bytes -= oldest.size;
        if let Some(key) = &oldest.replace
            && self.newest_of_key.get(key) == Some(&offset)
        {
            self.newest_of_key.remove(key);
        }
        if self.kept.front().is_none_or(|next| next.seq != oldest.seq) {
            self.trash.put(oldest.seq, oldest.needed_to);
        }
        if self.kept.is_empty() {
            self.kept = VecDeque::new();
        }
        oldest.hot.map_or(0, |hot| hot.encoded.len())
    }

    /// Lets go of one hot event; its bytes.
    pub(super) fn cool(&mut self, offset: u64) -> usize {
        let at = offset.checked_sub(self.before_oldest() + 1);
        let at = at.and_then(|at| usize::try_from(at).ok());
        let kept = at.and_then(|at| self.kept.get_mut(at));
        kept.and_then(|kept| kept.hot.take()).map_or(0, |hot| hot.encoded.len())
    }

    /// Whether it keeps nothing, and nobody has touched it since this date.
    pub(super) fn is_idle_since(&self, date: u64) -> bool {
        self.kept.is_empty() && self.last_at < date
    }

    /// How many events are kept.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The page after `since`.
    pub(super) fn plan(&self, since: &Since, limit: PageLimit) -> PagePlan {
        let (start, gap) = self.start(since);
        let (mut wants, mut bytes, mut end) = (Vec::new(), 0, start);
        let from = usize::try_from(start - self.before_oldest()).unwrap_or(usize::MAX);
        for (offset, kept) in (start + 1..).zip(self.kept.iter().skip(from)).take(LOOKED_AT_MAX) {
            let newest = kept.replace.as_ref().and_then(|key| self.newest_of_key.get(key));
            if limit.is_thinned && newest.is_some_and(|newest| *newest > offset) {
                end = offset;
                continue;
            }
            let is_over = !wants.is_empty() && bytes + kept.size > limit.bytes_max;
            if wants.len() >= limit.events_max || is_over {
                break;
            }
            bytes += kept.size;
            end = offset;
            let (seq, nth, at, hot) = (kept.seq, kept.nth, kept.at, kept.hot.clone());
            wants.push(PlannedEvent { offset, seq, nth, at, hot });
        }
        let start = Position::new(self.epoch.clone(), start);
        PagePlan { start, gap, wants, end, head: self.head, is_final: self.is_final }
    }

    pub(super) fn info(&self, channel: &ChannelName) -> ChannelInfo {
        ChannelInfo {
            channel: channel.clone(),
            epoch: self.epoch.clone(),
            offset: self.head,
            events: self.kept.len(),
            bytes: self.bytes,
            is_final: self.is_final,
        }
    }

    /// Where delivery starts, and what is missing before it.
    fn start(&self, since: &Since) -> (u64, Option<Gap>) {
        start_of_page(since, &self.epoch, self.before_oldest(), self.head)
    }

    /// The offset before the oldest kept event: the head where nothing is kept.
    fn before_oldest(&self) -> u64 {
        self.head - self.kept.len() as u64
    }
}
