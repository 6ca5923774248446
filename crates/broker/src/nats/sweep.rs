//! Has the log drop what nobody is given any more, and forgets channels that keep nothing. Each
//! channel has one node that does so, which all nodes agree on without asking.

use std::sync::Arc;
use std::time::Duration;

use steadfast_protocol::ChannelName;
use tokio::sync::oneshot;

use super::NatsShared;
use super::channel_queue::ChannelQueues;
use super::message_builder::QueuedWork;
use super::supervisor::TOUCH_MS;

/// How often some channels are looked at.
const INTERVAL: Duration = Duration::from_secs(10);
/// Channels looked at in one turn.
const BATCH: usize = 5_000;
/// No channel that keeps nothing is forgotten before it was unused for this long, in ms: nodes
/// whose links follow it touch it twice as often.
const IDLE_MIN_MS: u64 = 2 * TOUCH_MS;
/// The log drops messages of a channel when there are so many, or a quarter of what is kept.
const TRASH_MIN: usize = 16;
/// The message that says that a channel is gone stays for so long, in ms: ten minutes. A node that
/// was away for half of that reads the log anew.
pub(super) const TOMB_MS: u64 = 600_000;
/// In every so manieth turn it drops them all.
const TURNS_A_CLEANING: u32 = 60;

/// A session has lasted so many turns before the log is swept. A server of version 2.9.10 that has
/// just been started was seen to drop more than it was asked to.
const CALM_TURNS: u32 = 6;

/// What is to be done in a turn.
#[derive(Debug, Default)]
struct SweepStep {
    /// Channels with messages to drop, and below which number.
    trash: Vec<(ChannelName, u64)>,
    /// Channels that keep nothing, and since when they are unused if they may go.
    idle: Vec<(ChannelName, u64)>,
    /// Channels that are gone, and below which number the last message about them is.
    tombs: Vec<(ChannelName, u64)>,
}

/// Sweeps for ever.
pub(super) async fn sweep(shared: &Arc<NatsShared>) {
    let (mut after, mut turns, mut calm, mut session) = (None, 0_u32, 0_u32, 0);
    loop {
        tokio::time::sleep(INTERVAL).await;
        turns = turns.wrapping_add(1);
        let sessions = shared.sessions();
        calm = if sessions == session { calm.saturating_add(1) } else { 0 };
        session = sessions;
        if shared.session().is_ok() && calm >= CALM_TURNS {
            after = turn(shared, after, turns.is_multiple_of(TURNS_A_CLEANING)).await;
        }
    }
}

/// One turn; the name to go on behind.
pub(super) async fn turn(
    shared: &Arc<NatsShared>,
    after: Option<ChannelName>,
    is_cleaning: bool,
) -> Option<ChannelName> {
    let (turn, last) = plan(shared, after.as_ref(), is_cleaning);
    for (name, idle_since) in turn.idle {
        let (told, answer) = oneshot::channel();
        let work = QueuedWork::Delete { if_idle_since: Some(idle_since), told };
        ChannelQueues::put(shared, &name, work).await;
        // Who was quicker to touch it keeps it.
        drop(answer.await);
    }
    for (name, below) in turn.trash {
        let Ok(session) = shared.session() else { break };
        if session.purge(&shared.names.of_channel(&name), below).await
            && let Some(channel) = shared.table.lock().channels.get_mut(&name)
        {
            channel.trash.is_emptied();
        }
    }
    for (name, below) in turn.tombs {
        let Ok(session) = shared.session() else { break };
        if session.purge(&shared.names.of_channel(&name), below).await {
            shared.table.lock().tombs.remove(&name);
        }
    }
    last
}

fn plan(
    shared: &NatsShared,
    after: Option<&ChannelName>,
    is_cleaning: bool,
) -> (SweepStep, Option<ChannelName>) {
    let now = shared.date();
    let mut table = shared.table.lock();
    let last = table.expire(after, BATCH, now);
    let names: Vec<ChannelName> =
        table.after(after).take(BATCH).map(|(name, _)| name.clone()).collect();
    let mut turn = SweepStep::default();
    // The newest message of the log stays: it says how far there is to read.
    let newest = *shared.applied.borrow();
    let idle_ms = table.counts.rule().empty_after.0.max(IDLE_MIN_MS);
    let is_old = |at: u64| now.saturating_sub(at) > TOMB_MS;
    for (name, (seq, at)) in &table.tombs {
        if is_old(*at) && *seq < newest && shared.is_mine(name) {
            turn.tombs.push((name.clone(), seq + 1));
        }
    }
    for name in names {
        let Some(channel) = table.channels.get_mut(&name) else { continue };
        let (count, below) = channel.trash.ripe(now);
        if !shared.is_mine(&name) {
            continue;
        }
        let idle_since = now.saturating_sub(idle_ms);
        if channel.is_idle_since(idle_since) {
            turn.idle.push((name, idle_since));
        } else if count > 0 && (is_cleaning || count >= TRASH_MIN.max(channel.len() / 4)) {
            // The last message says where the channel stands.
            turn.trash.push((name, below.min(channel.last)));
        }
    }
    (turn, last)
}
