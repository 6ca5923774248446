//! One commit before it takes place: numbers as they will be, and what is to be written. In: what
//! publishers ask for, and where channels stand. Out: writes, publications, and an answer for each.
//! Nothing of it is true before the store has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steadfast_hub::{Publication, Publish, PublishError, Retention};
use steadfast_protocol::{ChannelName, Epoch, ReplaceKey, Timestamp};

use super::record::{self, Item, Kept, Numbers, Remembered};
use super::store::{Batch, Store, StoreError};
use super::trim::{Fronts, is_over};

/// Events that one publish drops at most; what is still too much goes in steps of its own.
const TRIM_PER_PUBLISH: usize = 64;

/// A commit that is being put together.
pub(super) struct Draft<'a> {
    store: &'a Store,
    fronts: &'a mut Fronts,
    /// The time, by the store's clock.
    now: u64,
    /// By key: a value to write, or none to remove what is there. A key is written once a commit.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    channels: BTreeMap<ChannelName, Ahead>,
    answers: BTreeMap<(u64, Box<str>), u64>,
    totals: Totals,
    over: BTreeSet<ChannelName>,
}

/// A channel as it will be.
#[derive(Debug)]
pub(super) struct Ahead {
    pub(super) numbers: Numbers,
    retention: Retention,
    stored_head: u64,
    pub(super) events: Vec<Arc<Publication>>,
    items: Vec<Item>,
}

/// What will be when the commit has taken place.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) channels: BTreeMap<ChannelName, Ahead>,
    pub(super) answers: Vec<(Remembered, u64)>,
    /// Channels that still keep too much.
    pub(super) over: BTreeSet<ChannelName>,
}

/// What a publisher will be told.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// This, whatever becomes of the commit.
    Settled(Result<(Epoch, u64), PublishError>),
    /// This position, once the commit has taken place.
    Placed {
        epoch: Epoch,
        offset: u64,
        /// What is to be announced; nothing where an earlier publish of this commit had the key.
        publication: Option<Arc<Publication>>,
    },
}

/// What limits the draft as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    /// Bytes kept in all channels, and how many may be.
    pub(super) bytes: u64,
    pub(super) bytes_max: usize,
    /// Idempotency keys that may be remembered, and for how many of them there is room.
    pub(super) keys_max: usize,
    pub(super) keys_room: usize,
}

impl<'a> Draft<'a> {
    pub(super) const fn new(
        store: &'a Store,
        fronts: &'a mut Fronts,
        now: u64,
        totals: Totals,
    ) -> Self {
        Self {
            store,
            fronts,
            now,
            writes: BTreeMap::new(),
            channels: BTreeMap::new(),
            answers: BTreeMap::new(),
            totals,
            over: BTreeSet::new(),
        }
    }

    /// Takes in a channel as the table has it, where it is not ahead already.
    pub(super) fn begin(&mut self, name: &ChannelName, numbers: Numbers, retention: Retention) {
        if !self.channels.contains_key(name) {
            let (stored_head, events, items) = (numbers.head, Vec::new(), Vec::new());
            let ahead = Ahead { numbers, retention, stored_head, events, items };
            self.channels.insert(name.clone(), ahead);
        }
    }

    /// Gives an event its place.
    pub(super) fn publish(
        &mut self,
        publish: &Publish,
        time: Timestamp,
        fence: u64,
    ) -> Result<Answer, StoreError> {
        let Some(ahead) = self.channels.get(&publish.channel) else {
            return Ok(Answer::Settled(Err(PublishError::Unavailable)));
        };
        let (id, epoch) = (ahead.numbers.id, ahead.numbers.epoch.clone());
        let key = publish.idempotency_key.clone().map(|key| (id, key));
        if let Some(first) = key.as_ref().and_then(|key| self.answers.get(key)) {
            return Ok(Answer::Placed { epoch, offset: *first, publication: None });
        }
        if key.is_some() && self.answers.len() >= self.totals.keys_room {
            let max = self.totals.keys_max;
            return Ok(Answer::Settled(Err(PublishError::IdempotencyFull { max })));
        }
        if ahead.numbers.is_final {
            return Ok(Answer::Settled(Err(PublishError::Finished)));
        }
        let offset = ahead.numbers.head + 1;
        let item = Item { bytes: 0, at: self.now, replace: publish.replace.clone() };
        let (event, data) = (publish.event.clone(), publish.data.as_str());
        let mut kept = Kept { item, time, is_final: publish.is_final, event, data };
        let publication = kept.publication(&publish.channel, &epoch, offset);
        kept.item.bytes = u32::try_from(publication.encoded.len()).unwrap_or(u32::MAX);
        if !self.has_room(&publish.channel, u64::from(kept.item.bytes))? {
            let bytes_max = self.totals.bytes_max;
            return Ok(Answer::Settled(Err(PublishError::StorageFull { bytes_max })));
        }
        self.append(&kept, Arc::clone(&publication));
        if let Some((id, key)) = key {
            let answer = Remembered { at: self.now, id, key };
            self.writes.insert(answer.to_key(), Some(offset.to_be_bytes().into()));
            self.answers.insert((id, answer.key), offset);
        }
        self.trim(&publish.channel, TRIM_PER_PUBLISH)?;
        self.save(&publish.channel, fence);
        Ok(Answer::Placed { epoch, offset, publication: Some(publication) })
    }

    /// Drops what a channel keeps too much, `most` events at most.
    pub(super) fn trim(&mut self, name: &ChannelName, most: usize) -> Result<(), StoreError> {
        let mut dropped = 0;
        while let Some(ahead) = self.channels.get(name)
            && is_over(&ahead.numbers, &ahead.retention, self.now)
        {
            if dropped == most {
                self.over.insert(name.clone());
                return Ok(());
            }
            self.drop_oldest(name)?;
            dropped += 1;
        }
        self.over.remove(name);
        Ok(())
    }

    /// Writes down where a channel will stand.
    pub(super) fn save(&mut self, name: &ChannelName, fence: u64) {
        if let Some(ahead) = self.channels.get(name) {
            self.writes.insert(record::channel_key(name), Some(ahead.numbers.to_bytes(fence)));
        }
    }

    /// Writes something else along.
    pub(super) fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.writes.insert(key, value);
    }

    /// The batch, and what will be when it has taken place.
    pub(super) fn finish(self) -> (Batch, Outcome) {
        let mut batch = self.store.batch();
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.remove(key),
            }
        }
        let at = self.now;
        let answer = |((id, key), offset)| (Remembered { at, id, key }, offset);
        let answers = self.answers.into_iter().map(answer).collect();
        (batch, Outcome { channels: self.channels, answers, over: self.over })
    }

    /// Whether so many more bytes may be kept, once the channel has dropped what it may not keep.
    fn has_room(&mut self, name: &ChannelName, bytes: u64) -> Result<bool, StoreError> {
        let bytes_max = self.totals.bytes_max as u64;
        if self.totals.bytes + bytes > bytes_max {
            self.trim(name, TRIM_PER_PUBLISH)?;
        }
        Ok(self.totals.bytes + bytes <= bytes_max)
    }

    fn append(&mut self, kept: &Kept<'_>, publication: Arc<Publication>) {
        let Some(ahead) = self.channels.get_mut(&publication.channel) else { return };
        let numbers = &mut ahead.numbers;
        if numbers.events() == 0 {
            numbers.oldest_at = self.now;
        }
        numbers.head = publication.offset;
        numbers.bytes += u64::from(kept.item.bytes);
        numbers.is_final = kept.is_final;
        self.totals.bytes += u64::from(kept.item.bytes);
        let key = record::event_key(numbers.id, numbers.head);
        self.writes.insert(key.into(), Some(kept.to_bytes()));
        if let Some(replace) = &kept.item.replace {
            let key = record::newest_key(numbers.id, replace);
            self.writes.insert(key, Some(numbers.head.to_be_bytes().into()));
        }
        ahead.items.push(kept.item.clone());
        ahead.events.push(publication);
    }

    fn drop_oldest(&mut self, name: &ChannelName) -> Result<(), StoreError> {
        let Some(item) = self.oldest(name)? else { return Ok(()) };
        let Some(ahead) = self.channels.get_mut(name) else { return Ok(()) };
        let numbers = &mut ahead.numbers;
        let (id, offset) = (numbers.id, numbers.first);
        numbers.first += 1;
        numbers.bytes -= u64::from(item.bytes);
        self.totals.bytes -= u64::from(item.bytes);
        self.fronts.drop_oldest(id);
        self.writes.insert(record::event_key(id, offset).into(), None);
        if let Some(key) = &item.replace
            && self.newest(id, key)? == Some(offset)
        {
            self.writes.insert(record::newest_key(id, key), None);
        }
        let next = self.oldest(name)?;
        if let Some(ahead) = self.channels.get_mut(name) {
            ahead.numbers.oldest_at = next.map_or(0, |item| item.at);
        }
        Ok(())
    }

    /// The oldest event that a channel will keep; `None` where it will keep nothing.
    fn oldest(&mut self, name: &ChannelName) -> Result<Option<Item>, StoreError> {
        let Some(ahead) = self.channels.get(name) else { return Ok(None) };
        let numbers = &ahead.numbers;
        if numbers.events() == 0 {
            return Ok(None);
        }
        match numbers.first.checked_sub(ahead.stored_head + 1) {
            Some(at) => Ok(usize::try_from(at).ok().and_then(|at| ahead.items.get(at)).cloned()),
            None => self.fronts.oldest(self.store, numbers, ahead.stored_head).map(Some),
        }
    }

    /// The newest offset with this `replace` key, as it will be.
    fn newest(&self, id: u64, key: &ReplaceKey) -> Result<Option<u64>, StoreError> {
        let key = record::newest_key(id, key);
        if let Some(value) = self.writes.get(&key) {
            return Ok(value.as_deref().and_then(record::number));
        }
        Ok(self.store.find(&key)?.and_then(|bytes| record::number(&bytes)))
    }
}
