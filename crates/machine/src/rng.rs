//! A seeded generator for jitter. In: a seed. Out: the same numbers in every language.
//! 32-bit and built of wrapping multiplies, so that JavaScript (`Math.imul`, `>>> 0`) agrees bit
//! for bit. Not for keys or ids: those come from the operating system, in the shell.
//!
//! Source: SplitMix32, the 32-bit member of Steele, Lea and Flood's SplitMix (OOPSLA 2014), with
//! the finalizer constants of MurmurHash3.

/// A small generator with one word of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng {
    state: u32,
}

impl Rng {
    /// A generator that gives the same numbers for the same `seed`.
    pub const fn new(seed: u32) -> Self {
        Self { state: seed }
    }

    /// The next 32 bits.
    pub const fn next_u32(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9);
        let mut z = self.state;
        z = (z ^ (z >> 16)).wrapping_mul(0x85eb_ca6b);
        z = (z ^ (z >> 13)).wrapping_mul(0xc2b2_ae35);
        z ^ (z >> 16)
    }

    /// A number from `low` to `high`, both included, evenly enough for jitter.
    ///
    /// Takes the remainder, so the bias is at most `(high - low + 1) / 2^32`. Gives `low` where
    /// `high` is not above it.
    pub const fn between(&mut self, low: u32, high: u32) -> u32 {
        if high <= low {
            return low;
        }
        match (high - low).checked_add(1) {
            Some(width) => low + self.next_u32() % width,
            None => self.next_u32(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Rng;

    #[test]
    fn one_seed_gives_one_sequence() {
        let (mut a, mut b) = (Rng::new(7), Rng::new(7));
        for _ in 0..100 {
            assert_eq!(a.next_u32(), b.next_u32());
        }
    }

    #[test]
    fn between_stays_inside_and_reaches_both_ends() {
        let mut rng = Rng::new(1);
        let drawn: [bool; 3] = (0..200).fold([false; 3], |mut seen, _| {
            let n = rng.between(10, 12);
            assert!((10..=12).contains(&n));
            seen[(n - 10) as usize] = true;
            seen
        });
        assert_eq!(drawn, [true; 3]);
        assert_eq!(rng.between(5, 5), 5);
        assert_eq!(rng.between(9, 2), 9);
    }

    #[test]
    fn the_first_numbers_are_fixed_for_every_language() {
        let mut rng = Rng::new(42);
        let first = [rng.next_u32(), rng.next_u32(), rng.next_u32()];
        assert_eq!(first, FIRST_OF_42);
    }

    const FIRST_OF_42: [u32; 3] = [939_911_724, 3_948_730_756, 321_366_731];
}
