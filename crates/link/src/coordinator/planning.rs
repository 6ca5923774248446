//! When the next attempt begins after an end: at a time of the schedule, once the app has given a
//! token, or never. In: how an attempt or a session ended. Out: that time.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{Advice, CloseCode};

use super::Link;
use crate::backoff::{doubled, jittered};
use crate::credential::{Fault, Refusal};
use crate::end::End;
use crate::phase::{Phase, Polling};
use crate::{Config, DialFailure};

/// How long after a change of network a loss is put down to it.
const CHANGE_SPAN: Span = Span::seconds(10);
/// How many pauses between attempts double while polling; the next is the largest.
const RETURNS_DOUBLED: u32 = 3;
/// How far those pauses are jittered, in percent.
const RETURN_JITTER_PERCENT: u32 = 20;

/// What follows an end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Plan {
    /// Another attempt, at this time.
    Wait(Millis),
    /// Nothing: the server will not have it.
    Stop,
}

impl Link {
    /// Of an attempt, or of a session with this crash window.
    pub(super) fn plan(
        &mut self,
        now: Millis,
        end: End,
        leave_due_at: Option<Millis>,
        window: Option<Span>,
    ) -> Plan {
        if let Some(state) = leave_due_at {
            // Lost before its turn: the turn stays, so that the others keep theirs.
            self.schedule.hold(now, state.since(now));
        }
        match end {
            End::Dial(DialFailure::Refused) => Plan::Stop,
            End::Dial(DialFailure::Busy { retry_after_ms }) => {
                // Another endpoint may have room now.
                if self.endpoints.is_all_busy() {
                    self.schedule.hold(now, Span(retry_after_ms));
                }
                Plan::Wait(self.usual_time(now))
            }
            End::Left => Plan::Wait(self.schedule.admit_asked(now, &self.config)),
            End::Unrecoverable => Plan::Wait(self.usual_time(now)),
            End::Dial(DialFailure::Unreachable | DialFailure::Blocked | DialFailure::Portal)
            | End::Timeout
            | End::Silent => Plan::Wait(self.time_after_loss(now, None)),
            End::Closed(code) => match code.advice() {
                Advice::RetryNow => {
                    let window = window.filter(|_| end.is_sudden());
                    Plan::Wait(self.time_after_loss(now, window))
                }
                Advice::RetryAfter => {
                    self.schedule.hold_a_while(now, &self.config, &mut self.rng);
                    Plan::Wait(self.usual_time(now))
                }
                Advice::MoveTo => Plan::Wait(self.usual_time(now)),
                Advice::RefreshToken => self.plan_with_token(now, code),
                Advice::Never => Plan::Stop,
            },
        }
    }

    /// The next time by the schedule, which is slower while events come by polling.
    pub(super) fn usual_time(&mut self, now: Millis) -> Millis {
        let delay = match &mut self.phase {
            Phase::Polling(polling) => return_delay(polling, &self.config, &mut self.rng),
            Phase::Resting | Phase::Offline | Phase::Trying(_) | Phase::Live(_) => {
                self.schedule.delay(&self.config, &mut self.rng)
            }
        };
        self.schedule.admit(now + delay)
    }

    pub(super) fn time_after_loss(&mut self, now: Millis, crash_window: Option<Span>) -> Millis {
        let changed_at = self.network_changed_at.take();
        if changed_at.is_some_and(|at| now.since(at) <= CHANGE_SPAN) {
            return self.schedule.admit_free(now);
        }
        let spread = self.config.background_spread.times(2);
        let crash_window = if self.device.is_background {
            // Nobody waits: the least that is right for others, too. Half of it is drawn from.
            Some(crash_window.map_or(spread, |window| window.max(spread)))
        } else {
            crash_window
        };
        match (crash_window, &self.phase) {
            (Some(window), Phase::Live(_)) => {
                let delay = self.schedule.crash_delay(window, &self.config, &mut self.rng);
                self.schedule.admit(now + delay)
            }
            (
                Some(_) | None,
                Phase::Resting
                | Phase::Offline
                | Phase::Trying(_)
                | Phase::Live(_)
                | Phase::Polling(_),
            ) => self.usual_time(now),
        }
    }

    /// The server has spoken, so the path has not failed: the next attempt need not wait. It asks
    /// the app for the token when it is due, so that what it sends is fresh.
    pub(super) fn plan_with_token(&mut self, now: Millis, code: CloseCode) -> Plan {
        let fault = if code == CloseCode::TOKEN_EXPIRED { Fault::Age } else { Fault::Content };
        match self.credential.refuse(self.hello_token_version, self.hello_sent_at, fault) {
            Refusal::Again | Refusal::Renew => {
                Plan::Wait(self.schedule.admit_asked(now, &self.config))
            }
            Refusal::Stop => Plan::Stop,
        }
    }
}

fn return_delay(polling: &mut Polling, config: &Config, rng: &mut steadfast_machine::Rng) -> Span {
    // It says nothing of WebSocket: the next one comes as after a first failure.
    if core::mem::take(&mut polling.is_inconclusive) {
        let pause = jittered(config.backoff_min, config.jitter_percent, rng);
        return pause.max(config.delay_floor);
    }
    let pause = if polling.returns < RETURNS_DOUBLED {
        doubled(config.return_min, polling.returns, config.return_max)
    } else {
        config.return_max
    };
    polling.returns = polling.returns.saturating_add(1);
    jittered(pause, RETURN_JITTER_PERCENT, rng)
}
