//! How many bytes of events all answers to polls may hold until they are written. In: what an
//! answer wants. Out: its share, which is given back piece by piece. The more is taken, the smaller
//! the share: pages become shorter before any poll is refused. A small share is always given.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::problem::{Code, Problem};

/// A share that every answer may have: about what a socket's buffer in the kernel holds.
pub(crate) const SHARE_BYTES_MIN: usize = 16 * 1024;
/// An answer may have this part of what is left.
const PART: usize = 8;
/// When to poll again where there was no room, in seconds.
const AGAIN_S: u32 = 1;

/// The bytes of all answers that are being written.
#[derive(Debug)]
pub(crate) struct AnswerBudget {
    taken: AtomicUsize,
    bytes_max: usize,
}

/// What one answer holds of it.
#[derive(Debug)]
pub(crate) struct AnswerShare {
    budget: Arc<AnswerBudget>,
    bytes: usize,
}

impl AnswerBudget {
    /// A budget of which nothing is taken.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), bytes_max })
    }

    /// How many bytes the answers hold that are being written.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Relaxed)
    }

    /// A share of `most` bytes at most.
    pub(crate) fn share(self: &Arc<Self>, most: usize) -> AnswerShare {
        let grant = |taken: usize| {
            let part = self.bytes_max.saturating_sub(taken) / PART;
            part.max(SHARE_BYTES_MIN).min(most)
        };
        let before = self.taken.fetch_update(Relaxed, Relaxed, |taken| Some(taken + grant(taken)));
        let (Ok(taken) | Err(taken)) = before;
        AnswerShare { budget: Arc::clone(self), bytes: grant(taken) }
    }
}

impl AnswerShare {
    /// The bytes that the answer may hold.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The answer holds so many bytes. A page has one event at least, even if that alone is larger
    /// than the share: then there has to be room for it, unless no other answer holds anything.
    pub(crate) fn settle(&mut self, bytes: usize) -> Result<(), Problem> {
        if bytes <= self.bytes {
            self.release(self.bytes - bytes);
            return Ok(());
        }
        let (more, own) = (bytes - self.bytes, self.bytes);
        let max = self.budget.bytes_max;
        let grown = self.budget.taken.fetch_update(Relaxed, Relaxed, |taken| {
            (taken + more <= max || taken == own).then_some(taken + more)
        });
        if grown.is_err() {
            let detail = format!(
                "the answers that are being written hold all {max} bytes that \
                 `limits.poll_bytes_total_max` allows; poll again in a moment"
            );
            return Err(Problem::new(Code::Overloaded, detail).retry_after_s(AGAIN_S));
        }
        self.bytes = bytes;
        Ok(())
    }

    /// So many bytes of the answer are written.
    pub(crate) fn release(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.taken.fetch_sub(bytes, Relaxed);
    }
}

impl Drop for AnswerShare {
    fn drop(&mut self) {
        self.release(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::{AnswerBudget, SHARE_BYTES_MIN};
    use crate::problem::Code;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn shares_become_smaller_and_the_smallest_is_always_given() {
        let budget = AnswerBudget::new(16 * MIB);
        let mut shares = vec![budget.share(4 * MIB)];
        assert_eq!(shares[0].bytes(), 2 * MIB, "an eighth of what is left");
        while shares.last().unwrap().bytes() > SHARE_BYTES_MIN {
            shares.push(budget.share(4 * MIB));
        }
        assert!(shares.len() > 20, "{}", shares.len());
        assert!(budget.taken() <= 16 * MIB);
        assert_eq!(budget.share(100).bytes(), 100, "nobody gets more than he asks for");
        drop(shares);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn an_event_larger_than_its_share_needs_room_up_to_the_limit() {
        let budget = AnswerBudget::new(MIB);
        let mut first = budget.share(0);
        first.settle(MIB - 100_000).unwrap();
        let mut second = budget.share(0);
        assert_eq!(second.settle(100_001).unwrap_err().code, Code::Overloaded);
        assert_eq!((second.bytes(), budget.taken()), (0, MIB - 100_000), "nothing is taken");
        second.settle(100_000).unwrap();
        assert_eq!(budget.taken(), MIB);
        second.release(60_000);
        second.release(60_000);
        assert_eq!((second.bytes(), budget.taken()), (0, MIB - 100_000));
    }

    #[test]
    fn one_event_is_given_alone_however_large_it_is() {
        let budget = AnswerBudget::new(MIB);
        let mut alone = budget.share(4 * MIB);
        alone.settle(3 * MIB).unwrap();
        assert_eq!(budget.taken(), 3 * MIB);
        assert!(budget.share(MIB).settle(SHARE_BYTES_MIN + 1).is_err());
        assert!(budget.share(MIB).settle(SHARE_BYTES_MIN).is_ok());
    }
}
