//! The memory broker: the hub crate's streams behind a lock. Keeps events while the process lives.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use steadfast_history::{
    ChannelInfo, HistoryConfig, MemoryLog, Page, PageLimit, Publish, PublishError, ReadError,
    Receipt, ReservedTotals, YieldTotals,
};
use steadfast_protocol::{ChannelName, Since};
use tokio::sync::OwnedSemaphorePermit;

use crate::clock::Clock;
use crate::contract::BrokerBackend;
use crate::update_bus::ChannelUpdate;
use crate::update_bus::UpdateBus;

/// Events published under one lock.
const BATCH: usize = 64;
/// Batches of channels that are looked at for what has grown too old, each under one lock.
const EXPIRE_BATCHES: usize = 10;
/// How often a lock that somebody holds is tried, to see whether it is free at all.
const LOCK_LOOK: Duration = Duration::from_millis(2);

/// Channels in memory, announced to this node's own shards.
#[derive(Debug)]
pub struct MemoryBroker {
    clock: Clock,
    streams: Mutex<MemoryLog>,
    updates: UpdateBus,
}

impl MemoryBroker {
    /// A broker without channels.
    pub fn new(config: HistoryConfig, clock: Clock, updates: UpdateBus) -> Self {
        Self { clock, streams: Mutex::new(MemoryLog::new(config)), updates }
    }

    fn publish_some(
        &self,
        some: impl Iterator<Item = Publish>,
        permit: &Arc<OwnedSemaphorePermit>,
        answers: &mut Vec<Result<Receipt, PublishError>>,
    ) {
        let date = self.clock.date();
        let mut news = Vec::with_capacity(BATCH);
        let mut streams = self.streams.lock();
        let now = self.clock.now();
        answers.extend(some.map(|publish| {
            let published = streams.publish(now, date, publish)?;
            news.extend(published.publication.clone().map(ChannelUpdate::Published));
            Ok(published.into_receipt())
        }));
        // Under the lock: announcements stand in the order of offsets.
        self.updates.send_all(&news, permit);
        drop(streams);
        self.updates.wake();
    }

    fn page(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        let page = self.streams.lock().read(self.clock.now(), channel, since, limit)?;
        // A member is one before it reads.
        if page.head == 0 && self.updates.is_followed(channel) {
            self.streams.lock().keep(self.clock.now(), channel);
        }
        Ok(page)
    }
}

impl BrokerBackend for MemoryBroker {
    const NAME: &'static str = "memory";

    async fn publish(&self, publish: Publish) -> Result<Receipt, PublishError> {
        let mut answers = self.publish_many(vec![publish]).await;
        answers.pop().unwrap_or(Err(PublishError::Unavailable))
    }

    /// The same for many, some at a time: others get the lock, and followers what has been
    /// published, in between.
    async fn publish_many(&self, publishes: Vec<Publish>) -> Vec<Result<Receipt, PublishError>> {
        let mut answers = Vec::with_capacity(publishes.len());
        let mut publishes = publishes.into_iter();
        while publishes.len() > 0 {
            if !answers.is_empty() {
                tokio::task::yield_now().await;
            }
            let some = publishes.len().min(BATCH);
            let Some(permit) = self.updates.permits(some).await else {
                answers.extend(publishes.map(|_| Err(PublishError::Unavailable)));
                return answers;
            };
            self.publish_some(publishes.by_ref().take(some), &permit, &mut answers);
        }
        answers
    }

    async fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        self.page(channel, since, limit)
    }

    fn read_at_once(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Option<Result<Page, ReadError>> {
        Some(self.page(channel, since, limit))
    }

    /// Keeps the epochs to come of what is followed.
    fn keep_followed(&self) {
        let mut after = None;
        while let Some(names) = self.updates.next_followed(&mut after) {
            let (mut streams, now) = (self.streams.lock(), self.clock.now());
            for name in &names {
                streams.keep(now, name);
            }
        }
    }

    async fn info(&self, channel: &ChannelName) -> Result<Option<ChannelInfo>, ReadError> {
        Ok(self.streams.lock().info(channel))
    }

    async fn list(
        &self,
        after: Option<&ChannelName>,
        limit: usize,
    ) -> Result<Vec<ChannelInfo>, ReadError> {
        Ok(self.streams.lock().list(after, limit))
    }

    async fn delete(&self, channel: &ChannelName) -> Result<bool, ReadError> {
        let Some(permit) = self.updates.permit().await else { return Ok(false) };
        let was_there = {
            let mut streams = self.streams.lock();
            let was_there = streams.delete(channel);
            if was_there {
                self.updates.send(&ChannelUpdate::Deleted(channel.clone()), &permit);
            }
            was_there
        };
        self.updates.wake();
        Ok(was_there)
    }

    /// The way of a publish: a place in line, and the lock, both within a second.
    async fn is_ready(&self) -> bool {
        let permit = tokio::time::timeout(Duration::from_secs(1), self.updates.permit()).await;
        let has_place = matches!(permit, Ok(Some(_)));
        // Never by a wait that would hold the thread: others run on it.
        let free = async {
            while self.streams.try_lock().is_none() {
                tokio::time::sleep(LOCK_LOOK).await;
            }
        };
        has_place && tokio::time::timeout(Duration::from_secs(1), free).await.is_ok()
    }

    fn size(&self) -> (usize, usize) {
        let streams = self.streams.lock();
        (streams.len(), streams.bytes())
    }

    fn reserved_epochs(&self) -> ReservedTotals {
        self.streams.lock().reserved_epochs()
    }

    fn yields(&self) -> YieldTotals {
        self.streams.lock().yields()
    }

    fn expire(&self) {
        for _ in 0..EXPIRE_BATCHES {
            // Publishers get the lock in between.
            if !self.streams.lock().expire(self.clock.now()) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryBroker;
    use crate::clock::Clock;
    use crate::contract::BrokerBackend;
    use crate::tests::TestNode;
    use steadfast_history::HistoryConfig;

    /// On one thread: a wait that held it would never see the lock free.
    #[tokio::test]
    async fn a_lock_that_is_held_is_waited_for_without_holding_the_thread() {
        let (_node, updates) = TestNode::start(Clock::start());
        let broker = MemoryBroker::new(HistoryConfig::default(), Clock::start(), updates);
        let held = broker.streams.lock();
        let (is_ready, ()) = tokio::join!(broker.is_ready(), async move { drop(held) });
        assert!(is_ready);
    }
}
