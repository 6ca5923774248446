//! All channels of a disk broker in memory: their states, and hot events. In: committed changes,
//! and reads. Out: pages, or what to read from the store. It never waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use steadfast_history::{
    ChannelCounts, ChannelInfo, EpochMaker, ExpiredKey, FirstAnswer, ForgetRule, HistoryConfig,
    HistoryShares, HotCache, IdempotencyWindow, Page, PageLimit, Publication, PublishError,
    ReadError, ReservedEpochs, ReservedTotals, Retention, YieldTotals,
};
use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelName, Epoch, Position, Since};

use super::channel::DiskChannel;
use super::commit_builder::CommitTotals;
use super::page::StoreRead;
use super::record::{AnsweredKey, ChannelKey, ChannelNumbers};

/// The channels.
#[derive(Debug)]
pub(super) struct DiskTable {
    config: HistoryConfig,
    channels: BTreeMap<ChannelName, DiskChannel>,
    reserved: ReservedEpochs<Epoch>,
    pub(super) era: FenceEra,
    /// Idempotency keys; the scope of a key is its channel's id.
    answers: IdempotencyWindow<KeptAnswer, ChannelKey>,
    epochs: EpochMaker,
    ids: ChannelIds,
    /// Channels that the store does not have yet, or not under their current epoch.
    unsaved: Vec<ChannelName>,
    shares: HistoryShares,
    counts: ChannelCounts,
    pub(super) yields: YieldTotals,
    hot: HotCache,
}

/// Creates ids of channels that are unique over all processes.
#[derive(Debug)]
struct ChannelIds {
    seed: u64,
    made: u64,
}

/// A period in which no channel was deleted: the store's fence, and the count of deleted channels.
/// An epoch that was reserved in this era, even before a restart, is not used by any event.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FenceEra {
    pub(super) fence: u64,
    pub(super) gone: u64,
}

/// An answer to an idempotency key.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeptAnswer {
    pub(super) first: FirstAnswer,
    /// Whether it has a key of its own in the store: its event is not kept any more.
    pub(super) is_written: bool,
}

/// Where a page comes from.
#[derive(Debug)]
pub(super) enum PageSource {
    /// From memory.
    Hot(Page),
    /// From the store.
    Cold(StoreRead),
}

impl ChannelIds {
    /// An id for a channel's events.
    const fn next(&mut self) -> u64 {
        self.made += 1;
        (self.seed << 32) | (self.made & 0xffff_ffff)
    }
}

impl FenceEra {
    /// The suffix of reserved epochs.
    fn mark(self) -> String {
        format!("-{:x}_{:x}", self.fence, self.gone)
    }

    /// The epoch of a name that has no events in this era.
    fn reserve(self, epochs: &EpochMaker) -> Option<Epoch> {
        Epoch::new(&format!("{}{}", epochs.base(), self.mark())).ok()
    }

    /// An epoch that was reserved for a reader before this process began.
    fn reserved(self, since: &Since) -> Option<Epoch> {
        let Since::After(Position { epoch, offset: 0 }) = since else { return None };
        epoch.as_str().ends_with(&self.mark()).then(|| epoch.clone())
    }
}

impl DiskTable {
    /// An empty table. `hot_bytes_max` bounds the events kept in memory.
    pub(super) fn new(config: HistoryConfig, hot_bytes_max: usize) -> Self {
        let answers = IdempotencyWindow::new(&config);
        Self {
            epochs: EpochMaker::new(config.epoch_seed),
            ids: ChannelIds { seed: config.epoch_seed, made: 0 },
            reserved: ReservedEpochs::new(&config),
            shares: HistoryShares::new(&config),
            counts: ChannelCounts::new(&config),
            yields: YieldTotals::default(),
            era: FenceEra::default(),
            config,
            channels: BTreeMap::new(),
            answers,
            unsaved: Vec::new(),
            hot: HotCache::new(hot_bytes_max),
        }
    }

    /// Adds a channel that the store has.
    pub(super) fn load(&mut self, name: ChannelName, numbers: ChannelNumbers, now: Millis) {
        self.put(name, DiskChannel::new(numbers, true, now));
    }

    /// Adds a channel that the store does not have, with its earlier state.
    pub(super) fn load_unsaved(&mut self, name: ChannelName, numbers: ChannelNumbers, now: Millis) {
        self.unsaved.push(name.clone());
        self.put(name, DiskChannel::new(numbers, false, now));
    }

    fn put(&mut self, name: ChannelName, channel: DiskChannel) {
        self.shares.resize(&name, 0, size(channel.numbers().bytes));
        self.counts.add(&name);
        self.channels.insert(name, channel);
    }

    /// The retention of a channel.
    pub(super) fn retention(&self, channel: &ChannelName) -> Retention {
        self.config.retention_of(channel.namespace())
    }

    /// The source of epochs.
    pub(super) const fn epochs(&self) -> &EpochMaker {
        &self.epochs
    }

    /// Bytes of all events kept.
    pub(super) const fn bytes(&self) -> u64 {
        self.shares.bytes() as u64
    }

    /// Which channels make room for so many bytes, and how many bytes are evicted from each; none
    /// if there is room. `most` bounds the sum.
    pub(super) fn evictions(&mut self, bytes: u64, most: u64) -> Vec<(ChannelName, u64)> {
        let over = (self.bytes() + bytes).saturating_sub(self.config.bytes_total_max as u64);
        let channels = &self.channels;
        let has =
            |name: &ChannelName| channels.get(name).map_or(0, |one| size(one.numbers().bytes));
        let plan = self.shares.plan(size(over.min(most)), has);
        plan.into_iter().map(|(name, bytes)| (name, bytes as u64)).collect()
    }

    /// The limits over all channels.
    pub(super) fn totals(&self) -> CommitTotals {
        CommitTotals {
            bytes: self.bytes(),
            bytes_max: self.config.bytes_total_max,
            keys_max: self.config.idempotency_keys_max,
            keys_room: self.answers.room(),
            keys_last_ms: self.answers.lasts().0,
        }
    }

    /// How many channels there are.
    pub(super) fn len(&self) -> usize {
        self.channels.len()
    }

    /// Opens a channel, creating it if it does not exist.
    pub(super) fn open(
        &mut self,
        name: &ChannelName,
        now: Millis,
    ) -> Result<&DiskChannel, PublishError> {
        if !self.channels.contains_key(name) {
            self.counts.check(name, 0)?;
            let id = self.ids.next();
            let epoch = self.reserved.take(name).or_else(|| self.epochs.epoch());
            let epoch = epoch.ok_or(PublishError::Unavailable)?;
            let (first, head, bytes, oldest_at) = (1, 0, 0, 0);
            let numbers =
                ChannelNumbers { id, epoch, first, head, bytes, oldest_at, is_final: false };
            self.put(name.clone(), DiskChannel::new(numbers, false, now));
        }
        match self.channels.get_mut(name) {
            Some(channel) => {
                channel.touch(now);
                Ok(channel)
            }
            None => Err(PublishError::Unavailable),
        }
    }

    /// Removes a channel that was opened for an event which was not stored.
    pub(super) fn close(&mut self, name: &ChannelName, now: Millis) {
        let is_empty = |channel: &DiskChannel| !channel.is_saved && channel.numbers().head == 0;
        if self.channels.get(name).is_some_and(is_empty)
            && let Some(numbers) = self.remove(name)
        {
            self.reserved.put(now, name, numbers.epoch);
        }
    }

    /// Notes that a channel is followed: it counts as used, and without events its reserved epoch
    /// is kept.
    pub(super) fn keep(&mut self, name: &ChannelName, now: Millis) {
        match self.channels.get_mut(name) {
            Some(channel) => channel.touch(now),
            None => drop(self.reserved.keep(now, name)),
        }
    }

    /// How long unused channels of a namespace are kept.
    pub(super) fn forget_rule(&self, namespace: &str) -> ForgetRule {
        self.counts.forget_rule(namespace)
    }

    /// How many epochs are reserved for names without events.
    pub(super) fn reserved_epochs(&self) -> ReservedTotals {
        self.reserved.totals()
    }

    /// Drops expired reserved epochs.
    pub(super) fn expire_reserved(&mut self, now: Millis) {
        self.reserved.expire(now);
    }

    /// The page after `since`, or how to read it. Reading a name does not create a channel.
    pub(super) fn look(
        &mut self,
        name: &ChannelName,
        since: &Since,
        limit: PageLimit,
        now: Millis,
    ) -> Result<PageSource, ReadError> {
        let Some(channel) = self.channels.get_mut(name) else {
            let known = self.reserved.read(now, name).or_else(|| self.era.reserved(since));
            let epoch = known.or_else(|| self.era.reserve(&self.epochs));
            let epoch = epoch.ok_or(ReadError::Unavailable)?;
            self.reserved.put(now, name, epoch.clone());
            return Ok(PageSource::Hot(Page::of_nothing(since, epoch)));
        };
        channel.touch(now);
        let (start, gap) = channel.start(since);
        if let Some(page) = channel.hot_page(start, gap.as_ref(), limit) {
            return Ok(PageSource::Hot(page));
        }
        let numbers = channel.numbers().clone();
        Ok(PageSource::Cold(StoreRead { channel: name.clone(), numbers, start, gap, limit }))
    }

    /// The answer to an idempotency key of the channel with this id.
    pub(super) fn find_answer(&self, at: Millis, id: u64, key: &str) -> Option<FirstAnswer> {
        self.answers.find(at, &id.to_be_bytes(), key).map(|answer| answer.first)
    }

    /// Remembers the answer to an idempotency key. Calls are in order of time.
    pub(super) fn remember(&mut self, AnsweredKey { at, of }: AnsweredKey, answer: KeptAnswer) {
        let (scope, key) = (of.channel.to_be_bytes(), of.key.clone());
        self.answers.remember(at, (&scope, &key), answer, of);
    }

    /// Notes that the answer has a key of its own in the store.
    pub(super) fn is_written(&mut self, AnsweredKey { at, of }: &AnsweredKey) {
        let scope = of.channel.to_be_bytes();
        if let Some(answer) = self.answers.answer_mut(*at, &scope, &of.key) {
            answer.is_written = true;
        }
    }

    /// How long answers are remembered.
    pub(super) const fn answers_last(&self) -> Span {
        self.answers.lasts()
    }

    /// Removes up to `most` expired answers; returns how many, and the keys of those that have one
    /// of their own in the store.
    pub(super) fn expire_answers(&mut self, now: u64, most: usize) -> (usize, Vec<AnsweredKey>) {
        let (mut count, mut written) = (0, Vec::new());
        while count < most
            && let Some(ExpiredKey { at, kept: of, answer }) = self.answers.pop_expired(Millis(now))
        {
            count += 1;
            if answer.is_some_and(|answer| answer.is_written) {
                written.push(AnsweredKey { at, of });
            }
        }
        (count, written)
    }

    /// The state of a channel, if it exists.
    pub(super) fn numbers(&self, name: &ChannelName) -> Option<&ChannelNumbers> {
        self.channels.get(name).map(DiskChannel::numbers)
    }

    /// Whether the store has the channel under its current epoch.
    pub(super) fn is_saved(&self, name: &ChannelName) -> bool {
        self.channels.get(name).is_some_and(|channel| channel.is_saved)
    }

    /// Takes over the state of a channel after a commit; `events` are new and hot.
    pub(super) fn take_over(
        &mut self,
        name: &ChannelName,
        numbers: ChannelNumbers,
        events: Vec<Arc<Publication>>,
    ) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        self.shares.resize(name, size(channel.numbers().bytes), size(numbers.bytes));
        for event in &events {
            self.hot.put(name.clone(), event.offset, event.encoded.len());
        }
        self.hot.free(channel.take_over(numbers, events));
        self.cool();
    }

    /// Removes a channel; returns its state.
    pub(super) fn remove(&mut self, name: &ChannelName) -> Option<ChannelNumbers> {
        let mut channel = self.channels.remove(name)?;
        self.counts.remove(name);
        while channel.hot_from().is_some() {
            self.hot.free(channel.cool());
        }
        let numbers = channel.numbers().clone();
        self.shares.resize(name, size(numbers.bytes), 0);
        Some(numbers)
    }

    /// Takes some channels that the store does not have, with their states, to be saved now; `None`
    /// if there are none.
    pub(super) fn take_unsaved(
        &mut self,
        most: usize,
    ) -> Option<Vec<(ChannelName, ChannelNumbers)>> {
        let from = self.unsaved.len().saturating_sub(most);
        let names = self.unsaved.split_off(from);
        if names.is_empty() {
            return None;
        }
        let mut found = Vec::new();
        for name in names {
            // A publish may have saved it, or it may have been deleted.
            if let Some(channel) = self.channels.get_mut(&name).filter(|one| !one.is_saved) {
                channel.is_saved = true;
                found.push((name, channel.numbers().clone()));
            }
        }
        Some(found)
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
    ) -> impl Iterator<Item = (&ChannelName, &DiskChannel)> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.channels.range::<ChannelName, _>((from, Unbounded))
    }

    /// Evicts hot events until the rest fits, oldest first.
    fn cool(&mut self) {
        while let Some((name, offset)) = self.hot.pop_over() {
            if let Some(channel) = self.channels.get_mut(&name)
                && channel.hot_from() == Some(offset)
            {
                self.hot.free(channel.cool());
            }
        }
    }
}

/// Bytes as the shares count them.
fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
