//! Time as a machine sees it: milliseconds since a start that only the shell knows.
//! In: differences. Out: comparisons. Must not know: what time it is.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// An instant: milliseconds since the shell's own zero. Never a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub u64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Millis {
    /// The shell's zero.
    pub const ZERO: Self = Self(0);

    /// The time from `earlier` until now; nothing if `earlier` is later.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// `self` times `n`, stopping at the largest span.
    pub const fn times(self, n: u64) -> Self {
        Self(self.0.saturating_mul(n))
    }
}

impl Add<Span> for Millis {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl AddAssign<Span> for Millis {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Add for Span {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Millis, Span};

    #[test]
    fn time_saturates_at_both_ends() {
        assert_eq!(Millis(5).since(Millis(9)), Span::ZERO);
        assert_eq!(Millis(u64::MAX) + Span(1), Millis(u64::MAX));
        assert_eq!(Span(3) - Span(5), Span::ZERO);
        assert_eq!(Span::seconds(u64::MAX), Span(u64::MAX));
    }
}
