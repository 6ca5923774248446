//! What stores and spreads a channel's events. In: publishes and reads. Out: positions, pages, and
//! announcements to the relay. One enum rather than a trait object: every call is known.

#![allow(clippy::unused_async, reason = "brokers beyond this process will await")]

mod memory;

use steadfast_hub::{ChannelInfo, Page, PageLimit, Publish, PublishError, ReadError};
use steadfast_protocol::{ChannelName, Epoch, Since};

pub use memory::MemoryBroker;

/// The broker that this node uses.
#[derive(Debug)]
pub enum Broker {
    /// Everything in this process's memory.
    Memory(MemoryBroker),
}

impl Broker {
    /// Stores an event and announces it. Answers once it is kept.
    pub async fn publish(&self, publish: Publish) -> Result<(Epoch, u64), PublishError> {
        match self {
            Self::Memory(memory) => memory.publish(publish).await,
        }
    }

    /// Events after a position.
    pub async fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        match self {
            Self::Memory(memory) => memory.read(channel, since, limit),
        }
    }

    /// What is known of a channel.
    pub async fn info(&self, channel: &ChannelName) -> Result<Option<ChannelInfo>, ReadError> {
        match self {
            Self::Memory(memory) => Ok(memory.info(channel)),
        }
    }

    /// Channels in order of name, after `after`, `limit` at most.
    pub async fn list(
        &self,
        after: Option<&ChannelName>,
        limit: usize,
    ) -> Result<Vec<ChannelInfo>, ReadError> {
        match self {
            Self::Memory(memory) => Ok(memory.list(after, limit)),
        }
    }

    /// Forgets a channel; false where there was none. Its followers are told of the gap.
    pub async fn delete(&self, channel: &ChannelName) -> Result<bool, ReadError> {
        match self {
            Self::Memory(memory) => Ok(memory.delete(channel).await),
        }
    }

    /// Whether the broker answers a publish to itself.
    pub async fn is_ready(&self) -> bool {
        match self {
            Self::Memory(memory) => memory.is_ready().await,
        }
    }

    /// How many channels are kept, and the bytes of their events.
    pub fn size(&self) -> (usize, usize) {
        match self {
            Self::Memory(memory) => memory.size(),
        }
    }

    /// Drops what has grown too old. Called now and then.
    pub fn expire(&self) {
        match self {
            Self::Memory(memory) => memory.expire(),
        }
    }

    /// Its name, for operators.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
        }
    }
}
