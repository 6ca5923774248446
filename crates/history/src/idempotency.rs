//! The first answers to publishes with an idempotency key, for a while: a repeated publish gets
//! the first answer. In: keys and answers in order of time. Out: the answer to a key, and which
//! keys have expired. Must not know what an answer consists of.
//!
//! A key counts within a scope: the numbering of its channel, so that a channel that was deleted
//! and made again has none. Scope and key are kept as a hash of 128 bits whose seed nobody else
//! knows: a key takes the same memory however long it is.

use alloc::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use steadfast_machine::{Millis, Span};
use xxhash_rust::xxh3::Xxh3;

use crate::HistoryConfig;

/// Answers by key; the oldest expires first. `A` is an answer, `K` is what a store needs to find
/// it again.
#[derive(Debug)]
pub struct IdempotencyWindow<A, K = ()> {
    answers: HashMap<u128, (A, Millis), FixedState>,
    order: VecDeque<AnsweredKey<K>>,
    seed: u64,
    keys_max: usize,
    lasts: Span,
}

#[derive(Debug)]
struct AnsweredKey<K> {
    hash: u128,
    at: Millis,
    kept: K,
}

/// A key that has expired.
#[derive(Debug, PartialEq, Eq)]
pub struct ExpiredKey<A, K> {
    /// The time of its first answer, by the clock of whoever stores it.
    pub at: Millis,
    /// What was kept with it.
    pub kept: K,
    /// The answer, unless the key has been answered anew since.
    pub answer: Option<A>,
}

impl<A, K> IdempotencyWindow<A, K> {
    /// A window without answers.
    pub fn new(config: &HistoryConfig) -> Self {
        Self {
            answers: HashMap::default(),
            order: VecDeque::new(),
            seed: config.epoch_seed,
            keys_max: config.idempotency_keys_max,
            lasts: config.idempotency_window,
        }
    }

    /// The answer to a key, unless it has expired.
    pub fn find(&self, now: Millis, scope: &[u8], key: &str) -> Option<&A> {
        let (answer, at) = self.answers.get(&self.hash(scope, key))?;
        self.is_given(*at, now).then_some(answer)
    }

    /// The answer of exactly this time; `None` where the key has been answered anew since.
    pub fn answer_mut(&mut self, at: Millis, scope: &[u8], key: &str) -> Option<&mut A> {
        let hash = self.hash(scope, key);
        let (answer, answered) = self.answers.get_mut(&hash)?;
        (*answered == at).then_some(answer)
    }

    /// Remembers the answer to a key, and what is kept with it. Calls come in order of time; the
    /// caller sees to it that there is room.
    pub fn remember(&mut self, at: Millis, (scope, key): (&[u8], &str), answer: A, kept: K) {
        let hash = self.hash(scope, key);
        self.answers.insert(hash, (answer, at));
        self.order.push_back(AnsweredKey { hash, at, kept });
    }

    /// Takes out the oldest key if it has expired.
    pub fn pop_expired(&mut self, now: Millis) -> Option<ExpiredKey<A, K>> {
        let oldest = self.order.front()?;
        if self.is_given(oldest.at, now) {
            return None;
        }
        let AnsweredKey { hash, at, kept } = self.order.pop_front()?;
        let is_it = self.answers.get(&hash).is_some_and(|(_, answered)| *answered == at);
        let answer = if is_it { self.answers.remove(&hash) } else { None };
        self.give_memory_back();
        Some(ExpiredKey { at, kept, answer: answer.map(|(answer, _)| answer) })
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

    /// Two keys with one hash would pass for one: of a million in each window, once in far more
    /// than a billion years.
    fn hash(&self, scope: &[u8], key: &str) -> u128 {
        let mut hash = Xxh3::with_seed(self.seed);
        // With its length in front, no scope and key are written as another scope and key.
        hash.update(&(scope.len() as u64).to_le_bytes());
        hash.update(scope);
        hash.update(key.as_bytes());
        hash.digest128()
    }

    /// Tables that were large once are no reason to keep their memory.
    fn give_memory_back(&mut self) {
        if self.answers.len() < self.answers.capacity() / 8 {
            self.answers.shrink_to(self.answers.len() * 2);
        }
        if self.order.len() < self.order.capacity() / 8 {
            self.order.shrink_to(self.order.len() * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ExpiredKey, IdempotencyWindow};
    use crate::HistoryConfig;
    use steadfast_machine::{Millis, Span};

    type Window = IdempotencyWindow<u64, &'static str>;

    fn window(keys_max: usize) -> Window {
        let idempotency_window = Span(10);
        let config = HistoryConfig {
            idempotency_keys_max: keys_max,
            idempotency_window,
            ..HistoryConfig::default()
        };
        Window::new(&config)
    }

    fn remember(window: &mut Window, at: u64, scope: &'static str, key: &str, answer: u64) {
        window.remember(Millis(at), (scope.as_bytes(), key), answer, scope);
    }

    fn find(window: &Window, now: u64, scope: &str, key: &str) -> Option<u64> {
        window.find(Millis(now), scope.as_bytes(), key).copied()
    }

    #[test]
    fn an_answer_lasts_for_its_time() {
        let mut window = window(9);
        remember(&mut window, 100, "a", "k", 1);
        remember(&mut window, 105, "b", "k", 7);
        assert_eq!((find(&window, 110, "a", "k"), find(&window, 111, "a", "k")), (Some(1), None));
        remember(&mut window, 111, "a", "k", 2);
        assert_eq!((find(&window, 121, "a", "k"), window.len()), (Some(2), 3));
        window.expire(Millis(121), 10);
        assert_eq!((find(&window, 121, "a", "k"), window.len()), (Some(2), 1));
        window.expire(Millis(122), 10);
        assert_eq!((find(&window, 122, "a", "k"), window.is_empty()), (None, true));
        assert!(window.answers.is_empty());
    }

    #[test]
    fn a_key_counts_within_its_scope_alone() {
        let mut window = window(9);
        remember(&mut window, 1, "a", "bc", 1);
        for (scope, key) in [("ab", "c"), ("", "abc"), ("abc", ""), ("a", "b"), ("b", "bc")] {
            assert_eq!(find(&window, 1, scope, key), None, "{scope} {key}");
        }
        assert_eq!(find(&window, 1, "a", "bc"), Some(1));
    }

    #[test]
    fn an_expired_key_comes_with_its_answer_unless_that_was_given_anew() {
        let mut window = window(9);
        remember(&mut window, 1, "a", "anew", 1);
        remember(&mut window, 2, "a", "old", 2);
        remember(&mut window, 4, "a", "anew", 4);
        assert_eq!(window.pop_expired(Millis(11)), None);
        let expired = |at, answer| Some(ExpiredKey { at: Millis(at), kept: "a", answer });
        assert_eq!(window.pop_expired(Millis(14)), expired(1, None));
        assert_eq!(window.pop_expired(Millis(14)), expired(2, Some(2)));
        assert_eq!(window.pop_expired(Millis(14)), None);
        assert_eq!(find(&window, 14, "a", "anew"), Some(4));
    }

    #[test]
    fn only_the_answer_of_its_own_time_can_be_changed() {
        let mut window = window(9);
        remember(&mut window, 1, "a", "k", 1);
        remember(&mut window, 2, "a", "k", 2);
        assert_eq!(window.answer_mut(Millis(1), b"a", "k"), None);
        *window.answer_mut(Millis(2), b"a", "k").unwrap() = 5;
        assert_eq!(find(&window, 2, "a", "k"), Some(5));
    }

    #[test]
    fn a_window_has_room_up_to_its_limit_and_none_past_it() {
        let mut window = window(2);
        remember(&mut window, 1, "a", "a", 1);
        assert_eq!(window.room(), 1);
        remember(&mut window, 1, "a", "b", 2);
        assert_eq!(window.room(), 0);
        remember(&mut window, 1, "a", "c", 3);
        assert_eq!((window.room(), window.len()), (0, 3));
        window.expire(Millis(12), 1);
        assert_eq!((window.room(), window.len()), (0, 2));
    }

    #[test]
    fn a_window_that_was_large_gives_its_memory_back() {
        let mut window = window(usize::MAX);
        for n in 0..10_000 {
            remember(&mut window, 1, "a", &alloc::format!("{n}"), n);
        }
        window.expire(Millis(12), 9_990);
        assert_eq!(window.len(), 10);
        assert!(window.answers.capacity() < 200 && window.order.capacity() < 200);
        assert_eq!(find(&window, 1, "a", "9999"), Some(9_999));
    }
}
