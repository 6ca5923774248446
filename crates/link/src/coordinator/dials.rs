//! Opens sockets for an attempt: one, and after a while a second one to another endpoint. In: that
//! an attempt is due, or that the path has begun to work. Out: sockets to open, and a request for a
//! token where the last one was refused. Must not know what follows when one opens.

use steadfast_machine::{Millis, Span};

use super::Link;
use crate::backoff::jittered;
use crate::connect_race::{ConnectRace, Dial};
use crate::phase::{Attempt, Phase, ShownAs, SocketStage};
use crate::{Output, SocketId};

/// How long no probe is sent while the next attempt is waited for.
const PROBE_PAUSE: Span = Span::seconds(5);

impl Link {
    /// Begins the attempt that was planned; with a fresh token, where the last one was refused.
    pub(super) fn begin_attempt(&mut self, now: Millis) {
        if !self.credential.is_refused() {
            return self.open_socket(now);
        }
        let Some(attempt) = self.phase.attempt_mut() else { return };
        *attempt = Attempt::AwaitingToken;
        self.want_token();
    }

    /// Asks the app for a token, unless it is being asked.
    pub(super) fn want_token(&mut self) {
        if self.credential.want() {
            self.out.push_back(Output::WantToken);
        }
    }

    pub(super) fn open_socket(&mut self, now: Millis) {
        let is_reconnect = match &self.phase {
            Phase::Trying(trying) => trying.shown_as != ShownAs::Connecting,
            Phase::Polling(_) | Phase::Live(_) => true,
            Phase::Resting | Phase::Offline => return,
        };
        // Whatever fails from here on, the change of network has had its attempt.
        self.network_changed_at = None;
        self.record.begin(is_reconnect);
        let newest = self.dial(now, self.endpoints.next());
        let race_at = self.endpoints.rival_of(newest.endpoint);
        let race_at = race_at.map(|_| now + self.endpoints.race_after());
        let until = now + self.config.connect_timeout;
        let Some(attempt) = self.phase.attempt_mut() else { return };
        *attempt = Attempt::Opening(ConnectRace { newest, rival: None, race_at, until });
        self.watch_attempt(now);
    }

    pub(super) fn dial(&mut self, now: Millis, endpoint: u8) -> Dial {
        self.last_socket = self.last_socket.wrapping_add(1);
        let socket = self.last_socket;
        self.schedule.spend(now);
        self.out.push_back(Output::OpenSocket { socket, to: self.endpoints.to(), endpoint });
        Dial { socket, endpoint, since: now }
    }

    /// Dials another endpoint beside the first, where the budget has room for it at once.
    pub(super) fn race(&mut self, now: Millis) {
        let Some(Attempt::Opening(connect_race)) = self.phase.attempt_mut() else { return };
        connect_race.race_at = None;
        let dialled = connect_race.newest.endpoint;
        let Some(endpoint) = self.endpoints.rival_of(dialled) else { return };
        // Its `hello` would carry a token that a poll has found to be refused.
        if self.credential.is_refused() || self.schedule.admit(now) > now {
            return;
        }
        let dial = self.dial(now, endpoint);
        if let Some(Attempt::Opening(connect_race)) = self.phase.attempt_mut() {
            connect_race.race(dial);
        }
    }

    pub(super) fn watch_attempt(&mut self, now: Millis) {
        if let Phase::Trying(trying) = &mut self.phase {
            trying.policy.watch(now, &self.config);
        }
    }

    /// The path has just begun to work: an attempt that waits need not wait any longer, and one
    /// that has dialled into the dark dials again, where the budget has room for it at once.
    pub(super) fn retry_at_once(&mut self, now: Millis) {
        let soonest = self.schedule.admit_asked(now, &self.config);
        match self.phase.attempt_mut() {
            Some(Attempt::Waiting { at }) => *at = (*at).min(soonest),
            Some(Attempt::Opening(connect_race))
                if connect_race.rival.is_none() && soonest <= now =>
            {
                let endpoint = connect_race.newest.endpoint;
                connect_race.race_at = None;
                self.network_changed_at = None;
                let dial = self.dial(now, endpoint);
                if let Some(Attempt::Opening(connect_race)) = self.phase.attempt_mut() {
                    connect_race.race(dial);
                }
                self.watch_attempt(now);
            }
            Some(Attempt::Opening(_) | Attempt::AwaitingToken | Attempt::Handshake { .. })
            | None => {}
        }
    }

    /// Plans the next probe in a long pause between two attempts, so that a path that works again
    /// is seen before the pause is over. In the background nobody waits for it.
    pub(super) fn plan_probe(&mut self, now: Millis) {
        let Phase::Trying(trying) = &mut self.phase else { return };
        let Attempt::Waiting { at } = trying.attempt else { return };
        let is_wanted = trying.policy.wants_probe() && !self.subscriptions.is_empty();
        if !is_wanted || self.device.is_background || at.since(now) <= PROBE_PAUSE {
            return;
        }
        let pause = jittered(PROBE_PAUSE, self.config.jitter_percent, &mut self.rng);
        trying.policy.plan_probe(now + pause);
    }

    /// How far this socket has come; `None` where it is no longer wanted.
    pub(super) fn stage(&self, socket: SocketId) -> Option<SocketStage> {
        if self.health.socket() == Some(socket) {
            return Some(SocketStage::Welcomed);
        }
        self.phase.stage(socket)
    }
}
