//! Gets sessions: plans attempts, dials the endpoints, and judges by the failures whether this
//! network blocks WebSocket. In: ends of attempts and sessions, sockets that open, probes, the
//! time. Out: the time of the next attempt, what to dial, whether to fall back on polling. Must not
//! know channels, polls or tokens.

pub(crate) mod attempt;
mod connect_race;
mod dialing;
pub(crate) mod endpoints;
mod evidence;
mod fallback_policy;
pub(crate) mod network_history;
mod return_pace;
mod timing;

use alloc::vec::Vec;

use steadfast_machine::{Millis, Span, Wake};

use crate::backoff::Schedule;
use crate::{Config, NetworkKey, NetworkRecord, SocketId, Why};

use attempt::{Attempt, AttemptStep, SocketStage};
use endpoints::Endpoints;
use fallback_policy::FallbackPolicy;
use network_history::NetworkHistory;
use return_pace::ReturnPace;

pub(crate) use connect_race::Dial;

/// The attempt to get a session, and all that decides when and where the next one goes.
#[derive(Debug)]
pub(crate) struct Connector {
    attempt: Option<Attempt>,
    purpose: Purpose,
    schedule: Schedule,
    pub(crate) endpoints: Endpoints,
    networks: NetworkHistory,
    last_socket: SocketId,
    /// When the network changed, until an attempt has begun on the new one.
    network_changed_at: Option<Millis>,
    /// Until when an answer to the newest probe is waited for.
    probing_until: Option<Millis>,
}

/// What the attempts are for, and what their failures count towards.
#[derive(Debug)]
enum Purpose {
    /// There are none: the link is at rest or offline, or its session is good enough.
    None,
    /// A session, while no data flows.
    Connect(FallbackPolicy),
    /// A session that takes the place of the live one.
    Replace(SuccessorCause),
    /// A session that takes the place of the polls.
    Return(ReturnPace),
}

/// Why a session is to have a successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuccessorCause {
    /// The server asked to leave.
    Leaving,
    /// The device has moved or slept, so that the session may be dead.
    Moved,
}

impl Connector {
    /// No attempt yet; with what is remembered of networks.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            attempt: None,
            purpose: Purpose::None,
            schedule: Schedule::new(),
            endpoints: Endpoints::new(config.endpoints),
            networks: NetworkHistory::new(&config.networks),
            last_socket: 0,
            network_changed_at: None,
            probing_until: None,
        }
    }

    /// No data flows from now on: the attempt that is planned or under way is to change that.
    pub(crate) fn connect(&mut self, now: Millis) {
        let is_blocked = self.networks.is_blocked(now);
        self.purpose = Purpose::Connect(FallbackPolicy::new(now, is_blocked));
    }

    /// The same after the loss of a session that had replaced polling and did not live for long.
    pub(crate) fn connect_after_return(&mut self, now: Millis) {
        let is_blocked = self.networks.is_blocked(now);
        self.purpose = Purpose::Connect(FallbackPolicy::after_return(now, is_blocked));
    }

    /// The same once polls get no answers: whatever is remembered of the network, they do no
    /// better there.
    pub(crate) fn connect_after_polls(&mut self, now: Millis) {
        self.purpose = Purpose::Connect(FallbackPolicy::new(now, false));
    }

    /// A successor of the live session is to be got, by an attempt at `at`.
    pub(crate) fn replace(&mut self, at: Millis, cause: SuccessorCause) {
        self.purpose = Purpose::Replace(cause);
        self.wait(at);
    }

    /// Polls begin beside the attempt.
    pub(crate) fn fall_back(&mut self, now: Millis) {
        let Some(policy) = self.policy() else { return };
        let is_opening = matches!(self.attempt, Some(Attempt::Opening(_)));
        let pace = ReturnPace::new(policy.is_inconclusive() && is_opening);
        if policy.is_proven(now) {
            self.networks.record_fallback(now);
        }
        self.purpose = Purpose::Return(pace);
    }

    /// No session is wanted, or the one that is there is good enough.
    pub(crate) fn stop(&mut self) {
        self.attempt = None;
        self.purpose = Purpose::None;
    }

    /// The app is done with the link until it asks again.
    pub(crate) fn rest(&mut self) {
        self.stop();
        self.endpoints.send_to(None);
        self.network_changed_at = None;
    }

    /// Plans the next attempt.
    pub(crate) fn wait(&mut self, at: Millis) {
        self.attempt = Some(Attempt::Waiting { at });
    }

    /// When the attempt begins that is planned.
    pub(crate) const fn next_attempt_at(&self) -> Option<Millis> {
        match &self.attempt {
            Some(Attempt::Waiting { at }) => Some(*at),
            Some(Attempt::AwaitingToken | Attempt::Opening(_) | Attempt::Handshake { .. })
            | None => None,
        }
    }

    /// The attempt cannot begin before the app has given a token.
    pub(crate) fn await_token(&mut self) {
        self.attempt = Some(Attempt::AwaitingToken);
    }

    /// The app gave a token that it had been asked for.
    pub(crate) fn on_token(&mut self, now: Millis) {
        if let Some(Attempt::AwaitingToken) = self.attempt {
            self.wait(self.schedule.admit(now));
        }
        if self.policy().is_some() {
            self.connect(now);
        }
    }

    /// The attempt has brought a session.
    pub(crate) fn on_welcome(&mut self) {
        if let Some(endpoint) = self.attempt.as_ref().and_then(Attempt::endpoint) {
            self.endpoints.welcome(endpoint);
        }
        self.attempt = None;
    }

    /// A session has ended that had lived for `lived`.
    pub(crate) fn on_session_end(
        &mut self,
        now: Millis,
        lived: Span,
        is_answered: bool,
        config: &Config,
    ) {
        self.schedule.credit_session(now, lived, is_answered, config);
    }

    /// The server wants the session gone by now.
    pub(crate) fn leave(&mut self, now: Millis, config: &Config) {
        match &mut self.purpose {
            Purpose::Replace(cause) => *cause = SuccessorCause::Leaving,
            Purpose::None | Purpose::Connect(_) | Purpose::Return(_) => {
                self.replace(self.schedule.admit_asked(now, config), SuccessorCause::Leaving);
            }
        }
    }

    /// The device is on another network, of which this is the key.
    pub(crate) fn enter_network(&mut self, key: NetworkKey) {
        self.networks.enter(key);
        self.endpoints.forget_path();
    }

    /// It is, while attempts are made or a session is live: a loss may be put down to it.
    pub(crate) fn on_network_changed(&mut self, now: Millis) {
        self.network_changed_at = Some(now);
        match &mut self.purpose {
            Purpose::Connect(policy) => policy.move_on(self.networks.is_blocked(now)),
            Purpose::Return(pace) => pace.restart(),
            Purpose::None | Purpose::Replace(_) => {}
        }
    }

    /// The device slept for so long: what was waited for is waited for again.
    pub(crate) fn on_sleep(&mut self, now: Millis, slept: Span, config: &Config) {
        if let Some(attempt) = &mut self.attempt {
            attempt.renew(now + config.connect_timeout);
        }
        if let Some(policy) = self.policy_mut() {
            policy.sleep(slept);
        }
    }

    /// The attempt that is planned or under way.
    pub(crate) const fn attempt(&self) -> Option<&Attempt> {
        self.attempt.as_ref()
    }

    /// Why the live session is to have a successor, if it is.
    pub(crate) const fn successor_cause(&self) -> Option<SuccessorCause> {
        match self.purpose {
            Purpose::Replace(cause) => Some(cause),
            Purpose::None | Purpose::Connect(_) | Purpose::Return(_) => None,
        }
    }

    /// The sockets of the attempt.
    pub(crate) fn sockets(&self) -> Vec<SocketId> {
        self.attempt.as_ref().map(Attempt::sockets).unwrap_or_default()
    }

    /// How far this socket of the attempt has come; `None` where the attempt has no such socket.
    pub(crate) fn stage(&self, socket: SocketId) -> Option<SocketStage> {
        self.attempt.as_ref()?.stage(socket)
    }

    /// What is due of the attempt.
    pub(crate) fn next_step(&self, now: Millis) -> Option<AttemptStep> {
        self.attempt.as_ref()?.next_step(now)
    }

    /// When something will be due.
    pub(crate) fn next_deadline(&self) -> Option<Wake<Why>> {
        let (why, review) = match &self.purpose {
            Purpose::Connect(policy) => (Why::Backoff, policy.wake()),
            Purpose::Return(_) => (Why::Return, None),
            Purpose::None | Purpose::Replace(_) => (Why::Backoff, None),
        };
        Wake::earliest([self.attempt.as_ref().and_then(|attempt| attempt.wake(why)), review])
    }

    /// What is remembered of networks at `now`.
    pub(crate) fn records(&self, now: Millis) -> Vec<NetworkRecord> {
        self.networks.records(now)
    }
}
