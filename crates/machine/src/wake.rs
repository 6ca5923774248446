//! A deadline and its reason, so that "why did we wake" can always be printed.

use crate::Millis;

/// The next time a machine wants to hear of, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake<Why> {
    /// The instant, at the latest.
    pub at: Millis,
    /// What will be due then.
    pub why: Why,
}

impl<Why> Wake<Why> {
    /// A wake at `at` because of `why`.
    pub const fn new(at: Millis, why: Why) -> Self {
        Self { at, why }
    }

    /// The earlier of two; the first where they are equal.
    pub fn earlier(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.at < self.at => other,
            Some(_) | None => self,
        }
    }

    /// The earliest of some deadlines; the first of those that are equal.
    pub fn earliest(deadlines: impl IntoIterator<Item = Option<Self>>) -> Option<Self> {
        deadlines.into_iter().flatten().reduce(|first, other| first.earlier(Some(other)))
    }
}

#[cfg(test)]
mod tests {
    use super::Wake;
    use crate::Millis;

    #[test]
    fn the_earlier_wake_wins_and_the_first_on_a_tie() {
        let first = Wake::new(Millis(5), "first");
        assert_eq!(first.earlier(Some(Wake::new(Millis(4), "second"))).why, "second");
        assert_eq!(first.earlier(Some(Wake::new(Millis(5), "second"))).why, "first");
        assert_eq!(first.earlier(None).why, "first");
    }

    #[test]
    fn the_earliest_of_several_is_the_first_of_those_that_are_equal() {
        let wake = |at, why| Some(Wake::new(Millis(at), why));
        let earliest = Wake::earliest([None, wake(6, "late"), wake(5, "first"), wake(5, "second")]);
        assert_eq!(earliest, wake(5, "first"));
        assert_eq!(Wake::<&str>::earliest([None, None]), None);
    }
}
