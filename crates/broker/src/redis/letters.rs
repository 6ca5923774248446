//! What a server announces, on its way from the connection to the node. In: pushes, which must be
//! taken without waiting. Out: letters in their order. What there is no room for is dropped and
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
pub(super) struct Letter {
    /// The name it was announced under.
    pub(super) to: Vec<u8>,
    /// What it says.
    pub(super) words: Vec<u8>,
}

/// What both ends share.
#[derive(Debug, Default)]
pub(super) struct Tray {
    bytes: AtomicUsize,
    has_dropped: AtomicBool,
}

/// The node's end.
#[derive(Debug)]
pub(super) struct Letters {
    waiting: mpsc::Receiver<Letter>,
    tray: Arc<Tray>,
}

/// A way for pushes, and its other end.
pub(super) fn letters() -> (impl Fn(PushInfo) -> Result<(), ()> + Send + Sync, Letters) {
    let (sender, waiting) = mpsc::channel(WAITING_MAX);
    let tray = Arc::<Tray>::default();
    let letters = Letters { waiting, tray: Arc::clone(&tray) };
    (
        move |push| {
            tray.take(&sender, push);
            Ok(())
        },
        letters,
    )
}

impl Tray {
    fn take(&self, sender: &mpsc::Sender<Letter>, push: PushInfo) {
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
        if before + len > BYTES_MAX || sender.try_send(Letter { to, words }).is_err() {
            self.bytes.fetch_sub(len, Ordering::Relaxed);
            self.has_dropped.store(true, Ordering::Release);
        }
    }
}

impl Letters {
    /// The next one; nothing once the connection is gone.
    pub(super) async fn next(&mut self) -> Option<Letter> {
        let letter = self.waiting.recv().await?;
        self.tray.bytes.fetch_sub(letter.words.len(), Ordering::Relaxed);
        Some(letter)
    }

    /// Whether some were dropped since this was last asked.
    pub(super) fn has_dropped(&self) -> bool {
        self.tray.has_dropped.swap(false, Ordering::AcqRel)
    }
}

#[cfg(test)]
mod tests {
    use super::{WAITING_MAX, letters};
    use redis::{PushInfo, PushKind, Value};

    fn push(kind: PushKind, words: &[u8]) -> PushInfo {
        let data = [b"events", words].map(|text| Value::BulkString(text.to_vec()));
        PushInfo { kind, data: data.into() }
    }

    #[tokio::test]
    async fn letters_come_in_order_and_what_has_no_room_is_owned_up_to() {
        let (take, mut letters) = letters();
        take(push(PushKind::Subscribe, b"1")).unwrap();
        for n in 0..WAITING_MAX {
            take(push(PushKind::Message, n.to_string().as_bytes())).unwrap();
        }
        assert!(!letters.has_dropped());
        take(push(PushKind::Message, b"late")).unwrap();
        assert!(letters.has_dropped() && !letters.has_dropped());
        for n in 0..WAITING_MAX {
            assert_eq!(letters.next().await.unwrap().words, n.to_string().as_bytes());
        }
        drop(take);
        assert!(letters.next().await.is_none());
    }
}
