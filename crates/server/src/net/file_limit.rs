//! How many files this process may open; every connection is one. In: the limits of the process.
//! Out: the highest limit that the system grants, and how many connections fit below it beside
//! everything else: the internal port, the broker, the log.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are kept from connections of the public port, if there are many …
const RESERVED: u64 = 512;
/// … and which part of them, if there are few.
const RESERVED_PART: u64 = 4;

/// Descriptors of a node without connections, with some room: ports, the log, the runtime …
const OWN: u64 = 32;
/// … and the least for the internal port.
const INTERNAL_MIN: u64 = 4;

/// Raises the soft limit to the hard one. Returns the limit in force; `None` is no limit.
pub(crate) fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "cannot raise the limit of open files");
            limit.current
        }
    }
}

/// How many connections there may be: the number of the settings, or as many as fit.
pub(crate) fn connections(wanted: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return wanted };
    let room = limit - reserved(limit);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

/// How many sockets may be open at the same time to be refused.
pub(crate) fn refusals(at_most: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return at_most };
    at_most.min(usize::try_from(reserved(limit) / 4).unwrap_or(usize::MAX))
}

/// How many connections the internal port may have beside those of the public one.
pub(crate) fn internal(wanted: usize, public: usize, limit: Option<u64>) -> usize {
    let Some(limit) = limit else { return wanted };
    let taken = public as u64 + reserved(limit) / 4 + OWN.min(limit / 4);
    let room = limit.saturating_sub(taken).max(INTERNAL_MIN);
    wanted.min(usize::try_from(room).unwrap_or(usize::MAX))
}

/// A quarter of few, but enough for a node without connections.
fn reserved(limit: u64) -> u64 {
    (limit / RESERVED_PART).clamp(2 * OWN.min(limit / 4), RESERVED)
}

#[cfg(test)]
mod tests {
    use super::{OWN, connections, internal, raise, refusals};
    use rustix::process::{Resource, getrlimit};

    #[test]
    fn the_limit_is_raised_as_far_as_may_be() {
        assert_eq!(raise(), getrlimit(Resource::Nofile).maximum);
        assert_eq!(getrlimit(Resource::Nofile).current, getrlimit(Resource::Nofile).maximum);
    }

    #[test]
    fn connections_leave_room_for_what_else_is_opened() {
        let table = [(1_024, 768), (4_096, 3_584), (16_512, 16_000), (16_511, 15_999), (64, 32)];
        for (limit, expected) in table {
            assert_eq!(connections(16_000, Some(limit)), expected, "{limit}");
            let rest = usize::try_from(limit).unwrap() - expected;
            assert!(refusals(256, Some(limit)) <= rest / 4, "{limit}");
        }
        assert_eq!((internal(4_096, 16_000, None), internal(9, 16_000, Some(1 << 20))), (4_096, 9));
        for limit in [64, 128, 256, 1_024, 4_096, 65_536] {
            let public = connections(16_000, Some(limit));
            let all = public + refusals(256, Some(limit)) + internal(4_096, public, Some(limit));
            let own = usize::try_from(OWN.min(limit / 4)).unwrap();
            assert!(all + own <= usize::try_from(limit).unwrap(), "{limit}: {all} and {own}");
            assert!(internal(4_096, public, Some(limit)) >= 8, "{limit}");
        }
        assert_eq!((connections(7, None), connections(7, Some(1_024))), (7, 7));
    }
}
