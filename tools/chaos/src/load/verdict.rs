//! Whether a link was told the truth. In: what was answered in its channel, and what its app was
//! handed, in order. Out: what was wrong with it.

use std::collections::BTreeSet;
use std::ops::AddAssign;

use super::book::Acked;

/// One thing that an app was told of its channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An event.
    Event {
        /// Its numbering.
        epoch: String,
        /// Its place in it.
        offset: u64,
        /// The number in its payload.
        number: usize,
    },
    /// Events after a position may be missing; it goes on after another one.
    Gap {
        /// The position it had.
        from: (String, u64),
        /// The position it has.
        to: (String, u64),
    },
    /// The channel is followed, after this position.
    Subscribed {
        /// The numbering.
        epoch: String,
        /// Whether nothing is missing.
        is_recovered: bool,
    },
}

/// What was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Answered events that an app was not handed, and was told of no gap there.
    pub lost: u64,
    /// Events that came twice under one numbering.
    pub doubled: u64,
    /// Events that came at another place than the next, or before one that was sent earlier.
    pub disordered: u64,
    /// Times that a link went on under another numbering as though nothing were missing.
    pub untold: u64,
    /// Gaps that were told.
    pub gaps: u64,
    /// Answered events that an app was not handed, and was told so by a gap.
    pub told: u64,
}

impl AddAssign for Faults {
    fn add_assign(&mut self, other: Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.disordered += other.disordered;
        self.untold += other.untold;
        self.gaps += other.gaps;
        self.told += other.told;
    }
}

/// Compares what one app was told, from the start of its channel on, with what was answered.
pub fn judge(acked: &[Acked], heard: &[Heard]) -> Faults {
    let mut faults = Faults::default();
    let mut at: Option<(&str, u64)> = None;
    let (mut seen, mut here, mut last) = (BTreeSet::new(), BTreeSet::new(), None);
    let mut gaps = Vec::new();
    for one in heard {
        match one {
            Heard::Event { epoch, offset, number } => {
                match at {
                    Some((known, _)) if known != epoch => {
                        faults.untold += 1;
                        (here, last) = (BTreeSet::new(), None);
                    }
                    place => {
                        let next = place.map_or(1, |(_, offset)| offset + 1);
                        faults.disordered += u64::from(*offset != next);
                    }
                }
                at = Some((epoch, *offset));
                seen.insert(*number);
                let is_new = here.insert(*number);
                faults.doubled += u64::from(!is_new);
                faults.disordered += u64::from(is_new && last.is_some_and(|last| last > *number));
                last = Some(*number);
            }
            Heard::Gap { from, to } => {
                faults.gaps += 1;
                gaps.push(from);
                at = Some((&to.0, to.1));
                (here, last) = (BTreeSet::new(), None);
            }
            Heard::Subscribed { epoch, is_recovered } => {
                let is_other = at.is_some_and(|(known, _)| known != epoch);
                faults.untold += u64::from(*is_recovered && is_other);
            }
        }
    }
    for one in acked.iter().filter(|one| !seen.contains(&one.number)) {
        let is_told =
            gaps.iter().any(|(epoch, offset)| *epoch == one.epoch && *offset < one.offset);
        if is_told { faults.told += 1 } else { faults.lost += 1 }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{Acked, Faults, Heard, judge};

    fn acked(epoch: &str, places: &[(usize, u64)]) -> Vec<Acked> {
        let one =
            |&(number, offset): &(usize, u64)| Acked { number, epoch: epoch.to_owned(), offset };
        places.iter().map(one).collect()
    }

    fn event(epoch: &str, offset: u64, number: usize) -> Heard {
        Heard::Event { epoch: epoch.to_owned(), offset, number }
    }

    fn gap(from: (&str, u64), to: (&str, u64)) -> Heard {
        let place = |(epoch, offset): (&str, u64)| (epoch.to_owned(), offset);
        Heard::Gap { from: place(from), to: place(to) }
    }

    fn subscribed(epoch: &str, is_recovered: bool) -> Heard {
        Heard::Subscribed { epoch: epoch.to_owned(), is_recovered }
    }

    #[test]
    fn everything_once_in_order_is_no_fault_and_neither_is_what_was_not_answered() {
        let heard = [subscribed("e", true), event("e", 1, 4), event("e", 2, 7), event("e", 3, 9)];
        assert_eq!(judge(&acked("e", &[(4, 1), (9, 3)]), &heard), Faults::default());
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        let answered = acked("e", &[(1, 1), (2, 2), (3, 3)]);
        let faults = |heard: &[Heard]| judge(&answered, heard);
        let all = [event("e", 1, 1), event("e", 2, 2), event("e", 3, 3)];
        let one = Faults { lost: 1, ..Faults::default() };
        assert_eq!(faults(&all[..2]), one, "the last is missing");
        assert_eq!(faults(&[event("e", 1, 1), event("e", 3, 3)]).disordered, 1);
        assert_eq!(faults(&all[1..]).lost, 1);
        let twice = [all.as_slice(), &[event("e", 4, 3)]].concat();
        assert_eq!(faults(&twice), Faults { doubled: 1, ..Faults::default() });
        let swapped = [event("e", 1, 2), event("e", 2, 1), event("e", 3, 3)];
        assert_eq!(faults(&swapped), Faults { disordered: 1, ..Faults::default() });
        let needless = [gap(("e", 0), ("e", 0)), all[0].clone(), all[1].clone(), all[2].clone()];
        assert_eq!(faults(&needless), Faults { gaps: 1, ..Faults::default() });
    }

    #[test]
    fn what_a_gap_tells_of_is_not_lost_and_a_hole_under_recovered_is() {
        let answered = acked("e", &[(1, 1), (2, 2), (3, 3)]);
        let before = [event("e", 1, 1), event("e", 2, 2)];
        // The store fell back to one event, and gave its number 2 to another one.
        let after = [subscribed("f", false), event("f", 1, 1), event("f", 2, 9)];
        let told = [&before[..], &[gap(("e", 2), ("f", 0))], &after].concat();
        assert_eq!(judge(&answered, &told), Faults { gaps: 1, told: 1, ..Faults::default() });
        let untold = [&before[..], &after].concat();
        let faults = judge(&answered, &untold);
        assert_eq!((faults.lost, faults.untold), (1, 1));
        let lie = [&before[..], &[subscribed("f", true), gap(("e", 2), ("f", 0))]].concat();
        assert_eq!(judge(&answered, &lie).untold, 1);
        let same = [&before[..], &[subscribed("e", true), event("e", 3, 9)]].concat();
        assert_eq!(judge(&answered, &same), Faults { lost: 1, ..Faults::default() });
    }
}
