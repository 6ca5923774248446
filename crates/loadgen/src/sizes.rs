//! How much of everything: the limits of a run, and how many links one process can hold.

use rustix::process::{Resource, getrlimit};

/// Links of one run at most.
pub const LINKS_MAX: usize = 1_000_000;
/// Worker processes at most.
pub(crate) const WORKERS_MAX: usize = 200;
/// The smallest and the largest event that is published, in bytes of its data.
pub const EVENT_BYTES_MIN: usize = 80;
/// See [`EVENT_BYTES_MIN`].
pub const EVENT_BYTES_MAX: usize = 512 * 1024;
/// Events that may be on their way at once.
pub const IN_FLIGHT_MAX: usize = 32_768;
/// Links of one worker at most: a usual Linux has 14,116 ports of one parity for a source address,
/// gives those out first, and then searches for one of the others so long that it takes more time
/// than the connection.
const LINKS_PER_WORKER_MAX: usize = 12_000;
/// Descriptors that a worker needs for itself.
const OWN_DESCRIPTORS: usize = 32;

/// How many links one process can hold, by its limit of open files; 0 where that is far too low.
pub fn links_per_process() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let descriptors = usize::try_from(limit).unwrap_or(usize::MAX);
    descriptors.saturating_sub(OWN_DESCRIPTORS)
}

/// How many links one worker is given at most.
pub(crate) fn links_per_worker() -> usize {
    links_per_process().min(LINKS_PER_WORKER_MAX)
}
