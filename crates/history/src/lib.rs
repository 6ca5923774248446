//! The log of a channel, pure: what every broker keeps, and how a reader gets it back. It owns no
//! clock, socket, task or store: time comes in as a value, and one sequence of calls always gives
//! one result. The hub knows publications and pages by this crate, the brokers build on all of it.
//!
//! # From a publish to a page
//!
//! A publisher sends a [`Publish`]. The broker gives it the next offset of its channel and has a
//! [`Publication`]: an event with its position, encoded once for all readers. The publisher gets a
//! [`Receipt`] or a [`PublishError`]. A reader names a position ([`steadfast_protocol::Since`]) and
//! a [`PageLimit`], and gets a [`Page`]: events in order, and the gap before them where some are
//! not kept any more.
//!
//! # What is here once for all brokers
//!
//! | subject | type | used by |
//! | --- | --- | --- |
//! | kept events: append, retention, thinning | [`ChannelLog`] | memory, disk (what is hot), nats |
//! | where a reader starts, and which gap it is told | [`start_of_page`] | memory, disk, nats |
//! | what has a place in a page | [`PageBuilder`] | memory, disk, nats |
//! | room for channels, and which unused ones go | [`ChannelCounts`] | memory, disk, nats |
//! | whether a channel keeps too much | [`Retention::is_over`] | memory, disk, nats |
//! | the first answer to an idempotency key | [`IdempotencyWindow`] | memory, disk, nats |
//! | epochs that nobody else makes | [`EpochMaker`] | all |
//! | epochs of names that have no events yet | [`ReservedEpochs`] | memory, disk, nats |
//! | which events stay in memory beside a store | [`HotCache`] | disk, nats |
//! | a hash that is the same in every release | [`stable_hash`] | redis, nats, the shards |
//! | channels by name: found by a hash, listed in order | [`ChannelIndex`] | memory, the hub |
//!
//! The redis broker does these steps in scripts on its servers, so that many nodes share them; the
//! tests that every broker passes (`crates/broker/src/tests`) hold both to the same behaviour.
//!
//! [`MemoryLog`] is a whole broker made of these parts. The simulator uses it as the true history.
//!
//! # Example
//!
//! ```
//! use steadfast_history::{HistoryConfig, MemoryLog, PageLimit, Publish};
//! use steadfast_machine::Millis;
//! use steadfast_protocol::{ChannelName, EventName, Payload, Since, Timestamp};
//!
//! let channel = ChannelName::new("jobs:4711").unwrap();
//! let publish = Publish {
//!     channel: channel.clone(),
//!     event: EventName::new("progress").unwrap(),
//!     data: Payload::new("{\"percent\":40}").unwrap(),
//!     is_final: false,
//!     replace: None,
//!     idempotency_key: Some("step-40".into()),
//! };
//! let (mut log, now) = (MemoryLog::new(HistoryConfig::default()), Millis(0));
//! let first = log.publish(now, Timestamp(0), publish.clone()).unwrap();
//! let again = log.publish(now, Timestamp(0), publish).unwrap();
//! assert_eq!((first.offset, again.offset, again.publication), (1, 1, None));
//!
//! let limit = PageLimit { events_max: 10, bytes_max: 65_536, is_thinned: false };
//! let page = log.read(now, &channel, &Since::Start, limit).unwrap();
//! assert_eq!((page.events.len(), page.end, page.head), (1, 1, 1));
//! ```

#![no_std]

extern crate alloc;

mod channel_counts;
mod channel_index;
mod channel_log;
mod config;
mod epoch;
mod hot_cache;
mod idempotency;
mod memory_log;
mod page;
mod publication;
mod reserved;
mod shares;
mod stable_hash;

pub use channel_counts::{ChannelCounts, ForgetRule};
pub use channel_index::ChannelIndex;
pub use channel_log::{ChannelLog, DatedEvent, LoggedEvent};
pub use config::{HistoryConfig, NamespaceBudget, Retention};
pub use epoch::EpochMaker;
pub use hot_cache::HotCache;
pub use idempotency::{ExpiredKey, IdempotencyWindow};
pub use memory_log::{ChannelInfo, MemoryLog, YieldTotals};
pub use page::{LOOKED_AT_MAX, Page, PageBuilder, PageLimit, ReadError, start_of_page};
pub use publication::{
    EVENT_OVERHEAD, Fingerprint, FirstAnswer, Publication, Publish, PublishError, Published,
    Receipt, Refusal,
};
pub use reserved::{ReservedEpochs, ReservedTotals};
pub use shares::HistoryShares;
pub use stable_hash::stable_hash;
