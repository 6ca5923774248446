//! Decides when to fall back on polling: whether plain HTTP gets through while no session can be
//! had. In: attempts under way, answers to probes. Out: probes, and the first polls.

use steadfast_machine::{Millis, Span};

use super::Link;
use crate::Output;
use crate::phase::{Attempt, Phase, Polling, ReturnPath};
use crate::poll::{ChannelPoll, Polls};
use crate::subscriptions::Subscription;

/// How long a probe may take.
const PROBE_TIMEOUT: Span = Span::seconds(5);

impl Link {
    /// Sees whether plain HTTP gets through, unless that is being seen to.
    pub(super) fn probe_path(&mut self, now: Millis) {
        let Phase::Trying(trying) = &self.phase else { return };
        let is_probing = self.probing_until.is_some_and(|until| until > now);
        if trying.policy.wants_probe() && !is_probing && !self.subscriptions.is_empty() {
            if self.probing_until.replace(now + PROBE_TIMEOUT).is_some() {
                // The last one was never answered.
                self.endpoints.fail_http();
                self.disprove_path();
            }
            self.out.push_back(Output::Probe { endpoint: self.endpoints.http() });
        }
    }

    pub(super) fn on_probed(&mut self, now: Millis, is_ok: bool) {
        let is_in_time = self.probing_until.take().is_some_and(|until| now <= until);
        if !is_ok {
            self.endpoints.fail_http();
            self.disprove_path();
        } else if is_in_time {
            self.prove_path(now);
        }
    }

    pub(super) fn prove_path(&mut self, now: Millis) {
        let Phase::Trying(trying) = &mut self.phase else { return };
        let is_first = trying.policy.prove(now, &self.config);
        if trying.policy.confirm_lost_return() {
            self.flap_damping.record_early_loss(now);
        }
        if is_first {
            self.retry_at_once(now);
        }
        self.fall_back_if_wanted(now);
    }

    pub(super) fn disprove_path(&mut self) {
        if let Phase::Trying(trying) = &mut self.phase {
            trying.policy.disprove();
        }
    }

    /// Begins to poll if all speaks for it. The attempt goes on beside it.
    pub(super) fn fall_back_if_wanted(&mut self, now: Millis) {
        let Phase::Trying(trying) = &self.phase else { return };
        let is_awaiting_token = matches!(trying.attempt, Attempt::AwaitingToken);
        let is_suspected = self.network_history.is_suspected(now);
        let is_wanted = trying.policy.wants_fallback(now, is_suspected, &self.config);
        // A socket that opened speaks for a path that is slow rather than blocked.
        let is_through = matches!(trying.attempt, Attempt::Handshake { .. }) && !is_suspected;
        if !is_wanted || is_awaiting_token || is_through || self.subscriptions.is_empty() {
            return;
        }
        let poll = |one: &Subscription| ChannelPoll::new(one.id, one.position().is_some(), now);
        let polls = Polls::new(self.subscriptions.iter().map(poll).collect());
        let is_inconclusive =
            trying.policy.is_inconclusive() && matches!(trying.attempt, Attempt::Opening(_));
        let return_path = ReturnPath::Attempt(trying.attempt.clone());
        let polling = Polling { polls, return_path, returns: 0, answered_at: now, is_inconclusive };
        if trying.policy.is_proven(now) {
            self.network_history.record_fallback(now);
        }
        self.enter_polling(now, polling);
    }
}
