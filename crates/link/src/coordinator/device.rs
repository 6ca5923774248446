//! What the device knows: networks that come, go and change, and sleep.
//! In: its reports, and timers that fired late. Out: attempts and heartbeats at once.

use steadfast_machine::{Machine as _, Millis, Span};

use super::{COMING_BACK, Link};
use crate::phase::Phase;
use crate::{Detection, NetworkKey, NetworkKind, Reason};

/// How late a timer may fire before the device is taken to have slept.
const LATE_MAX: Span = Span::seconds(5);
/// How late it may fire before an answer that is waited for may have come unseen.
const LATE_LOOK_MAX: Span = Span::seconds(1);

impl Link {
    pub(super) fn on_online(&mut self, now: Millis) {
        self.is_online = true;
        match self.phase {
            Phase::Offline => self.come_online(now),
            Phase::Live(_) | Phase::Polling => self.probe_session(now),
            Phase::Resting | Phase::Trying(_) => {}
        }
    }

    pub(super) fn on_offline(&mut self, now: Millis) {
        self.is_online = false;
        self.device.network = NetworkKind::Unknown;
        match self.phase {
            Phase::Trying(_) | Phase::Live(_) | Phase::Polling => {
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
        self.connector.enter_network(key.unwrap_or_else(|| NetworkKey::of_kind(kind)));
        self.health.on_network_changed(self.device.bounds(&self.config));
        self.credential.expedite(now);
        self.poller.on_network_changed();
        match self.phase {
            Phase::Resting => {}
            Phase::Offline => self.come_online(now),
            Phase::Trying(_) => {
                self.connector.on_network_changed(now);
                self.connector.hasten_after_change(now);
                self.fall_back_if_wanted(now);
            }
            Phase::Live(_) => {
                self.connector.on_network_changed(now);
                self.probe_session(now);
                self.doubt_session(now);
            }
            Phase::Polling => {
                self.connector.on_network_changed(now);
                self.connector.hasten_after_change(now);
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
            Phase::Live(_) | Phase::Polling => self.probe_session(now),
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
        self.connector.on_sleep(now, now.since(from), &self.config);
        self.subscriptions.on_sleep(now);
        self.credential.sleep();
        let outlived = self.config.heartbeat_interval + self.config.heartbeat_timeout;
        if now.since(from) > outlived {
            // The server has long given the session up.
            self.doubt_session(now);
        }
        self.poller.on_sleep(now);
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
        let at = self.connector.time_after_change(now);
        self.connector.wait(at);
        self.connector.connect(now);
        if self.has_connected {
            self.enter_reconnecting(now, Reason::NetworkRestored);
        } else {
            self.enter_connecting(now, Reason::NetworkRestored);
        }
        self.fall_back_if_wanted(now);
    }

    fn probe_session(&mut self, now: Millis) {
        if let Some(frame) = self.health.probe(now, &self.config) {
            self.send_timed(now, frame);
        }
    }
}
