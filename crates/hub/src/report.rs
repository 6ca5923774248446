//! What operators see of sessions: while they live, when they end, and in all.

use alloc::boxed::Box;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};
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
}
