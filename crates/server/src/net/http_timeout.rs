//! Timeouts of a connection while it speaks HTTP: short for a head that has begun, long for the
//! next request after a response. In: what happens on the connection. Out: when to give it up. Must
//! not know: bytes, sockets.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, Sleep};

use steadfast_broker::clock::Clock;

/// The deadline of one connection.
#[derive(Debug)]
pub(crate) struct Patience {
    clock: Clock,
    /// For a head, counted from its first byte.
    head: Duration,
    /// For the first byte of the next head.
    keep_alive: Duration,
    waits: Mutex<Waits>,
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
    /// has arrived, and the time for the next request begins.
    pub(crate) fn new(
        clock: Clock,
        (head, keep_alive): (Duration, Duration),
        until: Option<Instant>,
    ) -> Self {
        let waits = until.map_or_else(|| Waits::Next(clock.after(keep_alive)), Waits::Head);
        Self { clock, head, keep_alive, waits: Mutex::new(waits) }
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
    }

    /// The response is complete.
    pub(crate) fn answered(&self) {
        *self.waits.lock() = Waits::Next(self.clock.after(self.keep_alive));
    }

    /// Ready once the connection is to be given up. `timer` is the caller's, kept between calls.
    pub(crate) fn poll_over(
        &self,
        context: &mut Context<'_>,
        timer: &mut Option<Pin<Box<Sleep>>>,
    ) -> Poll<()> {
        let until = match *self.waits.lock() {
            Waits::Head(until) | Waits::Next(until) => until,
            Waits::Nothing => return Poll::Pending,
        };
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if timer.deadline() != until {
            timer.as_mut().reset(until);
        }
        timer.as_mut().poll(context)
    }
}

#[cfg(test)]
mod tests {
    use super::{Patience, Waits};
    use std::time::Duration;
    use steadfast_broker::clock::Clock;

    const HEAD: Duration = Duration::from_secs(10);
    const KEEP_ALIVE: Duration = Duration::from_secs(75);

    #[test]
    fn only_the_first_byte_of_a_head_starts_its_time() {
        let clock = Clock::start();
        let first = clock.after(HEAD);
        let patience = Patience::new(clock, (HEAD, KEEP_ALIVE), Some(first));
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
        patience.answered();
        assert!(until(&patience) >= Some(before));
        patience.heard();
        let head = until(&patience);
        assert!(head < Some(before), "an idle connection has less time once a head begins");
        patience.heard();
        assert_eq!(until(&patience), head);
    }
}
