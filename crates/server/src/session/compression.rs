//! The compressed copies of events. An event is compressed once for all sessions, when the first
//! of them needs it, and never for sessions that did not agree to it. What is for one session
//! alone, a welcome say, costs more than it saves. In: the text of frames. Out: compressed copies,
//! where they are worth it. Each is a stream of its own: no length of one tells of another.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use parking_lot::Mutex;
use steadfast_protocol::codec::{json, legacy};
use steadfast_websocket::outbound::JoinedSizes;
use steadfast_websocket::{Deflater, InboundError};

use crate::config::CompressionSettings;

/// What all sessions of a node share to compress.
#[derive(Debug)]
pub struct Compression {
    settings: CompressionSettings,
    copies: Mutex<Copies>,
    /// Those that are not in use: as many as threads have compressed at the same time.
    deflaters: Mutex<Vec<Deflater>>,
    counts: CompressionCounts,
}

/// What is counted.
#[derive(Debug, Default)]
pub(crate) struct CompressionCounts {
    /// Sessions that have agreed to compression.
    pub(crate) sessions: AtomicU64,
    /// Compressed copies that were made.
    pub(crate) copies: AtomicU64,
    /// Messages sent compressed.
    pub(crate) messages: AtomicU64,
    /// Their bytes before.
    pub(crate) bytes_before: AtomicU64,
    /// Their bytes as they were sent.
    pub(crate) bytes_after: AtomicU64,
    /// Messages of clients that inflated past the limit.
    pub(crate) refused: AtomicU64,
}

/// Messages by where their bytes lie. They are held, so that no other message can lie there.
#[derive(Debug, Default)]
struct Copies {
    by_place: HashMap<(usize, usize), Arc<CopyOf>>,
    /// The oldest is first.
    order: VecDeque<(usize, usize)>,
    /// Of the messages and their copies.
    bytes: usize,
}

/// A message and its copy.
#[derive(Debug)]
struct CopyOf {
    text: Bytes,
    /// `None` where it is not worth it.
    copy: OnceLock<Option<Bytes>>,
    /// Whether anybody needed it since the last call of [`Compression::expire`].
    is_used: AtomicBool,
}

impl Compression {
    /// Without any copies.
    pub fn new(settings: CompressionSettings) -> Self {
        Self {
            settings,
            copies: Mutex::default(),
            deflaters: Mutex::default(),
            counts: CompressionCounts::default(),
        }
    }

    /// The compressed copy of a frame; `None` if it is no event, too small, or would not become
    /// much smaller.
    pub fn copy_of(&self, text: &Bytes) -> Option<Bytes> {
        let is_large = text.len() >= self.settings.message_bytes_min;
        if !is_large || !json::is_event(text) && !legacy::is_update(text) {
            return None;
        }
        let found = self.copies.lock().of(text, self.settings.copies_bytes_max);
        // Only sessions that need this very copy wait for it.
        found.copy.get_or_init(|| self.compress(text)).clone()
    }

    fn compress(&self, text: &Bytes) -> Option<Bytes> {
        let kept = self.deflaters.lock().pop();
        let mut deflater = kept.unwrap_or_else(|| Deflater::new(self.settings.level));
        let copy = deflater.deflate(text).map(Bytes::from);
        self.deflaters.lock().push(deflater);
        if copy.is_some() {
            self.counts.copies.fetch_add(1, Ordering::Relaxed);
        }
        copy
    }

    /// Counts messages that were sent.
    pub(crate) fn sent(&self, sizes: JoinedSizes) {
        if sizes.messages > 0 {
            let counts = &self.counts;
            counts.messages.fetch_add(sizes.messages, Ordering::Relaxed);
            counts.bytes_before.fetch_add(sizes.bytes_before, Ordering::Relaxed);
            counts.bytes_after.fetch_add(sizes.bytes_after, Ordering::Relaxed);
        }
    }

    /// Counts the end of a session, if a message that was too large inflated is why.
    pub(crate) fn count_refused(&self, error: InboundError) {
        if matches!(error, InboundError::InflatedTooLong { .. }) {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a session that has agreed to compression.
    pub(crate) fn begin(&self) {
        self.counts.sessions.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one less.
    pub(crate) fn end(&self) {
        self.counts.sessions.fetch_sub(1, Ordering::Relaxed);
    }

    /// What was counted.
    pub(crate) const fn counts(&self) -> &CompressionCounts {
        &self.counts
    }

    /// The memory of copies and of what they are copies of.
    pub(crate) fn bytes(&self) -> usize {
        self.copies.lock().bytes
    }

    /// Drops the copies that nobody needed since the last call. To be called every ten seconds.
    pub(crate) fn expire(&self) {
        self.copies.lock().expire();
    }
}

impl Copies {
    /// The entry of a message, with at most `bytes_max` in all unless it is alone.
    fn of(&mut self, text: &Bytes, bytes_max: usize) -> Arc<CopyOf> {
        let place = (text.as_ptr().addr(), text.len());
        if let Some(found) = self.by_place.get(&place) {
            found.is_used.store(true, Ordering::Relaxed);
            return Arc::clone(found);
        }
        let made = Arc::new(CopyOf {
            text: text.clone(),
            copy: OnceLock::new(),
            is_used: AtomicBool::new(true),
        });
        self.bytes += made.bytes();
        self.order.push_back(place);
        self.by_place.insert(place, Arc::clone(&made));
        while self.bytes > bytes_max && self.order.len() > 1 {
            if let Some(gone) = self.order.pop_front().and_then(|it| self.by_place.remove(&it)) {
                self.bytes -= gone.bytes();
            }
        }
        made
    }

    fn expire(&mut self) {
        let by_place = &mut self.by_place;
        let mut bytes = 0;
        self.order.retain(|place| {
            let Some(one) = by_place.get(place) else { return false };
            let is_used = one.is_used.swap(false, Ordering::Relaxed);
            if is_used {
                bytes += one.bytes();
            } else {
                by_place.remove(place);
            }
            is_used
        });
        self.bytes = bytes;
        if self.order.is_empty() {
            *self = Self::default();
        }
    }
}

impl CopyOf {
    /// Its memory, which is known before the copy is made: a copy is never the larger of the two.
    fn bytes(&self) -> usize {
        2 * self.text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::Compression;
    use crate::config::CompressionSettings;
    use bytes::Bytes;
    use std::sync::Arc;
    use std::sync::atomic::Ordering::Relaxed;
    use steadfast_websocket::Inflater;

    fn text(bytes: usize) -> Bytes {
        let text = format!(r#"{{"type":"event","channel":{}"#, "steadfast ".repeat(bytes));
        Bytes::from(text.into_bytes()).slice(..bytes)
    }

    fn made(compression: &Compression) -> u64 {
        compression.counts.copies.load(Relaxed)
    }

    #[test]
    fn a_message_is_compressed_once_from_the_least_size_on() {
        let compression = Compression::new(CompressionSettings::default());
        assert_eq!(compression.copy_of(&text(299)), None);
        assert_eq!(compression.copy_of(&text(1000).slice(1..)), None, "no event");
        assert_eq!(compression.bytes(), 0);
        let one = text(300);
        let copy = compression.copy_of(&one).unwrap();
        assert_eq!(Inflater::default().inflate(&copy, 300).unwrap(), one);
        let again = compression.copy_of(&one.clone()).unwrap();
        assert_eq!((again.as_ptr(), made(&compression)), (copy.as_ptr(), 1));
        // Another message with the same text is another one.
        assert!(compression.copy_of(&text(300)).is_some());
        assert_eq!((made(&compression), compression.bytes()), (2, 1200));
    }

    #[test]
    fn many_threads_that_need_a_copy_wait_for_the_one_that_makes_it() {
        let compression = Arc::new(Compression::new(CompressionSettings::default()));
        let one = text(200_000);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert!(compression.copy_of(&one).is_some()));
            }
        });
        assert_eq!(made(&compression), 1);
    }

    #[test]
    fn copies_are_kept_up_to_the_limit_and_one_that_is_larger_alone() {
        let settings = CompressionSettings { copies_bytes_max: 2000, ..Default::default() };
        let compression = Compression::new(settings);
        let (one, two) = (text(500), text(500));
        compression.copy_of(&one);
        compression.copy_of(&two);
        assert_eq!(compression.bytes(), 2000);
        // One byte more: the oldest goes, and would be made again.
        let three = text(501);
        compression.copy_of(&three);
        assert_eq!(compression.bytes(), 1000 + 1002 - 1000);
        assert_eq!(made(&compression), 3);
        compression.copy_of(&three);
        assert_eq!(made(&compression), 3);
        compression.copy_of(&one);
        assert_eq!(made(&compression), 4);
        compression.copy_of(&text(9000));
        assert_eq!(compression.bytes(), 18_000);
    }

    #[test]
    fn copies_that_nobody_needs_go() {
        let compression = Compression::new(CompressionSettings::default());
        let (one, two) = (text(500), text(600));
        compression.copy_of(&one);
        compression.copy_of(&two);
        compression.expire();
        compression.copy_of(&two);
        compression.expire();
        assert_eq!(compression.bytes(), 1200);
        compression.expire();
        assert_eq!((compression.bytes(), made(&compression)), (0, 2));
    }
}
