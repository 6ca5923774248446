//! Whether the peer of a response takes it fast enough. In: how long a write waited, and how many
//! bytes the socket took. Out: how much longer it may take none. A peer begins with the time that
//! it may take nothing; waiting uses it up, each byte adds to it, and it never has more than that.
//! Must not know: what is written.

use std::io;
use std::time::Duration;

use steadfast_broker::clock::Clock;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// How slow a peer may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WritePace {
    /// How long it may take nothing.
    pub(crate) stall_max: Duration,
    /// How many bytes it takes in a second on average; 0 is no such limit.
    pub(crate) bytes_per_second_min: u32,
}

/// The progress of one response.
#[derive(Debug)]
pub(crate) struct WriteProgress {
    pace: WritePace,
    left: Duration,
}

impl WriteProgress {
    /// Of a response of which nothing is written.
    pub(crate) const fn new(pace: WritePace) -> Self {
        Self { left: pace.stall_max, pace }
    }

    /// How much longer the peer may take nothing.
    pub(crate) const fn left(&self) -> Duration {
        self.left
    }

    /// After this long the peer took so many bytes.
    pub(crate) fn took(&mut self, waited: Duration, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let earned = match self.pace.bytes_per_second_min {
            0 => self.pace.stall_max,
            least => Duration::from_micros(bytes as u64 * 1_000_000 / u64::from(least)),
        };
        self.left = (self.left.saturating_sub(waited) + earned).min(self.pace.stall_max);
    }

    /// Writes all of these bytes, or fails with `TimedOut` once the peer is too slow.
    pub(crate) async fn write_all(
        &mut self,
        clock: Clock,
        socket: &mut (impl AsyncWrite + Unpin),
        mut bytes: &[u8],
    ) -> io::Result<()> {
        while !bytes.is_empty() {
            let began = clock.elapsed();
            let write = socket.write(bytes);
            let some = tokio::time::timeout_at(clock.after(self.left), write).await??;
            if some == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.took(clock.elapsed().saturating_sub(began), some);
            bytes = bytes.get(some..).unwrap_or_default();
        }
        tokio::time::timeout_at(clock.after(self.left), socket.flush()).await?
    }
}

#[cfg(test)]
mod tests {
    use super::{WritePace, WriteProgress};
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn progress(bytes_per_second_min: u32) -> WriteProgress {
        WriteProgress::new(WritePace { stall_max: 10 * SECOND, bytes_per_second_min })
    }

    #[test]
    fn a_peer_at_the_least_rate_goes_on_and_a_slower_one_does_not() {
        let (mut fair, mut slow) = (progress(1_000), progress(1_000));
        for _ in 0..10_000 {
            fair.took(SECOND, 1_000);
            slow.took(SECOND, 999);
        }
        assert_eq!(fair.left(), 10 * SECOND);
        assert!(slow.left() < SECOND, "its next byte comes too late");
    }

    #[test]
    fn many_bytes_at_once_buy_no_more_than_the_time_without_any() {
        let mut one = progress(1_000);
        one.took(Duration::ZERO, 1_000_000);
        assert_eq!(one.left(), 10 * SECOND);
        one.took(4 * SECOND, 1_000);
        assert_eq!(one.left(), 7 * SECOND);
        one.took(SECOND, 0);
        assert_eq!(one.left(), 7 * SECOND, "no byte is no progress");
    }

    #[test]
    fn without_a_least_rate_any_byte_is_progress() {
        let mut one = progress(0);
        one.took(9 * SECOND, 1);
        assert_eq!(one.left(), 10 * SECOND);
    }
}
