//! Which server a name belongs to. In: a name and the number of servers. Out: an index, the same on
//! every node and in every release; adding a server moves as few names as possible.

use steadfast_history::stable_hash;

/// The index of the server of `name`; `servers` is at least 1.
pub(super) fn server_of(name: &str, servers: usize) -> usize {
    jump(hash(name), servers)
}

/// The stable hash with a mixing step: jump hashing needs well-spread upper bits.
fn hash(name: &str) -> u64 {
    let hash = stable_hash(name.bytes());
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

/// Jump consistent hashing (Lamping and Veach, 2014), in integers: each pseudo-random number gives
/// the next number of servers at which the name would move.
fn jump(mut key: u64, servers: usize) -> usize {
    let places = u128::try_from(servers.max(1)).unwrap_or(1);
    let (mut at, mut next) = (0_u128, 0_u128);
    while next < places {
        at = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((at + 1) << 31) / (u128::from(key >> 33) + 1);
    }
    usize::try_from(at).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::server_of;

    const PINNED: [(usize, [usize; 6]); 4] = [
        (2, [1, 0, 0, 1, 1, 1]),
        (3, [2, 2, 0, 1, 2, 1]),
        (5, [3, 2, 0, 1, 2, 1]),
        (64, [16, 5, 16, 1, 28, 41]),
    ];

    fn names() -> impl Iterator<Item = String> {
        (0..10_000).map(|n| format!("room:{n}"))
    }

    #[test]
    fn names_are_spread_evenly() {
        for servers in 1..=5 {
            let mut counts = vec![0_usize; servers];
            names().for_each(|name| counts[server_of(&name, servers)] += 1);
            let even = 10_000 / servers;
            assert!(counts.iter().all(|count| count.abs_diff(even) < even / 10), "{counts:?}");
        }
    }

    /// A node of another release finds a channel on the server where this one has it.
    #[test]
    fn a_name_is_on_the_same_server_in_every_release() {
        let names = ["a", "b", "room:1", "room:2", "diagnosis:4711", "\u{8fdb}\u{5ea6}"];
        for (servers, pinned) in PINNED {
            assert_eq!(names.map(|name| server_of(name, servers)), pinned, "{servers} servers");
        }
    }

    #[test]
    fn one_more_server_takes_its_share_and_moves_nothing_else() {
        let moved: Vec<(usize, usize)> = names()
            .map(|name| (server_of(&name, 4), server_of(&name, 5)))
            .filter(|(before, after)| before != after)
            .collect();
        assert!(moved.iter().all(|(_, after)| *after == 4));
        assert!(moved.len().abs_diff(2_000) < 200, "{}", moved.len());
    }
}
