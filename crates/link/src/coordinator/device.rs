//! What the device knows: networks that come, go and change, and sleep.
//! In: its reports, and timers that fired late. Out: attempts and heartbeats at once.

use steadfast_machine::{Machine as _, Millis, Span};

use super::{COMING_BACK, Link};
use crate::connect_race::ConnectRace;
use crate::phase::{Attempt, Phase};
use crate::{Config, Detection, NetworkKey, NetworkKind, Reason};

/// How late a timer may fire before the device is taken to have slept.
const LATE_MAX: Span = Span::seconds(5);
/// How late it may fire before an answer that is waited for may have come unseen.
const LATE_LOOK_MAX: Span = Span::seconds(1);

impl Link {
    pub(super) fn on_online(&mut self, now: Millis) {
        self.is_online = true;
        match self.phase {
            Phase::Offline => self.come_online(now),
            Phase::Live(_) | Phase::Polling(_) => self.probe_session(now),
            Phase::Resting | Phase::Trying(_) => {}
        }
    }

    pub(super) fn on_offline(&mut self, now: Millis) {
        self.is_online = false;
        self.device.network = NetworkKind::Unknown;
        match self.phase {
            Phase::Trying(_) | Phase::Live(_) | Phase::Polling(_) => {
                self.drop_transports(now, COMING_BACK);
                self.enter_offline(now);
            }
            Phase::Resting | Phase::Offline => {}
        }
    }

    /// Another network is a network, also for a device that had reported none.
    pub(super) fn on_network_changed(
        &mut self,
        now: Millis,
        kind: NetworkKind,
        key: Option<NetworkKey>,
    ) {
        self.is_online = true;
        self.device.network = kind;
        self.network_history.enter(key.unwrap_or_else(|| NetworkKey::of_kind(kind)));
        self.health.on_network_changed(self.device.bounds(&self.config));
        self.endpoints.forget_path();
        self.credential.expedite(now);
        self.flap_damping.clear();
        match &mut self.phase {
            Phase::Resting => {}
            Phase::Offline => self.come_online(now),
            Phase::Trying(trying) => {
                trying.policy.move_on(self.network_history.is_blocked(now));
                self.network_changed_at = Some(now);
                self.expedite(now);
                self.fall_back_if_wanted(now);
            }
            Phase::Live(_) => {
                self.network_changed_at = Some(now);
                self.probe_session(now);
                self.doubt_session(now);
            }
            Phase::Polling(polling) => {
                polling.returns = 0;
                self.network_changed_at = Some(now);
                self.expedite(now);
                self.probe_session(now);
                // Their network is gone: they are sent again.
                self.cancel_polls();
            }
        }
    }

    /// Evidence of a bad path, but none that anything is lost.
    pub(super) fn on_weak_network(&mut self, now: Millis, is_weak: bool) {
        self.device.is_weak = is_weak;
        self.health.on_weak_network(now, is_weak, self.device.bounds(&self.config));
    }

    pub(super) fn on_foreground(&mut self, now: Millis) {
        self.device.is_background = false;
        self.pace_session(now);
        self.probe_session(now);
    }

    pub(super) fn on_background(&mut self, now: Millis) {
        self.device.is_background = true;
        self.pace_session(now);
    }

    pub(super) fn on_resumed(&mut self, now: Millis) {
        self.credential.sleep();
        self.publisher.on_resumed();
        self.health.on_resumed(now);
        match self.phase {
            Phase::Live(_) | Phase::Polling(_) => self.probe_session(now),
            Phase::Resting | Phase::Offline | Phase::Trying(_) => {}
        }
    }

    /// From when on the device has slept, where this is the first that is heard of it: an input
    /// comes much later than the wake that was asked for.
    pub(super) fn slept_from(&self, now: Millis) -> Option<Millis> {
        let due = self.wake()?.at;
        (now.since(due) > LATE_MAX).then_some(due)
    }

    /// After sleep nothing counts as missed: what was waited for is waited for again. Says
    /// whether the device has slept.
    pub(super) fn notice_sleep(&mut self, now: Millis) -> bool {
        let Some(from) = self.slept_from(now) else {
            self.excuse_lateness(now);
            return false;
        };
        self.record.sleep(from, now);
        self.health.on_sleep(from, now);
        self.messages.sleep(now.since(from));
        if let Some(attempt) = self.phase.attempt_mut() {
            renew(attempt, now, &self.config);
        }
        self.subscriptions.on_sleep(now);
        self.credential.sleep();
        let outlived = self.config.heartbeat_interval + self.config.heartbeat_timeout;
        if now.since(from) > outlived {
            // The server has long given the session up.
            self.doubt_session(now);
        }
        match &mut self.phase {
            Phase::Trying(trying) => trying.policy.sleep(now.since(from)),
            Phase::Polling(polling) => polling.answered_at = now,
            Phase::Resting | Phase::Offline | Phase::Live(_) => {}
        }
        true
    }

    /// A timer fired late, if not by much: the answer that is waited for may be waiting, too.
    fn excuse_lateness(&mut self, now: Millis) {
        let is_late = self.wake().is_some_and(|wake| now.since(wake.at) > LATE_LOOK_MAX);
        if is_late && self.config.detection == Detection::Adaptive {
            self.health.on_late_timer(now);
        }
    }

    fn come_online(&mut self, now: Millis) {
        self.credential.expedite(now);
        let at = self.schedule.admit_free(now);
        if self.has_connected {
            let attempt = Attempt::Waiting { at };
            let policy = self.new_policy(now);
            self.enter_reconnecting(now, attempt, policy, Reason::NetworkRestored);
        } else {
            self.enter_connecting(now, at, Reason::NetworkRestored);
        }
        self.fall_back_if_wanted(now);
    }

    /// An attempt that waits for its time need not wait any longer.
    fn expedite(&mut self, now: Millis) {
        let Some(Attempt::Waiting { at }) = self.phase.attempt_mut() else { return };
        // It is the first attempt after the change: no loss after it is put down to that.
        self.network_changed_at = None;
        *at = (*at).min(self.schedule.admit_free(now));
    }

    fn probe_session(&mut self, now: Millis) {
        if let Some(frame) = self.health.probe(now, &self.config) {
            self.send_timed(now, frame);
        }
    }
}

fn renew(attempt: &mut Attempt, now: Millis, config: &Config) {
    match attempt {
        Attempt::Opening(ConnectRace { until, .. }) | Attempt::Handshake { until, .. } => {
            *until = now + config.connect_timeout;
        }
        Attempt::Waiting { .. } | Attempt::AwaitingToken => {}
    }
}
