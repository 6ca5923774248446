//! Decides when to fall back on polling: whether plain HTTP gets through while no session can be
//! had. In: attempts under way, answers to probes. Out: probes, and the first polls.

use steadfast_machine::Millis;

use super::Link;
use crate::Output;

impl Link {
    /// Sees whether plain HTTP gets through, unless that is being seen to.
    pub(super) fn probe_path(&mut self, now: Millis) {
        if !self.subscriptions.is_empty()
            && let Some(endpoint) = self.connector.probe(now)
        {
            self.out.push_back(Output::Probe { endpoint });
        }
    }

    /// Plans the next probe in a long pause between two attempts.
    pub(super) fn plan_probe(&mut self, now: Millis) {
        if self.wants_probe_in_pause() {
            self.connector.plan_probe(now, &self.config, &mut self.rng);
        }
    }

    /// Whether to see in a pause whether the path works again. In the background nobody waits for
    /// it.
    pub(super) fn wants_probe_in_pause(&self) -> bool {
        let is_wanted = !self.device.is_background && !self.subscriptions.is_empty();
        is_wanted && self.connector.wants_probe()
    }

    pub(super) fn on_probed(&mut self, now: Millis, is_ok: bool) {
        if !self.connector.on_probed(now, is_ok) {
            return;
        }
        let Some(proof) = self.connector.prove(now, &self.config) else { return };
        if proof.is_lost_return {
            self.poller.record_early_loss(now);
        }
        if proof.is_first {
            self.retry_at_once(now);
        }
        self.fall_back_if_wanted(now);
    }

    /// Begins to poll if all speaks for it. The attempt goes on beside it.
    pub(super) fn fall_back_if_wanted(&mut self, now: Millis) {
        if !self.subscriptions.is_empty() && self.connector.wants_fallback(now, &self.config) {
            self.enter_polling(now);
        }
    }
}
