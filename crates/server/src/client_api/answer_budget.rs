//! How many bytes of events all answers to polls may hold until they are written, and those of one
//! address. In: what an answer wants, and who asks. Out: its share, which is given back piece by
//! piece. The more is taken, the smaller the share: pages become shorter before any poll is
//! refused. A small share is always given.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::problem::{Code, Problem};

/// A share that every answer may have: about what a socket's buffer in the kernel holds.
pub(crate) const SHARE_BYTES_MIN: usize = 16 * 1024;
/// An answer may have this part of what is left.
const PART: usize = 8;
/// The answers to one address may hold this part of all.
const ADDRESS_PART: usize = 8;
/// When to poll again where there was no room, in seconds.
const AGAIN_S: u32 = 1;

/// The bytes of all answers that are being written.
#[derive(Debug)]
pub(crate) struct AnswerBudget {
    taken: Mutex<TakenBytes>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct TakenBytes {
    all: usize,
    /// Of the addresses that hold any, where the limits of an address hold.
    of: BTreeMap<IpAddr, usize>,
}

/// What one answer holds of it.
#[derive(Debug)]
pub(crate) struct AnswerShare {
    budget: Arc<AnswerBudget>,
    /// The address that it is for, if those of one address are limited.
    address: Option<IpAddr>,
    bytes: usize,
}

impl AnswerBudget {
    /// A budget of which nothing is taken.
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), bytes_max })
    }

    /// How many bytes the answers hold that are being written.
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().all
    }

    /// A share of `most` bytes at most, for an answer to this address if that is limited.
    pub(crate) fn share(self: &Arc<Self>, most: usize, address: Option<IpAddr>) -> AnswerShare {
        let mut taken = self.taken.lock();
        let left = self.bytes_max.saturating_sub(taken.all);
        let left = address.map_or(left, |address| {
            left.min((self.bytes_max / ADDRESS_PART).saturating_sub(taken.of(address)))
        });
        let bytes = (left / PART).max(SHARE_BYTES_MIN).min(most);
        taken.add(address, bytes);
        AnswerShare { budget: Arc::clone(self), address, bytes }
    }
}

impl TakenBytes {
    fn of(&self, address: IpAddr) -> usize {
        self.of.get(&address).copied().unwrap_or(0)
    }

    fn add(&mut self, address: Option<IpAddr>, bytes: usize) {
        self.all += bytes;
        if let Some(address) = address {
            *self.of.entry(address).or_default() += bytes;
        }
    }

    fn remove(&mut self, address: Option<IpAddr>, bytes: usize) {
        self.all -= bytes;
        let Some(address) = address else { return };
        let left = self.of(address).saturating_sub(bytes);
        if left == 0 {
            self.of.remove(&address);
        } else {
            self.of.insert(address, left);
        }
    }
}

impl AnswerShare {
    /// The bytes that the answer may hold.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The answer holds so many bytes. A page has one event at least, even if that alone is larger
    /// than the share: then there has to be room for it, unless no other answer holds anything, of
    /// all and of its address.
    pub(crate) fn settle(&mut self, bytes: usize) -> Result<(), Problem> {
        if bytes <= self.bytes {
            self.release(self.bytes - bytes);
            return Ok(());
        }
        let (more, own, max) = (bytes - self.bytes, self.bytes, self.budget.bytes_max);
        let has_room = |taken: usize, max: usize| taken + more <= max || taken == own;
        let mut taken = self.budget.taken.lock();
        let is_within = self.address.is_none_or(|one| has_room(taken.of(one), max / ADDRESS_PART));
        if !is_within || !has_room(taken.all, max) {
            let whose = if is_within { "" } else { " to this address" };
            let part = if is_within { max } else { max / ADDRESS_PART };
            let detail = format!(
                "the answers{whose} that are being written hold all {part} bytes that \
                 `limits.poll_bytes_total_max` allows; poll again in a moment"
            );
            return Err(Problem::new(Code::Overloaded, detail).retry_after_s(AGAIN_S));
        }
        taken.add(self.address, more);
        self.bytes = bytes;
        Ok(())
    }

    /// So many bytes of the answer are written.
    pub(crate) fn release(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.taken.lock().remove(self.address, bytes);
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
        let mut shares = vec![budget.share(4 * MIB, None)];
        assert_eq!(shares[0].bytes(), 2 * MIB, "an eighth of what is left");
        while shares.last().unwrap().bytes() > SHARE_BYTES_MIN {
            shares.push(budget.share(4 * MIB, None));
        }
        assert!(shares.len() > 20, "{}", shares.len());
        assert!(budget.taken() <= 16 * MIB);
        assert_eq!(budget.share(100, None).bytes(), 100, "nobody gets more than he asks for");
        drop(shares);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn an_event_larger_than_its_share_needs_room_up_to_the_limit() {
        let budget = AnswerBudget::new(MIB);
        let mut first = budget.share(0, None);
        first.settle(MIB - 100_000).unwrap();
        let mut second = budget.share(0, None);
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
        let mut alone = budget.share(4 * MIB, None);
        alone.settle(3 * MIB).unwrap();
        assert_eq!(budget.taken(), 3 * MIB);
        assert!(budget.share(MIB, None).settle(SHARE_BYTES_MIN + 1).is_err());
        assert!(budget.share(MIB, None).settle(SHARE_BYTES_MIN).is_ok());
    }

    #[test]
    fn an_address_holds_an_eighth_and_leaves_the_rest_to_others() {
        let budget = AnswerBudget::new(16 * MIB);
        let [one, other] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().ok());
        let mut held = Vec::new();
        for _ in 0..10 {
            let mut share = budget.share(0, one);
            share.settle(200_000).unwrap();
            held.push(share);
        }
        let refused = budget.share(0, one).settle(200_000).unwrap_err();
        assert_eq!(refused.code, Code::Overloaded);
        assert!(refused.detail.contains("to this address"), "{}", refused.detail);
        assert_eq!(budget.share(4 * MIB, one).bytes(), SHARE_BYTES_MIN);
        assert!(budget.share(4 * MIB, other).bytes() > 200_000);
        held.pop();
        budget.share(0, one).settle(200_000).unwrap();
        drop(held);
        // One event is given alone to an address too, however large it is.
        budget.share(0, one).settle(3 * MIB).unwrap();
        assert_eq!(budget.taken(), 0);
    }
}
