//! A bounded queue of pub/sub messages between a connection and the node. In: pushes, which must be
//! taken without waiting. Out: messages in their order. Messages beyond the bounds are dropped and
//! the drop is reported: followers then read history.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use redis::{PushInfo, PushKind, Value};
use tokio::sync::mpsc;

/// The most messages in the queue.
const MESSAGES_MAX: usize = 16_384;
/// The most bytes in the queue.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// One pub/sub message.
#[derive(Debug)]
pub(super) struct PubsubMessage {
    /// The pub/sub channel.
    pub(super) to: Vec<u8>,
    /// The payload.
    pub(super) payload: Vec<u8>,
}

/// The state shared by both ends.
#[derive(Debug, Default)]
pub(super) struct PubsubQueue {
    bytes: AtomicUsize,
    has_dropped: AtomicBool,
}

/// The receiving end.
#[derive(Debug)]
pub(super) struct PubsubReceiver {
    waiting: mpsc::Receiver<PubsubMessage>,
    queue: Arc<PubsubQueue>,
}

/// Creates a queue: a callback for pushes, and the receiving end.
pub(super) fn pubsub_queue() -> (impl Fn(PushInfo) -> Result<(), ()> + Send + Sync, PubsubReceiver)
{
    let (sender, waiting) = mpsc::channel(MESSAGES_MAX);
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
        let (Some(Value::BulkString(to)), Some(Value::BulkString(payload))) =
            (data.next(), data.next())
        else {
            return;
        };
        let len = payload.len();
        let before = self.bytes.fetch_add(len, Ordering::Relaxed);
        if before + len > BYTES_MAX || sender.try_send(PubsubMessage { to, payload }).is_err() {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            self.has_dropped.store(true, Ordering::Release);
        }
    }
}

impl PubsubReceiver {
    /// The next message; `None` once the connection is closed.
    pub(super) async fn next(&mut self) -> Option<PubsubMessage> {
        let message = self.waiting.recv().await?;
        self.queue.bytes.fetch_sub(message.payload.len(), Ordering::Relaxed);
        Some(message)
    }

    /// Whether messages were dropped since the last call.
    pub(super) fn has_dropped(&self) -> bool {
        self.queue.has_dropped.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::{MESSAGES_MAX, pubsub_queue};
    use redis::{PushInfo, PushKind, Value};

    fn push(kind: PushKind, payload: &[u8]) -> PushInfo {
        let data = [b"events", payload].map(|text| Value::BulkString(text.to_vec()));
        PushInfo { kind, data: data.into() }
    }

    #[tokio::test]
    async fn messages_come_in_order_and_what_has_no_room_is_owned_up_to() {
        let (take, mut messages) = pubsub_queue();
        take(push(PushKind::Subscribe, b"1")).unwrap();
        for n in 0..MESSAGES_MAX {
            take(push(PushKind::Message, n.to_string().as_bytes())).unwrap();
        }
        assert!(!messages.has_dropped());
        take(push(PushKind::Message, b"late")).unwrap();
        assert!(messages.has_dropped() && !messages.has_dropped());
        for n in 0..MESSAGES_MAX {
            assert_eq!(messages.next().await.unwrap().payload, n.to_string().as_bytes());
        }
        drop(take);
        assert!(messages.next().await.is_none());
    }
}
