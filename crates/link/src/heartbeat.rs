//! Proof of life. In: the agreed terms, signs of life, the time. Out: heartbeats to send, and the
//! verdict that nothing came. Must not know sockets or channels.

use steadfast_machine::{Millis, Span, Wake};
use steadfast_protocol::{ClientFrame, Heartbeat, HeartbeatTerms, Scalar};

use crate::wake::Why;

/// How long an answer is waited for when there is reason for doubt.
const PROBE_TIMEOUT: Span = Span::seconds(4);
/// The shortest span that a server may set.
const TERM_MIN: u64 = 1000;
/// The longest span that a server may set.
const TERM_MAX: u64 = 3_600_000;

/// The heartbeat of one session.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    interval: Span,
    timeout: Span,
    next_at: Millis,
    /// When the peer counts as dead, unless it is heard before.
    dead_at: Option<Millis>,
    last_id: u64,
    /// When the heartbeat with `last_id` was sent; none once it is answered.
    sent_at: Option<Millis>,
    is_answered: bool,
    /// Whether the next heartbeat is sent because there is doubt, so with little patience.
    is_doubted: bool,
}

/// What is due.
#[derive(Debug)]
pub(crate) enum Beat {
    /// Nothing.
    Nothing,
    /// Send this.
    Send(ClientFrame),
    /// No sign of life came in time.
    Dead,
}

impl Pulse {
    /// A pulse by the terms in force; the first heartbeat comes after one interval.
    pub(crate) fn new(terms: HeartbeatTerms, now: Millis) -> Self {
        let interval = Span(terms.interval.clamp(TERM_MIN, TERM_MAX));
        Self {
            interval,
            timeout: Span(terms.timeout.clamp(TERM_MIN, TERM_MAX)),
            next_at: now + interval,
            dead_at: None,
            last_id: 0,
            sent_at: None,
            is_answered: false,
            is_doubted: false,
        }
    }

    /// What is due now.
    pub(crate) fn due(&mut self, now: Millis) -> Beat {
        if self.dead_at.is_some_and(|at| at <= now) {
            Beat::Dead
        } else if self.next_at <= now {
            let patience = if self.is_doubted { self.short_patience() } else { self.timeout };
            Beat::Send(self.beat(now, patience))
        } else {
            Beat::Nothing
        }
    }

    /// A heartbeat at once, with little patience; none while one is already waited for.
    pub(crate) fn probe(&mut self, now: Millis) -> Option<ClientFrame> {
        let patience = self.short_patience();
        match self.dead_at {
            Some(at) if at <= now + patience => None,
            Some(_) | None => Some(self.beat(now, patience)),
        }
    }

    /// A heartbeat right behind an answer.
    pub(crate) fn echo(&mut self, now: Millis) -> ClientFrame {
        self.beat(now, self.timeout)
    }

    /// Begins anew after sleep: what was waited for before it tells nothing. A heartbeat is due.
    pub(crate) const fn renew(&mut self, now: Millis) {
        self.dead_at = None;
        self.next_at = now;
        self.is_doubted = true;
    }

    /// Something came: the peer lives.
    pub(crate) const fn hear(&mut self) {
        self.dead_at = None;
    }

    /// An answer to a heartbeat; how long it took, where it answers the newest one.
    pub(crate) fn on_ack(&mut self, id: Option<&Scalar>, now: Millis) -> Option<Span> {
        if id != Some(&Scalar::number(self.last_id)) {
            return None;
        }
        let sent_at = self.sent_at.take()?;
        self.is_answered = true;
        Some(now.since(sent_at))
    }

    /// Whether a heartbeat was ever answered.
    pub(crate) const fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// When something will be due.
    pub(crate) fn wake(&self) -> Wake<Why> {
        let dead = self.dead_at.map(|at| Wake::new(at, Why::HeartbeatTimeout));
        Wake::new(self.next_at, Why::Heartbeat).earlier(dead)
    }

    fn beat(&mut self, now: Millis, patience: Span) -> ClientFrame {
        self.is_doubted = false;
        self.last_id += 1;
        self.sent_at = Some(now);
        self.next_at = now + self.interval;
        let dead_at = now + patience;
        self.dead_at = Some(self.dead_at.map_or(dead_at, |at| at.min(dead_at)));
        ClientFrame::Heartbeat(Heartbeat {
            id: Some(Scalar::number(self.last_id)),
            timestamp: None,
            next_ms: Some(self.interval.0),
            stats: None,
        })
    }

    fn short_patience(&self) -> Span {
        PROBE_TIMEOUT.min(self.timeout)
    }
}
