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
}
