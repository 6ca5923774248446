//! Everything that is left to chance. In: a seed and the purpose of the throws. Out: numbers. Each
//! purpose has its own sequence, so that one more throw for one does not change all others.

use steadfast_machine::Rng;

/// One sequence of throws.
#[derive(Clone, Debug)]
pub(crate) struct Dice(Rng);

/// What the throws are for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// The options of a run.
    Swarm = 1,
    /// Which faults come when.
    Faults = 2,
    /// Latency and jitter.
    Net = 3,
    /// What the apps do.
    Apps = 4,
    /// What is published.
    Publisher = 5,
    /// The seeds of the links.
    Links = 6,
    /// What is published from links.
    LinkPublisher = 7,
    /// What happens in a trace.
    Trace = 8,
    /// When a fault of the table of recovery begins, and on what path.
    Table = 9,
}

impl Dice {
    /// The sequence of `purpose` in the run of `seed`.
    pub(crate) const fn new(seed: u32, purpose: Purpose) -> Self {
        let mut mixer = Rng::new(seed.wrapping_mul(0x85eb_ca77).wrapping_add(purpose as u32));
        Self(Rng::new(mixer.next_u32()))
    }

    /// From `low` to `high`, both included; both below 2^32.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let fit = |n| u32::try_from(n).unwrap_or(u32::MAX);
        u64::from(self.0.between(fit(low), fit(high)))
    }

    /// True so many times in a hundred.
    pub(crate) const fn chance(&mut self, percent: u32) -> bool {
        self.0.between(1, 100) <= percent
    }

    /// An index below `len`; 0 where there is none.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        let last = u32::try_from(len.saturating_sub(1)).unwrap_or(u32::MAX);
        self.0.between(0, last) as usize
    }

    /// One of `all`.
    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, all: [T; N]) -> T {
        all[self.index(N)]
    }

    /// A seed for another sequence.
    pub(crate) const fn seed(&mut self) -> u32 {
        self.0.next_u32()
    }
}
