//! The one place that asks for the time. Out: nanoseconds of the machine's monotonic clock, which
//! all of its processes share.

use rustix::time::{ClockId, clock_gettime};

/// A thousandth of a second, in nanoseconds.
pub(crate) const MILLISECOND: u64 = 1_000_000;
/// A second, in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// Nanoseconds since some point that is the same for all processes of this machine.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let whole = u64::try_from(time.tv_sec).unwrap_or_default();
    whole.saturating_mul(SECOND).saturating_add(u64::try_from(time.tv_nsec).unwrap_or_default())
}
