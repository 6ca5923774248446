//! What is always true of a link. Checked after every input in debug builds.

use super::Link;
use crate::phase::{Attempt, Phase, Polling, ReturnPath};
use crate::poll::{ChannelPoll, GROUP_MAX};

impl Link {
    pub(super) fn check(&self) {
        debug_assert!(self.subscriptions.len() <= self.config.channels_max, "too many channels");
        debug_assert_eq!(self.shown, self.phase.shown(), "a state was entered and not told");
        self.check_subscriptions();
        match &self.phase {
            Phase::Offline => debug_assert!(!self.is_online, "offline with a network"),
            Phase::Resting => {
                debug_assert!(!self.credential.is_asked(), "a token is wanted at rest");
                debug_assert!(self.publisher.is_empty(), "a publish waits at rest");
            }
            Phase::Trying(_) | Phase::Live(_) => {
                debug_assert!(self.is_online, "trying without a network");
            }
            Phase::Polling(polling) => self.check_polling(polling),
        }
        if let Some(Attempt::AwaitingToken) = self.phase.attempt() {
            debug_assert!(self.credential.is_wanted(), "waiting for a token nobody asked for");
        }
    }

    fn check_subscriptions(&self) {
        let has_session = self.health.session().is_some();
        for one in self.subscriptions.iter() {
            debug_assert!(!has_session || !one.is_unrequested(), "a channel nobody asked for");
            if one.is_requested() {
                debug_assert!(
                    has_session || !self.phase.attempt_sockets().is_empty(),
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

    fn check_polling(&self, polling: &Polling) {
        debug_assert!(self.is_online, "polling without a network");
        let polled = polling.polls.channels.iter().map(|one| one.subscription);
        debug_assert!(
            polled.eq(self.subscriptions.iter().map(|one| one.id)),
            "polls of other channels"
        );
        for request in &polling.polls.requests {
            let is_of = |one: &&ChannelPoll| one.is_asked(request.poll);
            let count = polling.polls.channels.iter().filter(is_of).count();
            debug_assert!((1..=GROUP_MAX).contains(&count), "a poll of {count} channels");
        }
        match &polling.return_path {
            ReturnPath::Attempt(_) => {}
            ReturnPath::Joining => {
                let is_due = self.return_at().is_some_and(|at| at <= self.now);
                debug_assert!(!is_due, "polling though the session has proven itself");
            }
        }
    }
}
