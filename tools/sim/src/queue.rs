//! What is still to happen, in order of time and, at the same instant, in the order it was put in.
//! In: things and their instants. Out: the next one. Must not know: what any of them means.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A queue in virtual time.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Entry<T>>,
    serial: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: u64,
    serial: u64,
    item: T,
}

impl<T> Queue<T> {
    /// Nothing to come.
    pub(crate) const fn new() -> Self {
        Self { heap: BinaryHeap::new(), serial: 0 }
    }

    /// Puts `item` at `at`, behind all that is there for the same instant.
    pub(crate) fn push(&mut self, at: u64, item: T) {
        self.serial += 1;
        self.heap.push(Entry { at, serial: self.serial, item });
    }

    /// The next thing and its instant.
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        self.heap.pop().map(|entry| (entry.at, entry.item))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // Turned round: the heap gives its greatest first.
        (other.at, other.serial).cmp(&(self.at, self.serial))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Entry<T> {}

#[cfg(test)]
mod tests {
    use super::Queue;

    #[test]
    fn things_come_in_order_of_time_then_of_entry() {
        let mut queue = Queue::new();
        for (at, name) in [(5, "c"), (1, "a"), (5, "d"), (3, "b")] {
            queue.push(at, name);
        }
        let order: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [(1, "a"), (3, "b"), (5, "c"), (5, "d")]);
    }
}
