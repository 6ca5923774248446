//! Makes epochs that no other run of any process makes. In: a seed of the operating system for each
//! run. Out: `RUN-COUNT`, both in hexadecimal, as an epoch or as the base of one.

use alloc::format;
use alloc::string::String;
use core::sync::atomic::{AtomicU64, Ordering};

use steadfast_protocol::Epoch;

/// The bits of the seed that an epoch shows.
const RUN_BITS: u64 = 0xff_ffff_ffff;

/// Counts the epochs of one run. Shared by reference: every call makes another one.
#[derive(Debug)]
pub struct EpochMaker {
    run: u64,
    made: AtomicU64,
}

impl EpochMaker {
    /// None made yet. Two makers with one seed make the same epochs.
    pub const fn new(seed: u64) -> Self {
        Self { run: seed & RUN_BITS, made: AtomicU64::new(0) }
    }

    /// The text of an epoch, to which a broker may add what it knows of its store.
    pub fn base(&self) -> String {
        let count = self.made.fetch_add(1, Ordering::Relaxed) + 1;
        format!("{:010x}-{count:x}", self.run)
    }

    /// An epoch; `None` never, since its text is always well formed.
    pub fn epoch(&self) -> Option<Epoch> {
        Epoch::new(&self.base()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::EpochMaker;
    use steadfast_protocol::Epoch;

    #[test]
    fn an_epoch_says_its_run_and_its_count() {
        let maker = EpochMaker::new(0x1234_5678_9abc_def0);
        assert_eq!(maker.epoch(), Epoch::new("789abcdef0-1").ok());
        assert_eq!(maker.base(), "789abcdef0-2");
        assert_eq!(EpochMaker::new(0).base(), "0000000000-1");
    }

    #[test]
    fn the_last_of_a_run_is_well_formed_too() {
        let maker = EpochMaker::new(u64::MAX);
        maker.made.store(u64::MAX - 1, core::sync::atomic::Ordering::Relaxed);
        assert_eq!(maker.epoch(), Epoch::new("ffffffffff-ffffffffffffffff").ok());
        assert!(maker.made.load(core::sync::atomic::Ordering::Relaxed) == u64::MAX);
    }
}
