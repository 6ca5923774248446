//! Answers remembered by idempotency key, for a while: a repeated publish gets the first answer.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelName, Epoch};

use crate::FirstAnswer;

type RememberedAnswer = (Epoch, FirstAnswer);

/// A bounded memory of answers, oldest out first.
#[derive(Debug)]
pub(super) struct IdempotencyWindow {
    answers: BTreeMap<ChannelName, BTreeMap<Box<str>, (RememberedAnswer, Millis)>>,
    order: VecDeque<(Millis, ChannelName, Box<str>)>,
    keys_max: usize,
    lasts: Span,
}

impl IdempotencyWindow {
    pub(super) const fn new(keys_max: usize, lasts: Span) -> Self {
        Self { answers: BTreeMap::new(), order: VecDeque::new(), keys_max, lasts }
    }

    pub(super) fn find(
        &self,
        channel: &ChannelName,
        key: Option<&str>,
    ) -> Option<&RememberedAnswer> {
        self.answers.get(channel)?.get(key?).map(|(answer, _)| answer)
    }

    pub(super) fn is_full(&self) -> bool {
        self.order.len() >= self.keys_max
    }

    pub(super) fn remember(
        &mut self,
        now: Millis,
        channel: &ChannelName,
        key: Box<str>,
        answer: RememberedAnswer,
    ) {
        self.order.push_back((now, channel.clone(), key.clone()));
        self.answers.entry(channel.clone()).or_default().insert(key, (answer, now));
    }

    /// Forgets a channel's answers: its next epoch has none.
    pub(super) fn forget(&mut self, channel: &ChannelName) {
        self.answers.remove(channel);
    }

    pub(super) fn expire(&mut self, now: Millis) {
        while let Some((at, ..)) = self.order.front() {
            if now.since(*at) <= self.lasts {
                return;
            }
            let Some((at, channel, key)) = self.order.pop_front() else { return };
            let Some(of_channel) = self.answers.get_mut(&channel) else { continue };
            // After `forget` the same key may have been remembered anew: that one stays.
            if of_channel.get(&key).is_some_and(|(_, since)| *since == at) {
                of_channel.remove(&key);
            }
            if of_channel.is_empty() {
                self.answers.remove(&channel);
            }
        }
    }
}
