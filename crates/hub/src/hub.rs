//! The table of sessions and channels. In: sessions that come and go, frames, publications, pages,
//! the time. Out: whom to wake, and who has ended. Must not know: sockets, brokers, tokens, HTTP.

mod control;
mod fanout;
mod feed;
mod frames;
mod opening;
mod refresh;
mod timelines;
mod view;

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;
use slab::Slab;
use steadfast_machine::{Millis, Rate, Span, Wake};
use steadfast_protocol::codec::{json, sse};
use steadfast_protocol::{
    CloseCode, Epoch, Generation, HeartbeatTerms, LinkKey, LinkLimits, ServerFrame, Timestamp,
    Welcome,
};

pub use self::frames::FrameRequest;
pub use self::opening::{OpenError, Opening};
pub use self::refresh::{RefusedRenewal, Renewal};
use crate::deadlines::Deadlines;
use crate::member::ChannelMembers;
use crate::outbox::Outbox;

use crate::session::{Closing, Counts, Liveness, Session};
use crate::timeline::EndedTimelines;
use crate::{Encoding, HubConfig, Outgoing, SessionKey, SessionReport, Totals};
use steadfast_history::ChannelIndex;

/// Sessions, members and what waits for them.
///
/// Contract: after every call, drain [`Hub::poll`]; wake each session it names, whose owner then
/// calls [`Hub::take`] until there is nothing to do. Call [`Hub::tick`] by the time that
/// [`Hub::wake`] names. `now` never goes back.
#[derive(Debug)]
pub struct Hub {
    config: HubConfig,
    sessions: Slab<Session>,
    links: BTreeMap<LinkKey, SessionKey>,
    channels: Slab<ChannelMembers>,
    names: ChannelIndex<u32>,
    deadlines: Deadlines,
    outputs: VecDeque<Output>,
    next_sweep: Millis,
    serial: u32,
    totals: Totals,
    ended: EndedTimelines,
}

/// What the shell has to know.
#[derive(Clone, Debug)]
pub enum Output {
    /// This session has something to do: its owner calls [`Hub::take`].
    Ready(SessionKey),
    /// This session is gone.
    Ended(SessionReport),
}

impl Hub {
    /// A hub without sessions.
    pub fn new(config: HubConfig, now: Millis) -> Self {
        Self {
            next_sweep: now + config.sweep_interval,
            names: ChannelIndex::new(config.names_seed),
            config,
            sessions: Slab::new(),
            links: BTreeMap::new(),
            channels: Slab::new(),
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
            serial: 0,
            totals: Totals::default(),
            ended: EndedTimelines::default(),
        }
    }

    /// Begins a session, fencing an older one of the same link, and welcomes it.
    pub fn open(&mut self, now: Millis, opening: Opening) -> Result<SessionKey, OpenError> {
        let (named, max) = (opening.channels.len(), self.config.limits.channels_max);
        if named > max + self.config.frames_burst_max as usize {
            return Err(OpenError::TooManyChannels { named, max });
        }
        let link = opening.link_key();
        self.fence(now, &link, opening.generation)?;
        let life = self.life(now, &opening);
        let entry = self.sessions.vacant_entry();
        self.serial = self.serial.wrapping_add(1);
        let index = u32::try_from(entry.key()).unwrap_or(u32::MAX);
        let key = SessionKey { index, serial: self.serial };
        entry.insert(Session {
            key,
            link: opening.link,
            address: opening.address,
            identity: opening.identity,
            generation: opening.generation,
            transport: opening.transport,
            encoding: opening.encoding,
            client: opening.client,
            grants: opening.grants,
            opened: now,
            expires: opening.expires,
            leaves: None,
            until: opening.expires,
            life,
            outbox: Outbox::default(),
            rate: Rate::new(now, self.config.frames_burst_max),
            publish_rate: Rate::new(now, self.config.publish_bytes_burst_max),
            refresh_rate: refresh::full_rate(now, &self.config),
            channels: Vec::new(),
            behind: VecDeque::new(),
            reading: None,
            tickets: 0,
            closing: None,
            armed: None,
            counts: Counts::default(),
            stats: None,
            told: None,
            timeline: self.ended.take(&link),
            is_opening_noted: false,
            is_flagged: false,
        });
        self.links.insert(link, key);
        self.count_opened(key);
        self.welcome(now, key, opening.time);
        for request in opening.channels {
            self.subscribe(now, key, request);
        }
        self.arm(key);
        Ok(key)
    }

    /// Ends a session: drops what waits, leaves its channels and closes with `code`.
    pub fn close(&mut self, now: Millis, key: SessionKey, code: CloseCode, reason: &str) {
        self.leave_all(key);
        let Some(session) = self.session(key) else { return };
        if session.closing.is_some() {
            return;
        }
        session.closing = Some(Closing { code, reason: reason.into() });
        session.outbox.clear();
        let reason = Cow::Owned(reason.to_string());
        session.outbox.push(now, Outgoing::Close { code, reason });
        match code {
            CloseCode::REPLACED => self.totals.replaced += 1,
            CloseCode::TOO_SLOW => self.totals.slow += 1,
            CloseCode::GOING_AWAY => self.totals.stale += 1,
            _ => {}
        }
        // Its owner may have been called before and be stuck in a write: it is called once more.
        self.call_again(key);
    }

    /// The session's transport is gone. `code` and `reason` are the peer's, or 1006.
    pub fn closed(&mut self, now: Millis, key: SessionKey, code: CloseCode, reason: &str) {
        self.leave_all(key);
        if self.session(key).is_none() {
            return;
        }
        let mut session = self.sessions.remove(key.index as usize);
        let link = session.link_key();
        if self.links.get(&link) == Some(&key) {
            self.links.remove(&link);
        }
        let (code, reason) = match session.closing.take() {
            Some(ours) => (ours.code, ours.reason),
            None => (code, reason.into()),
        };
        self.count_closed(now, &mut session, &link, (code, &reason));
        self.outputs.push_back(Output::Ended(SessionReport {
            session: key,
            user: link.user,
            link: link.link,
            generation: session.generation,
            transport: session.transport,
            duration: now.since(session.opened),
            message_count: session.counts.messages,
            event_count: session.counts.events,
            bytes_sent: session.counts.bytes_sent,
            bytes_received: session.counts.bytes_received,
            code,
            reason,
        }));
    }

    /// Whether the session is to end, or has ended.
    pub fn is_closing(&self, key: SessionKey) -> bool {
        self.peek(key).is_none_or(|session| session.closing.is_some())
    }

    /// What the shell has to know next.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Hub::tick`] at the latest.
    pub fn wake(&self) -> Wake<&'static str> {
        let deadline = self.deadlines.earliest().map(|at| Wake::new(at, "session"));
        Wake::new(self.next_sweep, "sweep").earlier(deadline)
    }

    fn session(&mut self, key: SessionKey) -> Option<&mut Session> {
        self.sessions.get_mut(key.index as usize).filter(|session| session.key == key)
    }

    fn peek(&self, key: SessionKey) -> Option<&Session> {
        self.sessions.get(key.index as usize).filter(|session| session.key == key)
    }

    fn fence(
        &mut self,
        now: Millis,
        link: &LinkKey,
        generation: Generation,
    ) -> Result<(), OpenError> {
        let Some(&older) = self.links.get(link) else { return Ok(()) };
        if self.peek(older).is_some_and(|session| session.generation >= generation) {
            return Err(OpenError::Replaced);
        }
        self.close(now, older, CloseCode::REPLACED, "a newer session of this link is here");
        Ok(())
    }

    fn life(&self, now: Millis, opening: &Opening) -> Liveness {
        match (opening.encoding, opening.heartbeat) {
            (Encoding::Stream | Encoding::Signal, _) => Liveness::Mute { told: now },
            (_, Some(proposed)) => {
                let terms = self.agree(proposed);
                Liveness::Agreed { terms, heard: now, expect_ms: terms.interval }
            }
            (_, None) => Liveness::Pinged { heard: now, asked: None },
        }
    }

    fn agree(&self, proposed: HeartbeatTerms) -> HeartbeatTerms {
        let (min, max) = (self.config.heartbeat_min.0, self.config.heartbeat_max.0);
        let interval = proposed.interval.clamp(min, max);
        // Together they bound how long a dead link may stay.
        let timeout = proposed.timeout.clamp(min, max.saturating_sub(interval).max(min));
        HeartbeatTerms { interval, timeout }
    }

    fn welcome(&mut self, now: Millis, key: SessionKey, time: Timestamp) {
        let config = &self.config;
        let Some(session) = self.peek(key) else { return };
        let heartbeat = match session.life {
            Liveness::Agreed { terms, .. } => terms,
            Liveness::Pinged { .. } | Liveness::Mute { .. } => {
                HeartbeatTerms { interval: config.ping_interval.0, timeout: config.ping_timeout.0 }
            }
        };
        let welcome = Welcome {
            link: session.link.clone(),
            node: config.node.clone(),
            region: config.region.clone(),
            heartbeat,
            limits: LinkLimits {
                message_bytes: config.limits.message_bytes_max as u64,
                queue_messages: config.queue_messages_max as u64,
                channels: config.limits.channels_max as u64,
                frames_per_second: config.frames_per_second_max.into(),
                frames_burst: config.frames_burst_max.into(),
                publish_bytes_per_second: Some(config.publish_bytes_per_second_max.into()),
                publish_bytes_burst: Some(config.publish_bytes_burst_max.into()),
            },
            crash_window_ms: config.crash_window.0,
            path_idle_limit_ms: config.path_idle_limit.map(|Span(limit)| limit),
            token_expires_in_ms: session.expires.map(|at| at.since(now).0),
            server_time: time.to_string().into(),
        };
        if session.encoding == Encoding::Frames {
            self.say(now, key, &ServerFrame::Welcome(welcome.into()));
        }
    }

    /// Puts a frame in the session's outbox, in the session's own encoding.
    fn say(&mut self, now: Millis, key: SessionKey, frame: &ServerFrame) {
        let Some(session) = self.peek(key) else { return };
        let name = match (session.encoding, frame) {
            (Encoding::Frames, _) => {
                return self.answer(now, key, json::encode_server(frame).into());
            }
            (Encoding::Stream, ServerFrame::Finished { .. }) => "finished",
            (Encoding::Stream, ServerFrame::GoAway(_)) => "go_away",
            (Encoding::Stream, ServerFrame::Error(_)) => "error",
            (Encoding::Stream | Encoding::Legacy | Encoding::Signal, _) => return,
        };
        self.answer(now, key, sse::notice(name, json::encode_server(frame).as_bytes()));
    }

    /// The same for a frame that moves the session's position in a channel to `at`. P-82
    fn say_at(
        &mut self,
        now: Millis,
        key: SessionKey,
        frame: &ServerFrame,
        (epoch, offset): (&Epoch, u64),
    ) {
        let name = match (self.peek(key).map(|session| session.encoding), frame) {
            (Some(Encoding::Stream), ServerFrame::Subscribed(_)) => "subscribed",
            (Some(Encoding::Stream), ServerFrame::Superseded(_)) => "superseded",
            (_, _) => return self.say(now, key, frame),
        };
        let text = json::encode_server(frame);
        self.answer(now, key, sse::notice_at((epoch, offset), name, text.as_bytes()));
    }

    /// Answers are not thinned: a peer that asks and never reads is cut off.
    fn answer(&mut self, now: Millis, key: SessionKey, text: Bytes) {
        let Some(session) = self.peek(key) else { return };
        if session.outbox.len() >= self.config.answers_max() {
            self.close(now, key, CloseCode::TOO_SLOW, "too many answers wait to be read");
        } else {
            self.put(now, key, Outgoing::Text(text));
        }
    }

    fn put(&mut self, now: Millis, key: SessionKey, item: Outgoing) {
        let Some(session) = self.session(key) else { return };
        if session.closing.is_none() {
            session.outbox.push(now, item);
            self.flag(key);
        }
    }

    /// Has the session's owner called, once until it takes.
    fn flag(&mut self, key: SessionKey) {
        if let Some(session) = self.session(key)
            && !session.is_flagged
        {
            session.is_flagged = true;
            self.outputs.push_back(Output::Ready(key));
        }
        self.arm(key);
    }

    fn call_again(&mut self, key: SessionKey) {
        if let Some(session) = self.session(key) {
            session.is_flagged = false;
        }
        self.flag(key);
    }

    fn arm(&mut self, key: SessionKey) {
        let Self { sessions, deadlines, config, .. } = self;
        let session = sessions.get_mut(key.index as usize).filter(|session| session.key == key);
        if let Some(session) = session
            && let Some(at) = session.deadline(config)
        {
            deadlines.arm(key, &mut session.armed, at);
        }
    }

    fn leave_all(&mut self, key: SessionKey) {
        let Some(session) = self.session(key) else { return };
        session.behind = VecDeque::new();
        session.reading = None;
        for channel in core::mem::take(&mut session.channels) {
            self.leave_channel(key, channel);
        }
    }

    /// Takes the session out of the channel's members, and forgets a channel without any.
    fn leave_channel(&mut self, key: SessionKey, channel: u32) {
        let Some(entry) = self.channels.get_mut(channel as usize) else { return };
        entry.remove(key);
        if entry.members.is_empty() {
            let entry = self.channels.remove(channel as usize);
            self.names.remove(&entry.name);
        }
    }
}

#[cfg(test)]
mod tests;
