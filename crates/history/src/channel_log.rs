//! The events that are kept of one channel, oldest first, without holes up to the newest offset.
//! In: events in order. Out: which of them a page has, and what retention drops. Must not know the
//! channel's name, its epoch, or what an event consists of.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;

use steadfast_machine::Millis;
use steadfast_protocol::{Epoch, Gap, ReplaceKey, Since};

use crate::page::LOOKED_AT_MAX;
use crate::{PageBuilder, Publication, Retention, start_of_page};

/// What a log has to know of an event.
pub trait LoggedEvent {
    /// Its encoded bytes, as they count for retention and for pages.
    fn bytes(&self) -> usize;
    /// The key of the events that it may stand in for.
    fn replace(&self) -> Option<&ReplaceKey>;
}

/// What retention has to know of an event besides.
pub trait DatedEvent: LoggedEvent {
    /// When it came, by the clock that its age is measured with.
    fn at(&self) -> Millis;
}

impl LoggedEvent for Arc<Publication> {
    fn bytes(&self) -> usize {
        self.encoded.len()
    }

    fn replace(&self) -> Option<&ReplaceKey> {
        self.as_ref().replace.as_ref()
    }
}

/// Events with offsets from [`Self::before_oldest`] + 1 to [`Self::head`].
#[derive(Debug)]
pub struct ChannelLog<E> {
    kept: VecDeque<E>,
    newest_of_key: BTreeMap<ReplaceKey, u64>,
    head: u64,
    bytes: usize,
}

impl<E> ChannelLog<E> {
    /// A log that keeps nothing. Its first event will have the offset `head + 1`.
    pub const fn new(head: u64) -> Self {
        Self { kept: VecDeque::new(), newest_of_key: BTreeMap::new(), head, bytes: 0 }
    }

    /// The newest offset; 0 where there was no event.
    pub const fn head(&self) -> u64 {
        self.head
    }

    /// The bytes of the kept events.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many events are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether no event is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The offset before the oldest kept event: the head where nothing is kept.
    pub fn before_oldest(&self) -> u64 {
        self.head - self.kept.len() as u64
    }

    /// The oldest kept event.
    pub fn oldest(&self) -> Option<&E> {
        self.kept.front()
    }

    /// The newest kept event.
    pub fn newest(&self) -> Option<&E> {
        self.kept.back()
    }

    /// The event with this offset, if it is kept.
    pub fn event_mut(&mut self, offset: u64) -> Option<&mut E> {
        let at = offset.checked_sub(self.before_oldest() + 1)?;
        self.kept.get_mut(usize::try_from(at).ok()?)
    }

    /// Where a reader starts, and what is missing before that. `epoch` is the channel's.
    pub fn start(&self, since: &Since, epoch: &Epoch) -> (u64, Option<Gap>) {
        start_of_page(since, epoch, self.before_oldest(), self.head)
    }
}

impl<E: LoggedEvent> ChannelLog<E> {
    /// Appends the next event; its offset.
    pub fn append(&mut self, event: E) -> u64 {
        self.head += 1;
        self.bytes += event.bytes();
        if let Some(key) = event.replace() {
            self.newest_of_key.insert(key.clone(), self.head);
        }
        self.kept.push_back(event);
        self.head
    }

    /// Takes out the oldest kept event.
    pub fn drop_oldest(&mut self) -> Option<E> {
        let offset = self.before_oldest() + 1;
        let oldest = self.kept.pop_front()?;
        self.bytes -= oldest.bytes();
        if let Some(key) = oldest.replace()
            && self.newest_of_key.get(key) == Some(&offset)
        {
            self.newest_of_key.remove(key);
        }
        if self.kept.is_empty() {
            // A log that was long once is no reason to keep its memory.
            self.kept = VecDeque::new();
        }
        Some(oldest)
    }

    /// Drops everything, and goes on behind this offset.
    pub fn restart_at(&mut self, head: u64) {
        *self = Self::new(head);
    }

    /// Adds the events after the start of `page`, as far as they are kept and have a place. `item`
    /// makes an entry of the page of an offset and its event.
    pub fn fill<T>(&self, mut page: PageBuilder<T>, item: impl Fn(u64, &E) -> T) -> PageBuilder<T> {
        let from = page.end().saturating_sub(self.before_oldest());
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let offsets = page.end() + 1..;
        for (offset, event) in offsets.zip(self.kept.iter().skip(from)).take(LOOKED_AT_MAX) {
            if page.is_thinned() && self.is_superseded(offset, event) {
                page.skip(offset);
            } else if !page.offer(offset, event.bytes(), || item(offset, event)) {
                break;
            }
        }
        page
    }

    /// Whether a newer event stands in for this one.
    fn is_superseded(&self, offset: u64, event: &E) -> bool {
        let newest = event.replace().and_then(|key| self.newest_of_key.get(key));
        newest.is_some_and(|newest| *newest > offset)
    }
}

impl<E: DatedEvent> ChannelLog<E> {
    /// Takes out the oldest kept event if retention does not let it stay.
    pub fn drop_over(&mut self, now: Millis, retention: &Retention) -> Option<E> {
        let oldest = self.kept.front()?;
        let is_over =
            retention.is_over(self.kept.len() as u64, self.bytes as u64, oldest.at(), now);
        if is_over { self.drop_oldest() } else { None }
    }
}

#[cfg(test)]
mod tests;
