//! Keeps this node connected to the log: connects, reads on from the last position, notices a loss
//! and connects again. In: messages of the log and of other nodes. Out: a table as of the newest
//! message, and updates in the order of the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Message;
use futures_util::StreamExt;
use futures_util::stream::select;
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, LinkId, Position};
use tokio::time::MissedTickBehavior;

use super::backoff::Backoff;
use super::channel_queue::ChannelQueues;
use super::connect::{come, hear, present};
use super::entry;
use super::log_reader::{LogMessage, LogReader};
use super::membership;
use super::message_builder::QueuedWork;
use super::record::LogRecord;
use super::session::NatsSession;
use super::table::LogPosition;
use super::{NatsSessionError, NatsShared};
use crate::update_bus::ChannelUpdate;

/// How often the log is asked whether it is what it was, and the others are told that this node is
/// there.
const BEAT: Duration = Duration::from_secs(2);
/// After so many beats a node says so in the record.
const BEATS_A_PRESENCE: u32 = 30;
/// How long that takes.
pub(super) const PRESENCE_MS: u64 = BEAT.as_secs() * 1000 * BEATS_A_PRESENCE as u64;
/// All that is followed is looked at after so many beats, whatever was announced.
const BEATS_A_LOOK: u32 = 15;
/// An idle channel that is followed is kept from being forgotten after so long, in ms: 12 hours.
const TOUCH_MS: u64 = 43_200_000;

/// Keeps a session with the log, for ever.
pub(super) async fn live(shared: &Arc<NatsShared>) {
    let (mut backoff, mut attempt, mut is_told) = (Backoff::default(), 0, false);
    loop {
        match come(shared, attempt).await {
            Ok((session, last)) => {
                let session = Arc::new(session);
                let why = serve(shared, &session, last, &mut backoff).await;
                shared.end();
                session.end();
                is_told = false;
                tracing::warn!(%why, "the broker is lost");
            }
            Err(why) if !is_told => {
                is_told = true;
                tracing::warn!(%why, "the broker is away");
            }
            Err(why) => tracing::debug!(%why, "still away"),
        }
        attempt = attempt.wrapping_add(1);
        tokio::time::sleep(backoff.next()).await;
    }
}

/// Reads the log until it is gone.
async fn serve(
    shared: &Arc<NatsShared>,
    session: &Arc<NatsSession>,
    last: u64,
    backoff: &mut Backoff,
) -> NatsSessionError {
    let from = shared.settle(session);
    let opened = async {
        let to = shared.names.to(&shared.node);
        let messages = hear(&session.client, shared.names.control.clone()).await?;
        let own = hear(&session.client, to).await?;
        Ok((LogReader::open(session, from).await?, select(messages, own)))
    };
    let (mut log, mut messages) = match opened.await {
        Ok(opened) => opened,
        Err(why) => return why,
    };
    let mut beat = tokio::time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut beats, mut is_here, mut stood_at) = (0_u32, false, None);
    loop {
        let step = tokio::select! {
            message = log.next() => match message {
                Ok(message) => read(shared, session, &mut log, message, last).await,
                Err(why) => Err(why),
            },
            message = messages.next() => match message {
                Some(message) => deal(shared, session, &message).await,
                None => Err(NatsSessionError::Deaf),
            },
            () = session.is_over() => Err(NatsSessionError::Over),
            _ = beat.tick() => {
                beats = beats.wrapping_add(1);
                // A log that is read for the first time says something between two beats.
                let stands_at = *shared.applied.borrow();
                if !is_here && stood_at.replace(stands_at) == Some(stands_at) {
                    return NatsSessionError::Deaf;
                }
                match tick(shared, session, &mut log, beats).await {
                    Ok(()) if is_here && beats.is_multiple_of(BEATS_A_LOOK) => {
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
            tracing::info!(fence = session.fence, from, last, "the broker is here");
            let words = format!("which-reserved {}", shared.node);
            shared.tell(session, shared.names.control.clone(), words).await;
            look(shared, session).await;
        }
    }
}

/// Takes in one message of the log, and all that are there already.
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
                // This reader is what that waits for.
                tokio::spawn(async move {
                    ChannelQueues::put(&shared, &name, QueuedWork::Renew { base }).await;
                });
            }
            shared.learn(&session.fence, seq);
            shared.stepped.store(seq, Ordering::Relaxed);
            // While the log is read from its start nobody waits for what it says.
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

/// Asks whether the log is what it was, and says now and then that this node is there.
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
    // What is seen while the log is being asked is not in its answer.
    let seen = shared.known.lock().seen;
    if session.last().await? < seen && session.run != "cluster" {
        return Err(NatsSessionError::Over);
    }
    let was_failing = shared.figures.is_failing.load(Ordering::Relaxed);
    if !beats.is_multiple_of(BEATS_A_PRESENCE) && !was_failing {
        return Ok(());
    }
    match present(shared, session).await {
        Ok(Some(fence)) if fence == session.fence => Ok(()),
        Ok(_) => Err(NatsSessionError::Over),
        // What the log has is read, though it takes nothing.
        Err(_) if was_failing => Ok(()),
        Err(why) => Err(why),
    }
}

/// Has whoever missed something of what is followed read it.
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
                        // It begins anew, and so it is read.
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

/// Deals with a message of another node.
async fn deal(
    shared: &NatsShared,
    session: &NatsSession,
    message: &Message,
) -> Result<(), NatsSessionError> {
    let words = String::from_utf8_lossy(&message.payload).into_owned();
    if shared.rpc.hears(0, &words) {
        return Ok(());
    }
    let words: Vec<&str> = words.split(' ').collect();
    match *words {
        ["here", node] => shared.presence.lock().hears(node, shared.clock.now()),
        ["which-reserved", node] if node != &*shared.node => {
            for message in shared.reserved_messages() {
                shared.tell(session, shared.names.to(node), message).await;
            }
        }
        [word @ ("reserved" | "kept"), node, ref reserved @ ..] if node != &*shared.node => {
            let (mut table, date) = (shared.table.lock(), shared.date());
            for pair in reserved.chunks_exact(2) {
                if let [name, base] = *pair
                    && let Ok(name) = ChannelName::new(name)
                    && table.epoch(base).is_some()
                {
                    table.hear_reserved(&name, base, date);
                    // Of two bases the one that holds is kept.
                    if word == "kept" {
                        table.reserved.keep(Millis(date), &name);
                    }
                }
            }
        }
        ["hello", node, generation, link] if node != &*shared.node => {
            let (Ok(link), Ok(generation)) = (LinkId::new(link), generation.parse::<u64>()) else {
                return Ok(());
            };
            if let Some(live) = shared.updates.fence(&link, generation) {
                let words = format!("held {live} {link}");
                shared.tell(session, shared.names.to(node), words).await;
            }
        }
        ["held", live, link] => {
            if let (Ok(link), Ok(live)) = (LinkId::new(link), live.parse::<u64>()) {
                shared.updates.fence(&link, live.saturating_add(1));
            }
        }
        _ => {}
    }
    Ok(())
}
