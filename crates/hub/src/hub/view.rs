//! What operators see: sessions, members and totals, read and never changed.

use alloc::vec::Vec;
use core::net::IpAddr;
use core::ops::Range;

use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Generation, LinkKey};

use super::Hub;
use crate::platform::{PLATFORMS, platform_of};
use crate::session::Session;
use crate::{ConnectionView, SessionKey, Totals};

impl Hub {
    /// Whether the session follows no channel any more, and all that it was to be told is written.
    pub fn has_had_ends(&self, key: SessionKey) -> bool {
        self.peek(key).is_some_and(|session| {
            session.channels.is_empty() && session.outbox.is_empty() && !session.outbox.is_busy()
        })
    }

    /// Live sessions in these slots, in order of their slot.
    pub fn connections(&self, now: Millis, slots: Range<u32>) -> Vec<ConnectionView> {
        let sessions = slots.filter_map(|slot| self.sessions.get(slot as usize));
        sessions.map(|session| self.view(now, session)).collect()
    }

    /// No session lives in this slot or a higher one.
    pub fn slots(&self) -> u32 {
        u32::try_from(self.sessions.capacity()).unwrap_or(u32::MAX)
    }

    /// Counts the live sessions in these slots by what their client runs on, in the order of
    /// [`PLATFORMS`].
    pub fn platforms(&self, slots: Range<u32>) -> [u64; PLATFORMS.len()] {
        let mut counts = [0; PLATFORMS.len()];
        for session in slots.filter_map(|slot| self.sessions.get(slot as usize)) {
            let platform = platform_of(session.client.as_ref());
            let at = PLATFORMS.iter().position(|name| *name == platform);
            if let Some(count) = at.and_then(|at| counts.get_mut(at)) {
                *count += 1;
            }
        }
        counts
    }

    /// One live session.
    pub fn connection(&self, now: Millis, key: SessionKey) -> Option<ConnectionView> {
        self.peek(key).map(|session| self.view(now, session))
    }

    /// How many sessions follow a channel here.
    pub fn subscribers(&self, channel: &ChannelName) -> usize {
        let at = self.names.get(channel);
        at.and_then(|&at| self.channels.get(at as usize)).map_or(0, |c| c.members.len())
    }

    /// Channels with members in order of name, after `after`, `limit` at most.
    pub fn followed(&self, after: Option<&ChannelName>, limit: usize) -> Vec<ChannelName> {
        self.names.after(after).take(limit).cloned().collect()
    }

    /// Sessions in all.
    pub fn totals(&self) -> Totals {
        let members = self.channels.iter().map(|(_, channel)| channel.members.len() as u64).sum();
        let (channels, timelines) = (self.channels.len() as u64, self.ended.len() as u64);
        Totals { channels, members, timelines_kept: timelines, ..self.totals }
    }

    /// The generation of a link's live session.
    pub fn generation(&self, link: &LinkKey) -> Option<Generation> {
        let session = self.peek(*self.links.get(link)?)?;
        session.closing.is_none().then_some(session.generation)
    }

    /// The address of a session's client, while there is the session.
    pub fn address(&self, key: SessionKey) -> Option<IpAddr> {
        self.peek(key)?.address
    }

    fn view(&self, now: Millis, session: &Session) -> ConnectionView {
        let is_stale = session.stale_at(&self.config).is_some_and(|at| at <= now);
        let channels = session.channels.iter();
        let channels = channels.filter_map(|&at| self.channels.get(at as usize));
        ConnectionView {
            session: session.key,
            user: session.user().cloned(),
            link: session.link.clone(),
            address: session.address,
            generation: session.generation,
            transport: session.transport,
            client: session.client.clone(),
            channels: channels.map(|channel| channel.name.clone()).collect(),
            opened: session.opened,
            last_heard: session.last_heard(),
            idle: now.since(session.last_heard()),
            is_healthy: !is_stale && session.closing.is_none(),
            message_count: session.counts.messages,
            event_count: session.counts.events,
            bytes_sent: session.counts.bytes_sent,
            bytes_received: session.counts.bytes_received,
            queued: session.outbox.len(),
            stats: session.stats.clone(),
            grade: session.told.map(|stats| stats.grade).unwrap_or_default(),
        }
    }
}
