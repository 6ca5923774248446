//! Timeouts of a connection while it speaks HTTP: short for a head that has begun, long for the
//! next request after a response, and by its progress for a response that the peer does not take.
//! In: what happens on the connection. Out: when to give it up. Must not know: bytes, sockets.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, Sleep};

use steadfast_broker::clock::Clock;

use super::write_progress::{WritePace, WriteProgress};

/// The deadline of one connection.
#[derive(Debug)]
pub(crate) struct Patience {
    clock: Clock,
    /// For a head, counted from its first byte.
    head: Duration,
    /// For the first byte of the next head.
    keep_alive: Duration,
    waits: Mutex<Waits>,
    /// How slowly the peer may take a response, where that is limited.
    pace: Option<WritePace>,
    response: Mutex<ResponseProgress>,
}

/// How a response is taken.
#[derive(Debug, Default)]
struct ResponseProgress {
    progress: Option<WriteProgress>,
    /// Since when the socket has taken nothing.
    stuck: Option<Instant>,
}

/// What the connection waits for.
#[derive(Clone, Copy, Debug)]
enum Waits {
    /// The rest of a head.
    Head(Instant),
    /// The next request.
    Next(Instant),
    /// Nothing: a request is being handled.
    Nothing,
}

impl Patience {
    /// A connection whose next head must be complete by `until`. Without `until`, nothing of a head
    /// has arrived, and the time for the next request begins, which ends at `last`.
    pub(crate) fn new(
        clock: Clock,
        (head, keep_alive): (Duration, Duration),
        until: Option<Instant>,
        last: Option<Instant>,
    ) -> Self {
        let next = || earlier(clock.after(keep_alive), last);
        let waits = until.map_or_else(|| Waits::Next(next()), Waits::Head);
        let (waits, response) = (Mutex::new(waits), Mutex::default());
        Self { clock, head, keep_alive, waits, pace: None, response }
    }

    /// The same, for a peer that takes responses at this pace at least.
    pub(crate) fn with_pace(self, pace: WritePace) -> Self {
        Self { pace: Some(pace), ..self }
    }

    /// Bytes arrived.
    pub(crate) fn heard(&self) {
        let mut waits = self.waits.lock();
        if matches!(*waits, Waits::Next(_)) {
            *waits = Waits::Head(self.clock.after(self.head));
        }
    }

    /// A head is complete, and its request is being handled.
    pub(crate) fn begins(&self) {
        *self.waits.lock() = Waits::Nothing;
        let progress = self.pace.map(WriteProgress::new);
        *self.response.lock() = ResponseProgress { progress, stuck: None };
    }

    /// The socket took so many bytes, or none and has to be waited for.
    pub(crate) fn written(&self, bytes: Option<usize>) {
        let mut response = self.response.lock();
        let ResponseProgress { progress: Some(progress), stuck } = &mut *response else { return };
        let Some(bytes) = bytes else {
            stuck.get_or_insert_with(|| self.clock.after(Duration::ZERO));
            return;
        };
        let Some(since) = stuck.take() else {
            return progress.took(Duration::ZERO, bytes);
        };
        progress.took(self.clock.after(Duration::ZERO).duration_since(since), bytes);
        // Who takes a response sends no request meanwhile.
        let mut waits = self.waits.lock();
        *waits = match *waits {
            Waits::Head(_) => Waits::Head(self.clock.after(self.head)),
            Waits::Next(_) => Waits::Next(self.clock.after(self.keep_alive)),
            Waits::Nothing => Waits::Nothing,
        };
    }

    /// Whether the peer does not take a response.
    pub(crate) fn is_stuck(&self) -> bool {
        self.response.lock().stuck.is_some()
    }

    /// The response is complete. The next request is waited for until `last` at most.
    pub(crate) fn answered(&self, last: Option<Instant>) {
        *self.waits.lock() = Waits::Next(earlier(self.clock.after(self.keep_alive), last));
    }

    /// Ready once the connection is to be given up. `timer` is the caller's, kept between calls.
    pub(crate) fn poll_over(
        &self,
        context: &mut Context<'_>,
        timer: &mut Option<Pin<Box<Sleep>>>,
    ) -> Poll<()> {
        let Some(until) = self.until() else { return Poll::Pending };
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(context)
    }

    fn until(&self) -> Option<Instant> {
        let response = self.response.lock();
        if let (Some(progress), Some(since)) = (&response.progress, response.stuck) {
            return Some(since + progress.left());
        }
        match *self.waits.lock() {
            Waits::Head(until) | Waits::Next(until) => Some(until),
            Waits::Nothing => None,
        }
    }
}

fn earlier(one: Instant, other: Option<Instant>) -> Instant {
    other.map_or(one, |other| one.min(other))
}

#[cfg(test)]
mod tests {
    use super::{Patience, Waits, WritePace};
    use std::time::Duration;
    use steadfast_broker::clock::Clock;

    const HEAD: Duration = Duration::from_secs(10);
    const KEEP_ALIVE: Duration = Duration::from_secs(75);

    #[test]
    fn only_the_first_byte_of_a_head_starts_its_time() {
        let clock = Clock::start();
        let first = clock.after(HEAD);
        let patience = Patience::new(clock, (HEAD, KEEP_ALIVE), Some(first), None);
        let until = |patience: &Patience| match *patience.waits.lock() {
            Waits::Head(until) | Waits::Next(until) => Some(until),
            Waits::Nothing => None,
        };
        patience.heard();
        assert_eq!(until(&patience), Some(first), "bytes that drip in gain no time");
        patience.begins();
        patience.heard();
        assert_eq!(until(&patience), None);
        let before = clock.after(KEEP_ALIVE);
        patience.answered(None);
        assert!(until(&patience) >= Some(before));
        patience.heard();
        let head = until(&patience);
        assert!(head < Some(before), "an idle connection has less time once a head begins");
        patience.heard();
        assert_eq!(until(&patience), head);
        let last = clock.after(HEAD);
        patience.answered(Some(last));
        assert_eq!(until(&patience), Some(last), "a stranger's connection does not stay as long");
    }

    #[test]
    fn a_response_that_is_stuck_ends_by_its_progress_and_not_by_the_time_for_requests() {
        let clock = Clock::start();
        let pace = WritePace { stall_max: 10 * HEAD, bytes_per_second_min: 0 };
        let patience = Patience::new(clock, (HEAD, KEEP_ALIVE), None, None).with_pace(pace);
        patience.begins();
        patience.answered(None);
        let next = patience.until();
        let before = clock.after(10 * HEAD);
        patience.written(None);
        let stuck = patience.until();
        assert!(stuck >= Some(before), "longer than a peer may be idle");
        patience.heard();
        patience.written(None);
        assert_eq!(patience.until(), stuck, "neither a request nor another try gains time");
        assert!(patience.is_stuck());
        let before = clock.after(HEAD);
        patience.written(Some(1));
        assert!(!patience.is_stuck() && patience.until() >= Some(before));
        assert!(patience.until() < next, "the head that has begun goes on");
        patience.written(None);
        patience.begins();
        assert_eq!(patience.until(), None, "the next response has all its time");
    }
}
