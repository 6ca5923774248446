//! Proof of life, in two stages: doubt and a second question, then the verdict. In: the agreed
//! terms, how long to be patient, signs of life, the time. Out: heartbeats to send, and what
//! silence means. Must not know sockets or channels, nor what patience is drawn from.

use steadfast_machine::{Millis, Span, Wake};
use steadfast_protocol::{ClientFrame, Heartbeat, HeartbeatTerms, Scalar};

use crate::wake::Why;

/// The shortest span that a server may set.
const TERM_MIN: u64 = 1000;
/// The longest span that a server may set.
const TERM_MAX: u64 = 3_600_000;

/// The heartbeat of one session.
#[derive(Clone, Debug)]
pub(crate) struct HeartbeatTimer {
    /// The interval of the terms in force.
    agreed: Span,
    /// The interval that is kept, which is longer while nobody looks.
    interval: Span,
    timeout: Span,
    next_at: Millis,
    /// Set from a heartbeat on until something is heard.
    waiting: Option<PendingReply>,
    last_id: u64,
    /// The heartbeat that is timed, until its answer comes. A question asked in doubt is not: its
    /// answer comes behind the one that is late.
    timed: Option<TimedHeartbeat>,
    is_answered: bool,
    /// Whether the next heartbeat is to find out whether the peer outlived a sleep.
    is_probe_due: bool,
}

/// How long nothing may come after a heartbeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AnswerTimeouts {
    /// Until there is doubt, where there is any before the verdict.
    pub(crate) soft: Option<Span>,
    /// Until the peer counts as dead.
    pub(crate) hard: Span,
}

/// What is due.
#[derive(Debug)]
pub(crate) enum HeartbeatAction {
    /// Nothing.
    Nothing,
    /// Send this.
    Send(ClientFrame),
    /// There is doubt: ask again, with this.
    Doubt(ClientFrame),
    /// No sign of life came in time.
    Dead,
}

#[derive(Clone, Copy, Debug)]
struct PendingReply {
    /// When doubt begins; none once it has, or where it never does.
    doubt_at: Option<Millis>,
    dead_at: Millis,
    is_doubted: bool,
}

#[derive(Clone, Copy, Debug)]
struct TimedHeartbeat {
    id: u64,
    sent_at: Millis,
    /// When to look whether the device slept, though something else was heard; none once that was
    /// done.
    look_at: Option<Millis>,
    /// An answer after this is not timed.
    until: Millis,
}

impl AnswerTimeouts {
    /// With doubt at half of the time at the latest, so that a timer between both always shows
    /// whether the device slept, and a verdict after `most` at the latest.
    pub(crate) fn new(soft: Span, hard: Span, most: Span) -> Self {
        let hard = hard.min(most);
        Self { soft: Some(soft.min(Span(hard.0.div_ceil(2)))), hard }
    }
}

impl PendingReply {
    fn new(now: Millis, timeouts: AnswerTimeouts) -> Self {
        let doubt_at = timeouts.soft.map(|soft| now + soft);
        Self { doubt_at, dead_at: now + timeouts.hard, is_doubted: false }
    }

    /// Another heartbeat was sent meanwhile: whichever patience ends first.
    fn or_sooner(self, other: Self) -> Self {
        let sooner = match (self.doubt_at, other.doubt_at) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        };
        Self {
            doubt_at: if self.is_doubted { None } else { sooner },
            dead_at: self.dead_at.min(other.dead_at),
            is_doubted: self.is_doubted,
        }
    }
}

impl HeartbeatTimer {
    /// A pulse by the terms in force; the first heartbeat comes after one interval.
    pub(crate) fn new(terms: HeartbeatTerms, now: Millis) -> Self {
        let agreed = Span(terms.interval.clamp(TERM_MIN, TERM_MAX));
        Self {
            agreed,
            interval: agreed,
            timeout: Span(terms.timeout.clamp(TERM_MIN, TERM_MAX)),
            next_at: now + agreed,
            waiting: None,
            last_id: 0,
            timed: None,
            is_answered: false,
            is_probe_due: false,
        }
    }

    /// The longest that an answer may be waited for.
    pub(crate) const fn timeout(&self) -> Span {
        self.timeout
    }

    /// Whether the next heartbeat wants the patience of a probe.
    pub(crate) const fn is_probe_due(&self) -> bool {
        self.is_probe_due
    }

    /// What is due now.
    pub(crate) fn due(&mut self, now: Millis, timeouts: AnswerTimeouts) -> HeartbeatAction {
        if let Some(waiting) = &mut self.waiting {
            if waiting.dead_at <= now {
                return HeartbeatAction::Dead;
            }
            if waiting.doubt_at.is_some_and(|at| at <= now) {
                waiting.doubt_at = None;
                waiting.is_doubted = true;
                return HeartbeatAction::Doubt(self.frame(now));
            }
        }
        if let Some(timed) = &mut self.timed {
            timed.look_at = timed.look_at.filter(|at| *at > now);
        }
        if self.next_at <= now {
            HeartbeatAction::Send(self.beat(now, timeouts))
        } else {
            HeartbeatAction::Nothing
        }
    }

    /// A heartbeat at once; none while the verdict on one is as near.
    pub(crate) fn probe(&mut self, now: Millis, timeouts: AnswerTimeouts) -> Option<ClientFrame> {
        match self.waiting {
            Some(waiting) if waiting.dead_at <= now + timeouts.hard => None,
            Some(_) | None => Some(self.beat(now, timeouts)),
        }
    }

    /// A heartbeat at once, whatever is waited for.
    pub(crate) fn beat(&mut self, now: Millis, timeouts: AnswerTimeouts) -> ClientFrame {
        self.is_probe_due = false;
        let waiting = PendingReply::new(now, timeouts);
        self.waiting = Some(self.waiting.map_or(waiting, |before| before.or_sooner(waiting)));
        let frame = self.frame(now);
        let PendingReply { doubt_at: look_at, dead_at: until, .. } = waiting;
        self.timed = Some(TimedHeartbeat { id: self.last_id, sent_at: now, look_at, until });
        frame
    }

    /// Keeps the agreed interval, or a longer one. What was said of the next heartbeat is kept:
    /// a longer one begins with it.
    pub(crate) fn pace(&mut self, now: Millis, slow: Option<Span>) {
        self.interval = slow.unwrap_or(self.agreed).max(self.agreed);
        self.next_at = self.next_at.min(now + self.interval);
    }

    /// Begins anew after sleep: what was waited for before it tells nothing. A heartbeat is due.
    pub(crate) const fn renew(&mut self, now: Millis) {
        self.waiting = None;
        self.timed = None;
        self.next_at = now;
        self.is_probe_due = true;
    }

    /// The device slept for some time that no timer shows: what is on its way cannot be timed.
    pub(crate) const fn give_up_timing(&mut self) {
        self.timed = None;
    }

    /// Something came: the peer lives.
    pub(crate) const fn on_activity(&mut self) {
        self.waiting = None;
    }

    /// An answer to a heartbeat; how long it took, where it answers the one that is timed.
    pub(crate) fn on_ack(&mut self, id: Option<&Scalar>, now: Millis) -> Option<Span> {
        let is_of = |number| id == Some(&Scalar::number(number));
        self.is_answered |= self.last_id > 0 && is_of(self.last_id);
        let timed = self.timed.take_if(|timed| is_of(timed.id))?;
        self.is_answered = true;
        (now <= timed.until).then(|| now.since(timed.sent_at))
    }

    /// Whether a heartbeat was ever answered.
    pub(crate) const fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether an answer is to be timed, as long as nobody has looked whether the device slept.
    pub(crate) const fn is_timing(&self) -> bool {
        matches!(self.timed, Some(TimedHeartbeat { look_at: Some(_), .. }))
    }

    /// Whether anything is to come since a heartbeat.
    pub(crate) const fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Whether the peer may be dead.
    pub(crate) const fn is_doubted(&self) -> bool {
        matches!(self.waiting, Some(PendingReply { is_doubted: true, .. }))
    }

    /// When something will be due.
    pub(crate) fn wake(&self) -> Wake<Why> {
        let next = Wake::new(self.next_at, Why::Heartbeat);
        let Some(waiting) = self.waiting else {
            let look_at = self.timed.and_then(|timed| timed.look_at);
            return next.earlier(look_at.map(|at| Wake::new(at, Why::Doubt)));
        };
        let doubt = waiting.doubt_at.map(|at| Wake::new(at, Why::Doubt));
        next.earlier(Some(Wake::new(waiting.dead_at, Why::HeartbeatTimeout))).earlier(doubt)
    }

    fn frame(&mut self, now: Millis) -> ClientFrame {
        self.last_id += 1;
        self.next_at = now + self.interval;
        ClientFrame::Heartbeat(Heartbeat {
            id: Some(Scalar::number(self.last_id)),
            timestamp: None,
            next_ms: Some(self.interval.0),
            stats: None,
        })
    }
}

#[cfg(test)]
mod tests;
