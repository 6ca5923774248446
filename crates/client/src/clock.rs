//! The only place that asks for the time. In: nothing. Out: milliseconds since the start that
//! never go back, whether the device slept, and the date. Sleep shows as the wall clock running
//! ahead of the monotonic one, which stands still meanwhile.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use steadfast_machine::Millis;
use tokio::time::Instant;

/// How far the wall clock must run ahead to mean that the device slept, in milliseconds.
const SLEPT_MS: i128 = 5_000;

/// Milliseconds since its start.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    drift: Drift,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), drift: Drift::new(0, wall_ms()) }
    }

    /// Milliseconds since the start.
    pub(crate) fn now(&self) -> Millis {
        Millis(u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The instant at which [`Clock::now`] will be `at`.
    pub(crate) fn instant(&self, at: Millis) -> Instant {
        let far = Duration::from_hours(24);
        self.start.checked_add(Duration::from_millis(at.0)).unwrap_or_else(|| self.start + far)
    }

    /// Whether the device slept since this was last asked.
    pub(crate) fn has_slept(&mut self) -> bool {
        self.drift.look(i128::from(self.now().0), wall_ms())
    }
}

/// The date, in milliseconds since 1970.
pub(crate) fn date_ms() -> u64 {
    u64::try_from(wall_ms().max(0)).unwrap_or(u64::MAX)
}

fn wall_ms() -> i128 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i128::try_from(since.as_millis()).unwrap_or(i128::MAX),
        Err(before) => -i128::try_from(before.duration().as_millis()).unwrap_or(i128::MAX),
    }
}

/// How far two clocks were apart when last looked at.
#[derive(Debug)]
struct Drift {
    apart_ms: i128,
}

impl Drift {
    const fn new(monotonic_ms: i128, wall_ms: i128) -> Self {
        Self { apart_ms: wall_ms - monotonic_ms }
    }

    const fn look(&mut self, monotonic_ms: i128, wall_ms: i128) -> bool {
        let before = self.apart_ms;
        self.apart_ms = wall_ms - monotonic_ms;
        self.apart_ms - before > SLEPT_MS
    }
}

#[cfg(test)]
mod tests {
    use super::{Clock, Drift};
    use std::time::Duration;

    #[test]
    fn sleep_is_a_wall_clock_that_ran_ahead_by_more_than_five_seconds() {
        let mut drift = Drift::new(0, 1_000_000);
        assert!(!drift.look(60_000, 1_060_000));
        assert!(!drift.look(61_000, 1_066_000), "5 s is an adjusted clock");
        assert!(drift.look(62_000, 1_072_001), "one more is sleep");
        assert!(!drift.look(63_000, 1_073_001), "and is told once");
        assert!(!drift.look(64_000, 5), "a wall clock set back is no sleep");
        assert!(drift.look(65_000, 3_600_000), "nor does it hide the next one");
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_counted_from_the_start() {
        let clock = Clock::start();
        tokio::time::advance(Duration::from_millis(1500)).await;
        assert_eq!(clock.now().0, 1500);
        assert_eq!(clock.instant(clock.now()), tokio::time::Instant::now());
    }
}
