//! What waits for one session: bounded in messages and bytes, and timed.
//! In: encoded frames. Out: all of them at once, when the session can write.
//! Owns nothing when empty.

use alloc::borrow::Cow;
use alloc::collections::VecDeque;

use bytes::Bytes;
use steadfast_machine::{Millis, Span};
use steadfast_protocol::CloseCode;

/// One thing to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A text message: JSON, or a piece of an event stream.
    Text(Bytes),
    /// The transport's own ping, or a comment on an event stream.
    Ping,
    /// Something happened on the channel that a poll waits for.
    Signal,
    /// The last thing: close with this code and reason.
    Close {
        /// Why, as a number.
        code: CloseCode,
        /// Why, in a few words.
        reason: Cow<'static, str>,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<Outgoing>,
    bytes: usize,
    /// What was taken last is not yet known to be written.
    is_writing: bool,
    /// Since when something has waited without any progress.
    busy_since: Option<Millis>,
}

impl Outbox {
    /// Whether an event of `len` bytes may wait here: always where nothing does.
    pub(crate) fn has_room(&self, len: usize, messages_max: usize, bytes_max: usize) -> bool {
        self.queue.is_empty() || (self.queue.len() < messages_max && self.bytes + len <= bytes_max)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn push(&mut self, now: Millis, item: Outgoing) {
        if let Outgoing::Text(text) = &item {
            self.bytes += text.len();
        }
        self.busy_since.get_or_insert(now);
        self.queue.push_back(item);
    }

    pub(crate) fn push_once(&mut self, now: Millis, item: Outgoing) {
        if !self.queue.contains(&item) {
            self.push(now, item);
        }
    }

    /// Takes all that waits. Calling this says that what was taken before has been written.
    pub(crate) fn take(&mut self, now: Millis) -> VecDeque<Outgoing> {
        let taken = core::mem::take(&mut self.queue);
        self.bytes = 0;
        self.is_writing = !taken.is_empty();
        self.busy_since = self.is_writing.then_some(now);
        taken
    }

    /// Drops all that waits: the session ends.
    pub(crate) fn clear(&mut self) {
        self.queue = VecDeque::new();
        self.bytes = 0;
    }

    /// When a session that makes no progress is too slow; `None` where nothing waits.
    pub(crate) fn slow_at(&self, timeout: Span) -> Option<Millis> {
        self.busy_since.map(|since| since + timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::{Outbox, Outgoing};
    use bytes::Bytes;
    use steadfast_machine::{Millis, Span};

    #[test]
    fn an_outbox_has_room_up_to_both_limits_and_for_one_message_of_any_size() {
        let mut outbox = Outbox::default();
        assert!(outbox.has_room(1_000_000, 2, 10));
        outbox.push(Millis(0), Outgoing::Text(Bytes::from_static(b"12345")));
        assert!(outbox.has_room(5, 2, 10));
        assert!(!outbox.has_room(6, 2, 10));
        outbox.push(Millis(0), Outgoing::Ping);
        assert!(!outbox.has_room(1, 2, 10));
    }

    #[test]
    fn slowness_counts_from_the_last_progress() {
        let mut outbox = Outbox::default();
        let slow_at = |outbox: &Outbox| outbox.slow_at(Span(10));
        assert_eq!(slow_at(&outbox), None);
        outbox.push(Millis(5), Outgoing::Ping);
        outbox.push(Millis(7), Outgoing::Ping);
        assert_eq!(slow_at(&outbox), Some(Millis(15)));
        assert_eq!(outbox.take(Millis(8)).len(), 2);
        assert_eq!(slow_at(&outbox), Some(Millis(18)));
        assert!(outbox.take(Millis(9)).is_empty());
        assert_eq!(slow_at(&outbox), None);
    }
}
