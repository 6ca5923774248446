//! Keeps this node connected to the log: connects, reads on from the last applied message, detects
//! a lost connection and connects again. In: messages of the log and of other nodes. Out: an
//! up-to-date table, and updates in the order of the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::Message;
use futures_util::StreamExt;
use futures_util::stream::select;
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Position};

use super::channel_queue::ChannelQueues;
use super::connect::{announce_presence, connect, subscribe};
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

/// After this many beats a node renews its entry in the record.
const BEATS_PER_PRESENCE: u32 = 30;
/// The time between two renewals, in ms.
pub(super) const PRESENCE_MS: u64 = BEAT.as_secs() * 1000 * BEATS_PER_PRESENCE as u64;
/// A followed channel that is idle for this long is touched so that it is not deleted, in ms: an
/// hour.
pub(super) const TOUCH_MS: u64 = 3_600_000;

/// Keeps a session with the log. Never returns.
pub(super) async fn run(shared: &Arc<NatsShared>) {
    supervise(&mut SupervisedNats { shared, attempt: 0 }).await;
}

/// The servers of a cluster, tried in turn.
struct SupervisedNats<'a> {
    shared: &'a Arc<NatsShared>,
    /// The index of the next server, modulo their number.
    attempt: usize,
}

impl SupervisedServer for SupervisedNats<'_> {
    /// The session, and the log's last sequence number.
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
    let from = shared.begin_session(session);
    let opened = async {
        let to = shared.names.to(shared.rpc.own());
        let messages = subscribe(&session.client, shared.names.control.clone()).await?;
        let own = subscribe(&session.client, to).await?;
        Ok((LogReader::open(session, from).await?, select(messages, own)))
    };
    let (mut log, mut messages) = match opened.await {
        Ok(opened) => opened,
        Err(why) => return why,
    };
    let mut beat = beats();
    let (mut beats, mut is_connected, mut previous) = (0_u32, false, None);
    loop {
        let step = tokio::select! {
            message = log.next() => match message {
                Ok(message) => apply(shared, session, &mut log, message, last).await,
                Err(why) => Err(why),
            },
            message = messages.next() => match message {
                Some(message) => {
                    receive(shared, session, &message.payload).await;
                    Ok(())
                }
                None => Err(NatsSessionError::Silent),
            },
            () = session.ended() => Err(NatsSessionError::Ended),
            _ = beat.tick() => {
                beats = beats.wrapping_add(1);
                // While the log is read for the first time, messages arrive between two beats.
                let applied = *shared.applied.borrow();
                if !is_connected && previous.replace(applied) == Some(applied) {
                    return NatsSessionError::Silent;
                }
                match tick(shared, session, &mut log, beats).await {
                    Ok(()) if is_connected && beats.is_multiple_of(BEATS_PER_CHECK) => {
                        send_heads(shared, session).await;
                        Ok(())
                    }
                    ticked => ticked,
                }
            }
        };
        if let Err(why) = step {
            return why;
        }
        if !is_connected && *shared.applied.borrow() >= last {
            is_connected = true;
            backoff.reset();
            shared.begin(Arc::clone(session));
            tracing::info!(fence = session.fence, from, last, "connected to the broker");
            let request = ClusterMessage::ListReserved { node: shared.rpc.own().clone() };
            shared.send_message(session, shared.names.control.clone(), &request).await;
            send_heads(shared, session).await;
        }
    }
}

/// Applies one message of the log.
async fn apply(
    shared: &Arc<NatsShared>,
    session: &NatsSession,
    log: &mut LogReader,
    message: Message,
    settled: u64,
) -> Result<(), NatsSessionError> {
    let Some(LogMessage { subject, text, seq, at }) = log.take(message).await? else {
        return Ok(());
    };
    let token = subject.as_str().strip_prefix(&*shared.names.channels);
    if let Some(name) = token.and_then(entry::channel) {
        if let Some(step) = entry::step(&text) {
            let place = LogPosition { seq, at, now: shared.date().max(at) };
            let (updates, conflicting_base) = {
                let mut table = shared.table.lock();
                let updates = table.apply(&name, place, step);
                (updates, table.conflicting_base.take())
            };
            if let Some(base) = conflicting_base {
                let (shared, name) = (Arc::clone(shared), name.clone());
                // On a task of its own, because the work waits for this reader.
                tokio::spawn(async move {
                    ChannelQueues::enqueue(&shared, &name, QueuedWork::Renew { base }).await;
                });
            }
            shared.note_seen(&session.fence, seq);
            shared.stepped.store(seq, Ordering::Relaxed);
            // While the log is read from its start, no session needs the updates.
            for update in updates {
                if shared.is_connected() || seq > settled {
                    shared.updates.deliver(update).await;
                }
            }
        } else {
            tracing::warn!(seq, "a message of the log cannot be parsed");
        }
    } else if subject.as_str() == shared.names.record
        && let Ok(record) = serde_json::from_slice::<LogRecord>(&text)
    {
        let is_other = record.fence() != Some(&session.fence);
        if seq > settled && (is_other || !record.is_settled_for(&session.run)) {
            return Err(NatsSessionError::Ended);
        }
        shared.set_nodes(&record);
        shared.table.lock().note_log_time(at);
    }
    shared.applied.send_replace(seq);
    Ok(())
}

/// Checks that the log has not been replaced, and renews this node's entry in the record when due.
async fn tick(
    shared: &NatsShared,
    session: &NatsSession,
    log: &mut LogReader,
    beats: u32,
) -> Result<(), NatsSessionError> {
    if log.count_silent_beat() {
        return Err(NatsSessionError::Silent);
    }
    membership::beat(shared, session).await;
    // Read before the request: the response does not cover what is seen meanwhile.
    let seen = shared.known.lock().seen;
    if session.last_sequence().await? < seen && session.run != "cluster" {
        return Err(NatsSessionError::Ended);
    }
    let was_failing = shared.counters.is_failing.load(Ordering::Relaxed);
    if !beats.is_multiple_of(BEATS_PER_PRESENCE) && !was_failing {
        return Ok(());
    }
    match announce_presence(shared, session).await {
        Ok(Some(fence)) if fence == session.fence => Ok(()),
        Ok(_) => Err(NatsSessionError::Ended),
        // The log can still be read although it accepts no messages.
        Err(_) if was_failing => Ok(()),
        Err(why) => Err(why),
    }
}

/// Sends the head of every channel that is followed here, so that members that missed events read
/// them.
async fn send_heads(shared: &Arc<NatsShared>, session: &NatsSession) {
    let (mut after, now) = (None, shared.date());
    while let Some(names) = shared.updates.next_followed(&mut after) {
        shared.keep(session, &names).await;
        let mut heads = Vec::with_capacity(names.len());
        let mut idle = Vec::new();
        {
            let mut table = shared.table.lock();
            for name in names {
                let Some(channel) = table.channels.get(&name) else {
                    let base = table.reserved.read(Millis(now), &name);
                    heads.push(match base.and_then(|base| table.epoch(&base)) {
                        Some(epoch) => ChannelUpdate::Head(name, Position::new(epoch, 0)),
                        // The channel starts again, so its members read it.
                        None => ChannelUpdate::Deleted(name),
                    });
                    continue;
                };
                if channel.is_idle_since(now.saturating_sub(TOUCH_MS)) {
                    idle.push(name.clone());
                }
                let head = Position::new(channel.epoch.clone(), channel.head());
                heads.push(ChannelUpdate::Head(name, head));
            }
        }
        for update in heads {
            shared.updates.deliver(update).await;
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
            shared.send_message(session, shared.names.to(&node), &reply).await;
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
                shared.send_message(session, shared.names.to(&node), &message).await;
            }
        }
        ClusterMessage::Reserved { node, epochs } if node != *own => {
            reserve(shared, &epochs, false);
        }
        ClusterMessage::KeepReserved { node, epochs } if node != *own => {
            reserve(shared, &epochs, true);
        }
        // Sent by this node, specific to Redis, or handled by `handle_message`.
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

/// Takes over epochs that another node reserved; `is_followed` if sessions follow the channels
/// there.
fn reserve(shared: &NatsShared, epochs: &[(ChannelName, String)], is_followed: bool) {
    let (mut table, date) = (shared.table.lock(), shared.date());
    for (name, base) in epochs {
        if table.epoch(base).is_some() {
            table.accept_reserved(name, base, date);
            // If there were two bases, the valid one is kept.
            if is_followed {
                table.reserved.keep(Millis(date), name);
            }
        }
    }
}
