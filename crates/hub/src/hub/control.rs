//! Time, drains and operators: what happens to sessions without any frame.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;

use bytes::Bytes;
use steadfast_history::stable_hash;
use steadfast_machine::{Millis, Rng, Span};
use steadfast_protocol::codec::legacy;
use steadfast_protocol::{
    CloseCode, Generation, GoAway, LinkId, LinkKey, STALE_REASON, ServerFrame,
};

use super::Hub;
use crate::session::Liveness;
use crate::{Encoding, Identity, Outgoing, SessionKey};

/// What is due for one session.
enum SessionDue {
    Nothing,
    Stale,
    Slow,
    Expired,
    Leave,
    Ask,
    Comment,
}

impl Hub {
    /// The time has come that [`Hub::wake`] named, or some later time.
    pub fn tick(&mut self, now: Millis) {
        while let Some((at, key)) = self.deadlines.pop(now) {
            if let Some(session) = self.session(key)
                && session.armed == Some(at)
            {
                session.armed = None;
                self.act(now, key);
                self.arm(key);
            }
        }
        if now >= self.next_sweep {
            self.next_sweep = now + self.config.sweep_interval;
            self.sweep(now);
        }
    }

    /// Tells every link to come back elsewhere or later; each draws its own time. For streams,
    /// polls and older clients, which cannot, it is drawn here, and they end then. P-77, P-83
    pub fn go_away(&mut self, now: Millis, after: Span, spread: Span, to: Option<&str>) {
        let frame = ServerFrame::GoAway(GoAway {
            reason: "drain".into(),
            after_ms: after.0,
            spread_ms: spread.0,
            to: to.map(Box::from),
        });
        for key in self.keys() {
            self.say(now, key, &frame);
            let Some(session) = self.peek(key).filter(|one| one.encoding.is_for_one()) else {
                continue;
            };
            let leaves = now + after + self.drawn(&session.link, spread);
            if let Some(session) = self.session(key) {
                session.leaves = Some(leaves);
                session.until = session.expires.into_iter().chain([leaves]).min();
            }
            self.arm(key);
        }
    }

    /// A part of `spread`, at random for each link.
    fn drawn(&self, link: &LinkId, spread: Span) -> Span {
        let seed = self.config.names_seed.to_le_bytes().into_iter();
        let hash = stable_hash(seed.chain(link.as_str().bytes()));
        let mut rng = Rng::new(u32::try_from(hash >> 32).unwrap_or(0));
        Span(rng.between(0, u32::try_from(spread.0).unwrap_or(u32::MAX)).into())
    }

    /// A session of the link with this generation is live on another node: an older one here is
    /// closed. Says which generation is live here instead, where that is as high or higher.
    pub fn fence_elsewhere(
        &mut self,
        now: Millis,
        link: &LinkKey,
        generation: Generation,
    ) -> Option<Generation> {
        let live = self.generation(link)?;
        if live >= generation {
            return Some(live);
        }
        let key = *self.links.get(link)?;
        self.close(now, key, CloseCode::REPLACED, "a newer session of this link is elsewhere");
        None
    }

    /// Closes the sessions in these slots whose identity is meant. Returns how many.
    pub fn close_where(
        &mut self,
        now: Millis,
        slots: Range<u32>,
        is_meant: impl Fn(Option<&Identity>) -> bool,
        code: CloseCode,
        reason: &str,
    ) -> usize {
        let sessions = slots.filter_map(|slot| self.sessions.get(slot as usize));
        let meant = sessions
            .filter(|session| session.closing.is_none() && is_meant(session.identity.as_deref()));
        let keys: Vec<SessionKey> = meant.map(|session| session.key).collect();
        for key in &keys {
            self.close(now, *key, code, reason);
        }
        keys.len()
    }

    /// Closes every session.
    pub fn close_all(&mut self, now: Millis, code: CloseCode, reason: &str) {
        for key in self.keys() {
            self.close(now, key, code, reason);
        }
    }

    fn keys(&self) -> Vec<SessionKey> {
        self.sessions.iter().map(|(_, session)| session.key).collect()
    }

    fn act(&mut self, now: Millis, key: SessionKey) {
        match self.due(now, key) {
            SessionDue::Nothing => {}
            SessionDue::Stale => self.close(now, key, CloseCode::GOING_AWAY, STALE_REASON),
            SessionDue::Slow => {
                self.close(now, key, CloseCode::TOO_SLOW, "too slow: resume from history");
            }
            SessionDue::Expired => self.close(now, key, CloseCode::TOKEN_EXPIRED, "token expired"),
            SessionDue::Leave => self.close(now, key, CloseCode::RESTART, "the server restarts"),
            SessionDue::Ask => self.ask(now, key),
            SessionDue::Comment => {
                let Some(session) = self.session(key) else { return };
                session.life = Liveness::Mute { told: now };
                // A poll that waits can take nothing but its signal: a ping would count as unread.
                if session.encoding != Encoding::Signal {
                    self.put(now, key, Outgoing::Ping);
                }
            }
        }
    }

    fn due(&self, now: Millis, key: SessionKey) -> SessionDue {
        let config = &self.config;
        let Some(session) = self.peek(key).filter(|session| session.closing.is_none()) else {
            return SessionDue::Nothing;
        };
        let has_come = |at: Option<Millis>| at.is_some_and(|at| at <= now);
        if has_come(session.stale_at(config)) {
            return SessionDue::Stale;
        }
        if has_come(session.outbox.slow_at(config.slow_timeout)) {
            return SessionDue::Slow;
        }
        if has_come(session.expires) {
            return SessionDue::Expired;
        }
        if has_come(session.leaves) {
            return SessionDue::Leave;
        }
        match session.life {
            Liveness::Pinged { heard, asked: None } if heard + config.ping_interval <= now => {
                SessionDue::Ask
            }
            Liveness::Mute { told } if told + config.ping_interval <= now => SessionDue::Comment,
            Liveness::Agreed { .. } | Liveness::Pinged { .. } | Liveness::Mute { .. } => {
                SessionDue::Nothing
            }
        }
    }

    /// Asks a silent peer twice: its app, whose answer counts, and its transport, which keeps the
    /// path open. P-42, P-47
    fn ask(&mut self, now: Millis, key: SessionKey) {
        let Some(session) = self.session(key) else { return };
        if let Liveness::Pinged { asked, .. } = &mut session.life {
            *asked = Some(now);
        }
        match session.encoding {
            Encoding::Frames => self.say(now, key, &ServerFrame::Ping { id: None }),
            Encoding::Legacy => self.answer(now, key, Bytes::from_static(legacy::PING)),
            Encoding::Stream | Encoding::Signal => {}
        }
        self.put(now, key, Outgoing::Ping);
    }

    /// Looks at every session: the net under the deadlines, and the count of the healthy.
    fn sweep(&mut self, now: Millis) {
        let mut healthy = 0;
        for key in self.keys() {
            self.act(now, key);
            healthy += u64::from(!self.is_closing(key));
        }
        self.totals.healthy = healthy;
    }
}
