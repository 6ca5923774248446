//! How old events were on arrival. In: one age for each event. Out: the age that nineteen in twenty
//! of the newest did not exceed. Keeps the newest only.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// How many are kept.
const GAPS_MAX: usize = 64;

/// The newest ages, in milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Gaps {
    newest: VecDeque<u64>,
}

impl Gaps {
    pub(crate) const fn new() -> Self {
        Self { newest: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, gap: u64) {
        if self.newest.len() == GAPS_MAX {
            self.newest.pop_front();
        }
        self.newest.push_back(gap);
    }

    /// Nothing where nothing was pushed.
    pub(crate) fn at_95_percent(&self) -> u64 {
        let mut sorted: Vec<_> = self.newest.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * 95).div_ceil(100);
        sorted.get(rank.wrapping_sub(1)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::{GAPS_MAX, Gaps};

    #[test]
    fn the_rank_is_that_of_nineteen_in_twenty() {
        let mut gaps = Gaps::new();
        assert_eq!(gaps.at_95_percent(), 0);
        for gap in 1..=20 {
            gaps.push(gap);
        }
        assert_eq!(gaps.at_95_percent(), 19);
    }

    #[test]
    fn the_oldest_makes_room() {
        let mut gaps = Gaps::new();
        gaps.push(9000);
        for _ in 0..GAPS_MAX {
            assert_eq!(gaps.at_95_percent(), if gaps.newest.len() < 20 { 9000 } else { 1 });
            gaps.push(1);
        }
        assert_eq!(gaps.newest.len(), GAPS_MAX);
        assert!(!gaps.newest.contains(&9000));
    }
}
