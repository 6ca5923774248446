//! A queue a channel: what is to be done with it, one message of the log at a time. In: work. Out:
//! messages, and answers once this node's table has them. Whatever comes while one message is on
//! its way shares the next.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use steadfast_protocol::ChannelName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::entry;
use super::message_builder::{MessageBuilder, QueuedWork, draft};
use super::session::{Appended, NatsSession};
use super::{NatsSessionError, NatsShared};

/// Work of all channels that may be on its way; who brings more waits.
const WAITING_MAX: usize = 16_384;
/// Events that share a message.
const EVENTS_MAX: usize = 256;
/// Bytes that they may have, where they are several.
const BYTES_MAX: usize = 256 * 1024;
/// How long a server has to find a message that it did not have.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How often another node may have been quicker before the publisher is sent away.
const ATTEMPTS_MAX: u32 = 100;

/// All lanes.
#[derive(Debug)]
pub(super) struct ChannelQueues {
    /// Those that somebody is at work on, and what waits behind that.
    waiting: Mutex<BTreeMap<ChannelName, VecDeque<QueuedWithPermit>>>,
    room: Arc<Semaphore>,
}

/// Work, and the room that it takes.
type QueuedWithPermit = (QueuedWork, OwnedSemaphorePermit);

impl ChannelQueues {
    pub(super) fn new() -> Self {
        Self { waiting: Mutex::default(), room: Arc::new(Semaphore::new(WAITING_MAX)) }
    }

    /// Puts work in line; it is answered sooner or later.
    pub(super) async fn put(shared: &Arc<NatsShared>, name: &ChannelName, work: QueuedWork) {
        let Ok(permit) = Arc::clone(&shared.lanes.room).acquire_owned().await else {
            return work.refuse();
        };
        let is_idle = {
            let mut waiting = shared.lanes.waiting.lock();
            let is_idle = !waiting.contains_key(name);
            waiting.entry(name.clone()).or_default().push_back((work, permit));
            is_idle
        };
        if is_idle {
            let (shared, name) = (Arc::clone(shared), name.clone());
            tokio::spawn(async move { drive(&shared, &name).await });
        }
    }

    /// What may share the next message; nothing where nothing waits, and then the queue is gone.
    fn next(&self, name: &ChannelName, bytes_max: usize) -> Vec<QueuedWithPermit> {
        let mut waiting = self.waiting.lock();
        let Some(line) = waiting.get_mut(name) else { return Vec::new() };
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while let Some((work, _)) = line.front() {
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
            taken.extend(line.pop_front());
        }
        if taken.is_empty() {
            waiting.remove(name);
        }
        taken
    }
}

/// Works on a queue until nothing waits there.
async fn drive(shared: &Arc<NatsShared>, name: &ChannelName) {
    loop {
        let payload_max = shared.session().map_or(BYTES_MAX, |session| session.payload_max / 2);
        let taken = shared.lanes.next(name, payload_max.min(BYTES_MAX));
        if taken.is_empty() {
            return;
        }
        let (mut work, permits): (Vec<QueuedWork>, Vec<_>) = taken.into_iter().unzip();
        for _ in 0..ATTEMPTS_MAX {
            work = step(shared, name, work).await;
            if work.is_empty() {
                break;
            }
        }
        if !work.is_empty() {
            shared.is_stuck(name, true);
        }
        work.into_iter().for_each(QueuedWork::refuse);
        drop(permits);
    }
}

/// Brings one message to the log; what is to be done again.
async fn step(
    shared: &Arc<NatsShared>,
    name: &ChannelName,
    work: Vec<QueuedWork>,
) -> Vec<QueuedWork> {
    let Ok(session) = shared.session() else {
        work.into_iter().for_each(QueuedWork::refuse);
        return Vec::new();
    };
    let Some(MessageBuilder { text, expected, promised, held }) = drafted(shared, name, work)
    else {
        return Vec::new();
    };
    let subject = shared.names.of_channel(name);
    let appended = session.append(&subject, text, expected).await;
    match &appended {
        Appended::At(seq) => {
            shared.has_kept(&session.fence, *seq);
            shared.is_stuck(name, false);
        }
        Appended::Failed { is_refused: true } => shared.is_failing(true),
        Appended::Late | Appended::Failed { is_refused: false } => {}
    }
    let again = match appended {
        Appended::At(seq) if shared.has_applied(&session, seq).await => {
            held.keep();
            Vec::new()
        }
        Appended::At(_) | Appended::Failed { .. } => {
            held.doubt();
            Vec::new()
        }
        Appended::Late => {
            catch_up(shared, &session, name, &subject, expected).await;
            held.into_work()
        }
    };
    let mut table = shared.table.lock();
    table.promised.channels -= promised.channels;
    table.promised.keys -= promised.keys;
    table.promised.bytes -= promised.bytes;
    again
}

fn drafted(
    shared: &NatsShared,
    name: &ChannelName,
    work: Vec<QueuedWork>,
) -> Option<MessageBuilder> {
    let mut table = shared.table.lock();
    let draft = draft(&mut table, name, work, &shared.epochs.base(), shared.date())?;
    table.promised.channels += draft.promised.channels;
    table.promised.keys += draft.promised.keys;
    table.promised.bytes += draft.promised.bytes;
    Some(draft)
}

/// Another node was quicker, or the last message about a channel is gone.
async fn catch_up(
    shared: &NatsShared,
    session: &NatsSession,
    name: &ChannelName,
    subject: &str,
    expected: u64,
) {
    match stand(shared, session, subject, expected).await {
        Ok(last) if last > expected && !shared.has_applied(session, last).await => {}
        Ok(last) => {
            let is_known = {
                let mut table = shared.table.lock();
                let is_known = table.channels.get(name).map(|channel| channel.last == expected);
                if is_known.is_none() && last == 0 {
                    table.tombs.remove(name);
                } else if is_known.is_none() {
                    table.tombs.insert(name.clone(), (last, shared.date()));
                }
                is_known
            };
            if last < expected && is_known == Some(true) {
                shared.has_lost(name, last).await;
            }
        }
        Err(why) => {
            tracing::debug!(%why, "a channel does not say where it stands");
            session.end();
        }
    }
}

/// The newest message about a channel. That it is older than one that was acked is believed when it
/// is told again, and where the log as a whole is no older: only then was that one taken out.
async fn stand(
    shared: &NatsShared,
    session: &NatsSession,
    subject: &str,
    expected: u64,
) -> Result<u64, NatsSessionError> {
    let mut last = 0;
    for look in 0..=session.looks() {
        if look > 0 {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        last = session.last_of(subject).await?.map_or(0, |(seq, _)| seq);
        if last >= expected {
            return Ok(last);
        }
    }
    let seen = shared.known.lock().seen;
    if session.last().await? < seen { Err(NatsSessionError::Over) } else { Ok(last) }
}
