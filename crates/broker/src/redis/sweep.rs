//! Drops expired events and unused empty channels of one server. Nodes take turns by a lock there.

use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::RedisError;
use steadfast_history::ForgetRule;
use steadfast_protocol::ChannelName;

use super::RedisShared;
use super::scripts::{EXPIRE, LIST, text};
use super::server::{RedisNode, RedisUnavailable};

/// The time between two batches.
const INTERVAL: Duration = Duration::from_secs(10);
/// How long a node holds the lock, in ms.
const TURN_MS: u64 = 9_000;
/// Channels in one batch.
const BATCH: usize = 500;
/// An empty channel is not deleted before it was unused for this long, in ms: one that is read or
/// followed is touched every hour.
const IDLE_MIN_MS: u64 = 7_200_000;

/// Sweeps the server. Never returns.
pub(super) async fn sweep(server: &RedisNode, shared: &RedisShared) {
    let mut after = None;
    loop {
        tokio::time::sleep(INTERVAL).await;
        // An unavailable server is swept once it is available again.
        after = sweep_batch(server, shared, after).await.unwrap_or(None);
    }
}

/// Sweeps one batch of channels; returns the name after which the next batch begins.
async fn sweep_batch(
    server: &RedisNode,
    shared: &RedisShared,
    after: Option<ChannelName>,
) -> Result<Option<ChannelName>, RedisUnavailable> {
    let session = server.session()?;
    let mut lock = redis::cmd("SET");
    lock.arg(&server.keys.sweep).arg(&server.node).arg("NX").arg("PX").arg(TURN_MS);
    let locked: Result<Option<String>, RedisError> =
        lock.query_async(&mut session.commands.clone()).await;
    if locked.map_err(|error| server.note_failure(&session, &error))?.is_none() {
        return Ok(after);
    }
    let call = server
        .fenced_call(&session, &LIST, &[&server.keys.server, &server.keys.index])
        .arg(server.keys.prefix.as_str())
        .arg(after.map_or_else(|| "-".to_owned(), |name| format!("({name}")))
        .number(BATCH);
    let answer = server.send(&session, call).await?;
    let values = answer.get(1..).unwrap_or_default().chunks(6);
    let names: Vec<ChannelName> =
        values.filter_map(|values| ChannelName::new(text(values.first())).ok()).collect();
    let streams = &shared.streams;
    let count = usize::try_from(server.channels.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
    let rule = ForgetRule::of((count, streams.channels_max), streams.reserved_epoch_lasts);
    let idle_ms = rule.empty_after.0.max(IDLE_MIN_MS);
    for name in &names {
        let age_max = streams.retention_of(name.namespace()).age_max;
        let call = server
            .channel_call(&session, &EXPIRE, name.as_str())
            .arg(name.as_str())
            .number(age_max.0)
            .number(idle_ms);
        server.send(&session, call).await?;
    }
    Ok(names.last().filter(|_| names.len() == BATCH).cloned())
}
