//! Publishes events to the links of a worker pool: at a rate, or with a number of them in flight.
//! In: the rate and the duration. Out: what became of all deliveries.

mod underway;

use std::thread;
use std::time::Duration;

use crate::clock::{self, MILLISECOND, SECOND};
use crate::error::BenchError;
use crate::figures::{Deliveries, Times, merge, rate, seconds};
use crate::payload::Mark;
use crate::publisher::{Due, Fates, Publisher, reasons};
use crate::sizes::{EVENT_BYTES_MAX, EVENT_BYTES_MIN, IN_FLIGHT_MAX};
use crate::worker_pool::WorkerPool;
use crate::worker_protocol::{Word, WorkerOrder};
use underway::Underway;

/// How long nothing may come, at the end, before what is still on its way counts as lost.
const PATIENCE: u64 = 10 * SECOND;
/// Waits below this are slept, since a poll counts in milliseconds.
const FINE_WAIT: u64 = 2 * MILLISECOND;
/// The shortest sleep.
const LEAST_SLEEP: u64 = 20_000;

/// How fast events are published.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// So many a second, over all channels, whatever becomes of them.
    PerSecond(f64),
    /// So many on their way at once: the next follows when one has reached all its links.
    InFlight(usize),
}

/// A load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// How fast.
    pub pace: Pace,
    /// How long.
    pub lasts: Duration,
    /// Bytes of an event's data.
    pub bytes: usize,
}

impl Load {
    /// Sees that it can be done.
    pub fn check(&self) -> Result<(), BenchError> {
        let size = |what, got: String, must: String| Err(BenchError::Size { what, got, must });
        match self.pace {
            Pace::PerSecond(rate) if !(rate > 0.0 && rate <= 1e6) => {
                return size("the rate", rate.to_string(), "above 0, to 1000000 a second".into());
            }
            Pace::InFlight(count) if count == 0 || count > IN_FLIGHT_MAX => {
                let must = format!("1 to {IN_FLIGHT_MAX}");
                return size("the number of events in flight", count.to_string(), must);
            }
            Pace::PerSecond(_) | Pace::InFlight(_) => {}
        }
        if !(EVENT_BYTES_MIN..=EVENT_BYTES_MAX).contains(&self.bytes) {
            let must = format!("{EVENT_BYTES_MIN} to {EVENT_BYTES_MAX} bytes");
            return size("an event's data", format!("{} bytes", self.bytes), must);
        }
        Ok(())
    }
}

/// One load while it runs.
struct Run<'a> {
    workers: &'a mut WorkerPool,
    publisher: Publisher,
    load: &'a Load,
    /// Channels that have a live link.
    channels: Vec<usize>,
    underway: Underway,
    begun_at: u64,
    ends_at: u64,
    pushed: u64,
    published: Vec<u64>,
    found: Deliveries,
}

impl WorkerPool {
    /// Publishes, round the channels in turn, and counts what comes of it; `tell` is told how much
    /// of the time is over, from 0 to 1.
    pub fn publish(
        &mut self,
        load: &Load,
        tell: &mut dyn FnMut(f64),
    ) -> Result<Deliveries, BenchError> {
        load.check()?;
        self.measure()?;
        let Self { hiring, poll, members, .. } = &*self;
        let prefix = &hiring.channel_prefix;
        let publisher = Publisher::new(poll.registry(), &hiring.target, prefix, load.bytes)?;
        let channels = (0..members.len()).filter(|&at| members[at] > 0).collect();
        let begun_at = clock::now();
        let lasts = u64::try_from(load.lasts.as_nanos()).unwrap_or(u64::MAX / 2);
        let mut run = Run {
            publisher,
            load,
            channels,
            underway: Underway::new(),
            begun_at,
            ends_at: begun_at + lasts,
            pushed: 0,
            published: vec![0; self.numbers.len()],
            found: Deliveries::default(),
            workers: self,
        };
        run.drive(tell)?;
        run.collect()
    }
}

impl Run<'_> {
    fn drive(&mut self, tell: &mut dyn FnMut(f64)) -> Result<(), BenchError> {
        let mut heard_at = self.begun_at;
        loop {
            let now = clock::now();
            let is_over = self.underway.count == 0 && self.publisher.is_settled();
            if now < self.ends_at {
                self.underway.give_up_late(now);
                self.push_due(now);
            } else if is_over || now > heard_at.max(self.ends_at) + PATIENCE {
                return Ok(());
            }
            self.publisher.flush()?;
            let wait = self.wait(clock::now());
            let words = self.workers.turn(wait, Some(&mut self.publisher))?;
            for (_, word) in words {
                heard_at = clock::now();
                if let Word::Done(messages) = word {
                    for message in messages {
                        self.underway.on_done(message, false);
                    }
                }
            }
            self.settle();
            tell(seconds(self.begun_at, now) / self.load.lasts.as_secs_f64().max(1e-3));
        }
    }

    /// How many events should have been pushed by now.
    fn due(&self, now: u64) -> u64 {
        match self.load.pace {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count of events in a run is positive and far below 2^53"
            )]
            Pace::PerSecond(rate) => 1 + (seconds(self.begun_at, now) * rate) as u64,
            Pace::InFlight(count) => self.pushed + count.saturating_sub(self.underway.count) as u64,
        }
    }

    fn push_due(&mut self, now: u64) {
        let due = self.due(now);
        while self.pushed < due {
            let message = self.workers.message;
            if !self.underway.is_free(message) || self.underway.count >= IN_FLIGHT_MAX {
                // The server is far behind; what cannot be told apart is not published.
                self.found.held_back += due - self.pushed;
                self.pushed = due;
                return;
            }
            let turn = usize::try_from(self.pushed).unwrap_or(0) % self.channels.len();
            let channel = self.channels[turn];
            self.workers.numbers[channel] += 1;
            let at = clock::now();
            let mark = Mark { at, number: self.workers.numbers[channel], message };
            self.underway.enter(message, self.workers.holders[channel], at);
            self.publisher.push(Due { channel, mark });
            self.workers.message += 1;
            self.pushed += 1;
        }
    }

    /// How long there is nothing to push; a short wait is slept here.
    fn wait(&self, now: u64) -> Duration {
        let Pace::PerSecond(rate) = self.load.pace else { return Duration::from_millis(100) };
        if now >= self.ends_at {
            return Duration::from_millis(100);
        }
        let next = seconds(0, self.begun_at) + self.pushed as f64 / rate;
        let wait = Duration::from_secs_f64((next - seconds(0, now)).clamp(0.0, 0.1));
        if wait >= Duration::from_nanos(FINE_WAIT) {
            return wait.saturating_sub(Duration::from_millis(1));
        }
        if wait >= Duration::from_nanos(LEAST_SLEEP) {
            thread::sleep(wait);
        }
        Duration::ZERO
    }

    fn settle(&mut self) {
        let Fates { taken, refused } = self.publisher.take_fates();
        for due in taken {
            self.found.published += 1;
            self.published[due.channel] += 1;
        }
        for (due, _) in &refused {
            self.underway.on_done(due.mark.message, true);
        }
        reasons(refused, &mut self.found.refused);
    }

    fn collect(mut self) -> Result<Deliveries, BenchError> {
        self.settle();
        self.workers.tell_all(&WorkerOrder::Collect(self.published.clone()))?;
        let mut left = self.workers.workers();
        let (mut times, mut ended_at) = (Times::default(), self.begun_at);
        while left > 0 {
            for (_, word) in self.workers.turn(Duration::from_millis(100), None)? {
                let Word::Collected(one) = word else { continue };
                left -= 1;
                self.found.delivered += one.deliveries;
                self.found.bytes += one.bytes;
                self.found.faults(one.faults);
                ended_at = ended_at.max(one.ended_at);
                times.add(&one.took);
                merge(&mut self.found.ended_links, one.ended);
            }
        }
        let Self { mut found, published, pushed, workers, begun_at, .. } = self;
        let answered = found.published + found.refused.values().sum::<u64>() + found.held_back;
        found.unanswered = pushed.saturating_sub(answered);
        let members = published.iter().zip(&workers.members);
        found.expected = members.map(|(events, members)| events * members).sum();
        found.seconds = seconds(begun_at, ended_at);
        found.per_second = rate(found.delivered, found.seconds);
        found.latency = times.spread();
        if found.published == 0
            && let Some(reason) = found.refused.keys().next()
        {
            return Err(BenchError::Publish(reason.clone()));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Load, Pace};
    use crate::sizes::{EVENT_BYTES_MAX, EVENT_BYTES_MIN, IN_FLIGHT_MAX};

    fn is_good(pace: Pace, bytes: usize) -> bool {
        Load { pace, lasts: Duration::from_secs(1), bytes }.check().is_ok()
    }

    #[test]
    fn a_load_has_limits() {
        for good in [Pace::PerSecond(0.1), Pace::PerSecond(1e6), Pace::InFlight(1)] {
            assert!(is_good(good, 150), "{good:?}");
        }
        assert!(is_good(Pace::InFlight(IN_FLIGHT_MAX), 150));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 1_000_001.0].map(Pace::PerSecond) {
            assert!(!is_good(bad, 150), "{bad:?}");
        }
        assert!(!is_good(Pace::InFlight(0), 150));
        assert!(!is_good(Pace::InFlight(IN_FLIGHT_MAX + 1), 150));
        for (bytes, good) in [
            (EVENT_BYTES_MIN - 1, false),
            (EVENT_BYTES_MIN, true),
            (EVENT_BYTES_MAX, true),
            (EVENT_BYTES_MAX + 1, false),
        ] {
            assert_eq!(is_good(Pace::InFlight(1), bytes), good, "{bytes}");
        }
    }
}
