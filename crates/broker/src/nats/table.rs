//! All channels as the log tells them, in memory: every node reads the whole log and has the same
//! table. In: the log's messages, one by one. Out: news of what they changed, pages, numbers. It
//! waits for nothing.

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
use super::sweep::TOMB_MS;
use crate::update_bus::ChannelUpdate;

/// Nodes agree on the base of a channel to come within such a part of the log's time: half of what
/// the message stays that says that a channel is gone.
const WINDOW_MS: u64 = TOMB_MS / 2;
/// Bases of forgotten channels that are remembered.
const GONE_MAX: usize = 10_000;
/// How many expired answers go for one that comes.
const ANSWERS_EXPIRED_EACH: usize = 2;
/// Forgotten channels whose last message is remembered; the others' is asked for.
const TOMBS_MAX: usize = 10_000;

/// The channels.
#[derive(Debug)]
pub(super) struct NatsTable {
    pub(super) config: HistoryConfig,
    pub(super) channels: BTreeMap<ChannelName, NatsChannel>,
    /// The scope of a key is the base of its channel.
    pub(super) answers: IdempotencyWindow<FirstAnswer>,
    pub(super) bytes: usize,
    pub(super) counts: ChannelCounts,
    /// What is on its way to the log.
    pub(super) promised: Promised,
    /// Channels that are gone, the message that says so, and when that came.
    pub(super) tombs: BTreeMap<ChannelName, (u64, u64)>,
    /// Bases of the epochs that the first events of channels to come will have.
    pub(super) reserved: ReservedEpochs<Box<str>>,
    /// The bases of channels that are gone: no message that was late reserves one of them again.
    gone: VecDeque<Box<str>>,
    /// The date of the newest message of the log, by the server's clock.
    log_at: u64,
    /// The base of the channel of the last message, where that cannot follow on what is known.
    pub(super) at_odds: Option<Box<str>>,
    fence: String,
    hot: HotCache,
}

/// Room that is taken by what is on its way.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Promised {
    pub(super) channels: usize,
    pub(super) keys: usize,
    pub(super) bytes: usize,
}

/// Where a message stands in the log, and when it came there.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogPosition {
    pub(super) seq: u64,
    pub(super) at: u64,
    /// The date now.
    pub(super) now: u64,
}

impl NatsTable {
    /// No channels yet. `hot_bytes_max` bounds the events in memory.
    pub(super) fn new(config: HistoryConfig, hot_bytes_max: usize) -> Self {
        Self {
            channels: BTreeMap::new(),
            answers: IdempotencyWindow::new(&config),
            bytes: 0,
            counts: ChannelCounts::new(&config),
            promised: Promised::default(),
            tombs: BTreeMap::new(),
            reserved: ReservedEpochs::new(&config),
            gone: VecDeque::new(),
            log_at: 0,
            at_odds: None,
            fence: String::new(),
            hot: HotCache::new(hot_bytes_max),
            config,
        }
    }

    /// The log is another one, or not what it was: begins anew, under this fence.
    pub(super) fn clear(&mut self, fence: &str) {
        let promised = self.promised;
        *self = Self::new(self.config.clone(), self.hot.bytes_max());
        self.promised = promised;
        fence.clone_into(&mut self.fence);
    }

    /// The epoch of a base.
    pub(super) fn epoch(&self, base: &str) -> Option<Epoch> {
        Epoch::new(&format!("{base}-{}", self.fence)).ok()
    }

    /// Takes in one message of the log.
    pub(super) fn apply(
        &mut self,
        name: &ChannelName,
        place: LogPosition,
        step: ChannelStep<'_>,
    ) -> Vec<ChannelUpdate> {
        self.has_read(place.at);
        let mut news = Vec::new();
        match step {
            ChannelStep::Forgotten => {
                self.forget(name, &mut news);
                if self.tombs.len() >= TOMBS_MAX {
                    self.tombs.pop_first();
                }
                self.tombs.insert(name.clone(), (place.seq, place.at));
            }
            ChannelStep::KeptEvent { base, head } => {
                self.open(name, base, head, place, &mut news);
            }
            ChannelStep::Events { base, first, events } => {
                let head = first.saturating_sub(1);
                if self.open(name, base, head, place, &mut news).is_some() {
                    self.append(name, head, place, &events, &mut news);
                    self.trim(name, place.now);
                }
            }
        }
        news
    }

    /// The channel, which is made where there is none of this base.
    fn open(
        &mut self,
        name: &ChannelName,
        base: &str,
        head: u64,
        place: LogPosition,
        news: &mut Vec<ChannelUpdate>,
    ) -> Option<()> {
        if self.channels.get(name).is_some_and(|channel| *channel.base != *base) {
            self.forget(name, news);
        }
        self.tombs.remove(name);
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
        news: &mut Vec<ChannelUpdate>,
    ) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        if head > channel.head() {
            // The log dropped what nobody is given any more before this node had read it.
            self.bytes -= channel.bytes();
            self.hot.free(channel.skip_to(head));
        } else if head < channel.head() {
            // Its newest event was taken out of the log, and a node that had not read that goes on
            // before it. Nobody can tell who was given which: the channel begins anew.
            tracing::warn!(channel = name.as_str(), "an offset of a channel was given twice");
            self.at_odds = Some(channel.base.clone());
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
            news.push(ChannelUpdate::Published(publication));
        }
        self.cool();
    }

    fn forget(&mut self, name: &ChannelName, news: &mut Vec<ChannelUpdate>) {
        if let Some(mut channel) = self.channels.remove(name) {
            self.counts.remove(name);
            if self.gone.len() >= GONE_MAX {
                self.gone.pop_front();
            }
            self.gone.push_back(channel.base.as_ref().into());
            self.bytes -= channel.bytes();
            let head = channel.head();
            self.hot.free(channel.skip_to(head));
            news.push(ChannelUpdate::Deleted(name.clone()));
        }
    }

    /// A channel is not what it was: the newest message about it is this one, or none (0).
    pub(super) fn lose(&mut self, name: &ChannelName, last: u64, now: u64) -> Vec<ChannelUpdate> {
        let mut news = Vec::new();
        self.forget(name, &mut news);
        self.tombs.insert(name.clone(), (last, now));
        news
    }

    /// Drops what a channel keeps over its limits.
    pub(super) fn trim(&mut self, name: &ChannelName, now: u64) {
        let retention = self.config.retention_of(name.namespace());
        if let Some(channel) = self.channels.get_mut(name) {
            let (freed, cooled) = channel.trim(&retention, now);
            self.bytes -= freed;
            self.hot.free(cooled);
        }
    }

    /// The log does not have this message of a channel any more, nor those before it.
    pub(super) fn is_dropped(&mut self, name: &ChannelName, seq: u64) {
        if let Some(channel) = self.channels.get_mut(name) {
            let (freed, cooled) = channel.drop_to(seq);
            self.bytes -= freed;
            self.hot.free(cooled);
        }
    }

    /// Drops what has grown too old in `most` channels after `after`; the last one's name where
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

    /// The page after `since`; nothing where there is no such channel.
    pub(super) fn look(
        &mut self,
        name: &ChannelName,
        since: &Since,
        limit: PageLimit,
        now: u64,
    ) -> Option<Page<PlannedEvent>> {
        self.trim(name, now);
        Some(self.channels.get(name)?.plan(since, limit))
    }

    /// The base that a name without events has, and whether it is new: `spare` then.
    pub(super) fn reserve(
        &mut self,
        name: &ChannelName,
        spare: &str,
        now: u64,
    ) -> (Box<str>, bool) {
        if let Some(base) = self.reserved.read(Millis(now), name) {
            return (base, false);
        }
        let base = self.base_to_come(name, spare);
        self.reserved.put(Millis(now), name, base.clone());
        (base, true)
    }

    /// The base of a channel to come, which nodes that stand at the same place of the log agree on
    /// without asking: its first event may be published by one node a moment after another node
    /// has a reader. It is none that the channel had before: one that is gone has left a message in
    /// the log, for longer than a window of the log's own time is, or is remembered here.
    pub(super) fn base_to_come(&self, name: &ChannelName, spare: &str) -> Box<str> {
        let hash = xxh3_64(name.as_str().as_bytes()) >> 16;
        let tomb = self.tombs.get(name).map_or(0, |(seq, _)| *seq);
        let base = format!("{hash:012x}-{:x}-{tomb:x}", self.log_at / WINDOW_MS);
        if self.gone.iter().any(|gone| **gone == *base) { spare.into() } else { base.into() }
    }

    /// The log has a message of this date.
    pub(super) fn has_read(&mut self, at: u64) {
        self.log_at = self.log_at.max(at);
    }

    /// Another node has reserved a base for a name. Of two the lower one holds, on every node.
    pub(super) fn hear_reserved(&mut self, name: &ChannelName, base: &str, now: u64) {
        let is_lower = self.reserved.get(name).is_none_or(|own| base < &**own);
        let is_used = || self.gone.iter().any(|gone| **gone == *base);
        if is_lower && !self.channels.contains_key(name) && !is_used() {
            self.reserved.put(Millis(now), name, base.into());
        }
    }

    /// What is known of a channel.
    pub(super) fn info(&self, name: &ChannelName) -> Option<ChannelInfo> {
        self.channels.get(name).map(|channel| channel.info(name))
    }

    /// Channels in order of name, after `after`, `limit` at most.
    pub(super) fn list(&self, after: Option<&ChannelName>, limit: usize) -> Vec<ChannelInfo> {
        self.after(after).take(limit).map(|(name, channel)| channel.info(name)).collect()
    }

    /// Channels in order of name, after `after`.
    pub(super) fn after(
        &self,
        after: Option<&ChannelName>,
    ) -> impl Iterator<Item = (&ChannelName, &NatsChannel)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.channels.range::<ChannelName, _>((from, Unbounded))
    }

    /// Lets go of hot events until the rest fits, oldest first.
    fn cool(&mut self) {
        while let Some((name, offset)) = self.hot.pop_over() {
            if let Some(channel) = self.channels.get_mut(&name) {
                self.hot.free(channel.cool(offset));
            }
        }
    }
}

/// Remembers the answer to a key, unless the log is read so late that it has expired.
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
