//! Every change of state goes through here, and is told once. In: the new state. Out: the notice,
//! and the account of time.

use steadfast_machine::Millis;

use super::Link;
use crate::phase::{Origin, Phase, ShownAs};
use crate::statistics::UptimeState;
use crate::{LinkState, Notice, Reason};

impl Link {
    pub(super) fn enter_resting(&mut self, now: Millis, reason: Reason) {
        self.connector.rest();
        self.subscriptions.on_rest();
        self.give_up_publishes();
        self.enter(now, Phase::Resting, reason);
    }

    pub(super) fn enter_offline(&mut self, now: Millis) {
        self.connector.stop();
        self.enter(now, Phase::Offline, Reason::Offline);
    }

    /// The first attempt since the app asked, or the first after the network came back before any
    /// session was welcomed.
    pub(super) fn enter_connecting(&mut self, now: Millis, reason: Reason) {
        self.enter(now, Phase::Trying(ShownAs::Connecting), reason);
    }

    pub(super) fn enter_reconnecting(&mut self, now: Millis, reason: Reason) {
        self.enter(now, Phase::Trying(ShownAs::Reconnecting), reason);
    }

    /// A session makes way for one that is about to be welcomed. The app need not know.
    pub(super) fn enter_replacing(&mut self, now: Millis) {
        self.connector.connect(now);
        self.enter(now, Phase::Trying(ShownAs::Connected), Reason::ServerAsked);
    }

    pub(super) fn enter_live(&mut self, now: Millis, origin: Origin) {
        self.connector.stop();
        self.enter(now, Phase::Live(origin), Reason::Welcomed);
    }

    pub(super) fn enter_polling(&mut self, now: Millis) {
        self.connector.fall_back(now);
        self.poller.start(now);
        for one in self.subscriptions.iter() {
            self.poller.add(one.id, now);
        }
        self.enter(now, Phase::Polling, Reason::WebSocketBlocked);
    }

    /// At rest the reason is part of the state: it says whether the link comes back by itself.
    fn enter(&mut self, now: Millis, phase: Phase, reason: Reason) {
        self.phase = phase;
        if phase != Phase::Polling {
            self.poller.stop();
        }
        let (old, new) = (self.shown, self.phase.shown());
        let is_other_rest = new == LinkState::Disconnected && reason != self.reason;
        if new == old && !is_other_rest {
            return;
        }
        self.shown = new;
        self.reason = reason;
        self.record.turn(now, uptime_state(new, reason));
        self.messages.enter(now, new, reason);
        self.tell(Notice::State { new, old, reason });
    }

    /// Takes leave of the session, if there is one: what it earned, and what it followed.
    pub(super) fn detach_session(&mut self, now: Millis) {
        if let Some(session) = self.health.take_session() {
            let lived = now.since(session.since());
            self.connector.on_session_end(now, lived, session.is_answered(), &self.config);
        }
        self.subscriptions.on_session_lost();
        self.publisher.on_session_lost();
        self.pacer.on_session_lost();
    }
}

const fn uptime_state(state: LinkState, reason: Reason) -> UptimeState {
    match state {
        LinkState::Connected => UptimeState::Live,
        LinkState::Fallback => UptimeState::Polled,
        LinkState::Connecting | LinkState::Reconnecting => UptimeState::Down,
        LinkState::Disconnected => match reason {
            Reason::Closed | Reason::Finished => UptimeState::Unwanted,
            Reason::Rejected
            | Reason::Offline
            | Reason::Asked
            | Reason::NetworkRestored
            | Reason::Welcomed
            | Reason::Lost
            | Reason::HeartbeatTimeout
            | Reason::ConnectTimeout
            | Reason::Unreachable
            | Reason::ServerAsked
            | Reason::WebSocketBlocked => UptimeState::Down,
        },
    }
}
