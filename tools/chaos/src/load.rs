//! What a trial of many nodes puts on them: apps that follow channels, writers that publish, and a
//! book of what was sent, answered and handed over. In: addresses. Out: a verdict on every link.

mod app;
mod book;
mod verdict;
mod writers;

use std::fmt;
use std::time::Duration;

pub use app::{Apps, Sums};
pub use book::{Acked, Book, channel};
pub use verdict::{Faults, Heard, judge};
pub use writers::{Writers, answer_of};

/// How much of it.
#[derive(Clone, Copy, Debug)]
pub struct Amount {
    /// Links, each of which follows one channel.
    pub links: usize,
    /// Channels.
    pub channels: usize,
    /// How many publish at once, each to channels of its own.
    pub writers: usize,
    /// Events a second of all of them together.
    pub rate: u32,
}

/// How long things took: the median, 99 of 100, and the longest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// How many were timed.
    pub count: usize,
    /// Half of them took no longer.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// None took longer.
    pub max: Duration,
}

impl Times {
    /// Of all of these.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
        let max = times.last().copied().unwrap_or_default();
        Self { count: times.len(), p50: at(50), p99: at(99), max }
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (p50, p99, max) = (ms(self.p50), ms(self.p99), ms(self.max));
        write!(f, "p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms, of {}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::Times;
    use std::time::Duration;

    #[test]
    fn of_a_hundred_times_one_is_above_the_99th() {
        let times = Times::of((1..=200).map(Duration::from_millis).rev().collect());
        let ms = |count| Duration::from_millis(count);
        assert_eq!((times.p50, times.p99, times.max), (ms(101), ms(199), ms(200)));
        assert_eq!(Times::of(Vec::new()), Times::default());
    }
}
