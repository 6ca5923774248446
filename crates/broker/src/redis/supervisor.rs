//! Keeps this node connected to a server: connects, handles announcements, detects a lost
//! connection and connects again. In: announcements. Out: updates, in the order of each channel's
//! offsets; after every reconnect, a check of all followed channels.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{RedisError, Value};
use steadfast_protocol::{ChannelName, Epoch, Position};

use super::RedisShared;
use super::discovery::connect;
use super::entry::{self, ServerUpdate};
use super::membership;
use super::pubsub::{PubsubMessage, PubsubReceiver, pubsub_queue};
use super::scripts::{ENTER, HEADS, number, text};
use super::server::{RedisNode, RedisSession, RedisUnavailable, fence_of};
use crate::cluster::{
    BEATS_PER_CHECK, Backoff, ClusterMessage, MessageOutcome, SupervisedServer, beats,
    handle_message, supervise,
};
use crate::update_bus::ChannelUpdate;

/// How long nodes wait for each other's reports about a server that was replaced.
const PATIENCE_MS: u64 = 5_000;
/// How long a node waits between two attempts.
const RETRY_DELAY: Duration = Duration::from_millis(50);
/// How long a silent node counts as one that may have seen events.
const SILENT_NODE_MS: u64 = 3_600_000;

/// Why a node has no session with a server.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("{0}")]
    Redis(#[from] RedisError),
    #[error("the connections for commands and for messages reached two different servers")]
    TwoServers,
    #[error("the session ended: the server answered late, refused a command, or was replaced")]
    Ended,
    #[error("no messages arrive from the server any more")]
    Silent,
}

impl From<RedisUnavailable> for SessionError {
    fn from(_: RedisUnavailable) -> Self {
        Self::Ended
    }
}

/// Keeps a session with the server. Never returns.
pub(super) async fn run(server: &RedisNode, shared: &RedisShared) {
    supervise(&mut SupervisedRedis { server, shared }).await;
}

/// One server, and what the tasks of all servers share.
struct SupervisedRedis<'a> {
    server: &'a RedisNode,
    shared: &'a RedisShared,
}

impl SupervisedServer for SupervisedRedis<'_> {
    type Session = (Arc<RedisSession>, PubsubReceiver);
    type Error = SessionError;

    fn index(&self) -> Option<usize> {
        Some(self.server.at)
    }

    async fn connect(&mut self) -> Result<Self::Session, SessionError> {
        open(self.server).await
    }

    async fn serve(
        &mut self,
        (session, mut messages): Self::Session,
        backoff: &mut Backoff,
    ) -> SessionError {
        let server = self.server;
        backoff.reset();
        server.counters.sessions.fetch_add(1, Ordering::Relaxed);
        tracing::info!(server = server.at, fence = session.fence, "connected to the broker");
        check_eviction(server, &session).await;
        server.begin(Arc::clone(&session));
        let why = serve(server, self.shared, &session, &mut messages).await;
        server.end();
        why
    }
}

/// Opens two connections, for commands and for announcements, and has the fence checked.
async fn open(server: &RedisNode) -> Result<(Arc<RedisSession>, PubsubReceiver), SessionError> {
    let info = server.discovery.address().await?;
    let (pushed, messages) = pubsub_queue();
    let (mut subscriber, subscriber_run) = connect(info.clone(), Some(pushed)).await?;
    let keys = &server.keys;
    for name in [&keys.events, &keys.control, &server.to_own()] {
        subscriber.subscribe(name).await?;
    }
    let nobody = None::<fn(redis::PushInfo) -> Result<(), ()>>;
    let (commands, run) = connect(info, nobody).await?;
    if run != subscriber_run {
        return Err(SessionError::TwoServers);
    }
    let mut session = RedisSession {
        commands,
        run,
        fence: String::new(),
        over: tokio::sync::Notify::new(),
        _subscriber: subscriber,
    };
    while !enter(server, &mut session).await? {
        tokio::time::sleep(RETRY_DELAY).await;
    }
    Ok((Arc::new(session), messages))
}

/// Reports what this node knows and takes over the valid fence; false while the reports of other
/// nodes are awaited.
async fn enter(server: &RedisNode, session: &mut RedisSession) -> Result<bool, SessionError> {
    let Some(fence) = announce_presence(server, session).await? else { return Ok(false) };
    if !session.fence.is_empty() && session.fence != fence {
        return Err(SessionError::Ended);
    }
    session.fence = fence;
    Ok(true)
}

async fn announce_presence(
    server: &RedisNode,
    session: &RedisSession,
) -> Result<Option<String>, SessionError> {
    let (keys, known) = (&server.keys, server.known());
    let fresh = format!("{:016x}", getrandom::u64().unwrap_or_default());
    let call = ENTER
        .call(&[&keys.server, &keys.nodes, &keys.reports, &keys.index])
        .arg(session.run.as_str())
        .arg(server.node.as_str())
        .arg(known.fence.as_str())
        .number(known.n)
        .arg(known.run)
        .arg(fresh)
        .number(PATIENCE_MS)
        .number(SILENT_NODE_MS)
        .arg(keys.control.as_str());
    let answer = call.send(&mut session.commands.clone()).await?;
    if text(answer.first()) != "ok" {
        return Ok(None);
    }
    let fence = text(answer.get(1)).to_owned();
    if !known.fence.is_empty() && known.fence != fence {
        server.counters.fences.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            server = server.at,
            fence,
            "the broker lost events: channels get new epochs"
        );
    }
    server.begin_run(&session.run, &fence, number(answer.get(2)).unwrap_or(0));
    server.note_size(answer.get(4), answer.get(3));
    Ok(Some(fence))
}

/// Warns of a server that evicts keys when its memory is full: it would lose acknowledged events
/// silently.
async fn check_eviction(server: &RedisNode, session: &RedisSession) {
    let mut command = redis::cmd("INFO");
    command.arg("memory");
    let info: Result<String, RedisError> = command.query_async(&mut session.commands.clone()).await;
    // If the command is forbidden, the policy stays unknown.
    let Ok(info) = info else { return };
    let evicts = evicting(&info).map(str::to_owned);
    let before = std::mem::replace(&mut *server.evicts.lock(), evicts.clone());
    if let Some(policy) = evicts.filter(|policy| before.as_ref() != Some(policy)) {
        tracing::warn!(
            server = server.at,
            policy,
            "the broker's server drops events when its memory is full: set its \
             `maxmemory-policy` to `noeviction`"
        );
    }
}

/// A policy that evicts keys without an expiry, as those of events are.
fn evicting(info: &str) -> Option<&str> {
    let policy = info.lines().find_map(|line| line.strip_prefix("maxmemory_policy:"))?.trim();
    policy.starts_with("allkeys-").then_some(policy)
}

/// Handles announcements until the session ends.
async fn serve(
    server: &RedisNode,
    shared: &RedisShared,
    session: &RedisSession,
    messages: &mut PubsubReceiver,
) -> SessionError {
    let mut beat = beats();
    let (mut beats, mut probe) = (0_u32, None);
    // Under load a probe may wait behind other messages, or be dropped: any message shows that
    // messages arrive.
    let mut has_heard = true;
    loop {
        let step = tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    has_heard = true;
                    handle_pubsub(server, shared, session, message).await
                }
                None => Err(SessionError::Silent),
            },
            () = session.over.notified() => Err(SessionError::Ended),
            _ = beat.tick() => {
                let is_check_due = beats.is_multiple_of(BEATS_PER_CHECK);
                beats = beats.wrapping_add(1);
                if std::mem::take(&mut has_heard) {
                    probe = None;
                }
                let ticked = tick(server, shared, session, &mut probe).await;
                match ticked {
                    Ok(()) if is_check_due => {
                        check_eviction(server, session).await;
                        send_heads(server, shared, session).await
                    }
                    ticked => ticked,
                }
            }
        };
        let step = match step {
            Ok(()) if messages.has_dropped() => {
                server.counters.dropped.fetch_add(1, Ordering::Relaxed);
                send_heads(server, shared, session).await
            }
            step => step,
        };
        if let Err(why) = step {
            return why;
        }
    }
}

/// Renews this node's presence, and checks that the last probe came back.
async fn tick(
    server: &RedisNode,
    shared: &RedisShared,
    session: &RedisSession,
    probe: &mut Option<u64>,
) -> Result<(), SessionError> {
    if probe.is_some_and(|probe| *server.heard.borrow() < probe) {
        return Err(SessionError::Silent);
    }
    let fence = announce_presence(server, session).await?;
    if fence.as_deref() != Some(&session.fence) {
        return Err(SessionError::Ended);
    }
    *probe = Some(server.probe().await?);
    // If the command is refused, the list of nodes is stale; a lost connection ends the session.
    drop(membership::refresh(&shared.rpc, server).await);
    Ok(())
}

/// Sends the head of every channel that is followed here, so that members that missed events read
/// them.
async fn send_heads(
    server: &RedisNode,
    shared: &RedisShared,
    session: &RedisSession,
) -> Result<(), SessionError> {
    let mut after = None;
    while let Some(page) = shared.updates.next_followed(&mut after) {
        let names: Vec<_> =
            page.into_iter().filter(|name| shared.server_of(name.as_str()) == server.at).collect();
        if names.is_empty() {
            continue;
        }
        let answer = heads(server, shared, session, &names).await?;
        for (name, place) in names.into_iter().zip(answer.get(3..).unwrap_or_default().chunks(2)) {
            let Ok(epoch) = Epoch::new(text(place.first())) else { continue };
            let head = Position::new(epoch, number(place.get(1)).unwrap_or(0));
            shared.updates.deliver(ChannelUpdate::Head(name, head)).await;
        }
    }
    Ok(())
}

/// Reads the heads of channels that are followed here, and keeps the reserved epochs of those
/// without events.
pub(super) async fn heads(
    server: &RedisNode,
    shared: &RedisShared,
    session: &RedisSession,
    names: &[ChannelName],
) -> Result<Vec<Value>, RedisUnavailable> {
    let mut call = server
        .fenced_call(session, &HEADS, &[&server.keys.server, &server.keys.index])
        .arg(shared.epochs.base())
        .arg(server.keys.prefix.as_str())
        .number(shared.streams.channels_max)
        .number(shared.streams.reserved_epochs_max)
        .number(shared.streams.reserved_epoch_lasts.0);
    for name in names {
        call = call.arg(name.as_str());
    }
    let answer = server.send(session, call).await?;
    server.note_reserved(answer.get(1), answer.get(2));
    Ok(answer)
}

/// Handles one pub/sub message: an announcement, or a message of another node.
async fn handle_pubsub(
    server: &RedisNode,
    shared: &RedisShared,
    session: &RedisSession,
    message: PubsubMessage,
) -> Result<(), SessionError> {
    if message.to == server.keys.events.as_bytes() {
        match entry::parse_update(&message.payload) {
            Some(ServerUpdate::Published(publication, n)) => {
                server.note_seen(fence_of(&publication.epoch), n);
                shared.updates.deliver(ChannelUpdate::Published(publication)).await;
            }
            Some(ServerUpdate::Forgotten(channel, fence, n)) => {
                server.note_seen(&fence, n);
                shared.updates.deliver(ChannelUpdate::Deleted(channel)).await;
            }
            None => tracing::warn!(server = server.at, "an announcement cannot be parsed"),
        }
        return Ok(());
    }
    match handle_message(&shared.rpc, &shared.updates, server.at, &message.payload) {
        MessageOutcome::Handled => Ok(()),
        MessageOutcome::Reply(node, reply) => {
            server.send_message(&server.keys.to(&node), &reply).await?;
            Ok(())
        }
        MessageOutcome::Specific(message) => handle_specific(server, session, &message),
    }
}

fn handle_specific(
    server: &RedisNode,
    session: &RedisSession,
    message: &ClusterMessage,
) -> Result<(), SessionError> {
    match message {
        ClusterMessage::Fence { fence } if *fence != session.fence => Err(SessionError::Ended),
        ClusterMessage::Probe { number } => {
            server.heard.send_replace(*number);
            Ok(())
        }
        // The session's own fence, specific to NATS, or handled by `handle_message`.
        ClusterMessage::Fence { .. }
        | ClusterMessage::Alive { .. }
        | ClusterMessage::ListReserved { .. }
        | ClusterMessage::Reserved { .. }
        | ClusterMessage::KeepReserved { .. }
        | ClusterMessage::Request { .. }
        | ClusterMessage::Response { .. }
        | ClusterMessage::ClaimLink { .. }
        | ClusterMessage::LinkHeld { .. } => Ok(()),
    }
}
