//! Purges messages of dropped events from the log, and deletes unused empty channels. Each channel
//! is swept by one node, chosen by rendezvous hashing, which needs no messages between nodes.

use std::sync::Arc;
use std::time::Duration;

use steadfast_protocol::ChannelName;
use tokio::sync::oneshot;

use super::NatsShared;
use super::channel_queue::ChannelQueues;
use super::message_builder::QueuedWork;
use super::supervisor::TOUCH_MS;

/// The time between two batches.
const INTERVAL: Duration = Duration::from_secs(10);
/// Channels in one batch.
const BATCH: usize = 5_000;
/// An empty channel is not deleted before it was unused for this long, in ms: nodes whose links
/// follow it touch it twice as often.
const IDLE_MIN_MS: u64 = 2 * TOUCH_MS;
/// The messages of a channel are purged when there are so many, or a quarter of the kept events.
const PURGE_MIN: usize = 16;
/// How long the tombstone of a deleted channel stays in the log, in ms: ten minutes. A node that
/// was away for half of that reads the whole log again.
pub(super) const TOMBSTONE_MS: u64 = 600_000;
/// Every sixtieth batch purges everything that may go.
const BATCHES_PER_FULL_PURGE: u32 = 60;

/// A session must have lasted so many intervals before the log is swept: NATS 2.9.10 was seen to
/// purge more than requested right after its start.
const STABLE_INTERVALS: u32 = 6;

/// The work of one batch.
#[derive(Debug, Default)]
struct SweepStep {
    /// Channels with messages to purge, and the sequence number below which they are.
    purge_queue: Vec<(ChannelName, u64)>,
    /// Empty channels that may be deleted, and the date before which they were last used.
    idle: Vec<(ChannelName, u64)>,
    /// Deleted channels, and the sequence number below which their tombstone is.
    tombstones: Vec<(ChannelName, u64)>,
}

/// Sweeps the log. Never returns.
pub(super) async fn sweep(shared: &Arc<NatsShared>) {
    let (mut after, mut turns, mut calm, mut session) = (None, 0_u32, 0_u32, 0);
    loop {
        tokio::time::sleep(INTERVAL).await;
        turns = turns.wrapping_add(1);
        let sessions = shared.sessions();
        calm = if sessions == session { calm.saturating_add(1) } else { 0 };
        session = sessions;
        if shared.session().is_ok() && calm >= STABLE_INTERVALS {
            after = turn(shared, after, turns.is_multiple_of(BATCHES_PER_FULL_PURGE)).await;
        }
    }
}

/// Sweeps one batch of channels; returns the name after which the next batch begins.
pub(super) async fn turn(
    shared: &Arc<NatsShared>,
    after: Option<ChannelName>,
    is_full_purge: bool,
) -> Option<ChannelName> {
    let (turn, last) = plan(shared, after.as_ref(), is_full_purge);
    for (name, idle_since) in turn.idle {
        let (reply, answer) = oneshot::channel();
        let work = QueuedWork::Delete { if_idle_since: Some(idle_since), reply };
        ChannelQueues::enqueue(shared, &name, work).await;
        // A node that touches the channel meanwhile keeps it.
        drop(answer.await);
    }
    for (name, below) in turn.purge_queue {
        let Ok(session) = shared.session() else { break };
        if session.purge(&shared.names.of_channel(&name), below).await
            && let Some(channel) = shared.table.lock().channels.get_mut(&name)
        {
            channel.purge_queue.note_purged();
        }
    }
    for (name, below) in turn.tombstones {
        let Ok(session) = shared.session() else { break };
        if session.purge(&shared.names.of_channel(&name), below).await {
            shared.table.lock().tombstones.remove(&name);
        }
    }
    last
}

fn plan(
    shared: &NatsShared,
    after: Option<&ChannelName>,
    is_full_purge: bool,
) -> (SweepStep, Option<ChannelName>) {
    let now = shared.date();
    let mut table = shared.table.lock();
    let last = table.expire(after, BATCH, now);
    let names: Vec<ChannelName> =
        table.after(after).take(BATCH).map(|(name, _)| name.clone()).collect();
    let mut turn = SweepStep::default();
    // The last message of the log stays: its sequence number says how far there is to read.
    let newest = *shared.applied.borrow();
    let idle_ms = table.counts.rule().empty_after.0.max(IDLE_MIN_MS);
    let is_old = |at: u64| now.saturating_sub(at) > TOMBSTONE_MS;
    for (name, (seq, at)) in &table.tombstones {
        if is_old(*at) && *seq < newest && shared.sweeps(name) {
            turn.tombstones.push((name.clone(), seq + 1));
        }
    }
    for name in names {
        let Some(channel) = table.channels.get_mut(&name) else { continue };
        let (count, below) = channel.purge_queue.purgeable(now);
        if !shared.sweeps(&name) {
            continue;
        }
        let idle_since = now.saturating_sub(idle_ms);
        if channel.is_idle_since(idle_since) {
            turn.idle.push((name, idle_since));
        } else if count > 0 && (is_full_purge || count >= PURGE_MIN.max(channel.len() / 4)) {
            // The last message carries the channel's head.
            turn.purge_queue.push((name, below.min(channel.last)));
        }
    }
    (turn, last)
}
