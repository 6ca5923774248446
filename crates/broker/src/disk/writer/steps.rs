//! The writer's maintenance between requests, in bounded steps: saves channels with a new epoch,
//! drops events beyond the retention, and removes the events of deleted channels. It does not wait
//! for the disk: after a crash it is done again.

use std::collections::BTreeSet;

use steadfast_history::ForgetRule;
use steadfast_protocol::ChannelName;

use super::DiskWriter;
use crate::disk::commit_builder::{CommitBuilder, CommitTerms};
use crate::disk::load::{GONE_MARK, put_mark};
use crate::disk::record;
use crate::disk::store::{Store, StoreError, Sync};
use crate::disk::trim::is_over;

/// Bytes that are dropped in one step while all channels together exceed their limit.
const YIELD_BYTES: u64 = 1024 * 1024;
/// Channels examined, or keys written, in one step.
const STEP: usize = 1_000;

/// The maintenance that is left to do.
#[derive(Debug)]
pub(super) struct Maintenance {
    /// Channels that exceed their retention.
    pub(super) over: BTreeSet<ChannelName>,
    /// Ids of deleted channels whose events are to be removed.
    tombstones: Vec<u64>,
    ageing: Ageing,
}

/// The progress of the search for expired events over all channels.
#[derive(Debug)]
enum Ageing {
    Idle,
    /// Channels after this one are left, or all of them.
    After(Option<ChannelName>),
}

impl Maintenance {
    pub(super) const fn new(tombstones: Vec<u64>) -> Self {
        Self { over: BTreeSet::new(), tombstones, ageing: Ageing::Idle }
    }

    pub(super) fn add_deleted(&mut self, id: u64) {
        self.tombstones.push(id);
    }

    pub(super) fn look_for_age(&mut self) {
        if matches!(self.ageing, Ageing::Idle) {
            self.ageing = Ageing::After(None);
        }
    }
}

impl DiskWriter {
    /// Does one step; false if nothing is left to do, or the store accepts no writes.
    pub(super) fn step(&mut self) -> bool {
        if !self.health.is_sound() {
            return false;
        }
        let Some(store) = self.shared.handle.store() else { return false };
        let steps = [
            Self::save_new,
            Self::trim_one,
            Self::yield_some,
            Self::forget_old,
            Self::forget_answers,
            Self::remove_deleted,
        ];
        for step in steps {
            match step(self, &store) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => {
                    self.fail(&error);
                    return false;
                }
            }
        }
        false
    }

    /// Saves channels that the store does not have.
    fn save_new(&mut self, store: &Store) -> Result<bool, StoreError> {
        let unsaved = self.shared.table.lock().take_unsaved(STEP);
        let Some(unsaved) = unsaved else { return Ok(false) };
        let mut batch = store.batch();
        for (name, numbers) in &unsaved {
            batch.put(record::channel_key(name), numbers.to_bytes(self.fence));
        }
        batch.commit(Sync::Later)?;
        Ok(true)
    }

    /// Drops some events of one channel that exceeds its retention.
    fn trim_one(&mut self, store: &Store) -> Result<bool, StoreError> {
        let Some(name) = self.maintenance.over.pop_first() else { return Ok(false) };
        let times = self.shared.times;
        let (found, totals) = {
            let table = self.shared.table.lock();
            let found = table.numbers(&name).cloned().zip(Some(table.retention(&name)));
            (found, table.totals())
        };
        let Some((numbers, retention)) = found else { return Ok(true) };
        let now = times.at(times.clock.now());
        let terms = CommitTerms { now, time: times.clock.date(), fence: self.fence, totals };
        let mut builder = CommitBuilder::new(store, &mut self.oldest_events, terms);
        builder.begin(&name, numbers, true, retention);
        builder.trim(&name, STEP)?;
        let (batch, outcome) = builder.finish();
        batch.commit(Sync::Later)?;
        self.apply(outcome);
        Ok(true)
    }

    /// Drops some of the oldest events of the largest channels if all together exceed the limit, as
    /// after the limit was lowered.
    fn yield_some(&mut self, store: &Store) -> Result<bool, StoreError> {
        let times = self.shared.times;
        let now = times.at(times.clock.now());
        let mut table = self.shared.table.lock();
        let evictions = table.evictions(0, YIELD_BYTES);
        if evictions.is_empty() {
            return Ok(false);
        }
        let (time, totals) = (times.clock.date(), table.totals());
        let terms = CommitTerms { now, time, fence: self.fence, totals };
        let mut builder = CommitBuilder::new(store, &mut self.oldest_events, terms);
        for (channel, _) in &evictions {
            if let Some(numbers) = table.numbers(channel).cloned() {
                builder.begin(channel, numbers, table.is_saved(channel), table.retention(channel));
            }
        }
        drop(table);
        let mut most = STEP;
        for (channel, mut left) in evictions {
            while most > 0
                && left > 0
                && let Some(given) = builder.give_oldest(&channel)?
            {
                (most, left) = (most - 1, left.saturating_sub(given));
            }
        }
        let (batch, outcome) = builder.finish();
        batch.commit(Sync::Later)?;
        self.apply(outcome);
        Ok(true)
    }

    /// Examines some channels for expired events, and deletes unused empty ones.
    fn forget_old(&mut self, store: &Store) -> Result<bool, StoreError> {
        let ageing = std::mem::replace(&mut self.maintenance.ageing, Ageing::Idle);
        let Ageing::After(after) = ageing else { return Ok(false) };
        let times = self.shared.times;
        let now = times.clock.now();
        let mut table = self.shared.table.lock();
        let (mut seen, mut last, mut idle, mut early) = (0, None, Vec::new(), 0);
        for (name, channel) in table.after(after.as_ref()).take(STEP) {
            (seen, last) = (seen + 1, Some(name));
            if is_over(channel.numbers(), &table.retention(name), times.at(now)) {
                self.maintenance.over.insert(name.clone());
                continue;
            }
            let (is_empty, unused) = (channel.numbers().events() == 0, channel.idle(now));
            if table.forget_rule(name.namespace()).lets_go(is_empty, unused) {
                idle.push((name.clone(), channel.numbers().id, is_empty));
                early += u64::from(ForgetRule::is_early(is_empty, unused));
            }
        }
        if seen == STEP {
            self.maintenance.ageing = Ageing::After(last.cloned());
        }
        let mut batch = store.batch();
        table.era.gone += idle.len() as u64;
        if !idle.is_empty() {
            put_mark(&mut batch, GONE_MARK, table.era.gone);
        }
        table.yields.has_forgotten(now, early);
        for (name, id, is_empty) in idle {
            table.remove(&name);
            batch.remove(record::channel_key(&name));
            if !is_empty {
                batch.put(record::tombstone_key(id), []);
                self.oldest_events.forget(id);
                self.maintenance.add_deleted(id);
            }
        }
        drop(table);
        batch.commit(Sync::Later)?;
        Ok(true)
    }

    /// Removes expired idempotency keys.
    fn forget_answers(&mut self, store: &Store) -> Result<bool, StoreError> {
        let times = self.shared.times;
        let now = times.at(times.clock.now());
        let (count, written) = self.shared.table.lock().expire_answers(now, STEP);
        let mut batch = store.batch();
        for answer in &written {
            batch.remove(record::answer_key(answer));
        }
        batch.commit(Sync::Later)?;
        Ok(count > 0)
    }

    /// Removes some events of a deleted channel.
    fn remove_deleted(&mut self, store: &Store) -> Result<bool, StoreError> {
        let Some(id) = self.maintenance.tombstones.last().copied() else { return Ok(false) };
        let prefixes = record::prefixes_of(id);
        let mut batch = store.batch();
        for pair in prefixes.iter().flat_map(|prefix| store.under(prefix)).take(STEP) {
            batch.remove(&*pair?.0);
        }
        if batch.is_empty() {
            batch.remove(record::tombstone_key(id));
            self.maintenance.tombstones.pop();
        }
        batch.commit(Sync::Later)?;
        Ok(true)
    }

    /// The work that is due every few seconds.
    pub(super) fn tick(&mut self) {
        self.maintenance.look_for_age();
        self.shared.table.lock().expire_reserved(self.shared.times.clock.now());
        if self.sound_store().is_some() {
            self.health.calm();
        }
        self.folder.sync_acked();
        self.look_at_disk();
    }

    /// Notes the store's size on disk.
    pub(super) fn look_at_disk(&self) {
        if let Some(store) = self.shared.handle.store() {
            self.shared.tally.set_bytes_on_disk(store.bytes_on_disk());
        }
    }
}
