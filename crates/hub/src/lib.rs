//! The server half, pure: sessions, members, fan-out, bounded outboxes, and the history they
//! resume from.
//!
//! Two tables, neither of which owns a clock, a socket or a task:
//!
//! - [`Hub`] holds sessions and who follows what. The shell tells it what came ([`Hub::open`],
//!   [`Hub::frame`], [`Hub::publication`], [`Hub::page`]), is told whom to wake
//!   ([`Hub::poll`]), and takes what a session has to do ([`Hub::take`]).
//! - [`MemoryLog`] is the memory broker: channels with their history, positions and ends.
//!
//! A member is *live* while its outbox has room. Where it has not, or where a publication is
//! missing, the member falls *behind* and is fed from history, page by page, as fast as its session
//! reads: joining, resuming, catching up and repair are one mechanism.

#![no_std]

extern crate alloc;

mod channel_index;
mod config;
mod deadlines;
mod grants;
mod hub;
mod member;
mod memory_log;
mod outbox;
mod page;
mod publication;
mod rate;
mod render;
mod report;
mod reserved;
mod session;

pub use config::{HistoryConfig, HubConfig, Retention};
pub use grants::{Grants, Pattern, PatternError};
pub use hub::{Hub, OpenError, Opening, Output};
pub use memory_log::{ChannelInfo, MemoryLog};
pub use outbox::Outgoing;
pub use page::{Page, PageLimit, ReadError, start_of_page};
pub use publication::{
    Fingerprint, FirstAnswer, Publication, Publish, PublishError, Published, Receipt, Retry,
};
pub use report::{ConnectionView, SessionReport, Totals};
pub use reserved::ReservedEpochs;
pub use session::{Encoding, Read, SessionKey, Transport, Work};
