//! What operators see of sessions: while they live, when they end, and in all.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::IpAddr;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::codec::json::{LinkGrade, LinkStats};
use steadfast_protocol::{ChannelName, ClientInfo, CloseCode, Generation, LinkId, Payload, UserId};

use crate::{SessionKey, Transport};

/// One live session.
#[derive(Clone, Debug)]
pub struct ConnectionView {
    /// Its key.
    pub session: SessionKey,
    /// Whose it is.
    pub user: Option<UserId>,
    /// Its link.
    pub link: LinkId,
    /// Where its client is, if that is known.
    pub address: Option<IpAddr>,
    /// Which session of the link.
    pub generation: Generation,
    /// How it travels.
    pub transport: Transport,
    /// Who is speaking, if it said so.
    pub client: Option<ClientInfo>,
    /// What it follows.
    pub channels: Vec<ChannelName>,
    /// When it was opened.
    pub opened: Millis,
    /// When it was last heard of.
    pub last_heard: Millis,
    /// How long ago that was.
    pub idle: Span,
    /// Whether it has been heard of in time.
    pub is_healthy: bool,
    /// Messages received.
    pub message_count: u64,
    /// Events sent.
    pub event_count: u64,
    /// Bytes of messages sent.
    pub bytes_sent: u64,
    /// Bytes of messages received.
    pub bytes_received: u64,
    /// Messages waiting.
    pub queued: usize,
    /// What the link last said of itself.
    pub stats: Option<Payload>,
    /// Its grade, as it last said.
    pub grade: LinkGrade,
}

/// One session that has ended: the fields of its log line.
#[derive(Clone, Debug)]
pub struct SessionReport {
    /// Its key.
    pub session: SessionKey,
    /// Whose it was.
    pub user: Option<UserId>,
    /// Its link.
    pub link: LinkId,
    /// Which session of the link.
    pub generation: Generation,
    /// How it travelled.
    pub transport: Transport,
    /// How long it lived.
    pub duration: Span,
    /// Messages received.
    pub message_count: u64,
    /// Events sent.
    pub event_count: u64,
    /// Bytes of messages sent.
    pub bytes_sent: u64,
    /// Bytes of messages received.
    pub bytes_received: u64,
    /// The close code: ours, the peer's, or 1006 where there was none.
    pub code: CloseCode,
    /// In a few words.
    pub reason: Box<str>,
}

/// Sessions in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Live now.
    pub connections: u64,
    /// The most there were at once.
    pub peak: u64,
    /// Opened so far.
    pub accepted: u64,
    /// Ended so far.
    pub closed: u64,
    /// Fenced by a newer session of their link.
    pub replaced: u64,
    /// Closed because they fell silent.
    pub stale: u64,
    /// Closed because they took nothing.
    pub slow: u64,
    /// Events handed to sessions.
    pub deliveries: u64,
    /// Times that a member fell behind and was fed from history.
    pub lagged: u64,
    /// Publishes refused because their session sent too many bytes a second.
    pub throttled: u64,
    /// Newer tokens that sessions were given.
    pub refreshed: u64,
    /// Live sessions found healthy by the last sweep.
    pub healthy: u64,
    /// Channels with members.
    pub channels: u64,
    /// Members in all channels.
    pub members: u64,
    /// Live sessions by transport, in the order of [`Transport::ALL`].
    pub transports: [u64; 3],
    /// What live links say of themselves.
    pub quality: QualityTotals,
    /// Entries in all timelines.
    pub timeline_entries: u64,
    /// Timelines that are kept after their session.
    pub timelines_kept: u64,
}

/// What the links of live sessions last said of themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QualityTotals {
    /// Links by grade, in the order of [`LinkGrade::ALL`].
    pub grades: [u64; 6],
    /// Links that told their availability.
    pub reporting: u64,
    /// The sum of their availability, in hundredths of a percent.
    pub availability: u64,
    /// The sum of their realtime availability, in hundredths of a percent.
    pub realtime_availability: u64,
}

impl QualityTotals {
    pub(crate) fn add(&mut self, stats: &LinkStats) {
        self.apply(stats, u64::wrapping_add);
    }

    pub(crate) fn remove(&mut self, stats: &LinkStats) {
        self.apply(stats, u64::wrapping_sub);
    }

    /// Adds those of another hub.
    pub fn merge(&mut self, other: &Self) {
        for (sum, one) in self.grades.iter_mut().zip(other.grades) {
            *sum += one;
        }
        self.reporting += other.reporting;
        self.availability += other.availability;
        self.realtime_availability += other.realtime_availability;
    }

    fn apply(&mut self, stats: &LinkStats, change: fn(u64, u64) -> u64) {
        for (sum, grade) in self.grades.iter_mut().zip(LinkGrade::ALL) {
            *sum = change(*sum, u64::from(grade == stats.grade));
        }
        if let Some((all, realtime)) = stats.availability.zip(stats.realtime_availability) {
            self.reporting = change(self.reporting, 1);
            self.availability = change(self.availability, all.into());
            self.realtime_availability = change(self.realtime_availability, realtime.into());
        }
    }
}
