//! The log of a channel, pure: what a broker keeps and how a reader gets it back.

#![no_std]

extern crate alloc;

mod channel_index;
mod config;
mod epoch;
mod hot_cache;
mod idempotency;
mod memory_log;
mod page;
mod publication;
mod reserved;
mod stable_hash;

pub use channel_index::ChannelIndex;
pub use config::{HistoryConfig, Retention};
pub use epoch::EpochMaker;
pub use hot_cache::HotCache;
pub use idempotency::{AnsweredKey, IdempotencyWindow};
pub use memory_log::{ChannelInfo, MemoryLog};
pub use page::{Page, PageLimit, ReadError, start_of_page};
pub use publication::{
    Fingerprint, FirstAnswer, Publication, Publish, PublishError, Published, Receipt, Retry,
};
pub use reserved::ReservedEpochs;
pub use stable_hash::stable_hash;
