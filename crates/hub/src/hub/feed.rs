//! What a session does next: write what waits, and read history for its members that are behind.
//! One page is on its way at a time, and the next is asked for when the last was taken: a session
//! is fed exactly as fast as it reads, and never holds more than two pages.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use steadfast_machine::Millis;
use steadfast_protocol::{Epoch, Position, ServerFrame, Subscribed, Superseded};

use super::Hub;
use crate::member::DeliveryState;
use crate::render::Rendered;
use crate::{Encoding, Read, SessionKey, Work};
use steadfast_history::{Page, PageLimit, Publication, ReadError};

/// Bytes of a page whose events are copied for its session alone, because the older protocol wraps
/// them; one event may be longer.
const COPIED_PAGE_BYTES: usize = 64 * 1024;

impl Hub {
    /// Takes what the session has to do. Calling this says that all it took before is written.
    pub fn take(&mut self, now: Millis, key: SessionKey) -> Work {
        let Some(session) = self.session(key) else { return Work::default() };
        session.is_flagged = false;
        let frames = session.outbox.take(now);
        let bytes = frames.iter().map(|frame| frame.text_bytes() as u64);
        session.counts.bytes_sent += bytes.sum::<u64>();
        let read = self.next_read(key);
        self.arm(key);
        Work { frames, read }
    }

    /// Takes what waits for the session into `frames`, where writing that is all there is to do,
    /// and it is text of `bytes_max` bytes at most; [`Hub::written`] says when it has been. False
    /// where its owner has to see to it, with [`Hub::take`]: nothing is taken then.
    pub fn take_text(
        &mut self,
        now: Millis,
        key: SessionKey,
        bytes_max: usize,
        frames: &mut Vec<Bytes>,
    ) -> bool {
        let Some(session) = self.session(key) else { return false };
        let has_to_read = session.reading.is_none() && !session.behind.is_empty();
        let from = frames.len();
        if has_to_read
            || session.closing.is_some()
            || !session.outbox.take_text(now, bytes_max, frames)
        {
            return false;
        }
        session.is_flagged = false;
        let taken = frames.get(from..).unwrap_or_default();
        session.counts.bytes_sent += taken.iter().map(|text| text.len() as u64).sum::<u64>();
        self.arm(key);
        true
    }

    /// What was taken with [`Hub::take_text`] has been written.
    pub fn written(&mut self, now: Millis, key: SessionKey) {
        if let Some(session) = self.session(key) {
            session.outbox.written(now);
        }
    }

    /// The broker's answer to a [`Read`] of this session.
    pub fn page(
        &mut self,
        now: Millis,
        key: SessionKey,
        read: &Read,
        answer: Result<Page, ReadError>,
    ) {
        let Some(session) = self.session(key) else { return };
        let Some((at, ticket)) = session.reading else { return };
        if ticket != read.ticket {
            return;
        }
        session.reading = None;
        match answer {
            Ok(page) => self.deliver_page(now, key, at, &page),
            Err(error) => self.fail_read(key, at, error),
        }
    }

    fn next_read(&mut self, key: SessionKey) -> Option<Read> {
        let limit = PageLimit {
            events_max: self.config.queue_messages_max,
            bytes_max: self.config.queue_bytes_max,
            is_thinned: true,
        };
        let Self { sessions, channels, .. } = self;
        let session = sessions.get_mut(key.index as usize).filter(|s| s.key == key)?;
        if session.reading.is_some() || session.closing.is_some() {
            return None;
        }
        let limit = match session.encoding {
            Encoding::Frames | Encoding::Stream => limit,
            Encoding::Legacy => PageLimit {
                is_thinned: false,
                bytes_max: limit.bytes_max.min(COPIED_PAGE_BYTES),
                ..limit
            },
            Encoding::Signal => PageLimit { events_max: 0, ..limit },
        };
        while let Some(at) = session.behind.pop_front() {
            let Some(channel) = channels.get_mut(at as usize) else { continue };
            let (seen, name) = (channel.seen, channel.name.clone());
            let Some(member) = channel.member(key) else { continue };
            member.stage = DeliveryState::Reading { seen };
            session.tickets = session.tickets.wrapping_add(1);
            session.reading = Some((at, session.tickets));
            let since = member.since();
            return Some(Read { channel: name, since, limit, ticket: session.tickets });
        }
        session.behind = VecDeque::new();
        None
    }

    fn deliver_page(&mut self, now: Millis, key: SessionKey, at: u32, page: &Page) {
        let is_signalled = self.peek(key).is_some_and(|one| one.encoding == Encoding::Signal);
        self.announce(now, key, at, page);
        let mut offset = page.start.offset;
        for publication in &page.events {
            self.skip(now, key, at, (&page.start.epoch, offset), publication.offset - 1);
            offset = publication.offset;
            self.put_event(now, key, publication);
        }
        if !is_signalled {
            self.skip(now, key, at, (&page.start.epoch, offset), page.end);
        }
        let Some(channel) = self.channels.get_mut(at as usize) else { return };
        let epoch = page.start.epoch.clone();
        let Some(member) = channel.member(key) else { return };
        let DeliveryState::Reading { seen } = member.stage else { return };
        member.at = Some(Position::new(epoch.clone(), page.end));
        let is_caught_up = is_signalled
            || (page.end >= page.head && channel.is_reached_by(&epoch, page.end, seen));
        if let Some(member) = channel.member(key) {
            member.stage = if is_caught_up { DeliveryState::Live } else { DeliveryState::Behind };
        }
        if is_caught_up && page.reaches_the_end() {
            self.finish(now, key, at);
        } else if !is_caught_up && let Some(session) = self.session(key) {
            session.behind.push_back(at);
        }
        self.flag(key);
    }

    /// Says where delivery starts, where that is owed: at the first page, and after a gap.
    fn announce(&mut self, now: Millis, key: SessionKey, at: u32, page: &Page) {
        let Some(channel) = self.channels.get_mut(at as usize) else { return };
        let name = channel.name.clone();
        let Some(member) = channel.member(key) else { return };
        let join = member.join.take();
        if join.is_none() && page.gap.is_none() {
            return;
        }
        let subscribed = Subscribed {
            id: join.and_then(|join| join.id),
            channel: name,
            epoch: page.start.epoch.clone(),
            offset: page.start.offset,
            head: page.head,
            recovered: page.gap.is_none(),
            gap: page.gap.clone(),
        };
        let frame = ServerFrame::Subscribed(subscribed.into());
        self.say_at(now, key, &frame, (&page.start.epoch, page.start.offset));
    }

    /// Says which offsets after `offset` and up to `to` were thinned out, where there are any.
    fn skip(
        &mut self,
        now: Millis,
        key: SessionKey,
        at: u32,
        (epoch, offset): (&Epoch, u64),
        to: u64,
    ) {
        if to <= offset {
            return;
        }
        let Some(channel) = self.channels.get(at as usize).map(|c| c.name.clone()) else { return };
        let superseded = Superseded { channel, from: offset + 1, to };
        self.say_at(now, key, &ServerFrame::Superseded(superseded), (epoch, to));
    }

    fn put_event(&mut self, now: Millis, key: SessionKey, publication: &Publication) {
        let Some(session) = self.session(key) else { return };
        session.counts.events += 1;
        let item = Rendered::new(publication).item(session.encoding);
        self.totals.deliveries += 1;
        self.put(now, key, item);
    }

    fn fail_read(&mut self, key: SessionKey, at: u32, error: ReadError) {
        match error {
            // The session lives, and is served what can be: this channel waits for the broker.
            ReadError::Unavailable => {
                if let Some(channel) = self.channels.get_mut(at as usize)
                    && let Some(member) = channel.member(key)
                {
                    member.stage = DeliveryState::Waiting;
                }
            }
        }
        self.flag(key);
    }
}
