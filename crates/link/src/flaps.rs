//! Sessions that came back from polling only to die: each adds a penalty that halves with time,
//! as routers dampen a route that flaps. In: such deaths. Out: until when a session must hold out
//! beside the polls before they end. Must not know sockets or polls.

use steadfast_machine::{Millis, Span};

use crate::quality::fixed::{ONE, halved, log2, product};

/// What one death adds.
const PENALTY: u64 = 1000;
/// From here on polls are kept up.
const PENALTY_HELD: u64 = 2000;
/// Until so little is left.
const PENALTY_FREE: u64 = 750;
/// More than this is not counted.
const PENALTY_MAX: u64 = 8_000;
/// How long until half is left.
const HALF_LIFE: Span = Span::seconds(300);
/// The longest that polls are kept up for this.
const HOLD_MAX: Span = Span::seconds(900);
/// How long a session must live after polling for its death not to count.
const LIFE_MIN: Span = Span::seconds(60);

/// What is left of past deaths.
#[derive(Clone, Debug)]
pub(crate) struct Flaps {
    penalty: u64,
    counted_at: Millis,
    held_until: Millis,
}

impl Flaps {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self { penalty: 0, counted_at: Millis::ZERO, held_until: Millis::ZERO }
    }

    /// A session died that had replaced polling `lived` ago; whether that was too soon.
    pub(crate) fn add(&mut self, now: Millis, lived: Span) -> bool {
        if lived >= LIFE_MIN {
            return false;
        }
        let span = now.since(self.counted_at).0.min(24 * HALF_LIFE.0);
        let left = product(self.penalty, halved(span * ONE / HALF_LIFE.0));
        self.penalty = (left + PENALTY).min(PENALTY_MAX);
        self.counted_at = now;
        if self.penalty >= PENALTY_HELD {
            let halvings = log2(self.penalty * ONE / PENALTY_FREE);
            let span = Span(HALF_LIFE.0 * halvings / 65_536).min(HOLD_MAX);
            self.held_until = now + span;
        }
        true
    }

    /// Until when polls are kept up beside a session; the past where they need not be.
    pub(crate) const fn held_until(&self) -> Millis {
        self.held_until
    }
}

#[cfg(test)]
mod tests {
    use super::{Flaps, HOLD_MAX, LIFE_MIN};
    use steadfast_machine::{Millis, Span};

    #[test]
    fn the_third_death_in_a_row_holds_polls() {
        let mut flaps = Flaps::new();
        assert!(flaps.add(Millis(0), Span(10)));
        assert!(flaps.add(Millis(5_000), Span(10)));
        assert_eq!(flaps.held_until(), Millis(0));
        assert!(flaps.add(Millis(10_000), Span(10)));
        // 300 s for each halving from 2966 to 750: log2(2966/750) is 1.984.
        assert_eq!(flaps.held_until(), Millis(605_065));
    }

    #[test]
    fn a_session_that_lived_a_minute_does_not_count() {
        let mut flaps = Flaps::new();
        assert!(flaps.add(Millis(0), LIFE_MIN - Span(1)));
        assert!(!flaps.add(Millis(0), LIFE_MIN));
        assert_eq!(flaps.held_until(), Millis(0));
    }

    #[test]
    fn old_deaths_are_forgotten() {
        let mut flaps = Flaps::new();
        for n in 0..20 {
            flaps.add(Millis(n * 600_000), Span(10));
        }
        assert_eq!(flaps.held_until(), Millis(0), "a quarter is left each time: 1333 at the most");
    }

    #[test]
    fn polls_are_never_kept_up_for_more_than_a_quarter_of_an_hour() {
        let mut flaps = Flaps::new();
        for _ in 0..100 {
            flaps.add(Millis(5), Span(10));
        }
        assert_eq!(flaps.held_until(), Millis(5) + HOLD_MAX);
    }
}
