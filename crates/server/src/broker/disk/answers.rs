//! Answers remembered by idempotency key: a repeated publish gets the first one. In: answers with
//! the times at which the store got them. Out: the offset a key was answered with.

use std::collections::{BTreeMap, VecDeque};

use super::record::Remembered;

/// A bounded memory of answers, oldest out first.
#[derive(Debug)]
pub(super) struct Answers {
    /// By the channel's id and the key: the offset, and when it was given.
    of_channel: BTreeMap<u64, BTreeMap<Box<str>, (u64, u64)>>,
    order: VecDeque<Remembered>,
    keys_max: usize,
    lasts_ms: u64,
}

impl Answers {
    pub(super) const fn new(keys_max: usize, lasts_ms: u64) -> Self {
        Self { of_channel: BTreeMap::new(), order: VecDeque::new(), keys_max, lasts_ms }
    }

    /// The offset that a key was answered with.
    pub(super) fn find(&self, id: u64, key: &str, now: u64) -> Option<u64> {
        let (offset, at) = self.of_channel.get(&id)?.get(key)?;
        (now.saturating_sub(*at) <= self.lasts_ms).then_some(*offset)
    }

    /// For how many more there is room.
    pub(super) fn room(&self) -> usize {
        self.keys_max.saturating_sub(self.order.len())
    }

    /// Remembers an answer; in order of time.
    pub(super) fn remember(&mut self, answer: Remembered, offset: u64) {
        let of_channel = self.of_channel.entry(answer.id).or_default();
        of_channel.insert(answer.key.clone(), (offset, answer.at));
        self.order.push_back(answer);
    }

    /// Forgets a channel's answers: its next epoch has none.
    pub(super) fn forget(&mut self, id: u64) {
        self.of_channel.remove(&id);
    }

    /// Takes out answers that are too old, `most` at most.
    pub(super) fn expire(&mut self, now: u64, most: usize) -> Vec<Remembered> {
        let mut gone = Vec::new();
        while gone.len() < most
            && let Some(oldest) = self.order.front()
            && now.saturating_sub(oldest.at) > self.lasts_ms
            && let Some(oldest) = self.order.pop_front()
        {
            if let Some(of_channel) = self.of_channel.get_mut(&oldest.id) {
                // The same key may have been remembered anew: that one stays.
                if of_channel.get(&oldest.key).is_some_and(|(_, at)| *at == oldest.at) {
                    of_channel.remove(&oldest.key);
                }
                if of_channel.is_empty() {
                    self.of_channel.remove(&oldest.id);
                }
            }
            gone.push(oldest);
        }
        gone
    }
}
