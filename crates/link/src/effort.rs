//! What speaks for polling while no session can be had. In: how attempts ended, what probes found.
//! Out: whether to probe, and whether to poll. Must not know how either is done.

use steadfast_machine::{Millis, Span};

use crate::Config;
use crate::end::Evidence;

/// How long a probe's success counts.
const PROOF_SPAN: Span = Span::seconds(10);
/// Blocked attempts in a row that are enough.
const BLOCKED_MAX: u32 = 2;

/// The effort made since data stopped flowing.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    since: Millis,
    failed: u32,
    blocked: u32,
    is_server_busy: bool,
    proven_at: Option<Millis>,
    /// When effort becomes reason enough for what a probe has proven; none once that was looked at.
    due_at: Option<Millis>,
}

impl Effort {
    /// Data stopped flowing, or was first asked for, now.
    pub(crate) const fn new(now: Millis) -> Self {
        Self {
            since: now,
            failed: 0,
            blocked: 0,
            is_server_busy: false,
            proven_at: None,
            due_at: None,
        }
    }

    /// An attempt failed.
    pub(crate) fn fail(&mut self, evidence: Evidence) {
        self.failed = self.failed.saturating_add(1);
        self.is_server_busy = evidence == Evidence::Busy;
        self.blocked = match evidence {
            Evidence::Blocked => self.blocked.saturating_add(1),
            Evidence::Silence | Evidence::Busy => 0,
        };
        if self.is_server_busy {
            self.proven_at = None;
            self.due_at = None;
        }
    }

    /// Plain HTTP got through to the server.
    pub(crate) fn prove(&mut self, now: Millis, config: &Config) {
        self.proven_at = Some(now);
        let due_at = self.since + config.fallback_effort;
        self.due_at = (due_at > now).then_some(due_at);
    }

    /// Time asleep is no effort.
    pub(crate) fn sleep(&mut self, slept: Span) {
        self.since += slept;
        if let Some(at) = &mut self.due_at {
            *at += slept;
        }
    }

    /// Whether a probe could tell anything.
    pub(crate) const fn wants_probe(&self) -> bool {
        !self.is_server_busy
    }

    /// Whether to poll.
    pub(crate) fn wants_fallback(&self, now: Millis, config: &Config) -> bool {
        let is_proven = self.proven_at.is_some_and(|at| now.since(at) <= PROOF_SPAN);
        let is_enough = now.since(self.since) >= config.fallback_effort
            || self.blocked >= BLOCKED_MAX
            || self.failed >= config.fallback_attempts;
        is_proven && is_enough && self.failed > 0 && !self.is_server_busy
    }

    /// Whether the time has come to look at effort; true once.
    pub(crate) fn take_due(&mut self, now: Millis) -> bool {
        let is_due = self.due_at.is_some_and(|at| at <= now);
        if is_due {
            self.due_at = None;
        }
        is_due
    }

    /// When that will be.
    pub(crate) const fn due_at(&self) -> Option<Millis> {
        self.due_at
    }
}
