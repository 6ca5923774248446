//! Whoever reads is given no less than what was answered before it asked, by whichever node. In:
//! readers. Out: they go on once this node's table stands where the log stood. All who come while
//! the log is being asked share the next question.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::NatsShared;
use super::session::{NatsSession, NatsUnavailable};

/// The questions so far.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    begun: AtomicU64,
    /// The newest one that was answered, and with what.
    done: Mutex<(u64, u64)>,
}

/// Waits until the table has everything that the log has now.
pub(super) async fn pass(shared: &NatsShared) -> Result<Arc<NatsSession>, NatsUnavailable> {
    let session = shared.session()?;
    let barrier = &shared.barrier;
    let wanted = barrier.begun.load(Ordering::SeqCst) + 1;
    let last = {
        let mut done = barrier.done.lock().await;
        if done.0 < wanted {
            let number = barrier.begun.fetch_add(1, Ordering::SeqCst) + 1;
            *done = (number, session.last().await?);
        }
        done.1
    };
    if shared.has_applied(&session, last).await { Ok(session) } else { Err(NatsUnavailable) }
}
