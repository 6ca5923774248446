//! Notes what happens to links, and counts their sessions. In: sessions that begin, end, fall
//! behind or tell how good they are. Out: timelines and totals. Links that make up a new id for
//! each request have no timeline.

use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::codec::json;
use steadfast_protocol::{CloseCode, LinkKey, Payload};

use super::Hub;
use crate::session::Session;
use crate::timeline::Timeline;
use crate::{Encoding, SessionKey, TimelineEntry, TimelineEvent, Totals};

impl Hub {
    /// What happened to the link of a live session, newest last.
    pub fn timeline(&self, key: SessionKey) -> Vec<TimelineEntry> {
        let Some(session) = self.peek(key) else { return Vec::new() };
        let entries = session.timeline.entries().cloned();
        let opened = (!session.is_opening_noted).then(|| session.opening_entry());
        entries.chain(opened).collect()
    }

    pub(super) fn count_opened(&mut self, key: SessionKey) {
        let Self { sessions, totals, config, .. } = self;
        let Some(session) = sessions.get_mut(key.index as usize) else { return };
        totals.accepted += 1;
        totals.connections += 1;
        totals.peak = totals.peak.max(totals.connections);
        totals.transports[session.transport.index()] += 1;
        if !session.timeline.is_empty() {
            session.note_opening(config.timeline_entries_max, totals);
        }
    }

    pub(super) fn count_closed(
        &mut self,
        now: Millis,
        session: &mut Session,
        link: &LinkKey,
        (code, reason): (CloseCode, &str),
    ) {
        let Self { sessions, totals, config, ended, links, .. } = self;
        totals.connections -= 1;
        totals.closed += 1;
        totals.transports[session.transport.index()] -= 1;
        if let Some(told) = &session.told {
            totals.quality.remove(told);
        }
        if session.encoding != Encoding::Frames || config.timeline_links_max == 0 {
            totals.timeline_entries -= session.timeline.len() as u64;
            return;
        }
        let event = TimelineEvent::Closed { code, reason: reason.into() };
        session.note(now, config.timeline_entries_max, event, totals);
        let timeline = core::mem::take(&mut session.timeline);
        // A newer session may be here already: what happens to the older one belongs to it.
        let newer = links.get(link).and_then(|key| sessions.get_mut(key.index as usize));
        if let Some(newer) = newer {
            newer.inherit(timeline, config.timeline_entries_max, totals);
        } else {
            let gone = ended.keep(config.timeline_links_max, link, timeline);
            totals.timeline_entries -= gone;
        }
    }

    /// A link tells how good it is.
    pub(super) fn report(&mut self, now: Millis, key: SessionKey, stats: Payload) {
        let Self { sessions, totals, config, .. } = self;
        let session = sessions.get_mut(key.index as usize).filter(|session| session.key == key);
        let Some(session) = session else { return };
        let told = json::link_stats(stats.as_str());
        if let Some(before) = session.told.replace(told) {
            totals.quality.remove(&before);
        }
        totals.quality.add(&told);
        session.stats = Some(stats);
        if !session.is_opening_noted || session.timeline.is_news(&told) {
            let event = TimelineEvent::Reported(told);
            session.note(now, config.timeline_entries_max, event, totals);
        }
    }
}

impl Session {
    /// Its member of a channel fell behind. Noted once, until something else happens.
    pub(super) fn note_behind(&mut self, now: Millis, max: usize, totals: &mut Totals) {
        if !self.timeline.ends_behind() {
            self.note(now, max, TimelineEvent::FellBehind, totals);
        }
    }

    fn note(&mut self, now: Millis, max: usize, event: TimelineEvent, totals: &mut Totals) {
        if self.encoding != Encoding::Frames {
            return;
        }
        if !self.is_opening_noted {
            self.note_opening(max, totals);
        }
        self.append(TimelineEntry { at: now, event }, max, totals);
    }

    fn note_opening(&mut self, max: usize, totals: &mut Totals) {
        self.is_opening_noted = true;
        self.append(self.opening_entry(), max, totals);
    }

    fn opening_entry(&self) -> TimelineEntry {
        let (generation, transport) = (self.generation, self.transport);
        TimelineEntry { at: self.opened, event: TimelineEvent::Opened { generation, transport } }
    }

    /// Puts the entries of the link's older session before its own.
    fn inherit(&mut self, older: Timeline, max: usize, totals: &mut Totals) {
        let own = core::mem::replace(&mut self.timeline, older);
        totals.timeline_entries -= own.len() as u64;
        if own.is_empty() {
            return self.note_opening(max, totals);
        }
        for entry in own.entries() {
            self.append(entry.clone(), max, totals);
        }
    }

    fn append(&mut self, entry: TimelineEntry, max: usize, totals: &mut Totals) {
        totals.timeline_entries -= self.timeline.len() as u64;
        self.timeline.note(max, entry.at, entry.event);
        totals.timeline_entries += self.timeline.len() as u64;
    }
}
