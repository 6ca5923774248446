//! Hands the updates of the broker to the shards. In: updates of channels. Out: the same in the
//! queue of every shard. Must not know which shard follows which channel.

use std::collections::BTreeSet;
use std::sync::Arc;

use steadfast_broker::{ChannelUpdate, UpdatePermit, UpdateSink};
use steadfast_protocol::{ChannelName, Generation, LinkKey};

use super::Shard;

/// All shards of a node.
#[derive(Debug)]
pub struct ShardUpdates(Arc<[Arc<Shard>]>);

impl ShardUpdates {
    /// Creates a sink for these shards.
    pub const fn new(shards: Arc<[Arc<Shard>]>) -> Self {
        Self(shards)
    }
}

impl UpdateSink for ShardUpdates {
    fn send(&self, updates: &[ChannelUpdate], permit: &UpdatePermit) {
        for shard in &*self.0 {
            shard.queue(updates, permit);
        }
    }

    fn wake(&self) {
        for shard in &*self.0 {
            shard.call();
        }
    }

    fn followed(&self, after: Option<&ChannelName>, limit: usize) -> Vec<ChannelName> {
        let pages = self.0.iter().map(|shard| shard.with(|hub, _| hub.followed(after, limit)));
        let all: BTreeSet<ChannelName> = pages.flatten().collect();
        all.into_iter().take(limit).collect()
    }

    fn is_followed(&self, channel: &ChannelName) -> bool {
        self.0.iter().any(|shard| shard.with(|hub, _| hub.subscribers(channel) > 0))
    }

    fn fence(&self, link: &LinkKey, generation: Generation) -> Option<Generation> {
        let shards = self.0.iter();
        shards.filter_map(|s| s.with(|hub, now| hub.fence_elsewhere(now, link, generation))).max()
    }
}
