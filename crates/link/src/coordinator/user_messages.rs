//! What people are told of the link: the clues for it, gathered from what happens anyway.
//! In: inputs, ends and outputs. Out: one notice for each change. Must not choose between messages.

use steadfast_machine::{Millis, Wake};
use steadfast_protocol::{Advice, CloseCode};

use super::Link;
use crate::connector::attempt::Attempt;
use crate::end::End;
use crate::message::Clue;
use crate::{DialFailure, Input, Notice, Output, PollFailure, Why};

impl Link {
    /// Should this input end in a rejection, it is known why; an end may tell better.
    pub(super) fn note_input(&mut self, now: Millis, input: &Input) {
        let is_unauthorized =
            matches!(input, Input::Polled { outcome: Err(PollFailure::Unauthorized), .. });
        if is_unauthorized {
            let has_token = self.credential.token().is_some();
            self.token_fault = if has_token { Clue::TokenRefused } else { Clue::TokenMissing };
        }
        let is_token = self.credential.is_wanted() || is_unauthorized;
        self.messages.on_clue(now, if is_token { self.token_fault } else { Clue::Refused });
    }

    /// An attempt or a session has ended.
    pub(super) fn note_end(&mut self, now: Millis, end: End) {
        let (ended, blamed) = clues(end);
        self.messages.on_clue(now, ended);
        if let Some(blamed) = blamed {
            self.messages.on_clue(now, blamed);
            if matches!(blamed, Clue::TokenMissing | Clue::TokenRefused | Clue::ClockWrong) {
                self.token_fault = blamed;
            }
        }
    }

    /// Tells what is to be seen, where that has changed.
    pub(super) fn tell_message(&mut self, now: Millis) {
        if !self.config.messages {
            return;
        }
        if self.out.iter().any(|output| matches!(output, Output::Tell(Notice::Gap { .. }))) {
            self.messages.on_clue(now, Clue::Gap);
        }
        self.messages.on_clue(now, Clue::Poor(self.health.is_poor(now)));
        self.messages.on_clue(now, Clue::Stalled(self.poller.is_stalled()));
        let next_try = match self.connector.attempt() {
            Some(Attempt::Waiting { at }) => Some(*at),
            Some(Attempt::AwaitingToken | Attempt::Opening(_) | Attempt::Handshake { .. })
            | None => None,
        };
        if self.messages.review(now, next_try) {
            self.tell(Notice::Message { message: self.messages.message() });
        }
    }

    /// When that changes next.
    pub(super) fn message_wake(&self) -> Option<Wake<Why>> {
        let at = self.messages.wake().filter(|_| self.config.messages)?;
        Some(Wake::new(at, Why::Message))
    }
}

/// What an end says of the path or the server, and what a rejection by it is put down to.
const fn clues(end: End) -> (Clue, Option<Clue>) {
    match end {
        End::Dial(DialFailure::Busy { .. })
        | End::Closed(CloseCode::TRY_LATER | CloseCode::BROKER_UNAVAILABLE) => (Clue::Busy, None),
        End::Dial(DialFailure::Portal) => (Clue::Portal, None),
        End::Dial(DialFailure::Refused) => (Clue::NoWord, Some(Clue::Refused)),
        End::Left | End::Closed(CloseCode::RESTART | CloseCode::DRAINING) => (Clue::Leaving, None),
        End::Closed(CloseCode::TOKEN_MISSING) => (Clue::NoWord, Some(Clue::TokenMissing)),
        End::Closed(CloseCode::DISCONNECTED) => (Clue::NoWord, Some(Clue::Disconnected)),
        End::Closed(CloseCode::REPLACED) => (Clue::NoWord, Some(Clue::Replaced)),
        End::Closed(CloseCode::TOKEN_NOT_YET_VALID) => (Clue::NoWord, Some(Clue::ClockWrong)),
        End::Closed(code) => match code.advice() {
            Advice::RefreshToken => (Clue::NoWord, Some(Clue::TokenRefused)),
            Advice::Never => (Clue::NoWord, Some(Clue::Refused)),
            Advice::RetryNow | Advice::RetryAfter | Advice::MoveTo => (Clue::NoWord, None),
        },
        End::Dial(DialFailure::Unreachable | DialFailure::Blocked)
        | End::Timeout
        | End::Silent
        | End::Unrecoverable => (Clue::NoWord, None),
    }
}
