//! One commit before it takes place: numbers as they will be, and what is to be written. In: what
//! publishers ask for, and where channels stand. Out: writes, publications, and an answer for each.
//! Nothing of it is true before the store has it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use steadfast_history::{FirstAnswer, Publication, Publish, PublishError, Receipt, Retention};
use steadfast_machine::Millis;
use steadfast_protocol::codec::json::encode_event;
use steadfast_protocol::{ChannelName, Epoch, Payload, ReplaceKey, Timestamp};

use super::record::{self, AnsweredKey, ChannelKey, ChannelNumbers, Item, Keyed, StoredEvent};
use super::store::{Store, StoreError, WriteBatch};
use super::trim::{OldestEvents, is_over};

/// Events that one publish drops at most; what is still too much goes in steps of its own.
const TRIM_PER_PUBLISH: usize = 64;

/// A commit that is being put together.
pub(super) struct CommitBuilder<'a> {
    store: &'a Store,
    oldest_events: &'a mut OldestEvents,
    terms: CommitTerms,
    /// By key: a value to write, or none to remove what is there. A key is written once a commit.
    /// New events are not here: only at the end it is known which are kept.
    writes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    channels: BTreeMap<ChannelName, PlannedChannel>,
    answers: BTreeMap<(u64, Box<str>), FirstAnswer>,
    written: Vec<AnsweredKey>,
    over: BTreeSet<ChannelName>,
    evictions: Vec<(ChannelName, u64)>,
    yielded: u64,
}

/// What holds for the commit_builder as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitTerms {
    /// The time, by the store's clock.
    pub(super) now: u64,
    /// The date that events will carry.
    pub(super) time: Timestamp,
    /// The store's.
    pub(super) fence: u64,
    pub(super) totals: CommitTotals,
}

/// A channel as it will be.
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

/// What will be when the commit has taken place.
#[derive(Debug, Default)]
pub(super) struct CommitOutcome {
    pub(super) channels: BTreeMap<ChannelName, PlannedChannel>,
    pub(super) answers: Vec<(AnsweredKey, FirstAnswer)>,
    /// Answers that the store has by themselves now.
    pub(super) written: Vec<AnsweredKey>,
    /// Channels that still keep too much.
    pub(super) over: BTreeSet<ChannelName>,
    /// How many events have gone to make room for others.
    pub(super) yielded: u64,
}

/// What a publisher will be told.
#[derive(Clone, Debug)]
pub(super) enum PendingReply {
    /// This, whatever becomes of the commit.
    Settled(Result<Receipt, PublishError>),
    /// This position, once the commit has taken place.
    Placed {
        epoch: Epoch,
        offset: u64,
        /// What is to be announced; nothing where an earlier publish of this commit had the key.
        publication: Option<Arc<Publication>>,
    },
}

/// What limits the commit_builder as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommitTotals {
    /// Bytes kept in all channels, and how many may be.
    pub(super) bytes: u64,
    pub(super) bytes_max: usize,
    /// Idempotency keys that may be remembered, and for how many of them there is room.
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

    /// Takes in a channel as the table has it, where it is not ahead already.
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

    /// Gives an event its place.
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

    /// Drops what a channel keeps too much, `most` events at most.
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

    /// Writes something else along.
    pub(super) fn write(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.writes.insert(key, value);
    }

    /// The batch, and what will be when it has taken place.
    pub(super) fn finish(mut self) -> (WriteBatch, CommitOutcome) {
        // A channel whose first event was refused is none.
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

    /// Lets these channels, which have begun, give so many bytes where there is no room.
    pub(super) fn set_evictions(&mut self, evictions: Vec<(ChannelName, u64)>) {
        self.evictions = evictions;
    }

    /// Whether so many more bytes may be kept, once the channel has dropped what it may not keep,
    /// and others have given what they are to give.
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

    /// Drops the oldest event of a channel to make room, unless this commit brings it; its bytes.
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
            // The answer outlives the event that it was kept with.
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

    /// The oldest event that a channel will keep; `None` where it will keep nothing.
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

    /// The newest offset with this `replace` key, as it will be.
    fn newest(&self, id: u64, key: &ReplaceKey) -> Result<Option<u64>, StoreError> {
        let key = record::newest_key(id, key);
        if let Some(value) = self.writes.get(&key) {
            return Ok(value.as_deref().and_then(record::number));
        }
        Ok(self.store.find(&key)?.and_then(|bytes| record::number(&bytes)))
    }
}

impl PlannedChannel {
    /// Writes the new events that are kept, the newest with where the channel stands; and the
    /// channel's own value where no event says that, or the store does not know the channel.
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
