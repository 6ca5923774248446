//! When the next attempt begins after an end: at a time of the schedule, once the app has given a
//! token, or never. In: how an attempt or a session ended. Out: that time.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{Advice, CloseCode};

use super::Link;
use crate::DialFailure;
use crate::credential::{Fault, Refusal};
use crate::end::End;

impl Link {
    /// When the next attempt begins after the end of an attempt, or of a session with this crash
    /// window; `None` where the server will not have another.
    pub(super) fn plan(
        &mut self,
        now: Millis,
        end: End,
        leave_due_at: Option<Millis>,
        window: Option<Span>,
    ) -> Option<Millis> {
        if let Some(at) = leave_due_at {
            // Lost before its turn: the turn stays, so that the others keep theirs.
            self.connector.hold(now, at.since(now));
        }
        match end {
            End::Dial(DialFailure::Refused) => None,
            End::Dial(DialFailure::Busy { retry_after_ms }) => {
                self.connector.hold_if_all_busy(now, Span(retry_after_ms));
                Some(self.usual_time(now))
            }
            End::Left => Some(self.connector.time_when_asked(now, &self.config)),
            End::Unrecoverable => Some(self.usual_time(now)),
            End::Dial(DialFailure::Unreachable | DialFailure::Blocked | DialFailure::Portal)
            | End::Timeout
            | End::Silent => Some(self.time_after_loss(now, None)),
            End::Closed(code) => match code.advice() {
                Advice::RetryNow => {
                    let window = window.filter(|_| end.is_sudden());
                    Some(self.time_after_loss(now, window))
                }
                Advice::RetryAfter => {
                    self.connector.hold_a_while(now, &self.config, &mut self.rng);
                    Some(self.usual_time(now))
                }
                Advice::MoveTo => Some(self.usual_time(now)),
                Advice::RefreshToken => self.plan_with_token(now, code),
                Advice::Never => None,
            },
        }
    }

    pub(super) fn usual_time(&mut self, now: Millis) -> Millis {
        self.connector.usual_time(now, &self.config, &mut self.rng)
    }

    fn time_after_loss(&mut self, now: Millis, window: Option<Span>) -> Millis {
        let is_background = self.device.is_background;
        self.connector.time_after_loss(now, window, is_background, &self.config, &mut self.rng)
    }

    /// The server has spoken, so the path has not failed: the next attempt need not wait. It asks
    /// the app for the token when it is due, so that what it sends is fresh.
    fn plan_with_token(&mut self, now: Millis, code: CloseCode) -> Option<Millis> {
        let fault = if code == CloseCode::TOKEN_EXPIRED { Fault::Age } else { Fault::Content };
        match self.credential.refuse(self.session_token_version, self.hello_sent_at, fault) {
            Refusal::Again | Refusal::Renew => {
                Some(self.connector.time_when_asked(now, &self.config))
            }
            Refusal::Stop => None,
        }
    }
}
