//! Answers remembered by idempotency key: a repeated publish gets the first one. In: answers with
//! the times at which the store got them. Out: what a key was answered with.

use std::collections::{BTreeMap, VecDeque};

use steadfast_history::FirstAnswer;

use super::record::Remembered;

/// A bounded memory of answers, oldest out first.
#[derive(Debug)]
pub(super) struct IdempotencyKeys {
    /// By the channel's id and the key.
    of_channel: BTreeMap<u64, BTreeMap<Box<str>, RememberedReceipt>>,
    order: VecDeque<Remembered>,
    keys_max: usize,
    lasts_ms: u64,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
struct RememberedReceipt {
    first: FirstAnswer,
    /// When, by the store's clock.
    at: u64,
    /// Whether the store has it by itself: its event is not kept any more.
    is_written: bool,
}

impl IdempotencyKeys {
    pub(super) const fn new(keys_max: usize, lasts_ms: u64) -> Self {
        Self { of_channel: BTreeMap::new(), order: VecDeque::new(), keys_max, lasts_ms }
    }

    /// What a key was answered with.
    pub(super) fn find(&self, id: u64, key: &str, now: u64) -> Option<FirstAnswer> {
        let given = self.of_channel.get(&id)?.get(key)?;
        (now.saturating_sub(given.at) <= self.lasts_ms).then_some(given.first)
    }

    /// For how many more there is room.
    pub(super) fn room(&self) -> usize {
        self.keys_max.saturating_sub(self.order.len())
    }

    /// How long answers are remembered, in milliseconds.
    pub(super) const fn lasts_ms(&self) -> u64 {
        self.lasts_ms
    }

    /// Remembers an answer; in order of time.
    pub(super) fn remember(&mut self, answer: Remembered, first: FirstAnswer, is_written: bool) {
        let of_channel = self.of_channel.entry(answer.id).or_default();
        of_channel
            .insert(answer.key.clone(), RememberedReceipt { first, at: answer.at, is_written });
        self.order.push_back(answer);
    }

    /// Notes that the store has an answer by itself.
    pub(super) fn is_written(&mut self, answer: &Remembered) {
        let of_channel = self.of_channel.get_mut(&answer.id);
        let given = of_channel.and_then(|of_channel| of_channel.get_mut(&answer.key));
        if let Some(given) = given.filter(|given| given.at == answer.at) {
            given.is_written = true;
        }
    }

    /// Forgets a channel's answers: its next epoch has none.
    pub(super) fn forget(&mut self, id: u64) {
        self.of_channel.remove(&id);
    }

    /// Takes out answers that are too old, `most` at most; how many, and those that the store has
    /// by themselves.
    pub(super) fn expire(&mut self, now: u64, most: usize) -> (usize, Vec<Remembered>) {
        let (mut count, mut written) = (0, Vec::new());
        while count < most
            && let Some(oldest) = self.order.front()
            && now.saturating_sub(oldest.at) > self.lasts_ms
            && let Some(oldest) = self.order.pop_front()
        {
            count += 1;
            let Some(of_channel) = self.of_channel.get_mut(&oldest.id) else { continue };
            // The same key may have been remembered anew: that one stays.
            let is_it = |given: &&RememberedReceipt| given.at == oldest.at;
            let given = of_channel.get(&oldest.key).filter(is_it).copied();
            if given.is_some() {
                of_channel.remove(&oldest.key);
            }
            if of_channel.is_empty() {
                self.of_channel.remove(&oldest.id);
            }
            if given.is_some_and(|given| given.is_written) {
                written.push(oldest);
            }
        }
        (count, written)
    }
}
