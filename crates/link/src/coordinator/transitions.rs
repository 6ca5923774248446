//! Every change of state goes through here, and is told once. In: the new state, with all it owns.
//! Out: the notice, and the account of time.

use steadfast_machine::Millis;

use super::Link;
use crate::fallback_policy::FallbackPolicy;
use crate::phase::{Attempt, Live, Origin, Phase, Polling, ShownAs, Trying};
use crate::statistics::UptimeState;
use crate::{LinkState, Notice, Reason};

impl Link {
    pub(super) fn enter_resting(&mut self, now: Millis, reason: Reason) {
        self.network_changed_at = None;
        self.subscriptions.on_rest();
        self.give_up_publishes();
        self.enter(now, Phase::Resting, reason);
    }

    pub(super) fn enter_offline(&mut self, now: Millis) {
        self.enter(now, Phase::Offline, Reason::Offline);
    }

    /// The first attempt since the app asked, or the first after the network came back before any
    /// session was welcomed.
    pub(super) fn enter_connecting(&mut self, now: Millis, at: Millis, reason: Reason) {
        let attempt = Attempt::Waiting { at };
        let trying =
            Trying { attempt, shown_as: ShownAs::Connecting, policy: self.new_policy(now) };
        self.enter(now, Phase::Trying(trying), reason);
    }

    pub(super) fn enter_reconnecting(
        &mut self,
        now: Millis,
        attempt: Attempt,
        policy: FallbackPolicy,
        reason: Reason,
    ) {
        let trying = Trying { attempt, shown_as: ShownAs::Reconnecting, policy };
        self.enter(now, Phase::Trying(trying), reason);
    }

    /// A session makes way for one that is about to be welcomed. The app need not know.
    pub(super) fn enter_replacing(&mut self, now: Millis, trying: Trying) {
        self.enter(now, Phase::Trying(trying), Reason::ServerAsked);
    }

    pub(super) fn enter_live(&mut self, now: Millis, origin: Origin) {
        let live = Live { successor: None, origin };
        self.enter(now, Phase::Live(live), Reason::Welcomed);
    }

    pub(super) fn enter_polling(&mut self, now: Millis, polling: Polling) {
        self.enter(now, Phase::Polling(polling), Reason::WebSocketBlocked);
    }

    /// At rest the reason is part of the state: it says whether the link comes back by itself.
    fn enter(&mut self, now: Millis, phase: Phase, reason: Reason) {
        self.phase = phase;
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

    /// What is to speak for polling from now on.
    pub(super) fn new_policy(&self, now: Millis) -> FallbackPolicy {
        FallbackPolicy::new(now, self.network_history.is_blocked(now))
    }

    /// Takes leave of the session, if there is one: what it earned, and what it followed.
    pub(super) fn detach_session(&mut self, now: Millis) {
        if let Some(session) = self.health.take_session() {
            let held = now.since(session.since());
            let is_answered = session.is_answered();
            self.schedule.credit_session(now, held, is_answered, &self.config);
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
