//! From the broker to every shard: in order for each channel, and bounded in what is on its way.

use std::collections::BTreeSet;
use std::sync::Arc;

use steadfast_protocol::{ChannelName, Generation, LinkId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::shard::{News, Shard};

/// How many announcements may be on their way; publishers wait beyond that.
pub const IN_FLIGHT_MAX: usize = 4_096;

/// Hands news to the shards.
#[derive(Clone, Debug)]
pub struct Relay {
    shards: Arc<[Arc<Shard>]>,
    in_flight: Arc<Semaphore>,
}

impl Relay {
    /// A relay to these shards.
    pub fn new(shards: Arc<[Arc<Shard>]>) -> Self {
        Self { shards, in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)) }
    }

    /// Waits until one more announcement may be on its way.
    pub async fn permit(&self) -> Option<Arc<OwnedSemaphorePermit>> {
        self.permits(1).await
    }

    /// The same for `count` announcements together.
    pub async fn permits(&self, count: usize) -> Option<Arc<OwnedSemaphorePermit>> {
        let count = u32::try_from(count.min(IN_FLIGHT_MAX)).unwrap_or(u32::MAX);
        Arc::clone(&self.in_flight).acquire_many_owned(count).await.ok().map(Arc::new)
    }

    /// Puts news in line at every shard. The caller holds what orders the channel.
    pub fn announce(&self, news: &News, permit: &Arc<OwnedSemaphorePermit>) {
        self.announce_all(std::slice::from_ref(news), permit);
    }

    /// The same for many, in this order.
    pub fn announce_all(&self, news: &[News], permit: &Arc<OwnedSemaphorePermit>) {
        for shard in &*self.shards {
            shard.announce(news, permit);
        }
    }

    /// Has every shard look at its line; no lock need be held.
    pub fn call(&self) {
        for shard in &*self.shards {
            shard.call();
        }
    }

    /// Channels with members on any shard in order of name, after `after`, `limit` at most.
    pub fn followed(&self, after: Option<&ChannelName>, limit: usize) -> Vec<ChannelName> {
        let pages = self.shards.iter().map(|shard| shard.with(|hub, _| hub.followed(after, limit)));
        let all: BTreeSet<ChannelName> = pages.flatten().collect();
        all.into_iter().take(limit).collect()
    }

    /// Closes sessions of the link older than this generation, or says which one lives instead.
    pub fn fence(&self, link: &LinkId, generation: Generation) -> Option<Generation> {
        let shards = self.shards.iter();
        shards.filter_map(|s| s.with(|hub, now| hub.fence_elsewhere(now, link, generation))).max()
    }

    /// How many announcements are on their way.
    pub fn in_flight(&self) -> usize {
        IN_FLIGHT_MAX - self.in_flight.available_permits()
    }
}
