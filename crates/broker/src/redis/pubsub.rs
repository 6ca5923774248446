//! What a server announces, on its way from the connection to the node. In: pushes, which must be
//! taken without waiting. Out: messages in their order. What there is no room for is dropped and
//! owned up to: whoever missed something is then fed from history.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc;

/// Announcements that may wait.
const WAITING_MAX: usize = 16_384;
/// Bytes that may wait.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// One announcement, and whom it was for.
#[derive(Debug)]
pub(super) struct PubsubMessage {
    /// The name it was announced under.
    pub(super) to: Vec<u8>,
    /// What it says.
    pub(super) words: Vec<u8>,
}

/// What both ends share.
#[derive(Debug, Default)]
pub(super) struct PubsubQueue {
    bytes: AtomicUsize,
    has_dropped: AtomicBool,
}

/// The node's end.
#[derive(Debug)]
pub(super) struct PubsubReceiver {
    waiting: mpsc::Receiver<PubsubMessage>,
    queue: Arc<PubsubQueue>,
}

/// A way for pushes, and its other end.
pub(super) fn messages() -> (impl Fn(PushInfo) -> Result<(), ()> + Send + Sync, PubsubReceiver) {
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    let queue = Arc::<PubsubQueue>::default();
    let messages = PubsubReceiver { waiting, queue: Arc::clone(&queue) };
    (
        move |push| {
            queue.take(&sender, push);
            Ok(())
        },
        messages,
    )
}

impl PubsubQueue {
    fn take(&self, sender: &mpsc::Sender<PubsubMessage>, push: PushInfo) {
        if push.kind != PushKind::Message {
            return;
        }
        let mut data = push.data.into_iter();
        let (Some(Value::BulkString(to)), Some(Value::BulkString(words))) =
            (data.next(), data.next())
        else {
            return;
        };
        let len = words.len();
        let before = self.bytes.fetch_add(len, Ordering::Relaxed);
        if before + len > BYTES_MAX || sender.try_send(PubsubMessage { to, words }).is_err() {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            self.has_dropped.store(true, Ordering::Release);
        }
    }
}

impl PubsubReceiver {
    /// The next one; nothing once the connection is gone.
    pub(super) async fn next(&mut self) -> Option<PubsubMessage> {
        let message = self.waiting.recv().await?;
        self.queue.bytes.fetch_sub(message.words.len(), Ordering::Relaxed);
        Some(message)
    }

    /// Whether some were dropped since this was last asked.
    pub(super) fn has_dropped(&self) -> bool {
        self.queue.has_dropped.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::{WAITING_MAX, messages};
    use redis::{PushInfo, PushKind, Value};

    fn push(kind: PushKind, words: &[u8]) -> PushInfo {
        let data = [b"events", words].map(|text| Value::BulkString(text.to_vec()));
        PushInfo { kind, data: data.into() }
    }

    #[tokio::test]
    async fn messages_come_in_order_and_what_has_no_room_is_owned_up_to() {
        let (take, mut messages) = messages();
        take(push(PushKind::Subscribe, b"1")).unwrap();
        for n in 0..WAITING_MAX {
            take(push(PushKind::Message, n.to_string().as_bytes())).unwrap();
        }
        assert!(!messages.has_dropped());
        take(push(PushKind::Message, b"late")).unwrap();
        assert!(messages.has_dropped() && !messages.has_dropped());
        for n in 0..WAITING_MAX {
            assert_eq!(messages.next().await.unwrap().words, n.to_string().as_bytes());
        }
        drop(take);
        assert!(messages.next().await.is_none());
    }
}
