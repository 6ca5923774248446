//! The read barrier: a read sees every event that any node acknowledged before the read began. In:
//! reads. Out: permission to go on, once this node's table has applied the log's last message as of
//! the read's begin. Reads that arrive while a request to the server is in flight share the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::NatsShared;
use super::session::{NatsSession, NatsUnavailable};

/// Counts the requests for the log's last sequence number.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    begun: AtomicU64,
    /// The newest request that was answered, and the sequence number in the answer.
    done: Mutex<(u64, u64)>,
}

/// Waits until the table has applied every message that the log has now.
pub(super) async fn pass(shared: &NatsShared) -> Result<Arc<NatsSession>, NatsUnavailable> {
    let session = shared.session()?;
    let barrier = &shared.barrier;
    let wanted = barrier.begun.load(Ordering::SeqCst) + 1;
    let last = {
        let mut done = barrier.done.lock().await;
        if done.0 < wanted {
            let number = barrier.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *done = (number, session.last_sequence().await?);
        }
        done.1
    };
    if shared.wait_applied(&session, last).await { Ok(session) } else { Err(NatsUnavailable) }
}
