//! Builds one commit: the new state of channels, and the writes. In: publishes, and the state of
//! their channels. Out: a batch of writes, publications, and an answer for each publish. Nothing
//! takes effect before the store has committed the batch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steadfast_history::{FirstAnswer, Publication, Publish, PublishError, Receipt, Retention};
use steadfast_machine::Millis;
use steadfast_protocol::codec::json::encode_event;
use steadfast_protocol::{ChannelName, Epoch, Payload, ReplaceKey, Timestamp};

use super::record::{self, AnsweredKey, ChannelKey, ChannelNumbers, Item, Keyed, StoredEvent};
use super::store::{Store, StoreError, WriteBatch};
use super::trim::{OldestEvents, is_over};

/// The most events that one publish drops; the rest is dropped by maintenance.
const TRIM_PER_PUBLISH: usize = 64;

/// A commit that is being built.
pub(super) struct CommitBuilder<'a> {
    store: &'a Store,
    oldest_events: &'a mut OldestEvents,
    terms: CommitTerms,
    /// Writes by key: a value, or `None` to remove the key. Each key is written once per commit.
    /// New events are not here: which of them are kept is known only at the end.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    channels: BTreeMap<ChannelName, PlannedChannel>,
    answers: BTreeMap<(u64, Box<str>), FirstAnswer>,
    written: Vec<AnsweredKey>,
    over: BTreeSet<ChannelName>,
    evictions: Vec<(ChannelName, u64)>,
    yielded: u64,
}

/// The terms of a commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitTerms {
    /// The time by the store's clock.
    pub(super) now: u64,
    /// The date of the new events.
    pub(super) time: Timestamp,
    /// The store's fence.
    pub(super) fence: u64,
    pub(super) totals: CommitTotals,
}

/// A channel after the commit.
#[derive(Debug)]
pub(super) struct PlannedChannel {
    pub(super) numbers: ChannelNumbers,
    is_saved: bool,
    retention: Retention,
    stored_first: u64,
    stored_head: u64,
    pub(super) events: Vec<Arc<Publication>>,
    items: Vec<Item>,
    payloads: Vec<Payload>,
}

/// What changes once the commit has taken place.
#[derive(Debug, Default)]
pub(super) struct CommitOutcome {
    pub(super) channels: BTreeMap<ChannelName, PlannedChannel>,
    pub(super) answers: Vec<(AnsweredKey, FirstAnswer)>,
    /// Answers that the store now has under keys of their own.
    pub(super) written: Vec<AnsweredKey>,
    /// Channels that still exceed their retention.
    pub(super) over: BTreeSet<ChannelName>,
    /// How many events were evicted to make room.
    pub(super) yielded: u64,
}

/// The answer to a publish.
#[derive(Clone, Debug)]
pub(super) enum PendingReply {
    /// This answer, regardless of the commit.
    Settled(Result<Receipt, PublishError>),
    /// This position, once the commit has taken place.
    Placed {
        epoch: Epoch,
        offset: u64,
        /// The publication; `None` if an earlier publish of this commit had the same key.
        publication: Option<Arc<Publication>>,
    },
}

/// Limits over all channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitTotals {
    /// Bytes kept in all channels, and their maximum.
    pub(super) bytes: u64,
    pub(super) bytes_max: usize,
    /// The maximum of remembered idempotency keys, and how many more there may be.
    pub(super) keys_max: usize,
    pub(super) keys_room: usize,
    /// How long keys are remembered.
    pub(super) keys_last_ms: u64,
}

impl<'a> CommitBuilder<'a> {
    pub(super) const fn new(
        store: &'a Store,
        oldest_events: &'a mut OldestEvents,
        terms: CommitTerms,
    ) -> Self {
        Self {
            store,
            oldest_events,
            terms,
            writes: BTreeMap::new(),
            channels: BTreeMap::new(),
            answers: BTreeMap::new(),
            written: Vec::new(),
            over: BTreeSet::new(),
            evictions: Vec::new(),
            yielded: 0,
        }
    }

    /// Adds a channel as the table has it, unless it was added before.
    pub(super) fn begin(
        &mut self,
        name: &ChannelName,
        numbers: ChannelNumbers,
        is_saved: bool,
        retention: Retention,
    ) {
        if !self.channels.contains_key(name) {
            let ahead = PlannedChannel {
                is_saved,
                retention,
                stored_first: numbers.first,
                stored_head: numbers.head,
                numbers,
                events: Vec::new(),
                items: Vec::new(),
                payloads: Vec::new(),
            };
            self.channels.insert(name.clone(), ahead);
        }
    }

    /// Adds a publish, if the limits allow it.
    pub(super) fn publish(&mut self, publish: &Publish) -> Result<PendingReply, StoreError> {
        let Some(ahead) = self.channels.get(&publish.channel) else {
            return Ok(PendingReply::Settled(Err(PublishError::Unavailable)));
        };
        let ChannelNumbers { id, epoch, head, is_final, .. } = ahead.numbers.clone();
        let key = publish.idempotency_key.clone().map(|key| (id, key));
        if let Some(first) = key.as_ref().and_then(|key| self.answers.get(key)) {
            return Ok(match first.repeat(epoch, publish) {
                Ok(Receipt { epoch, offset, .. }) => {
                    PendingReply::Placed { epoch, offset, publication: None }
                }
                Err(error) => PendingReply::Settled(Err(error)),
            });
        }
        if key.is_some() && self.answers.len() >= self.terms.totals.keys_room {
            let max = self.terms.totals.keys_max;
            return Ok(PendingReply::Settled(Err(PublishError::IdempotencyFull { max })));
        }
        if is_final {
            return Ok(PendingReply::Settled(Err(PublishError::Finished)));
        }
        let (offset, time) = (head + 1, self.terms.time);
        let Publish { channel, event, data, is_final, replace, .. } = publish.clone();
        let encoded = encode_event(&channel, &epoch, offset, &event, &data, &time.into());
        let bytes = encoded.len() as u64;
        if !self.has_room(&channel, bytes)? {
            let bytes_max = self.terms.totals.bytes_max;
            return Ok(PendingReply::Settled(Err(PublishError::StorageFull { bytes_max })));
        }
        let publication = Arc::new(Publication {
            channel,
            epoch: epoch.clone(),
            offset,
            event,
            replace,
            is_final,
            encoded,
        });
        let keyed = key.map(|key| (key, publish.fingerprint()));
        if let Some((key, fingerprint)) = &keyed {
            let first = FirstAnswer { offset, fingerprint: Some(*fingerprint) };
            self.answers.insert(key.clone(), first);
        }
        let keyed = keyed.map(|((_, key), fingerprint)| Keyed { key, fingerprint });
        self.append(Arc::clone(&publication), data, keyed);
        self.trim(&publish.channel, TRIM_PER_PUBLISH)?;
        Ok(PendingReply::Placed { epoch, offset, publication: Some(publication) })
    }

    /// Drops up to `most` events of a channel that exceed its retention.
    pub(super) fn trim(&mut self, name: &ChannelName, most: usize) -> Result<(), StoreError> {
        let mut dropped = 0;
        while let Some(ahead) = self.channels.get(name)
            && is_over(&ahead.numbers, &ahead.retention, self.terms.now)
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

    /// Adds another write.
    pub(super) fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.writes.insert(key, value);
    }

    /// Finishes the batch; returns it and what changes with it.
    pub(super) fn finish(mut self) -> (WriteBatch, CommitOutcome) {
        // A channel whose first event was refused does not exist.
        self.channels.retain(|_, ahead| ahead.is_saved || ahead.numbers.head > 0);
        let mut batch = self.store.batch();
        for (key, value) in self.writes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.remove(key),
            }
        }
        for (name, ahead) in &self.channels {
            ahead.write(name, &self.terms, &mut batch);
        }
        let at = Millis(self.terms.now);
        let answer =
            |((channel, key), first)| (AnsweredKey { at, of: ChannelKey { channel, key } }, first);
        let answers = self.answers.into_iter().map(answer).collect();
        let (channels, written, over) = (self.channels, self.written, self.over);
        (batch, CommitOutcome { channels, answers, written, over, yielded: self.yielded })
    }

    /// Sets how many bytes may be evicted from each of these channels if there is no room.
    pub(super) fn set_evictions(&mut self, evictions: Vec<(ChannelName, u64)>) {
        self.evictions = evictions;
    }

    /// Whether so many more bytes fit, after the channel has been trimmed and events of other
    /// channels have been evicted.
    fn has_room(&mut self, name: &ChannelName, bytes: u64) -> Result<bool, StoreError> {
        let bytes_max = self.terms.totals.bytes_max as u64;
        if self.terms.totals.bytes + bytes > bytes_max {
            self.trim(name, TRIM_PER_PUBLISH)?;
        }
        while bytes <= bytes_max && self.terms.totals.bytes + bytes > bytes_max {
            let Some((channel, left)) = self.evictions.pop() else { break };
            if let Some(given) = self.give_oldest(&channel)?
                && given < left
            {
                self.evictions.push((channel, left - given));
            }
        }
        Ok(self.terms.totals.bytes + bytes <= bytes_max)
    }

    /// Drops the oldest event of a channel to make room, unless it is new in this commit; returns
    /// its bytes.
    pub(super) fn give_oldest(&mut self, name: &ChannelName) -> Result<Option<u64>, StoreError> {
        let before = self.terms.totals.bytes;
        let is_stored =
            |one: &PlannedChannel| one.numbers.events() > 0 && one.numbers.first <= one.stored_head;
        if !self.channels.get(name).is_some_and(is_stored) {
            return Ok(None);
        }
        self.drop_oldest(name)?;
        self.yielded += 1;
        Ok(Some(before - self.terms.totals.bytes))
    }

    fn append(&mut self, publication: Arc<Publication>, data: Payload, key: Option<Keyed>) {
        let Some(ahead) = self.channels.get_mut(&publication.channel) else { return };
        let bytes = publication.encoded.len() as u64;
        let (numbers, at) = (&mut ahead.numbers, self.terms.now);
        if numbers.events() == 0 {
            numbers.oldest_at = at;
        }
        numbers.head = publication.offset;
        numbers.bytes += bytes;
        numbers.is_final = publication.is_final;
        self.terms.totals.bytes += bytes;
        if let Some(replace) = &publication.replace {
            let key = record::newest_key(numbers.id, replace);
            self.writes.insert(key, Some(numbers.head.to_be_bytes().into()));
        }
        let (bytes, replace) =
            (u32::try_from(bytes).unwrap_or(u32::MAX), publication.replace.clone());
        ahead.items.push(Item { bytes, at, replace, key });
        ahead.payloads.push(data);
        ahead.events.push(publication);
    }

    fn drop_oldest(&mut self, name: &ChannelName) -> Result<(), StoreError> {
        let Some(item) = self.oldest(name)? else { return Ok(()) };
        let Some(ahead) = self.channels.get_mut(name) else { return Ok(()) };
        let numbers = &mut ahead.numbers;
        let (id, offset) = (numbers.id, numbers.first);
        numbers.first += 1;
        numbers.bytes -= u64::from(item.bytes);
        self.terms.totals.bytes -= u64::from(item.bytes);
        self.oldest_events.drop_oldest(id);
        if offset <= ahead.stored_head {
            self.writes.insert(record::event_key(id, offset).into(), None);
        }
        if let Some(Keyed { key, fingerprint }) = item.key
            && self.terms.now.saturating_sub(item.at) <= self.terms.totals.keys_last_ms
        {
            // The answer to the idempotency key outlives its event.
            let answer = AnsweredKey { at: Millis(item.at), of: ChannelKey { channel: id, key } };
            let first = FirstAnswer { offset, fingerprint: Some(fingerprint) };
            self.writes.insert(record::answer_key(&answer), Some(record::answer_value(first)));
            self.written.push(answer);
        }
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

    /// The oldest event that a channel keeps after the commit; `None` if it keeps none.
    fn oldest(&mut self, name: &ChannelName) -> Result<Option<Item>, StoreError> {
        let Some(ahead) = self.channels.get(name) else { return Ok(None) };
        let numbers = &ahead.numbers;
        if numbers.events() == 0 {
            return Ok(None);
        }
        match numbers.first.checked_sub(ahead.stored_head + 1) {
            Some(at) => Ok(usize::try_from(at).ok().and_then(|at| ahead.items.get(at)).cloned()),
            None => self.oldest_events.oldest(self.store, numbers, ahead.stored_head).map(Some),
        }
    }

    /// The newest offset with this `replace` key after the commit.
    fn newest(&self, id: u64, key: &ReplaceKey) -> Result<Option<u64>, StoreError> {
        let key = record::newest_key(id, key);
        if let Some(value) = self.writes.get(&key) {
            return Ok(value.as_deref().and_then(record::number));
        }
        Ok(self.store.find(&key)?.and_then(|bytes| record::number(&bytes)))
    }
}

impl PlannedChannel {
    /// Writes the new events that are kept, the newest with the channel's state; and the channel's
    /// own value if no event carries the state, or if the store does not have the channel.
    fn write(&self, name: &ChannelName, terms: &CommitTerms, batch: &mut WriteBatch) {
        let ChannelNumbers { id, first, .. } = self.numbers;
        let mut is_told = self.stored_first == first && self.events.is_empty();
        for ((event, item), data) in self.events.iter().zip(&self.items).zip(&self.payloads) {
            if event.offset < first {
                continue;
            }
            let kept = StoredEvent {
                item: item.clone(),
                behind: self.numbers.behind(),
                time: terms.time,
                is_final: event.is_final,
                event: event.event.clone(),
                data: data.as_str(),
            };
            batch.put(record::event_key(id, event.offset), kept.to_bytes());
            is_told = true;
        }
        if !is_told || !self.is_saved {
            batch.put(record::channel_key(name), self.numbers.to_bytes(terms.fence));
        }
    }
}
