//! What operators see: sessions, members and totals, read and never changed.

use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::ChannelName;

use super::Hub;
use crate::session::Session;
use crate::{ConnectionView, SessionKey, Totals};

impl Hub {
    /// Live sessions in order of their slot, from slot `from` on, `limit` at most.
    pub fn connections(&self, now: Millis, from: u32, limit: usize) -> Vec<ConnectionView> {
        let sessions = self.sessions.iter().map(|(_, session)| session);
        let sessions = sessions.filter(|session| session.key.index >= from);
        sessions.take(limit).map(|session| self.view(now, session)).collect()
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

    /// Sessions in all.
    pub fn totals(&self) -> Totals {
        let members = self.channels.iter().map(|(_, channel)| channel.members.len() as u64).sum();
        Totals { channels: self.channels.len() as u64, members, ..self.totals }
    }

    fn view(&self, now: Millis, session: &Session) -> ConnectionView {
        let is_stale = session.stale_at(&self.config).is_some_and(|at| at <= now);
        let channels = session.channels.iter();
        let channels = channels.filter_map(|&at| self.channels.get(at as usize));
        ConnectionView {
            session: session.key,
            link: session.link.clone(),
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
        }
    }
}
