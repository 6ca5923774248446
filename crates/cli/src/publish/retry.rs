//! How long to go on trying, and how long to pause. In: which attempt, a hint, a random number.
//! Out: a pause, or that it is enough. Knows nothing of what is tried.

use std::time::Duration;

use tokio::time::Instant;

use crate::clock;

/// How far jitter goes either way.
const JITTER_PERCENT: u32 = 30;

/// How long, and how often.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schedule {
    /// How long trying goes on.
    pub patience: Duration,
    /// The first pause, doubled for each further one …
    pub pause_min: Duration,
    /// … up to this, before jitter.
    pub pause_max: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            patience: Duration::from_mins(1),
            pause_min: Duration::from_millis(500),
            pause_max: Duration::from_secs(8),
        }
    }
}

/// The attempts at one request.
#[derive(Debug)]
pub(super) struct Attempts {
    schedule: Schedule,
    begun: Instant,
    failed: u32,
}

impl Attempts {
    /// None so far.
    pub(super) fn begin(schedule: Schedule) -> Self {
        Self { schedule, begun: clock::now(), failed: 0 }
    }

    /// How many have failed.
    pub(super) const fn failed(&self) -> u32 {
        self.failed
    }

    /// How much patience is left.
    pub(super) fn left(&self) -> Duration {
        self.schedule.patience.saturating_sub(clock::now() - self.begun)
    }

    /// The pause after one more failure, no shorter than the server's hint; `None` where the next
    /// attempt would come too late.
    pub(super) fn pause(&mut self, hint: Duration, random: u32) -> Option<Duration> {
        let pause = self.schedule.pause(self.failed, random).max(hint);
        self.failed += 1;
        (pause < self.left()).then_some(pause)
    }
}

impl Schedule {
    fn pause(&self, failed: u32, random: u32) -> Duration {
        let whole = self.pause_min.saturating_mul(1 << failed.min(16)).min(self.pause_max);
        let percent = 100 - JITTER_PERCENT + random % (2 * JITTER_PERCENT + 1);
        whole * percent / 100
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempts, Schedule};
    use std::time::Duration;

    #[test]
    fn pauses_double_to_a_cap_with_jitter_after_it() {
        let pause_ms = |failed, random| Schedule::default().pause(failed, random).as_millis();
        let middle: Vec<u128> = (0..6).map(|failed| pause_ms(failed, 30)).collect();
        assert_eq!(middle, [500, 1000, 2000, 4000, 8000, 8000]);
        assert_eq!((pause_ms(0, 0), pause_ms(0, 60)), (350, 650));
        assert_eq!((pause_ms(40, 0), pause_ms(u32::MAX, 60)), (5600, 10_400));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_after_a_minute() {
        let mut attempts = Attempts::begin(Schedule::default());
        let mut waited = Duration::ZERO;
        while let Some(pause) = attempts.pause(Duration::ZERO, 30) {
            tokio::time::advance(pause).await;
            waited += pause;
        }
        assert_eq!((attempts.failed(), waited.as_millis()), (11, 55_500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_hint_is_followed_where_there_is_time() {
        let hint = Duration::from_secs(20);
        assert_eq!(Attempts::begin(Schedule::default()).pause(hint, 0), Some(hint));
        assert_eq!(Attempts::begin(Schedule::default()).pause(Duration::from_mins(1), 0), None);
    }
}
