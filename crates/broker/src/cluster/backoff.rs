//! How long a node waits before it connects to a server again: longer each time, different for each
//! node, and far shorter than the time that nodes wait for each other.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(50);
const LAST: Duration = Duration::from_secs(1);

/// The waits between attempts.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The next wait: between half of 50 ms, doubled for each attempt up to 1 s, and all of it.
    pub(crate) fn next(&mut self) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.attempts.min(8)).min(LAST);
        self.attempts = self.attempts.saturating_add(1);
        let draw = u32::try_from(getrandom::u64().unwrap_or(0) & 0xffff).unwrap_or(0);
        whole / 2 + (whole / 2) * draw / 0xffff
    }

    /// The next wait is as short as the first one.
    pub(crate) const fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, FIRST, LAST};

    #[test]
    fn waits_grow_to_a_second_and_begin_anew() {
        let mut backoff = Backoff::default();
        let first = backoff.next();
        assert!(first >= FIRST / 2 && first <= FIRST, "{first:?}");
        let waits: Vec<_> = (0..20).map(|_| backoff.next()).collect();
        assert!(waits.iter().all(|wait| *wait <= LAST));
        assert!(waits[10..].iter().all(|wait| *wait >= LAST / 2));
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
