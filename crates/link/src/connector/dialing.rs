//! Dials the endpoints for an attempt: one, and after a while a second one beside it. In: that an
//! attempt is due, or that the path has begun to work; sockets that open and fail. Out: what to
//! dial, and which sockets have lost the race.

use alloc::vec::Vec;

use steadfast_machine::Millis;

use super::attempt::Attempt;
use super::connect_race::{ConnectRace, Dial};
use super::{Connector, Purpose};
use crate::{Config, SocketId};

impl Connector {
    /// Begins the attempt.
    pub(crate) fn open(&mut self, now: Millis, config: &Config) -> Dial {
        // Whatever fails from here on, the change of network has had its attempt.
        self.network_changed_at = None;
        let newest = self.dial(now, self.endpoints.next());
        let race_at = self.endpoints.rival_of(newest.endpoint);
        let race_at = race_at.map(|_| now + self.endpoints.race_after());
        let until = now + config.connect_timeout;
        self.attempt = Some(Attempt::Opening(ConnectRace { newest, rival: None, race_at, until }));
        self.watch(now, config);
        newest
    }

    /// Dials another endpoint beside the first, where the budget has room for it at once; not with
    /// a token that was refused.
    pub(crate) fn race(&mut self, now: Millis, is_refused: bool) -> Option<Dial> {
        let Some(Attempt::Opening(connect_race)) = &mut self.attempt else { return None };
        connect_race.race_at = None;
        let endpoint = self.endpoints.rival_of(connect_race.newest.endpoint)?;
        if is_refused || self.schedule.admit(now) > now {
            return None;
        }
        Some(self.dial_beside(now, endpoint))
    }

    /// The path has just begun to work: an attempt that waits need not wait any longer, and one
    /// that has dialled into the dark dials again, where the budget has room for it at once.
    pub(crate) fn retry_at_once(&mut self, now: Millis, config: &Config) -> Option<Dial> {
        self.hasten(now, config);
        let Some(Attempt::Opening(connect_race)) = &self.attempt else { return None };
        if connect_race.rival.is_some() || self.schedule.admit_asked(now, config) > now {
            return None;
        }
        let endpoint = connect_race.newest.endpoint;
        self.network_changed_at = None;
        let dial = self.dial_beside(now, endpoint);
        self.watch(now, config);
        Some(dial)
    }

    fn dial_beside(&mut self, now: Millis, endpoint: u8) -> Dial {
        let dial = self.dial(now, endpoint);
        if let Some(Attempt::Opening(connect_race)) = &mut self.attempt {
            connect_race.race(dial);
        }
        dial
    }

    fn dial(&mut self, now: Millis, endpoint: u8) -> Dial {
        self.last_socket = self.last_socket.wrapping_add(1);
        self.schedule.spend(now);
        Dial { socket: self.last_socket, endpoint, since: now }
    }

    /// The attempt is under way.
    pub(crate) fn watch(&mut self, now: Millis, config: &Config) {
        if let Some(policy) = self.policy_mut() {
            policy.watch(now, config);
        }
    }

    /// A socket of the attempt has opened, the first, and is kept. Returns the others; `None`
    /// where the attempt has no such socket.
    pub(crate) fn on_opened(&mut self, now: Millis, socket: SocketId) -> Option<Vec<SocketId>> {
        let Some(Attempt::Opening(connect_race)) = &self.attempt else { return None };
        let (opened, until) = (connect_race.find(socket)?, connect_race.until);
        let losers = self.sockets().into_iter().filter(|loser| *loser != socket).collect();
        if !self.is_held_back() {
            self.endpoints.open(now.since(opened.since));
        }
        self.attempt = Some(Attempt::Handshake { socket, endpoint: opened.endpoint, until });
        Some(losers)
    }

    /// Whether the time that a socket took to open may be the browser's, and not the path's.
    const fn is_held_back(&self) -> bool {
        match &self.purpose {
            Purpose::Connect(policy) => policy.is_held_back(),
            Purpose::Return(pace) => pace.is_held_back(),
            Purpose::None | Purpose::Replace(_) => false,
        }
    }

    /// `hello` is sent on the socket that has opened.
    pub(crate) fn on_hello(&mut self, now: Millis, config: &Config) {
        if let Some(policy) = self.policy_mut() {
            policy.open(now, config);
        }
    }

    /// Whether another endpoint is to be dialled beside the first.
    pub(crate) const fn is_race_planned(&self) -> bool {
        matches!(&self.attempt, Some(Attempt::Opening(ConnectRace { race_at: Some(_), .. })))
    }

    /// A socket of the attempt will not open. False where it was the only one.
    pub(crate) fn remove(&mut self, socket: SocketId) -> bool {
        match &mut self.attempt {
            Some(Attempt::Opening(connect_race)) => connect_race.remove(socket),
            Some(Attempt::Waiting { .. } | Attempt::AwaitingToken | Attempt::Handshake { .. })
            | None => false,
        }
    }

    /// The attempt has failed: the next one goes elsewhere.
    pub(crate) fn on_attempt_end(&mut self) {
        if let Some(endpoint) = self.attempt.as_ref().and_then(Attempt::endpoint) {
            self.endpoints.fail(endpoint);
        }
    }
}
