//! Channels, as operators see them: list, look, forget. In: a name or a page of names. Out: what
//! the broker knows of them, and how many sessions follow each here.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use steadfast_hub::{ChannelInfo, ReadError};
use steadfast_protocol::{ChannelName, Epoch};

use crate::node::Node;
use crate::problem::{Code, Problem};

use super::publish::channel;
use super::query::Query;

/// Names looked up in one go; a hub's other work gets its lock in between.
const NAMES_PER_LOCK: usize = 256;

/// A page of channels.
#[derive(Debug, Serialize)]
pub(super) struct Channels {
    channels: Vec<Channel>,
    next: Option<ChannelName>,
}

/// One channel.
#[derive(Debug, Serialize)]
pub(super) struct Channel {
    #[serde(rename = "channel")]
    name: ChannelName,
    epoch: Epoch,
    offset: u64,
    events: usize,
    bytes: usize,
    #[serde(rename = "final")]
    is_final: bool,
    subscribers: usize,
}

/// Lists channels in order of name.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<Channels>, Problem> {
    let query = Query::read(&uri, &["after", "limit"])?;
    let after = query.parsed("after", ChannelName::new)?;
    let limit = query.limit()?;
    let infos = node.broker.list(after.as_ref(), limit + 1).await;
    let mut infos = infos.map_err(|error| unreadable(&error))?;
    let has_more = infos.len() > limit;
    infos.truncate(limit);
    let next = infos.last().filter(|_| has_more).map(|info| info.channel.clone());
    Ok(Json(Channels { channels: shown(&node, infos).await, next }))
}

/// Looks at one channel.
pub(super) async fn one(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Channel>, Problem> {
    let name = channel(path)?;
    let info = node.broker.info(&name).await.map_err(|error| unreadable(&error))?;
    let mut shown = shown(&node, info.into_iter().collect()).await;
    shown.pop().map(Json).ok_or_else(|| not_found(&name))
}

/// Forgets a channel and all it kept.
pub(super) async fn forget(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let name = channel(path)?;
    let was_there = node.broker.delete(&name).await.map_err(|error| unreadable(&error))?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(not_found(&name)) }
}

async fn shown(node: &Node, infos: Vec<ChannelInfo>) -> Vec<Channel> {
    let mut channels: Vec<Channel> = infos.into_iter().map(Channel::from).collect();
    for chunk in channels.chunks_mut(NAMES_PER_LOCK) {
        for shard in &*node.shards {
            shard.with(|hub, _| {
                for one in &mut *chunk {
                    one.subscribers += hub.subscribers(&one.name);
                }
            });
        }
        tokio::task::yield_now().await;
    }
    channels
}

impl From<ChannelInfo> for Channel {
    fn from(info: ChannelInfo) -> Self {
        let ChannelInfo { channel, epoch, offset, events, bytes, is_final } = info;
        Self { name: channel, epoch, offset, events, bytes, is_final, subscribers: 0 }
    }
}

fn not_found(name: &ChannelName) -> Problem {
    Problem::new(Code::ChannelNotFound, format!("nothing is known of `{name}`"))
}

fn unreadable(error: &ReadError) -> Problem {
    match error {
        ReadError::TooManyChannels { max } => {
            Problem::new(Code::TooManyChannels, format!("there are {max} channels already"))
        }
        ReadError::Unavailable => {
            Problem::new(Code::BrokerUnavailable, "the broker did not answer").retry_after_s(1)
        }
    }
}
