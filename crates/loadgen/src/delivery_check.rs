//! What one link got of its channel, by offset. In: the offset it begins behind, then each that
//! comes. Out: which were doubled, out of order, and in the end lost. Must not know: time, frames.

/// What was wrong with the deliveries of one or many links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Faults {
    /// Published and never delivered.
    pub(crate) lost: u64,
    /// Delivered again.
    pub(crate) doubled: u64,
    /// Delivered behind a later one.
    pub(crate) out_of_order: u64,
}

/// What one link got so far.
#[derive(Debug, Default)]
pub(crate) struct DeliveryCheck {
    next: u64,
    // Skipped so far, as (first, last): empty while the server keeps its word, and costs nothing.
    missing: Vec<(u64, u64)>,
}

/// Ranges of skipped offsets that a link remembers; more are merged into the last.
const MISSING_MAX: usize = 1_024;

impl DeliveryCheck {
    /// Begins behind `offset`.
    pub(crate) fn behind(offset: u64) -> Self {
        Self { next: offset + 1, missing: Vec::new() }
    }

    /// The offset that should come next.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Counts a delivery; whether it is the first of this offset.
    pub(crate) fn count(&mut self, offset: u64, faults: &mut Faults) -> bool {
        if offset == self.next {
            self.next += 1;
            return true;
        }
        if offset > self.next {
            self.skip(self.next, offset - 1);
            self.next = offset + 1;
            return true;
        }
        if self.unskip(offset) {
            faults.out_of_order += 1;
            return true;
        }
        faults.doubled += 1;
        false
    }

    /// How many offsets up to `last` never came.
    pub(crate) fn lost(&self, last: u64) -> u64 {
        let skipped = self.missing.iter();
        let skipped: u64 = skipped.map(|(from, to)| to - from + 1).sum();
        skipped + (last + 1).saturating_sub(self.next)
    }

    fn skip(&mut self, from: u64, to: u64) {
        let missing = &mut self.missing;
        let is_full = missing.len() >= MISSING_MAX;
        match missing.last_mut() {
            Some(last) if is_full => last.1 = to,
            Some(_) | None => missing.push((from, to)),
        }
    }

    fn unskip(&mut self, offset: u64) -> bool {
        let missing = &mut self.missing;
        let holds = |(from, to): &(u64, u64)| (*from..=*to).contains(&offset);
        let Some(place) = missing.iter().position(holds) else { return false };
        let (from, to) = missing.remove(place);
        let rest = [(from, offset.wrapping_sub(1)), (offset + 1, to)];
        let kept = rest.into_iter().filter(|&(first, last)| first <= last && last != u64::MAX);
        for (at, range) in kept.enumerate() {
            missing.insert(place + at, range);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{DeliveryCheck, Faults, MISSING_MAX};

    fn faults(offsets: &[u64], last: u64) -> (u64, u64, u64) {
        let (mut tally, mut faults) = (DeliveryCheck::behind(10), Faults::default());
        for offset in offsets {
            tally.count(*offset, &mut faults);
        }
        faults.lost = tally.lost(last);
        (faults.lost, faults.doubled, faults.out_of_order)
    }

    #[test]
    fn a_channel_that_comes_whole_and_in_order_has_no_faults() {
        assert_eq!(faults(&[11, 12, 13], 13), (0, 0, 0));
        assert_eq!(faults(&[], 10), (0, 0, 0));
    }

    #[test]
    fn what_is_skipped_is_lost_until_it_comes_late() {
        assert_eq!(faults(&[11, 14], 14), (2, 0, 0));
        assert_eq!(faults(&[11, 14, 12], 14), (1, 0, 1));
        assert_eq!(faults(&[11, 14, 13, 12], 14), (0, 0, 2));
        assert_eq!(faults(&[15, 12, 13], 16), (3, 0, 2));
    }

    #[test]
    fn what_comes_again_is_doubled_and_what_does_not_come_at_the_end_is_lost() {
        assert_eq!(faults(&[11, 11, 12], 12), (0, 1, 0));
        assert_eq!(faults(&[10, 3], 10), (0, 2, 0));
        assert_eq!(faults(&[11, 14, 12, 12], 17), (4, 1, 1));
    }

    #[test]
    fn a_link_remembers_so_many_ranges_and_merges_the_rest() {
        let every_other = |count: usize| (0..count as u64).map(|n| 12 + 2 * n).collect::<Vec<_>>();
        let at = every_other(MISSING_MAX);
        assert_eq!(faults(&at, at[at.len() - 1]).0, MISSING_MAX as u64);
        let past = every_other(MISSING_MAX + 1);
        // The range that is merged takes in one offset that did come.
        assert_eq!(faults(&past, past[past.len() - 1]).0, MISSING_MAX as u64 + 2);
    }
}
