//! What the writer does between requests, a bounded step at a time: writes down channels that
//! have a new epoch, drops what has grown too old or too much, and removes what was forgotten.
//! Nothing of it waits for the disk: a crash has it done again.

use std::collections::BTreeSet;

use steadfast_history::ForgetRule;
use steadfast_protocol::ChannelName;

use super::DiskWriter;
use crate::disk::commit_builder::{CommitBuilder, CommitTerms};
use crate::disk::load::{GONE_MARK, put_mark};
use crate::disk::record;
use crate::disk::store::{Store, StoreError, Sync};
use crate::disk::trim::is_over;

/// Bytes that channels give in one step, where all keep more than they may.
const YIELD_BYTES: u64 = 1024 * 1024;
/// Channels looked at, or keys written, in one step.
const STEP: usize = 1_000;

/// What is left to do.
#[derive(Debug)]
pub(super) struct Chores {
    /// Channels that keep too much.
    pub(super) over: BTreeSet<ChannelName>,
    /// Ids whose events are to go.
    graves: Vec<u64>,
    ageing: Ageing,
}

/// Whether all channels are being looked at for what has grown old.
#[derive(Debug)]
enum Ageing {
    Rests,
    /// Those behind this one are to be looked at, or all of them.
    Behind(Option<ChannelName>),
}

impl Chores {
    pub(super) const fn new(graves: Vec<u64>) -> Self {
        Self { over: BTreeSet::new(), graves, ageing: Ageing::Rests }
    }

    pub(super) fn bury(&mut self, id: u64) {
        self.graves.push(id);
    }

    pub(super) fn look_for_age(&mut self) {
        if matches!(self.ageing, Ageing::Rests) {
            self.ageing = Ageing::Behind(None);
        }
    }
}

impl DiskWriter {
    /// One step of what is left to do; false where nothing is, or the store takes nothing.
    pub(super) fn step(&mut self) -> bool {
        if !self.health.is_sound() {
            return false;
        }
        let Some(store) = self.shared.handle.store() else { return false };
        let chores = [
            Self::save_new,
            Self::trim_one,
            Self::yield_some,
            Self::forget_old,
            Self::forget_answers,
            Self::bury,
        ];
        for chore in chores {
            match chore(self, &store) {
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

    /// Writes down channels that the store does not know.
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

    /// Drops some of what one channel keeps too much.
    fn trim_one(&mut self, store: &Store) -> Result<bool, StoreError> {
        let Some(name) = self.chores.over.pop_first() else { return Ok(false) };
        let times = self.shared.times;
        let (found, totals) = {
            let table = self.shared.table.lock();
            let found = table.numbers(&name).cloned().zip(Some(table.retention(&name)));
            (found, table.totals())
        };
        let Some((numbers, retention)) = found else { return Ok(true) };
        let now = times.at(times.clock.now());
        let terms = CommitTerms { now, time: times.clock.date(), fence: self.fence, totals };
        let mut draft = CommitBuilder::new(store, &mut self.fronts, terms);
        draft.begin(&name, numbers, true, retention);
        draft.trim(&name, STEP)?;
        let (batch, outcome) = draft.finish();
        batch.commit(Sync::Later)?;
        self.apply(outcome);
        Ok(true)
    }

    /// Drops some of the oldest events of the largest channels, where all keep more than they may:
    /// the limit was lowered.
    fn yield_some(&mut self, store: &Store) -> Result<bool, StoreError> {
        let times = self.shared.times;
        let now = times.at(times.clock.now());
        let mut table = self.shared.table.lock();
        let givers = table.givers(0, YIELD_BYTES);
        if givers.is_empty() {
            return Ok(false);
        }
        let (time, totals) = (times.clock.date(), table.totals());
        let terms = CommitTerms { now, time, fence: self.fence, totals };
        let mut draft = CommitBuilder::new(store, &mut self.fronts, terms);
        for (giver, _) in &givers {
            if let Some(numbers) = table.numbers(giver).cloned() {
                draft.begin(giver, numbers, table.is_saved(giver), table.retention(giver));
            }
        }
        drop(table);
        let mut most = STEP;
        for (giver, mut left) in givers {
            while most > 0
                && left > 0
                && let Some(given) = draft.give_oldest(&giver)?
            {
                (most, left) = (most - 1, left.saturating_sub(given));
            }
        }
        let (batch, outcome) = draft.finish();
        batch.commit(Sync::Later)?;
        self.apply(outcome);
        Ok(true)
    }

    /// Looks at some channels: which keep what is too old, and which are forgotten.
    fn forget_old(&mut self, store: &Store) -> Result<bool, StoreError> {
        let ageing = std::mem::replace(&mut self.chores.ageing, Ageing::Rests);
        let Ageing::Behind(after) = ageing else { return Ok(false) };
        let times = self.shared.times;
        let now = times.clock.now();
        let mut table = self.shared.table.lock();
        let (mut seen, mut last, mut idle, mut early) = (0, None, Vec::new(), 0);
        for (name, channel) in table.after(after.as_ref()).take(STEP) {
            (seen, last) = (seen + 1, Some(name));
            if is_over(channel.numbers(), &table.retention(name), times.at(now)) {
                self.chores.over.insert(name.clone());
                continue;
            }
            let (is_empty, unused) = (channel.numbers().events() == 0, channel.idle(now));
            if table.forget_rule(name.namespace()).lets_go(is_empty, unused) {
                idle.push((name.clone(), channel.numbers().id, is_empty));
                early += u64::from(ForgetRule::is_early(is_empty, unused));
            }
        }
        if seen == STEP {
            self.chores.ageing = Ageing::Behind(last.cloned());
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
                batch.put(record::grave_key(id), []);
                self.fronts.forget(id);
                self.chores.bury(id);
            }
        }
        drop(table);
        batch.commit(Sync::Later)?;
        Ok(true)
    }

    /// Removes answers that are too old.
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

    /// Removes some of the events of a channel that was deleted.
    fn bury(&mut self, store: &Store) -> Result<bool, StoreError> {
        let Some(id) = self.chores.graves.last().copied() else { return Ok(false) };
        let prefixes = record::prefixes_of(id);
        let mut batch = store.batch();
        for pair in prefixes.iter().flat_map(|prefix| store.under(prefix)).take(STEP) {
            batch.remove(&*pair?.0);
        }
        if batch.is_empty() {
            batch.remove(record::grave_key(id));
            self.chores.graves.pop();
        }
        batch.commit(Sync::Later)?;
        Ok(true)
    }

    /// What is due every few seconds.
    pub(super) fn tick(&mut self) {
        self.chores.look_for_age();
        self.shared.table.lock().expire_reserved(self.shared.times.clock.now());
        if self.sound_store().is_some() {
            self.health.calm();
        }
        self.folder.sync_acked();
        self.look_at_disk();
    }

    /// Notes how much the store takes on disk.
    pub(super) fn look_at_disk(&self) {
        if let Some(store) = self.shared.handle.store() {
            self.shared.tally.set_bytes_on_disk(store.bytes_on_disk());
        }
    }
}
