//! Answers remembered by idempotency key: a repeated publish gets the first one. In: keys with the
//! dates at which the log got them. Out: what a key was answered with.

use std::collections::{BTreeMap, VecDeque};

use steadfast_history::FirstAnswer;
use steadfast_protocol::ChannelName;

/// How many old answers one new one takes with it.
const EXPIRED_EACH: usize = 2;

/// A bounded memory of answers, oldest out first.
#[derive(Debug)]
pub(super) struct LogIdempotencyKeys {
    of_channel: BTreeMap<ChannelName, BTreeMap<Box<str>, LoggedReceipt>>,
    order: VecDeque<(u64, ChannelName, Box<str>)>,
    lasts_ms: u64,
}

/// An answer, and when it was given.
#[derive(Clone, Copy, Debug)]
struct LoggedReceipt {
    first: FirstAnswer,
    at: u64,
}

impl LogIdempotencyKeys {
    pub(super) const fn new(lasts_ms: u64) -> Self {
        Self { of_channel: BTreeMap::new(), order: VecDeque::new(), lasts_ms }
    }

    /// What a key was answered with.
    pub(super) fn find(&self, channel: &ChannelName, key: &str, now: u64) -> Option<FirstAnswer> {
        let given = self.of_channel.get(channel)?.get(key)?;
        self.lasts(given.at, now).then_some(given.first)
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// How long they are, in milliseconds.
    pub(super) const fn lasts_ms(&self) -> u64 {
        self.lasts_ms
    }

    /// Remembers an answer, if it is not too old already.
    pub(super) fn remember(
        &mut self,
        channel: &ChannelName,
        key: &str,
        first: FirstAnswer,
        at: u64,
        now: u64,
    ) {
        self.expire(now, EXPIRED_EACH);
        if !self.lasts(at, now) {
            return;
        }
        let of_channel = self.of_channel.entry(channel.clone()).or_default();
        of_channel.insert(key.into(), LoggedReceipt { first, at });
        self.order.push_back((at, channel.clone(), key.into()));
    }

    /// Forgets a channel's answers: its next epoch has none.
    pub(super) fn forget(&mut self, channel: &ChannelName) {
        self.of_channel.remove(channel);
    }

    /// Forgets what is too old, `most` at most.
    pub(super) fn expire(&mut self, now: u64, most: usize) {
        for _ in 0..most {
            let Some((at, ..)) = self.order.front() else { return };
            if self.lasts(*at, now) {
                return;
            }
            let Some((at, channel, key)) = self.order.pop_front() else { return };
            let Some(of_channel) = self.of_channel.get_mut(&channel) else { continue };
            // The same key may have been remembered anew: that one stays.
            if of_channel.get(&key).is_some_and(|given| given.at == at) {
                of_channel.remove(&key);
            }
            if of_channel.is_empty() {
                self.of_channel.remove(&channel);
            }
        }
    }

    const fn lasts(&self, at: u64, now: u64) -> bool {
        now.saturating_sub(at) <= self.lasts_ms
    }
}

#[cfg(test)]
mod tests {
    use super::{FirstAnswer, LogIdempotencyKeys};
    use crate::tests::channel;

    const fn at(offset: u64) -> FirstAnswer {
        FirstAnswer { offset, fingerprint: None }
    }

    #[test]
    fn an_answer_lasts_for_its_time_and_with_its_channel() {
        let (a, b) = (channel("a"), channel("b"));
        let mut answers = LogIdempotencyKeys::new(10);
        answers.remember(&a, "k", at(1), 100, 100);
        answers.remember(&b, "k", at(7), 105, 105);
        assert_eq!((answers.find(&a, "k", 110), answers.find(&a, "k", 111)), (Some(at(1)), None));
        answers.remember(&a, "k", at(2), 111, 111);
        assert_eq!((answers.find(&a, "k", 121), answers.len()), (Some(at(2)), 2));
        answers.forget(&b);
        assert_eq!((answers.find(&b, "k", 111), answers.len()), (None, 2));
        answers.expire(121, 10);
        assert_eq!((answers.find(&a, "k", 121), answers.len()), (Some(at(2)), 1));
        answers.remember(&a, "old", at(3), 1, 121);
        assert_eq!((answers.find(&a, "old", 1), answers.len()), (None, 1));
        answers.expire(122, 10);
        assert_eq!((answers.find(&a, "k", 121), answers.len()), (None, 0));
    }
}
