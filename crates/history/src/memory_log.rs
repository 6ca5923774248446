//! The memory broker: every channel's history, its numbering and its end.
//! In: publishes and reads. Out: publications with positions, and pages.
//! Must not know: who listens.

mod channel;

use alloc::sync::Arc;
use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::codec::json::encode_event;
use steadfast_protocol::{ChannelName, Epoch, Since, TimeText, Timestamp};

use self::channel::MemoryChannel;
use crate::ChannelIndex;
use crate::{
    ChannelCounts, EVENT_OVERHEAD, EpochMaker, FirstAnswer, ForgetRule, HistoryConfig,
    HistoryShares, IdempotencyWindow, Page, PageLimit, Publication, Publish, PublishError,
    Published, ReadError, Receipt, ReservedEpochs, ReservedTotals,
};

/// How many channels one call of [`MemoryLog::expire`] looks at.
const EXPIRE_BATCH: usize = 1_000;

/// All channels of a memory broker.
#[derive(Debug)]
pub struct MemoryLog {
    config: HistoryConfig,
    channels: ChannelIndex<MemoryChannel>,
    reserved: ReservedEpochs<Epoch>,
    window: IdempotencyWindow<FirstAnswer>,
    shares: HistoryShares,
    counts: ChannelCounts,
    yields: YieldTotals,
    epochs: EpochMaker,
    expired_to: Option<ChannelName>,
    /// The date of the last event.
    time: TimeText,
}

/// What has gone, though its time was not over, to make room for other things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct YieldTotals {
    /// Events, because those of all channels took as many bytes as they may.
    pub events: u64,
    /// When the last of them went.
    pub last_event: Option<Millis>,
    /// Channels that nobody used, because there were nearly as many as there may be.
    pub channels: u64,
    /// When the last of them went.
    pub last_channel: Option<Millis>,
}

impl YieldTotals {
    /// So many events have gone.
    pub const fn has_dropped(&mut self, now: Millis, events: u64) {
        if events > 0 {
            self.events += events;
            self.last_event = Some(now);
        }
    }

    /// So many channels have gone.
    pub const fn has_forgotten(&mut self, now: Millis, channels: u64) {
        if channels > 0 {
            self.channels += channels;
            self.last_channel = Some(now);
        }
    }
}

/// What is known of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelInfo {
    /// Its name.
    pub channel: ChannelName,
    /// Its numbering.
    pub epoch: Epoch,
    /// The newest offset.
    pub offset: u64,
    /// How many events are kept.
    pub events: usize,
    /// The bytes of their text.
    pub bytes: usize,
    /// Whether it has ended.
    pub is_final: bool,
}

impl MemoryLog {
    /// No channels yet.
    pub fn new(config: HistoryConfig) -> Self {
        let window = IdempotencyWindow::new(&config);
        Self {
            channels: ChannelIndex::new(config.epoch_seed),
            reserved: ReservedEpochs::new(&config),
            shares: HistoryShares::new(&config),
            counts: ChannelCounts::new(&config),
            yields: YieldTotals::default(),
            epochs: EpochMaker::new(config.epoch_seed),
            config,
            window,
            expired_to: None,
            time: Timestamp(0).into(),
        }
    }

    /// Gives the event its position and keeps it. `time` is the date it will carry.
    pub fn publish(
        &mut self,
        now: Millis,
        time: Timestamp,
        publish: Publish,
    ) -> Result<Published, PublishError> {
        self.window.expire(now, usize::MAX);
        let key = publish.idempotency_key.clone();
        let epoch = self.channels.get(&publish.channel).map(MemoryChannel::epoch);
        if let (Some(key), Some(epoch)) = (&key, epoch)
            && let Some(first) = self.window.find(now, epoch.as_str().as_bytes(), key)
        {
            let Receipt { epoch, offset, .. } = first.repeat(epoch.clone(), &publish)?;
            return Ok(Published { epoch, offset, publication: None });
        }
        let fingerprint = key.is_some().then(|| publish.fingerprint());
        if key.is_some() && self.window.room() == 0 {
            let max = self.config.idempotency_keys_max;
            return Err(PublishError::IdempotencyFull { max });
        }
        let name = publish.channel.clone();
        self.open(&name, now)?;
        let publication =
            self.append(now, time, publish).inspect_err(|_| self.close(&name, now))?;
        let Publication { epoch, offset, .. } = &*publication;
        if let Some(key) = key {
            let first = FirstAnswer { offset: *offset, fingerprint };
            self.window.remember(now, (epoch.as_str().as_bytes(), &key), first, ());
        }
        Ok(Published { epoch: epoch.clone(), offset: *offset, publication: Some(publication) })
    }

    /// Events after `since`, at most as many as `limit` says. To read a name makes no channel.
    pub fn read(
        &mut self,
        now: Millis,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        let retention = self.config.retention_of(channel.namespace());
        if let Some(history) = self.channels.entry_of(channel) {
            history.touch(now);
            history.trim(now, &retention, channel, &mut self.shares);
            return Ok(history.read(since, limit));
        }
        let epoch = match self.reserved.read(now, channel) {
            Some(epoch) => epoch,
            None => self.epochs.epoch().ok_or(ReadError::Unavailable)?,
        };
        self.reserved.put(now, channel, epoch.clone());
        Ok(Page::of_nothing(since, epoch))
    }

    /// Somebody follows a channel: it is in use, and where it has no event yet, its epoch to come
    /// is kept.
    pub fn keep(&mut self, now: Millis, channel: &ChannelName) {
        match self.channels.entry_of(channel) {
            Some(history) => history.touch(now),
            None => drop(self.reserved.keep(now, channel)),
        }
    }

    /// What is known of a channel; `None` where nothing is.
    pub fn info(&self, channel: &ChannelName) -> Option<ChannelInfo> {
        self.channels.get(channel).map(|history| history.info(channel))
    }

    /// Channels in order of name, after `after`, `limit` at most.
    pub fn list(&self, after: Option<&ChannelName>, limit: usize) -> Vec<ChannelInfo> {
        self.channels.after(after).take(limit).filter_map(|name| self.info(name)).collect()
    }

    /// Forgets a channel and all it kept. What is published later has a new epoch.
    pub fn delete(&mut self, channel: &ChannelName) -> bool {
        self.remove(channel).is_some()
    }

    /// Drops what has grown too old, a bounded number of channels a call. Whether others are still
    /// to be looked at before the first ones come again.
    pub fn expire(&mut self, now: Millis) -> bool {
        self.window.expire(now, usize::MAX);
        self.reserved.expire(now);
        let after = self.expired_to.take();
        let names: Vec<ChannelName> =
            self.channels.after(after.as_ref()).take(EXPIRE_BATCH).cloned().collect();
        self.expired_to = if names.len() < EXPIRE_BATCH { None } else { names.last().cloned() };
        for name in names {
            let retention = self.config.retention_of(name.namespace());
            let Some(history) = self.channels.entry_of(&name) else { continue };
            history.trim(now, &retention, &name, &mut self.shares);
            let (is_empty, idle) = (history.is_empty(), history.idle(now));
            let rule = self.counts.forget_rule(name.namespace());
            if rule.lets_go(is_empty, idle) {
                self.remove(&name);
                self.yields.has_forgotten(now, u64::from(ForgetRule::is_early(is_empty, idle)));
            }
        }
        self.expired_to.is_some()
    }

    /// How many epochs are reserved for names without events.
    pub fn reserved_epochs(&self) -> ReservedTotals {
        self.reserved.totals()
    }

    /// How many channels there are.
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether there are no channels.
    pub fn is_empty(&self) -> bool {
        self.channels.len() == 0
    }

    /// The memory that all kept events take, [`EVENT_OVERHEAD`] for each included.
    pub const fn bytes(&self) -> usize {
        self.shares.bytes()
    }

    /// What has gone to make room.
    pub const fn yields(&self) -> YieldTotals {
        self.yields
    }

    fn append(
        &mut self,
        now: Millis,
        time: Timestamp,
        publish: Publish,
    ) -> Result<Arc<Publication>, PublishError> {
        let Publish { channel, event, data, is_final, replace, .. } = publish;
        let retention = self.config.retention_of(channel.namespace());
        let Some((channel, history)) = self.channels.with_name(&channel) else {
            return Err(PublishError::TooManyChannels { max: self.config.channels_max });
        };
        let (channel, event) = (channel.clone(), history.shared(event));
        if history.is_final() {
            return Err(PublishError::Finished);
        }
        let (epoch, offset) = (history.epoch().clone(), history.head() + 1);
        self.time.set(time);
        let encoded = encode_event(&channel, &epoch, offset, &event, &data, &self.time);
        let len = encoded.len() + EVENT_OVERHEAD;
        let publication =
            Arc::new(Publication { channel, epoch, offset, event, replace, is_final, encoded });
        if self.shares.bytes() + len > self.config.bytes_total_max {
            history.trim(now, &retention, &publication.channel, &mut self.shares);
            self.make_room(now, len)?;
            let Some(history) = self.channels.entry_of(&publication.channel) else {
                return Err(PublishError::TooManyChannels { max: self.config.channels_max });
            };
            history.append_within(now, &publication, &retention, &mut self.shares);
        } else {
            history.append_within(now, &publication, &retention, &mut self.shares);
        }
        Ok(publication)
    }

    /// Has room for an event of so many bytes: the oldest events of the largest channels go. Who
    /// has not read them yet is told of a gap.
    fn make_room(&mut self, now: Millis, len: usize) -> Result<(), PublishError> {
        let bytes_max = self.config.bytes_total_max;
        if len > bytes_max {
            return Err(PublishError::StorageFull { bytes_max });
        }
        while self.shares.bytes() + len > bytes_max
            && let Some(channel) = self.shares.largest().cloned()
            && let Some(history) = self.channels.entry_of(&channel)
        {
            let before = history.held();
            history.drop_oldest();
            self.shares.resize(&channel, before, history.held());
            self.yields.has_dropped(now, 1);
        }
        Ok(())
    }

    /// Makes sure that there is such a channel.
    fn open(&mut self, channel: &ChannelName, now: Millis) -> Result<(), PublishError> {
        if let Some(history) = self.channels.entry_of(channel) {
            history.touch(now);
            return Ok(());
        }
        self.counts.check(channel, 0)?;
        let epoch = self.reserved.take(channel).or_else(|| self.epochs.epoch());
        let epoch = epoch.ok_or(PublishError::Unavailable)?;
        self.counts.add(channel);
        self.channels.insert(channel.clone(), MemoryChannel::new(epoch, now));
        Ok(())
    }

    /// Takes out a channel that has had no event: its first one was refused.
    fn close(&mut self, channel: &ChannelName, now: Millis) {
        if self.channels.get(channel).is_some_and(|history| history.head() == 0)
            && let Some(history) = self.remove(channel)
        {
            self.reserved.put(now, channel, history.epoch().clone());
        }
    }

    fn remove(&mut self, channel: &ChannelName) -> Option<MemoryChannel> {
        let history = self.channels.remove(channel)?;
        self.counts.remove(channel);
        self.shares.resize(channel, history.held(), 0);
        Some(history)
    }
}

#[cfg(test)]
mod tests;
