//! What speaks for polling while no session can be had. In: how attempts ended, what probes found.
//! Out: whether to probe, and whether to poll. Must not know how either is done.

use steadfast_machine::{Millis, Span, Wake};

use crate::end::Evidence;
use crate::{Config, Why};

/// How long a probe's success counts.
const PROOF_SPAN: Span = Span::seconds(10);
/// How long an attempt may take before plain HTTP is tried beside it.
const PROBE_AFTER: Span = Span::seconds(2);

/// The effort made since data stopped flowing.
#[derive(Clone, Debug)]
pub(crate) struct Effort {
    since: Millis,
    failed: u32,
    is_server_busy: bool,
    proven_at: Option<Millis>,
    /// When effort becomes reason enough for what a probe has proven; none once that was looked at.
    due_at: Option<Millis>,
    /// When the attempt under way will have taken long; none once that was looked at.
    probe_at: Option<Millis>,
    /// Whether it was known before the first attempt what this network is like.
    is_known_blocked: bool,
    /// Whether the attempt under way, or the next one, begins before anything is known to get
    /// through.
    is_dark: bool,
}

impl Effort {
    /// Data stopped flowing, or was first asked for, now; perhaps on a network that is known to
    /// block WebSocket.
    pub(crate) const fn new(now: Millis, is_known_blocked: bool) -> Self {
        Self {
            since: now,
            failed: 0,
            is_server_busy: false,
            proven_at: None,
            due_at: None,
            probe_at: None,
            is_known_blocked,
            is_dark: true,
        }
    }

    /// The network is another one now.
    pub(crate) const fn move_on(&mut self, is_known_blocked: bool) {
        self.is_known_blocked = is_known_blocked;
    }

    /// An attempt began, or has come a step further.
    pub(crate) fn watch(&mut self, now: Millis) {
        self.probe_at = Some(now + PROBE_AFTER);
        self.is_dark &= !self.is_proven(now);
    }

    /// An attempt failed.
    pub(crate) fn fail(&mut self, evidence: Evidence) {
        self.failed = self.failed.saturating_add(1);
        self.is_server_busy = evidence == Evidence::Busy;
        self.is_dark = evidence == Evidence::Silence;
        self.probe_at = None;
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
        for at in [&mut self.due_at, &mut self.probe_at].into_iter().flatten() {
            *at += slept;
        }
    }

    /// Whether a probe could tell anything.
    pub(crate) const fn wants_probe(&self) -> bool {
        !self.is_server_busy
    }

    /// Whether the attempt under way says nothing of WebSocket, since it began before anything got
    /// through.
    pub(crate) const fn is_dark(&self) -> bool {
        self.is_dark
    }

    /// Whether plain HTTP was seen to get through a moment ago.
    pub(crate) fn is_proven(&self, now: Millis) -> bool {
        self.proven_at.is_some_and(|at| now.since(at) <= PROOF_SPAN)
    }

    /// Whether to poll; on a network that is suspected of blocking WebSocket, sooner.
    pub(crate) fn wants_fallback(&self, now: Millis, is_suspected: bool, config: &Config) -> bool {
        let is_enough = now.since(self.since) >= config.fallback_effort
            || is_suspected
            || self.failed >= config.fallback_attempts;
        self.is_known_blocked || (self.is_proven(now) && is_enough && !self.is_server_busy)
    }

    /// Whether the time has come to look at effort; true once.
    pub(crate) fn take_due(&mut self, now: Millis) -> bool {
        self.due_at.take_if(|at| *at <= now).is_some()
    }

    /// Whether the attempt under way has taken long; true once.
    pub(crate) fn take_probe_due(&mut self, now: Millis) -> bool {
        self.probe_at.take_if(|at| *at <= now).is_some()
    }

    /// When one of these will be so.
    pub(crate) fn wake(&self) -> Option<Wake<Why>> {
        let due = self.due_at.map(|at| Wake::new(at, Why::Effort));
        let probe = self.probe_at.map(|at| Wake::new(at, Why::Probe));
        match due {
            Some(due) => Some(due.earlier(probe)),
            None => probe,
        }
    }
}
