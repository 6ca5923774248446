//! What speaks for polling: failures of attempts, and probes that show whether plain HTTP gets
//! through. In: ends of attempts, answers to probes. Out: when to probe, and whether to fall back
//! on polling.

use steadfast_machine::{Millis, Rng, Span};

use super::attempt::Attempt;
use super::fallback_policy::{FallbackPolicy, Shortcut};
use super::{Connector, Purpose};
use crate::Config;
use crate::backoff::jittered;
use crate::end::Evidence;

/// How long a probe may take.
const PROBE_TIMEOUT: Span = Span::seconds(5);
/// How long no probe is sent while the next attempt is waited for.
const PROBE_PAUSE: Span = Span::seconds(5);

/// What a probe's success leads to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathProof {
    /// Whether the path has just begun to work.
    pub(crate) is_first: bool,
    /// Whether it shows that a session which had replaced polling was lost on a path that works.
    pub(crate) is_lost_return: bool,
}

impl Connector {
    /// An attempt failed while no data flows.
    pub(crate) fn count_failure(&mut self, evidence: Evidence) {
        if let Some(policy) = self.policy_mut() {
            policy.fail(evidence);
        }
    }

    /// What an attempt's failure says of the network; `is_polled` where polls are answered.
    pub(crate) fn record_failure(&mut self, now: Millis, evidence: Evidence, is_polled: bool) {
        let (is_proven, is_returning) = match &self.purpose {
            Purpose::Connect(policy) => (policy.is_proven(now) && !policy.is_inconclusive(), false),
            Purpose::Return(pace) => (is_polled && !pace.is_inconclusive(), true),
            Purpose::None | Purpose::Replace(_) => (false, false),
        };
        self.networks.record_failure(now, evidence, is_proven);
        if is_returning && is_proven && evidence != Evidence::Busy {
            self.networks.record_fallback(now);
        }
    }

    /// A session gave a sign of life: WebSocket gets through.
    pub(crate) fn record_success(&mut self) {
        self.networks.record_success();
    }

    /// A session beside the polls was lost: WebSocket gets through, so that the next attempt need
    /// not wait as long as after one that failed.
    pub(crate) const fn excuse_failure(&mut self) {
        if let Purpose::Return(pace) = &mut self.purpose {
            pace.excuse();
        }
    }

    /// Whether a session was lost that had replaced polling, which a probe is to look into.
    pub(crate) fn has_lost_return(&self) -> bool {
        self.policy().is_some_and(|policy| policy.shortcut() == Shortcut::LostReturn)
    }

    /// Whether a probe could tell anything.
    pub(crate) fn wants_probe(&self) -> bool {
        self.policy().is_some_and(FallbackPolicy::wants_probe)
    }

    /// Begins a probe, unless it would tell nothing or one is under way. Returns where it goes.
    pub(crate) fn probe(&mut self, now: Millis) -> Option<u8> {
        let is_probing = self.probing_until.is_some_and(|until| until > now);
        if is_probing || !self.wants_probe() {
            return None;
        }
        if self.probing_until.replace(now + PROBE_TIMEOUT).is_some() {
            // The last one was never answered.
            self.disprove();
        }
        Some(self.endpoints.http())
    }

    /// A probe has ended. Returns whether it has shown in time that plain HTTP gets through.
    pub(crate) fn on_probed(&mut self, now: Millis, is_ok: bool) -> bool {
        let is_in_time = self.probing_until.take().is_some_and(|until| now <= until);
        if !is_ok {
            self.disprove();
        }
        is_ok && is_in_time
    }

    /// Plain HTTP gets through.
    pub(crate) fn prove(&mut self, now: Millis, config: &Config) -> Option<PathProof> {
        let policy = self.policy_mut()?;
        let is_first = policy.prove(now, config);
        Some(PathProof { is_first, is_lost_return: policy.confirm_lost_return() })
    }

    fn disprove(&mut self) {
        self.endpoints.fail_http();
        if let Some(policy) = self.policy_mut() {
            policy.disprove();
        }
    }

    /// Plans the next probe in a long pause between two attempts, so that a path that works again
    /// is seen before the pause is over.
    pub(crate) fn plan_probe(&mut self, now: Millis, config: &Config, rng: &mut Rng) {
        let Purpose::Connect(policy) = &mut self.purpose else { return };
        let Some(Attempt::Waiting { at }) = self.attempt else { return };
        if at.since(now) > PROBE_PAUSE {
            policy.plan_probe(now + jittered(PROBE_PAUSE, config.jitter_percent, rng));
        }
    }

    /// Whether a probe is due; true once.
    pub(crate) fn take_probe_due(&mut self, now: Millis) -> bool {
        self.policy_mut().is_some_and(|policy| policy.take_probe_due(now))
    }

    /// Whether the time has come to look at the effort that was made; true once.
    pub(crate) fn take_review_due(&mut self, now: Millis) -> bool {
        self.policy_mut().is_some_and(|policy| policy.take_due(now))
    }

    /// Whether to fall back on polling.
    pub(crate) fn wants_fallback(&self, now: Millis, config: &Config) -> bool {
        let Some(policy) = self.policy() else { return false };
        let is_suspected = self.networks.is_suspected(now);
        let is_ready = match self.attempt {
            // A socket that opened speaks for a path that is slow rather than blocked.
            Some(Attempt::Handshake { .. }) => is_suspected,
            Some(Attempt::AwaitingToken) => false,
            Some(Attempt::Waiting { .. } | Attempt::Opening(_)) | None => true,
        };
        is_ready && policy.wants_fallback(now, is_suspected, config)
    }

    pub(super) const fn policy(&self) -> Option<&FallbackPolicy> {
        match &self.purpose {
            Purpose::Connect(policy) => Some(policy),
            Purpose::None | Purpose::Replace(_) | Purpose::Return(_) => None,
        }
    }

    pub(super) const fn policy_mut(&mut self) -> Option<&mut FallbackPolicy> {
        match &mut self.purpose {
            Purpose::Connect(policy) => Some(policy),
            Purpose::None | Purpose::Replace(_) | Purpose::Return(_) => None,
        }
    }
}
