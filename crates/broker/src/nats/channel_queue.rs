//! One queue of work per channel; each appends one message to the log at a time. In: work. Out:
//! messages, and replies once this node's table has applied them. Work that arrives while a message
//! is in flight shares the next one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use steadfast_protocol::ChannelName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::entry;
use super::message_builder::{MessageBuilder, QueuedWork, build_message};
use super::session::{AppendOutcome, NatsSession};
use super::{NatsSessionError, NatsShared};

/// Queued work of all channels together; callers beyond that wait.
const WAITING_MAX: usize = 16_384;
/// The most events in one message.
const EVENTS_MAX: usize = 256;
/// The most bytes of a message that holds several events.
const BYTES_MAX: usize = 256 * 1024;
/// The delay before a channel's last sequence number is read again.
const REREAD_DELAY: Duration = Duration::from_millis(50);
/// How many conflicts with other nodes an append survives before its publishers are refused.
const ATTEMPTS_MAX: u32 = 100;

/// The queues of all channels that have work.
#[derive(Debug)]
pub(super) struct ChannelQueues {
    /// Channels with a running task, and the work that waits for it.
    waiting: Mutex<BTreeMap<ChannelName, VecDeque<QueuedWithPermit>>>,
    room: Arc<Semaphore>,
}

/// Work, and its permit among all queued work.
type QueuedWithPermit = (QueuedWork, OwnedSemaphorePermit);

impl ChannelQueues {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::default(), room: Arc::new(Semaphore::new(WAITING_MAX)) }
    }

    /// Queues work and starts the channel's task if none runs. The work is always answered.
    pub(super) async fn enqueue(shared: &Arc<NatsShared>, name: &ChannelName, work: QueuedWork) {
        let Ok(permit) = Arc::clone(&shared.queues.room).acquire_owned().await else {
            return work.refuse();
        };
        let is_idle = {
            let mut waiting = shared.queues.waiting.lock();
            let is_idle = !waiting.contains_key(name);
            waiting.entry(name.clone()).or_default().push_back((work, permit));
            is_idle
        };
        if is_idle {
            let (shared, name) = (Arc::clone(shared), name.clone());
            tokio::spawn(async move { process(&shared, &name).await });
        }
    }

    /// Takes the work that may share the next message. If there is none, removes the queue.
    fn next(&self, name: &ChannelName, bytes_max: usize) -> Vec<QueuedWithPermit> {
        let mut waiting = self.waiting.lock();
        let Some(queue) = waiting.get_mut(name) else { return Vec::new() };
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some((work, _)) = queue.front() {
            let len = match work {
                QueuedWork::Publish(publish, _) => entry::length(publish),
                QueuedWork::Touch | QueuedWork::Renew { .. } | QueuedWork::Delete { .. } => {
                    usize::MAX
                }
            };
            bytes = len.saturating_add(bytes);
            if !taken.is_empty() && (bytes > bytes_max || taken.len() >= EVENTS_MAX) {
                break;
            }
            taken.extend(queue.pop_front());
        }
        if taken.is_empty() {
            waiting.remove(name);
        }
        taken
    }
}

/// Processes a channel's queue until it is empty.
async fn process(shared: &Arc<NatsShared>, name: &ChannelName) {
    loop {
        let payload_max = shared.session().map_or(BYTES_MAX, |session| session.payload_max / 2);
        let taken = shared.queues.next(name, payload_max.min(BYTES_MAX));
        if taken.is_empty() {
            return;
        }
        let (mut work, permits): (Vec<QueuedWork>, Vec<_>) = taken.into_iter().unzip();
        for _ in 0..ATTEMPTS_MAX {
            work = append_next(shared, name, work).await;
            if work.is_empty() {
                break;
            }
        }
        if !work.is_empty() {
            shared.set_stuck(name, true);
        }
        work.into_iter().for_each(QueuedWork::refuse);
        drop(permits);
    }
}

/// Appends one message to the log; returns the work that has to be tried again.
async fn append_next(
    shared: &Arc<NatsShared>,
    name: &ChannelName,
    work: Vec<QueuedWork>,
) -> Vec<QueuedWork> {
    let Ok(session) = shared.session() else {
        work.into_iter().for_each(QueuedWork::refuse);
        return Vec::new();
    };
    let Some(MessageBuilder { text, expected, in_flight, held }) = build(shared, name, work) else {
        return Vec::new();
    };
    let subject = shared.names.of_channel(name);
    let appended = session.append(&subject, text, expected).await;
    match &appended {
        AppendOutcome::Stored(seq) => {
            shared.note_appended(&session.fence, *seq);
            shared.set_stuck(name, false);
        }
        AppendOutcome::Failed { is_refused: true } => shared.is_failing(true),
        AppendOutcome::Conflict | AppendOutcome::Failed { is_refused: false } => {}
    }
    let again = match appended {
        AppendOutcome::Stored(seq) if shared.wait_applied(&session, seq).await => {
            held.confirm();
            Vec::new()
        }
        AppendOutcome::Stored(_) | AppendOutcome::Failed { .. } => {
            held.fail();
            Vec::new()
        }
        AppendOutcome::Conflict => {
            resolve_conflict(shared, &session, name, &subject, expected).await;
            held.into_work()
        }
    };
    let mut table = shared.table.lock();
    table.in_flight.channels -= in_flight.channels;
    table.in_flight.keys -= in_flight.keys;
    table.in_flight.bytes -= in_flight.bytes;
    again
}

fn build(shared: &NatsShared, name: &ChannelName, work: Vec<QueuedWork>) -> Option<MessageBuilder> {
    let mut table = shared.table.lock();
    let message = build_message(&mut table, name, work, &shared.epochs.base(), shared.date())?;
    table.in_flight.channels += message.in_flight.channels;
    table.in_flight.keys += message.in_flight.keys;
    table.in_flight.bytes += message.in_flight.bytes;
    Some(message)
}

/// Brings the table up to date after a conflict: another node appended first, or the channel's last
/// message was deleted.
async fn resolve_conflict(
    shared: &NatsShared,
    session: &NatsSession,
    name: &ChannelName,
    subject: &str,
    expected: u64,
) {
    match confirmed_last(shared, session, subject, expected).await {
        Ok(last) if last > expected && !shared.wait_applied(session, last).await => {}
        Ok(last) => {
            let is_known = {
                let mut table = shared.table.lock();
                let is_known = table.channels.get(name).map(|channel| channel.last == expected);
                if is_known.is_none() && last == 0 {
                    table.tombstones.remove(name);
                } else if is_known.is_none() {
                    table.tombstones.insert(name.clone(), (last, shared.date()));
                }
                is_known
            };
            if last < expected && is_known == Some(true) {
                shared.restart_channel(name, last).await;
            }
        }
        Err(why) => {
            tracing::debug!(%why, "the last sequence number of a channel cannot be read");
            session.end();
        }
    }
}

/// Reads the last sequence number of a channel. A number below an acknowledged one is believed only
/// if it is confirmed and the log as a whole is not older: only then was that message deleted.
async fn confirmed_last(
    shared: &NatsShared,
    session: &NatsSession,
    subject: &str,
    expected: u64,
) -> Result<u64, NatsSessionError> {
    let mut last = 0;
    for attempt in 0..=session.confirmations() {
        if attempt > 0 {
            tokio::time::sleep(REREAD_DELAY).await;
        }
        last = session.last_message(subject).await?.map_or(0, |(seq, _)| seq);
        if last >= expected {
            return Ok(last);
        }
    }
    let seen = shared.known.lock().seen;
    if session.last_sequence().await? < seen { Err(NatsSessionError::Ended) } else { Ok(last) }
}
