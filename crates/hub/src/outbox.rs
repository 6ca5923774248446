//! What waits for one session: bounded in messages and bytes, and timed.
//! In: encoded frames. Out: all of them at once, when the session can write.
//! Owns nothing when empty, and allocates nothing for a single frame.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use bytes::Bytes;
use steadfast_machine::{Millis, Span};
use steadfast_protocol::CloseCode;
use steadfast_protocol::codec::sse::EVENT_END;

/// One thing to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// A text message: JSON, or a piece of an event stream.
    Text(Bytes),
    /// An event of an event stream. Apart from the item, which most sessions never have.
    StreamEvent(Box<StreamEvent>),
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

impl Outgoing {
    /// How many bytes of text it is.
    pub fn text_bytes(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::StreamEvent(event) => event.head.len() + event.frame.len() + EVENT_END.len(),
            Self::Ping | Self::Signal | Self::Close { .. } => 0,
        }
    }
}

/// An event of an event stream, but for [`EVENT_END`], which follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEvent {
    /// The lines before the frame, and the start of its own.
    pub head: Bytes,
    /// The frame, which has no line break and is shared by all who are sent it.
    pub frame: Bytes,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// The first in line. Mostly it is alone.
    first: Option<Outgoing>,
    /// Behind the first; empty where there is none.
    queue: VecDeque<Outgoing>,
    bytes: usize,
    /// Since when something has waited without any progress.
    busy_since: Option<Millis>,
}

impl Outbox {
    /// Whether an event of `len` bytes may wait here: always where nothing does.
    pub(crate) fn has_room(&self, len: usize, messages_max: usize, bytes_max: usize) -> bool {
        self.is_empty() || (self.len() < messages_max && self.bytes + len <= bytes_max)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(crate) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.queue.len()
    }

    pub(crate) fn push(&mut self, now: Millis, item: Outgoing) {
        self.bytes += item.text_bytes();
        self.busy_since.get_or_insert(now);
        if self.first.is_none() {
            self.first = Some(item);
        } else {
            self.queue.push_back(item);
        }
    }

    pub(crate) fn push_once(&mut self, now: Millis, item: Outgoing) {
        if self.first.as_ref() != Some(&item) && !self.queue.contains(&item) {
            self.push(now, item);
        }
    }

    /// Takes all that waits. Calling this says that what was taken before has been written.
    pub(crate) fn take(&mut self, now: Millis) -> VecDeque<Outgoing> {
        let mut taken = core::mem::take(&mut self.queue);
        if let Some(first) = self.first.take() {
            taken.push_front(first);
        }
        self.bytes = 0;
        self.busy_since = (!taken.is_empty()).then_some(now);
        taken
    }

    /// Takes all that waits into `frames`, the same way, where it is nothing but text and at most
    /// `bytes_max` of it; false, and nothing is taken, where it is more. True where nothing waits.
    pub(crate) fn take_text(
        &mut self,
        now: Millis,
        bytes_max: usize,
        frames: &mut Vec<Bytes>,
    ) -> bool {
        let is_text = |item: &Outgoing| matches!(item, Outgoing::Text(_));
        if self.bytes > bytes_max || !self.first.iter().chain(&self.queue).all(is_text) {
            return false;
        }
        self.busy_since = self.first.is_some().then_some(now);
        let items = self.first.take().into_iter().chain(self.queue.drain(..));
        frames.extend(items.filter_map(|item| match item {
            Outgoing::Text(text) => Some(text),
            Outgoing::StreamEvent(_)
            | Outgoing::Ping
            | Outgoing::Signal
            | Outgoing::Close { .. } => None,
        }));
        self.queue = VecDeque::new();
        self.bytes = 0;
        true
    }

    /// What was taken last has been written; what came since has waited from now on.
    pub(crate) fn written(&mut self, now: Millis) {
        self.busy_since = (!self.is_empty()).then_some(now);
    }

    /// Drops all that waits: the session ends.
    pub(crate) fn clear(&mut self) {
        self.first = None;
        self.queue = VecDeque::new();
        self.bytes = 0;
    }

    /// Whether what was taken last may not be written yet.
    pub(crate) const fn is_busy(&self) -> bool {
        self.busy_since.is_some()
    }

    /// When a session that makes no progress is too slow; `None` where nothing waits.
    pub(crate) fn slow_at(&self, timeout: Span) -> Option<Millis> {
        self.busy_since.map(|since| since + timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::{Outbox, Outgoing};
    use alloc::vec::Vec;
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

    #[test]
    fn frames_leave_in_the_order_in_which_they_came() {
        let text = |text: &'static str| Bytes::from_static(text.as_bytes());
        let mut outbox = Outbox::default();
        for word in ["a", "b", "c"] {
            outbox.push(Millis(0), Outgoing::Text(text(word)));
        }
        let mut frames = Vec::new();
        assert!(outbox.take_text(Millis(1), 3, &mut frames));
        assert_eq!(frames, [text("a"), text("b"), text("c")]);
        assert!(outbox.is_empty());
        for word in ["d", "e"] {
            outbox.push(Millis(2), Outgoing::Text(text(word)));
        }
        assert_eq!(outbox.take(Millis(3)), [Outgoing::Text(text("d")), Outgoing::Text(text("e"))]);
    }

    #[test]
    fn only_text_up_to_the_limit_is_taken_as_text() {
        let mut outbox = Outbox::default();
        let mut frames = Vec::new();
        outbox.push(Millis(0), Outgoing::Text(Bytes::from_static(b"12345")));
        assert!(!outbox.take_text(Millis(1), 4, &mut frames));
        assert_eq!((frames.len(), outbox.len()), (0, 1));
        outbox.push(Millis(0), Outgoing::Ping);
        assert!(!outbox.take_text(Millis(1), 5, &mut frames));
        assert_eq!((frames.len(), outbox.len()), (0, 2));
    }

    #[test]
    fn what_came_during_a_write_has_waited_since_its_end() {
        let mut outbox = Outbox::default();
        let mut frames = Vec::new();
        outbox.push(Millis(0), Outgoing::Text(Bytes::from_static(b"1")));
        assert!(outbox.take_text(Millis(5), 9, &mut frames));
        assert_eq!(outbox.slow_at(Span(10)), Some(Millis(15)));
        outbox.push(Millis(6), Outgoing::Ping);
        outbox.written(Millis(7));
        assert_eq!(outbox.slow_at(Span(10)), Some(Millis(17)));
        outbox.take(Millis(8));
        outbox.written(Millis(9));
        assert_eq!(outbox.slow_at(Span(10)), None);
    }
}
