//! Sessions that came back from polling only to die while plain HTTP went on working, as routers
//! dampen a route that flaps (RFC 2439). In: such deaths. Out: whether the next session must prove
//! itself beside the polls for longer. Must not know sockets or polls.

use steadfast_machine::{Millis, Span};

/// From so many deaths in a row on, an answered heartbeat proves nothing.
const EARLY_LOSSES_MAX: u8 = 3;
/// After this long without a death, the row is forgotten.
const FORGOTTEN_AFTER: Span = Span::seconds(300);
/// How long a session must live after polling for its death not to count.
const LIFE_MIN: Span = Span::seconds(60);

/// The deaths in a row.
#[derive(Clone, Debug)]
pub(crate) struct FlapDamping {
    early_losses: u8,
    last_at: Millis,
}

impl FlapDamping {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self { early_losses: 0, last_at: Millis::ZERO }
    }

    /// Whether a session that lived for `lived` after polling died too soon.
    pub(crate) fn is_early_loss(lived: Span) -> bool {
        lived < LIFE_MIN
    }

    /// A session that had replaced polling, or was about to, died although plain HTTP works.
    pub(crate) fn record_early_loss(&mut self, now: Millis) {
        if !self.is_in_force(now) {
            self.clear();
        }
        self.early_losses = self.early_losses.saturating_add(1);
        self.last_at = now;
    }

    /// A session held, or the network is another one.
    pub(crate) const fn clear(&mut self) {
        *self = Self::new();
    }

    /// Whether sessions have died in a row.
    pub(crate) fn is_held(&self, now: Millis) -> bool {
        self.early_losses >= EARLY_LOSSES_MAX && self.is_in_force(now)
    }

    fn is_in_force(&self, now: Millis) -> bool {
        now.since(self.last_at) <= FORGOTTEN_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::{FORGOTTEN_AFTER, FlapDamping, LIFE_MIN};
    use steadfast_machine::{Millis, Span};

    #[test]
    fn the_third_death_in_a_row_holds_the_next_session() {
        let mut flap_damping = FlapDamping::new();
        flap_damping.record_early_loss(Millis(0));
        flap_damping.record_early_loss(Millis(50_000));
        assert!(!flap_damping.is_held(Millis(50_000)));
        flap_damping.record_early_loss(Millis(90_000));
        assert!(flap_damping.is_held(Millis(90_000)));
        flap_damping.clear();
        assert!(!flap_damping.is_held(Millis(90_000)));
    }

    #[test]
    fn a_session_that_lived_a_minute_is_no_death() {
        assert!(FlapDamping::is_early_loss(LIFE_MIN - Span(1)));
        assert!(!FlapDamping::is_early_loss(LIFE_MIN));
    }

    #[test]
    fn deaths_far_apart_are_no_row() {
        let mut flap_damping = FlapDamping::new();
        for n in 0..20 {
            flap_damping.record_early_loss(Millis(n * (FORGOTTEN_AFTER.0 + 1)));
        }
        let last = Millis(19 * (FORGOTTEN_AFTER.0 + 1));
        assert!(!flap_damping.is_held(last));
        flap_damping.record_early_loss(last);
        flap_damping.record_early_loss(last);
        assert!(flap_damping.is_held(last + FORGOTTEN_AFTER), "at the limit");
        assert!(!flap_damping.is_held(last + FORGOTTEN_AFTER + Span(1)), "past it");
    }
}
