//! The server half, pure: sessions, members, fan-out and bounded outboxes.
//!
//! [`Hub`] holds sessions and who follows what, and owns no clock, socket or task. The shell tells
//! it what came ([`Hub::open`], [`Hub::frame`], [`Hub::publication`], [`Hub::page`]), is told whom
//! to wake ([`Hub::poll`]), and takes what a session has to do ([`Hub::take`]). Publications and
//! pages are those of `steadfast-history`.
//!
//! A member is *live* while its outbox has room. Where it has not, or where a publication is
//! missing, the member falls *behind* and is fed from history, page by page, as fast as its session
//! reads: joining, resuming, catching up and repair are one mechanism.

#![no_std]

extern crate alloc;

mod config;
mod deadlines;
mod grants;
mod hub;
mod identity;
mod member;
mod outbox;
mod platform;
mod render;
mod report;
mod session;
mod timeline;

pub use config::HubConfig;
pub use grants::{Grants, Pattern, PatternError};
pub use hub::{FrameRequest, Hub, OpenError, Opening, Output, RefusedRenewal, Renewal};
pub use identity::Identity;
pub use outbox::{Outgoing, StreamEvent};
pub use platform::PLATFORMS;
pub use report::{ConnectionView, QualityTotals, SessionReport, Totals};
pub use session::{Encoding, Read, SessionKey, Transport, Work};
pub use timeline::{TimelineEntry, TimelineEvent};
