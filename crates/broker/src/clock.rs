//! The server's only clock. In: nothing. Out: milliseconds since the start for the pure tables,
//! and dates for the wire.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use steadfast_machine::Millis;
use steadfast_protocol::Timestamp;

/// Tells the time, both ways.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Milliseconds since the start. Never goes back.
    pub fn now(&self) -> Millis {
        Millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Time since the start, as fine as the system has it.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The date.
    pub fn date(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// The date of an instant of this clock.
    pub fn date_of(&self, instant: Millis) -> Timestamp {
        Timestamp(self.date().0.saturating_sub(self.now().since(instant).0))
    }

    /// The end of a span that starts now, as the runtime's timers want it.
    pub fn after(&self, span: Duration) -> tokio::time::Instant {
        (Instant::now() + span).into()
    }

    /// `at` as the runtime's timers want it.
    pub fn timer(&self, at: Millis) -> tokio::time::Instant {
        (self.started + Duration::from_millis(at.0)).into()
    }
}
