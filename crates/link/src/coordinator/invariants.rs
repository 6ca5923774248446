//! What is always true of a link. Checked after every input in debug builds.

use super::Link;
use crate::connector::attempt::Attempt;
use crate::phase::Phase;
use crate::poller::GROUP_MAX;

impl Link {
    pub(super) fn check(&self) {
        debug_assert!(self.subscriptions.len() <= self.config.channels_max, "too many channels");
        debug_assert_eq!(self.shown, self.phase.shown(), "a state was entered and not told");
        self.check_subscriptions();
        match self.phase {
            Phase::Offline => {
                debug_assert!(!self.is_online, "offline with a network");
                debug_assert!(self.connector.attempt().is_none(), "an attempt without a network");
            }
            Phase::Resting => {
                debug_assert!(!self.credential.is_asked(), "a token is wanted at rest");
                debug_assert!(self.publisher.is_empty(), "a publish waits at rest");
                debug_assert!(self.connector.attempt().is_none(), "an attempt at rest");
            }
            Phase::Trying(_) => {
                debug_assert!(self.is_online, "trying without a network");
                debug_assert!(self.connector.attempt().is_some(), "trying without an attempt");
            }
            Phase::Live(_) => {
                debug_assert!(self.is_online, "live without a network");
                let has_attempt = self.connector.attempt().is_some();
                let has_cause = self.connector.successor_cause().is_some();
                debug_assert_eq!(has_attempt, has_cause, "an attempt beside a session for nothing");
            }
            Phase::Polling => self.check_polling(),
        }
        if let Some(Attempt::AwaitingToken) = self.connector.attempt() {
            debug_assert!(self.credential.is_wanted(), "waiting for a token nobody asked for");
        }
    }

    fn check_subscriptions(&self) {
        let has_session = self.health.session().is_some();
        for one in self.subscriptions.iter() {
            debug_assert!(!has_session || !one.is_unrequested(), "a channel nobody asked for");
            if one.is_requested() {
                debug_assert!(
                    has_session || !self.connector.sockets().is_empty(),
                    "asked for, without a socket"
                );
            } else if one.retry_at().is_some() {
                debug_assert!(has_session, "to be asked for again, without a session");
            } else if one.is_followed() {
                debug_assert!(has_session, "followed, without a session");
                debug_assert!(one.position().is_some(), "followed from nowhere");
            }
        }
    }

    fn check_polling(&self) {
        debug_assert!(self.is_online, "polling without a network");
        let (polls, requests) = self.poller.parts();
        let polled = polls.iter().map(|one| one.subscription);
        debug_assert!(
            polled.eq(self.subscriptions.iter().map(|one| one.id)),
            "polls of other channels"
        );
        for request in requests {
            let count = polls.iter().filter(|one| one.is_asked(request.poll)).count();
            debug_assert!((1..=GROUP_MAX).contains(&count), "a poll of {count} channels");
        }
        let has_session = self.health.session().is_some();
        let has_attempt = self.connector.attempt().is_some();
        debug_assert_ne!(has_session, has_attempt, "no way back from polling, or two");
        let is_due = self.return_at().is_some_and(|at| at <= self.now);
        debug_assert!(!is_due, "polling though the session has proven itself");
    }
}
