//! All channels of the log, in memory: every node reads the whole log and builds the same table.
//! In: the log's messages, one by one. Out: updates, planned pages, figures. It never waits.

use std::collections::{BTreeMap, VecDeque};

use steadfast_history::{
    ChannelCounts, ChannelInfo, FirstAnswer, HistoryConfig, HotCache, IdempotencyWindow, Page,
    PageLimit, ReservedEpochs,
};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Epoch, Since};
use xxhash_rust::xxh3::xxh3_64;

use super::channel::{KeptEvent, NatsChannel};
use super::entry::{ChannelStep, Event};
use super::plan::{PlannedEvent, publication};
use super::sweep::TOMBSTONE_MS;
use crate::update_bus::ChannelUpdate;

/// Nodes agree on the base of a new channel within such a window of the log's time: half of the
/// time that a tombstone stays.
const WINDOW_MS: u64 = TOMBSTONE_MS / 2;
/// Bases of deleted channels that are remembered.
const RETIRED_BASES_MAX: usize = 10_000;
/// How many expired idempotency keys are dropped for each new one.
const ANSWERS_EXPIRED_EACH: usize = 2;
/// Deleted channels whose last sequence number is remembered; for others the server is asked.
const TOMBSTONES_MAX: usize = 10_000;

/// The channels.
#[derive(Debug)]
pub(super) struct NatsTable {
    pub(super) config: HistoryConfig,
    pub(super) channels: BTreeMap<ChannelName, NatsChannel>,
    /// Idempotency keys; the scope of a key is the base of its channel.
    pub(super) answers: IdempotencyWindow<FirstAnswer>,
    pub(super) bytes: usize,
    pub(super) counts: ChannelCounts,
    /// Room taken by messages in flight.
    pub(super) in_flight: InFlight,
    /// Deleted channels, the sequence number of their tombstone, and when it was stored.
    pub(super) tombstones: BTreeMap<ChannelName, (u64, u64)>,
    /// Reserved bases: the epochs of channels that have no event yet.
    pub(super) reserved: ReservedEpochs<Box<str>>,
    /// Bases of deleted channels: a delayed message must not reserve one of them again.
    retired_bases: VecDeque<Box<str>>,
    /// The date of the last message of the log, by the server's clock.
    log_at: u64,
    /// Set if the last message contradicts the table: the base of its channel.
    pub(super) conflicting_base: Option<Box<str>>,
    fence: String,
    hot: HotCache,
}

/// Room taken by messages in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InFlight {
    pub(super) channels: usize,
    pub(super) keys: usize,
    pub(super) bytes: usize,
}

/// The position of a message in the log, and when it was stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogPosition {
    pub(super) seq: u64,
    pub(super) at: u64,
    /// The current date.
    pub(super) now: u64,
}

impl NatsTable {
    /// An empty table. `hot_bytes_max` bounds the events kept in memory.
    pub(super) fn new(config: HistoryConfig, hot_bytes_max: usize) -> Self {
        Self {
            channels: BTreeMap::new(),
            answers: IdempotencyWindow::new(&config),
            bytes: 0,
            counts: ChannelCounts::new(&config),
            in_flight: InFlight::default(),
            tombstones: BTreeMap::new(),
            reserved: ReservedEpochs::new(&config),
            retired_bases: VecDeque::new(),
            log_at: 0,
            conflicting_base: None,
            fence: String::new(),
            hot: HotCache::new(hot_bytes_max),
            config,
        }
    }

    /// Starts again under a new fence, because the log was replaced or lost events.
    pub(super) fn clear(&mut self, fence: &str) {
        let in_flight = self.in_flight;
        *self = Self::new(self.config.clone(), self.hot.bytes_max());
        self.in_flight = in_flight;
        fence.clone_into(&mut self.fence);
    }

    /// The epoch of a base.
    pub(super) fn epoch(&self, base: &str) -> Option<Epoch> {
        Epoch::new(&format!("{base}-{}", self.fence)).ok()
    }

    /// Applies one message of the log.
    pub(super) fn apply(
        &mut self,
        name: &ChannelName,
        place: LogPosition,
        step: ChannelStep<'_>,
    ) -> Vec<ChannelUpdate> {
        self.note_log_time(place.at);
        let mut updates = Vec::new();
        match step {
            ChannelStep::Forgotten => {
                self.forget(name, &mut updates);
                if self.tombstones.len() >= TOMBSTONES_MAX {
                    self.tombstones.pop_first();
                }
                self.tombstones.insert(name.clone(), (place.seq, place.at));
            }
            ChannelStep::KeptEvent { base, head } => {
                self.open(name, base, head, place, &mut updates);
            }
            ChannelStep::Events { base, first, events } => {
                let head = first.saturating_sub(1);
                if self.open(name, base, head, place, &mut updates).is_some() {
                    self.append(name, head, place, &events, &mut updates);
                    self.trim(name, place.now);
                }
            }
        }
        updates
    }

    /// Opens the channel of this base, creating it if it does not exist.
    fn open(
        &mut self,
        name: &ChannelName,
        base: &str,
        head: u64,
        place: LogPosition,
        updates: &mut Vec<ChannelUpdate>,
    ) -> Option<()> {
        if self.channels.get(name).is_some_and(|channel| *channel.base != *base) {
            self.forget(name, updates);
        }
        self.tombstones.remove(name);
        self.reserved.take(name);
        if let Some(channel) = self.channels.get_mut(name) {
            channel.follow(place.seq, place.at);
            return Some(());
        }
        let epoch = self.epoch(base)?;
        let channel = NatsChannel::new(base, epoch, head, place.seq, place.at);
        self.counts.add(name);
        self.channels.insert(name.clone(), channel);
        Some(())
    }

    fn append(
        &mut self,
        name: &ChannelName,
        head: u64,
        place: LogPosition,
        events: &[Event<'_>],
        updates: &mut Vec<ChannelUpdate>,
    ) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if head > channel.head() {
            // Events that may not be read any more were purged before this node read them.
            self.bytes -= channel.bytes();
            self.hot.free(channel.skip_to(head));
        } else if head < channel.head() {
            // The channel's last event was deleted, and a node that had not read it continued
            // before it. Readers may have got either event, so the channel restarts under a new
            // epoch.
            tracing::warn!(channel = name.as_str(), "an offset of a channel was assigned twice");
            self.conflicting_base = Some(channel.base.clone());
            return;
        }
        let needed_to = if events.iter().any(|event| event.key.is_some()) {
            place.at.saturating_add(self.answers.lasts().0)
        } else {
            0
        };
        for (nth, event) in (0..).zip(events) {
            let offset = channel.head() + 1;
            let publication = publication(name, &channel.epoch, offset, place.at, event);
            let size = publication.encoded.len();
            let (seq, at, replace) = (place.seq, place.at, event.replace.clone());
            let hot = self.hot.is_on().then(|| publication.clone());
            if hot.is_some() {
                self.hot.put(name.clone(), offset, size);
            }
            channel.take(KeptEvent { seq, nth, at, size, replace, needed_to, hot }, event.is_final);
            self.bytes += size;
            if let Some(key) = event.key {
                remember(&mut self.answers, &channel.base, key, (event.answer(offset), place));
            }
            updates.push(ChannelUpdate::Published(publication));
        }
        self.evict_hot();
    }

    fn forget(&mut self, name: &ChannelName, updates: &mut Vec<ChannelUpdate>) {
        if let Some(mut channel) = self.channels.remove(name) {
            self.counts.remove(name);
            if self.retired_bases.len() >= RETIRED_BASES_MAX {
                self.retired_bases.pop_front();
            }
            self.retired_bases.push_back(channel.base.as_ref().into());
            self.bytes -= channel.bytes();
            let head = channel.head();
            self.hot.free(channel.skip_to(head));
            updates.push(ChannelUpdate::Deleted(name.clone()));
        }
    }

    /// Forgets a channel whose last message was deleted; `last` is the one that is left, or 0.
    pub(super) fn lose(&mut self, name: &ChannelName, last: u64, now: u64) -> Vec<ChannelUpdate> {
        let mut updates = Vec::new();
        self.forget(name, &mut updates);
        self.tombstones.insert(name.clone(), (last, now));
        updates
    }

    /// Drops events of a channel beyond its retention.
    pub(super) fn trim(&mut self, name: &ChannelName, now: u64) {
        let retention = self.config.retention_of(name.namespace());
        if let Some(channel) = self.channels.get_mut(name) {
            let (freed, cooled) = channel.trim(&retention, now);
            self.bytes -= freed;
            self.hot.free(cooled);
        }
    }

    /// Drops the events of a channel up to this message, which the log does not have any more.
    pub(super) fn drop_to(&mut self, name: &ChannelName, seq: u64) {
        if let Some(channel) = self.channels.get_mut(name) {
            let (freed, cooled) = channel.drop_to(seq);
            self.bytes -= freed;
            self.hot.free(cooled);
        }
    }

    /// Drops expired events of up to `most` channels after `after`; returns the last one's name if
    /// there are more.
    pub(super) fn expire(
        &mut self,
        after: Option<&ChannelName>,
        most: usize,
        now: u64,
    ) -> Option<ChannelName> {
        self.answers.expire(Millis(now), most);
        self.reserved.expire(Millis(now));
        let names: Vec<ChannelName> =
            self.after(after).take(most).map(|(name, _)| name.clone()).collect();
        for name in &names {
            self.trim(name, now);
        }
        names.last().filter(|_| names.len() == most).cloned()
    }

    /// Plans the page after `since`; `None` if the channel does not exist.
    pub(super) fn plan_page(
        &mut self,
        name: &ChannelName,
        since: &Since,
        limit: PageLimit,
        now: u64,
    ) -> Option<Page<PlannedEvent>> {
        self.trim(name, now);
        Some(self.channels.get(name)?.plan(since, limit))
    }

    /// Reserves the base of a channel without events; returns it, and whether it is new.
    pub(super) fn reserve(
        &mut self,
        name: &ChannelName,
        spare: &str,
        now: u64,
    ) -> (Box<str>, bool) {
        if let Some(base) = self.reserved.read(Millis(now), name) {
            return (base, false);
        }
        let base = self.next_base(name, spare);
        self.reserved.put(Millis(now), name, base.clone());
        (base, true)
    }

    /// The base of a channel that is to be created. Nodes that have applied the same messages
    /// compute the same base without asking each other, because one node may publish the first
    /// event just after another node read the empty channel. The base was never used before: a
    /// deleted channel has a tombstone in the log for longer than a window, or its base is
    /// remembered here.
    pub(super) fn next_base(&self, name: &ChannelName, spare: &str) -> Box<str> {
        let hash = xxh3_64(name.as_str().as_bytes()) >> 16;
        let tombstone = self.tombstones.get(name).map_or(0, |(seq, _)| *seq);
        let base = format!("{hash:012x}-{:x}-{tombstone:x}", self.log_at / WINDOW_MS);
        if self.retired_bases.iter().any(|gone| **gone == *base) {
            spare.into()
        } else {
            base.into()
        }
    }

    /// Notes the date of a message of the log.
    pub(super) fn note_log_time(&mut self, at: u64) {
        self.log_at = self.log_at.max(at);
    }

    /// Takes over a base that another node reserved. Of two the lower one is valid, on every node.
    pub(super) fn accept_reserved(&mut self, name: &ChannelName, base: &str, now: u64) {
        let is_lower = self.reserved.get(name).is_none_or(|own| base < &**own);
        let is_used = || self.retired_bases.iter().any(|gone| **gone == *base);
        if is_lower && !self.channels.contains_key(name) && !is_used() {
            self.reserved.put(Millis(now), name, base.into());
        }
    }

    /// The description of a channel.
    pub(super) fn info(&self, name: &ChannelName) -> Option<ChannelInfo> {
        self.channels.get(name).map(|channel| channel.info(name))
    }

    /// Up to `limit` channels after `after`, in order of name.
    pub(super) fn list(&self, after: Option<&ChannelName>, limit: usize) -> Vec<ChannelInfo> {
        self.after(after).take(limit).map(|(name, channel)| channel.info(name)).collect()
    }

    /// The channels after `after`, in order of name.
    pub(super) fn after(
        &self,
        after: Option<&ChannelName>,
    ) -> impl Iterator<Item = (&ChannelName, &NatsChannel)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.channels.range::<ChannelName, _>((from, Unbounded))
    }

    /// Evicts hot events until the rest fits, oldest first.
    fn evict_hot(&mut self) {
        while let Some((name, offset)) = self.hot.pop_over() {
            if let Some(channel) = self.channels.get_mut(&name) {
                self.hot.free(channel.evict_hot(offset));
            }
        }
    }
}

/// Remembers the answer to an idempotency key, unless it has expired since the message was stored.
fn remember(
    answers: &mut IdempotencyWindow<FirstAnswer>,
    base: &str,
    key: &str,
    (first, place): (FirstAnswer, LogPosition),
) {
    let (at, now) = (Millis(place.at), Millis(place.now));
    answers.expire(now, ANSWERS_EXPIRED_EACH);
    if answers.is_given(at, now) {
        answers.remember(at, (base.as_bytes(), key), first, ());
    }
}
