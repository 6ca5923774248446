//! How a link has fared. In: every change of state, every attempt's end. Out: numbers that are
//! right at any instant. Must not know why a state changed.

use steadfast_machine::{Millis, Span};

/// How a link has fared so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Attempts begun, but for the first after the app asked.
    pub total_reconnects: u64,
    /// Those of them that were welcomed.
    pub successful_reconnects: u64,
    /// Those of them that were not, or were given up.
    pub failed_reconnects: u64,
    /// When a session was last welcomed, by the clock of the link's inputs.
    pub last_connected_at: Option<Millis>,
    /// When the link last ceased to be `connected`, by the same clock.
    pub last_disconnected_at: Option<Millis>,
    /// Time without data flowing since the link first asked to connect. Time asleep, and time at
    /// rest because the app closed the link or its channels had finished, does not count.
    pub total_downtime: Span,
    /// Time with data flowing, by WebSocket or polling, in hundredths of a percent of all time
    /// since the link first asked, asleep and wanted rest left out: 0 to 10,000, and 9987 is
    /// 99.87 %. Where no time has passed, all or nothing, by what flows at that instant.
    pub availability: u32,
    /// The same for time in `connected` alone.
    pub realtime_availability: u32,
    /// How long the newest answer to a heartbeat took.
    pub last_answer_rtt: Option<Span>,
}

/// What flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UptimeState {
    /// Nothing, and nothing is wanted.
    Unwanted,
    /// Nothing.
    Down,
    /// Events, by polling.
    Polled,
    /// Events, on a session.
    Live,
}

/// The account that statistics are drawn from.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    flow: UptimeState,
    counted_to: Millis,
    down: Span,
    polled: Span,
    live: Span,
    is_reconnect_pending: bool,
    drawn: Statistics,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            flow: UptimeState::Unwanted,
            counted_to: Millis::ZERO,
            down: Span::ZERO,
            polled: Span::ZERO,
            live: Span::ZERO,
            is_reconnect_pending: false,
            drawn: Statistics::default(),
        }
    }

    /// From now on, `flow`.
    pub(crate) fn turn(&mut self, now: Millis, flow: UptimeState) {
        self.count(now);
        if self.flow == UptimeState::Live && flow != UptimeState::Live {
            self.drawn.last_disconnected_at = Some(now);
        }
        self.flow = flow;
    }

    /// The device slept from `from` to `to`.
    pub(crate) fn sleep(&mut self, from: Millis, to: Millis) {
        self.count(from);
        self.counted_to = self.counted_to.max(to);
    }

    /// An attempt began; the first one after the app asked is no reconnect.
    pub(crate) const fn begin(&mut self, is_reconnect: bool) {
        self.is_reconnect_pending = is_reconnect;
        if is_reconnect {
            self.drawn.total_reconnects += 1;
        }
    }

    /// The attempt was welcomed.
    pub(crate) fn succeed(&mut self, now: Millis) {
        self.drawn.last_connected_at = Some(now);
        if core::mem::take(&mut self.is_reconnect_pending) {
            self.drawn.successful_reconnects += 1;
        }
    }

    /// The attempt failed or was given up, if one was under way.
    pub(crate) fn fail(&mut self) {
        if core::mem::take(&mut self.is_reconnect_pending) {
            self.drawn.failed_reconnects += 1;
        }
    }

    /// The attempt is not wanted any more, and neither failed nor did anything.
    pub(crate) fn withdraw(&mut self) {
        if core::mem::take(&mut self.is_reconnect_pending) {
            self.drawn.total_reconnects -= 1;
        }
    }

    /// A heartbeat was answered.
    pub(crate) const fn answer(&mut self, rtt: Span) {
        self.drawn.last_answer_rtt = Some(rtt);
    }

    /// The numbers at `now`.
    pub(crate) fn statistics(&self, now: Millis) -> Statistics {
        let mut record = self.clone();
        record.count(now);
        let flowing = record.live + record.polled;
        let all = flowing + record.down;
        let is_flowing = |flows: bool| if flows { 10_000 } else { 0 };
        let is_up = is_flowing(matches!(self.flow, UptimeState::Live | UptimeState::Polled));
        Statistics {
            total_downtime: record.down,
            availability: share(flowing, all, is_up),
            realtime_availability: share(
                record.live,
                all,
                is_flowing(self.flow == UptimeState::Live),
            ),
            ..record.drawn
        }
    }

    fn count(&mut self, now: Millis) {
        let span = now.since(self.counted_to);
        self.counted_to = self.counted_to.max(now);
        match self.flow {
            UptimeState::Unwanted => {}
            UptimeState::Down => self.down += span,
            UptimeState::Polled => self.polled += span,
            UptimeState::Live => self.live += span,
        }
    }
}

/// `part` of `all` in hundredths of a percent, rounded down; `none` where there is no time yet.
fn share(part: Span, all: Span, none: u32) -> u32 {
    let hundredths = part.0.saturating_mul(10_000).checked_div(all.0);
    hundredths.map_or(none, |n| u32::try_from(n).unwrap_or(10_000))
}

#[cfg(test)]
mod tests;
