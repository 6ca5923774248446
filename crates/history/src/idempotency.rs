//! The first answers to publishes with an idempotency key, for a while: a repeated publish gets
//! the first answer. In: keys and answers in order of time. Out: the answer to a key, and which
//! keys have expired. Must not know what an answer consists of.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};

use steadfast_machine::{Millis, Span};

/// Answers by channel and key; the oldest expires first. `C` names a channel, `A` is an answer.
#[derive(Debug)]
pub struct IdempotencyWindow<C, A> {
    answers: BTreeMap<C, BTreeMap<Box<str>, (A, Millis)>>,
    order: VecDeque<AnsweredKey<C>>,
    keys_max: usize,
    lasts: Span,
}

/// An idempotency key of a channel, and when its first publish was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnsweredKey<C> {
    /// The time of the answer, by the clock of whoever stores it.
    pub at: Millis,
    /// The channel.
    pub channel: C,
    /// The key.
    pub key: Box<str>,
}

impl<C: Clone + Ord, A> IdempotencyWindow<C, A> {
    /// A window without answers, for `keys_max` keys. An answer is given for as long as `lasts`.
    pub const fn new(keys_max: usize, lasts: Span) -> Self {
        Self { answers: BTreeMap::new(), order: VecDeque::new(), keys_max, lasts }
    }

    /// The answer to a key, unless it has expired.
    pub fn find(&self, now: Millis, channel: &C, key: &str) -> Option<&A> {
        let (answer, at) = self.answers.get(channel)?.get(key)?;
        self.is_given(*at, now).then_some(answer)
    }

    /// The answer of exactly this time; `None` where the key has been answered anew since.
    pub fn answer_mut(&mut self, answered: &AnsweredKey<C>) -> Option<&mut A> {
        let (answer, at) = self.answers.get_mut(&answered.channel)?.get_mut(&answered.key)?;
        (*at == answered.at).then_some(answer)
    }

    /// Remembers the answer to a key. Calls come in order of time; the caller sees to it that there
    /// is room.
    pub fn remember(&mut self, answered: AnsweredKey<C>, answer: A) {
        let of_channel = self.answers.entry(answered.channel.clone()).or_default();
        of_channel.insert(answered.key.clone(), (answer, answered.at));
        self.order.push_back(answered);
    }

    /// Forgets the answers of a channel: its next epoch has none. Their keys count until they
    /// would have expired.
    pub fn forget(&mut self, channel: &C) {
        self.answers.remove(channel);
    }

    /// Takes out the oldest key if it has expired, with its answer unless that was forgotten or
    /// given anew.
    pub fn pop_expired(&mut self, now: Millis) -> Option<(AnsweredKey<C>, Option<A>)> {
        let oldest = self.order.front()?;
        if self.is_given(oldest.at, now) {
            return None;
        }
        let oldest = self.order.pop_front()?;
        let Some(of_channel) = self.answers.get_mut(&oldest.channel) else {
            return Some((oldest, None));
        };
        let is_it = of_channel.get(&oldest.key).is_some_and(|(_, at)| *at == oldest.at);
        let answer = if is_it { of_channel.remove(&oldest.key) } else { None };
        if of_channel.is_empty() {
            self.answers.remove(&oldest.channel);
        }
        Some((oldest, answer.map(|(answer, _)| answer)))
    }

    /// Forgets expired answers, `most` at most.
    pub fn expire(&mut self, now: Millis, most: usize) {
        for _ in 0..most {
            if self.pop_expired(now).is_none() {
                return;
            }
        }
    }

    /// Whether an answer of the time `at` is still given at `now`.
    pub fn is_given(&self, at: Millis, now: Millis) -> bool {
        now.since(at) <= self.lasts
    }

    /// How long an answer is given.
    pub const fn lasts(&self) -> Span {
        self.lasts
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// How many more keys there is room for.
    pub fn room(&self) -> usize {
        self.keys_max.saturating_sub(self.order.len())
    }
}

#[cfg(test)]
mod tests {
    use super::{AnsweredKey, IdempotencyWindow};
    use steadfast_machine::{Millis, Span};

    type Window = IdempotencyWindow<u8, u64>;

    fn key(at: u64, channel: u8, key: &str) -> AnsweredKey<u8> {
        AnsweredKey { at: Millis(at), channel, key: key.into() }
    }

    fn find(window: &Window, now: u64, channel: u8, key: &str) -> Option<u64> {
        window.find(Millis(now), &channel, key).copied()
    }

    #[test]
    fn an_answer_lasts_for_its_time_and_with_its_channel() {
        let mut window = Window::new(9, Span(10));
        window.remember(key(100, 1, "k"), 1);
        window.remember(key(105, 2, "k"), 7);
        assert_eq!((find(&window, 110, 1, "k"), find(&window, 111, 1, "k")), (Some(1), None));
        window.remember(key(111, 1, "k"), 2);
        assert_eq!((find(&window, 121, 1, "k"), window.len()), (Some(2), 3));
        window.forget(&2);
        assert_eq!((find(&window, 111, 2, "k"), window.len()), (None, 3));
        window.expire(Millis(121), 10);
        assert_eq!((find(&window, 121, 1, "k"), window.len()), (Some(2), 1));
        window.expire(Millis(122), 10);
        assert_eq!((find(&window, 122, 1, "k"), window.is_empty()), (None, true));
        assert!(window.answers.is_empty());
    }

    #[test]
    fn an_expired_key_comes_with_its_answer_unless_that_was_given_anew_or_forgotten() {
        let mut window = Window::new(9, Span(10));
        for (answered, answer) in
            [(key(1, 1, "anew"), 1), (key(2, 1, "old"), 2), (key(3, 2, "k"), 3)]
        {
            window.remember(answered, answer);
        }
        window.remember(key(4, 1, "anew"), 4);
        window.forget(&2);
        assert_eq!(window.pop_expired(Millis(11)), None);
        let expired = [window.pop_expired(Millis(14)), window.pop_expired(Millis(14))];
        assert_eq!(expired, [Some((key(1, 1, "anew"), None)), Some((key(2, 1, "old"), Some(2)))]);
        assert_eq!(window.pop_expired(Millis(14)), Some((key(3, 2, "k"), None)));
        assert_eq!(window.pop_expired(Millis(14)), None);
        assert_eq!(find(&window, 14, 1, "anew"), Some(4));
    }

    #[test]
    fn only_the_answer_of_its_own_time_can_be_changed() {
        let mut window = Window::new(9, Span(10));
        window.remember(key(1, 1, "k"), 1);
        window.remember(key(2, 1, "k"), 2);
        assert_eq!(window.answer_mut(&key(1, 1, "k")), None);
        *window.answer_mut(&key(2, 1, "k")).unwrap() = 5;
        assert_eq!(find(&window, 2, 1, "k"), Some(5));
    }

    #[test]
    fn a_window_has_room_up_to_its_limit_and_none_past_it() {
        let mut window = Window::new(2, Span(10));
        window.remember(key(1, 1, "a"), 1);
        assert_eq!(window.room(), 1);
        window.remember(key(1, 1, "b"), 2);
        assert_eq!(window.room(), 0);
        window.remember(key(1, 1, "c"), 3);
        assert_eq!((window.room(), window.len()), (0, 3));
        window.expire(Millis(12), 1);
        assert_eq!((window.room(), window.len()), (0, 2));
    }
}
