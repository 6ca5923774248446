//! Keeps this node connected to the log: connects, reads on from the last position, notices a loss
//! and connects again. In: messages of the log and of other nodes. Out: a table as of the newest
//! message, and updates in the order of the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::Message;
use futures_util::StreamExt;
use futures_util::stream::select;
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Position};

use super::channel_queue::ChannelQueues;
use super::connect::{connect, hear, present};
use super::entry;
use super::log_reader::{LogMessage, LogReader};
use super::membership;
use super::message_builder::QueuedWork;
use super::record::LogRecord;
use super::session::NatsSession;
use super::table::LogPosition;
use super::{NatsSessionError, NatsShared};
use crate::cluster::{
    BEAT, BEATS_PER_CHECK, Backoff, ClusterMessage, MessageOutcome, SupervisedServer, beats,
    handle_message, supervise,
};
use crate::update_bus::ChannelUpdate;

/// After this many beats a node writes into the record that it is alive.
const BEATS_PER_PRESENCE: u32 = 30;
/// How long that takes.
pub(super) const PRESENCE_MS: u64 = BEAT.as_secs() * 1000 * BEATS_PER_PRESENCE as u64;
/// A followed channel that is idle for this long is kept from being deleted, in ms: an hour.
pub(super) const TOUCH_MS: u64 = 3_600_000;

/// Keeps a session with the log, without end.
pub(super) async fn run(shared: &Arc<NatsShared>) {
    supervise(&mut SupervisedNats { shared, attempt: 0 }).await;
}

/// The servers of a cluster, tried in turn.
struct SupervisedNats<'a> {
    shared: &'a Arc<NatsShared>,
    /// Which of them is next.
    attempt: usize,
}

impl SupervisedServer for SupervisedNats<'_> {
    /// The session, and the number of the newest message of the log.
    type Session = (Arc<NatsSession>, u64);
    type Error = NatsSessionError;

    fn index(&self) -> Option<usize> {
        None
    }

    async fn connect(&mut self) -> Result<Self::Session, NatsSessionError> {
        let attempt = self.attempt;
        self.attempt = attempt.wrapping_add(1);
        let (session, last) = connect(self.shared, attempt).await?;
        Ok((Arc::new(session), last))
    }

    async fn serve(
        &mut self,
        (session, last): Self::Session,
        backoff: &mut Backoff,
    ) -> NatsSessionError {
        let why = serve(self.shared, &session, last, backoff).await;
        self.shared.end();
        session.end();
        why
    }
}

/// Reads the log until the session ends.
async fn serve(
    shared: &Arc<NatsShared>,
    session: &Arc<NatsSession>,
    last: u64,
    backoff: &mut Backoff,
) -> NatsSessionError {
    let from = shared.settle(session);
    let opened = async {
        let to = shared.names.to(shared.rpc.own());
        let messages = hear(&session.client, shared.names.control.clone()).await?;
        let own = hear(&session.client, to).await?;
        Ok((LogReader::open(session, from).await?, select(messages, own)))
    };
    let (mut log, mut messages) = match opened.await {
        Ok(opened) => opened,
        Err(why) => return why,
    };
    let mut beat = beats();
    let (mut beats, mut is_here, mut stood_at) = (0_u32, false, None);
    loop {
        let step = tokio::select! {
            message = log.next() => match message {
                Ok(message) => read(shared, session, &mut log, message, last).await,
                Err(why) => Err(why),
            },
            message = messages.next() => match message {
                Some(message) => {
                    receive(shared, session, &message.payload).await;
                    Ok(())
                }
                None => Err(NatsSessionError::Deaf),
            },
            () = session.is_over() => Err(NatsSessionError::Over),
            _ = beat.tick() => {
                beats = beats.wrapping_add(1);
                // While the log is read for the first time, some of it arrives between two beats.
                let stands_at = *shared.applied.borrow();
                if !is_here && stood_at.replace(stands_at) == Some(stands_at) {
                    return NatsSessionError::Deaf;
                }
                match tick(shared, session, &mut log, beats).await {
                    Ok(()) if is_here && beats.is_multiple_of(BEATS_PER_CHECK) => {
                        look(shared, session).await;
                        Ok(())
                    }
                    ticked => ticked,
                }
            }
        };
        if let Err(why) = step {
            return why;
        }
        if !is_here && *shared.applied.borrow() >= last {
            is_here = true;
            backoff.reset();
            shared.begin(Arc::clone(session));
            tracing::info!(fence = session.fence, from, last, "connected to the broker");
            let request = ClusterMessage::ListReserved { node: shared.rpc.own().clone() };
            shared.tell(session, shared.names.control.clone(), &request).await;
            look(shared, session).await;
        }
    }
}

/// Applies one message of the log.
async fn read(
    shared: &Arc<NatsShared>,
    session: &NatsSession,
    log: &mut LogReader,
    message: Message,
    settled: u64,
) -> Result<(), NatsSessionError> {
    let Some(LogMessage { subject, text, seq, at }) = log.take(message).await? else {
        return Ok(());
    };
    let word = subject.as_str().strip_prefix(&*shared.names.channels);
    if let Some(name) = word.and_then(entry::channel) {
        if let Some(step) = entry::step(&text) {
            let place = LogPosition { seq, at, now: shared.date().max(at) };
            let (news, is_at_odds) = {
                let mut table = shared.table.lock();
                let news = table.apply(&name, place, step);
                (news, table.at_odds.take())
            };
            if let Some(base) = is_at_odds {
                let (shared, name) = (Arc::clone(shared), name.clone());
                // A task of its own, because that waits for this reader.
                tokio::spawn(async move {
                    ChannelQueues::put(&shared, &name, QueuedWork::Renew { base }).await;
                });
            }
            shared.learn(&session.fence, seq);
            shared.stepped.store(seq, Ordering::Relaxed);
            // While the log is read from its start, no session needs what it says.
            for news in news {
                if shared.is_here() || seq > settled {
                    shared.updates.deliver(news).await;
                }
            }
        } else {
            tracing::warn!(seq, "a message of the log cannot be read");
        }
    } else if subject.as_str() == shared.names.record
        && let Ok(record) = serde_json::from_slice::<LogRecord>(&text)
    {
        let is_other = record.fence() != Some(&session.fence);
        if seq > settled && (is_other || !record.is_settled_for(&session.run)) {
            return Err(NatsSessionError::Over);
        }
        shared.others(&record);
        shared.table.lock().has_read(at);
    }
    shared.applied.send_replace(seq);
    Ok(())
}

/// Checks that the log is the same one, and writes now and then that this node is alive.
async fn tick(
    shared: &NatsShared,
    session: &NatsSession,
    log: &mut LogReader,
    beats: u32,
) -> Result<(), NatsSessionError> {
    if log.is_silent() {
        return Err(NatsSessionError::Deaf);
    }
    membership::beat(shared, session).await;
    // Read first: what is seen during the request is not in its response.
    let seen = shared.known.lock().seen;
    if session.last().await? < seen && session.run != "cluster" {
        return Err(NatsSessionError::Over);
    }
    let was_failing = shared.figures.is_failing.load(Ordering::Relaxed);
    if !beats.is_multiple_of(BEATS_PER_PRESENCE) && !was_failing {
        return Ok(());
    }
    match present(shared, session).await {
        Ok(Some(fence)) if fence == session.fence => Ok(()),
        Ok(_) => Err(NatsSessionError::Over),
        // The log is still read, though it accepts nothing.
        Err(_) if was_failing => Ok(()),
        Err(why) => Err(why),
    }
}

/// Sends the head of every channel that is followed here, so that members that missed something
/// read it.
async fn look(shared: &Arc<NatsShared>, session: &NatsSession) {
    let (mut after, now) = (None, shared.date());
    while let Some(names) = shared.updates.next_followed(&mut after) {
        shared.keep(session, &names).await;
        let mut standing = Vec::with_capacity(names.len());
        let mut idle = Vec::new();
        {
            let mut table = shared.table.lock();
            for name in names {
                let Some(channel) = table.channels.get(&name) else {
                    let base = table.reserved.read(Millis(now), &name);
                    standing.push(match base.and_then(|base| table.epoch(&base)) {
                        Some(epoch) => ChannelUpdate::Head(name, Position::new(epoch, 0)),
                        // It starts again, so it is read.
                        None => ChannelUpdate::Deleted(name),
                    });
                    continue;
                };
                if channel.is_idle_since(now.saturating_sub(TOUCH_MS)) {
                    idle.push(name.clone());
                }
                let head = Position::new(channel.epoch.clone(), channel.head());
                standing.push(ChannelUpdate::Head(name, head));
            }
        }
        for news in standing {
            shared.updates.deliver(news).await;
        }
        for name in idle {
            shared.touch(&name).await;
        }
    }
}

/// Handles a message of another node.
async fn receive(shared: &NatsShared, session: &NatsSession, message: &[u8]) {
    match handle_message(&shared.rpc, &shared.updates, 0, message) {
        MessageOutcome::Handled => {}
        MessageOutcome::Reply(node, reply) => {
            shared.tell(session, shared.names.to(&node), &reply).await;
        }
        MessageOutcome::Specific(message) => handle_specific(shared, session, message).await,
    }
}

async fn handle_specific(shared: &NatsShared, session: &NatsSession, message: ClusterMessage) {
    let own = shared.rpc.own();
    match message {
        ClusterMessage::Alive { node } => {
            shared.presence.lock().hears(&node.to_string(), shared.clock.now());
        }
        ClusterMessage::ListReserved { node } if node != *own => {
            for message in shared.reserved_messages() {
                shared.tell(session, shared.names.to(&node), &message).await;
            }
        }
        ClusterMessage::Reserved { node, epochs } if node != *own => {
            reserve(shared, &epochs, false);
        }
        ClusterMessage::KeepReserved { node, epochs } if node != *own => {
            reserve(shared, &epochs, true);
        }
        // This node sent them, or only Redis has them, or `handle_message` handles them.
        ClusterMessage::ListReserved { .. }
        | ClusterMessage::Reserved { .. }
        | ClusterMessage::KeepReserved { .. }
        | ClusterMessage::Request { .. }
        | ClusterMessage::Response { .. }
        | ClusterMessage::ClaimLink { .. }
        | ClusterMessage::LinkHeld { .. }
        | ClusterMessage::Fence { .. }
        | ClusterMessage::Probe { .. } => {}
    }
}

/// Another node has reserved these epochs; `is_followed` if sessions follow the channels there.
fn reserve(shared: &NatsShared, epochs: &[(ChannelName, String)], is_followed: bool) {
    let (mut table, date) = (shared.table.lock(), shared.date());
    for (name, base) in epochs {
        if table.epoch(base).is_some() {
            table.hear_reserved(name, base, date);
            // Of two bases the one that holds is kept.
            if is_followed {
                table.reserved.keep(Millis(date), name);
            }
        }
    }
}
