//! Channels, for operators: list, look up, delete. In: a name or a page of names. Out: what the
//! broker knows of them, and how many sessions follow each, on all nodes that share the broker.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use steadfast_history::{ChannelInfo, ReadError};
use steadfast_protocol::{ChannelName, Epoch};

use crate::node::Node;
use crate::problem::{Code, Problem};

use super::cluster_rpc::NodeRequest;
use super::publish::channel;
use super::query::Query;

/// Names that are looked up under one lock of a hub.
const NAMES_PER_LOCK: usize = 256;

/// A page of channels.
#[derive(Debug, Serialize)]
pub(super) struct ChannelPage {
    #[serde(rename = "channels")]
    rows: Vec<ChannelRow>,
    next: Option<ChannelName>,
    /// Nodes whose subscribers are not counted; only if nodes share the broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    unanswered: Option<Vec<String>>,
}

/// One channel alone.
#[derive(Debug, Serialize)]
pub(super) struct Single {
    #[serde(flatten)]
    channel: ChannelRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    unanswered: Option<Vec<String>>,
}

/// One channel.
#[derive(Debug, Serialize)]
pub(super) struct ChannelRow {
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
) -> Result<Json<ChannelPage>, Problem> {
    let query = Query::read(&uri, &["after", "limit"])?;
    let after = query.parsed("after", ChannelName::new)?;
    let limit = query.limit()?;
    let infos = node.broker.list(after.as_ref(), limit + 1).await;
    let mut infos = infos.map_err(unreadable)?;
    let has_more = infos.len() > limit;
    infos.truncate(limit);
    let next = infos.last().filter(|_| has_more).map(|info| info.channel.clone());
    let (rows, unanswered) = shown(&node, infos).await;
    Ok(Json(ChannelPage { rows, next, unanswered }))
}

/// Looks up one channel.
pub(super) async fn one(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Single>, Problem> {
    let name = channel(path)?;
    let info = node.broker.info(&name).await.map_err(unreadable)?;
    let (mut shown, unanswered) = shown(&node, info.into_iter().collect()).await;
    let single = shown.pop().map(|channel| Single { channel, unanswered });
    single.map(Json).ok_or_else(|| not_found(&name))
}

/// Deletes a channel and its history.
pub(super) async fn forget(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<StatusCode, Problem> {
    let name = channel(path)?;
    let was_there = node.broker.delete(&name).await.map_err(unreadable)?;
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(not_found(&name)) }
}

/// For another node: how many sessions follow each of these channels here, with commas in between.
pub(super) async fn counts(node: &Node, names: &[ChannelName]) -> String {
    let counts = followers(node, names.iter()).await;
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    counts.join(",")
}

/// Adds the subscribers of every node. Returns the rows, and the names of nodes that did not
/// respond.
async fn shown(node: &Node, infos: Vec<ChannelInfo>) -> (Vec<ChannelRow>, Option<Vec<String>>) {
    let mut channels: Vec<ChannelRow> = infos.into_iter().map(ChannelRow::from).collect();
    let own = followers(node, channels.iter().map(|one| &one.name)).await;
    add(&mut channels, own);
    if channels.is_empty() || node.broker.node_id().is_none() {
        return (channels, node.broker.node_id().map(|_| Vec::new()));
    }
    let names = channels.iter().map(|one| one.name.clone()).collect();
    let request = NodeRequest::Subscribers(names);
    let mut responses = node.broker.request(&request.to_string(), None).await;
    for (id, body) in std::mem::take(&mut responses.received) {
        let counts: Result<Vec<usize>, _> = body.split(',').map(str::parse).collect();
        match counts {
            Ok(counts) if counts.len() == channels.len() => add(&mut channels, counts),
            Ok(_) | Err(_) => responses.silent.push(id),
        }
    }
    (channels, Some(responses.silent_names()))
}

fn add(channels: &mut [ChannelRow], counts: Vec<usize>) {
    for (channel, count) in channels.iter_mut().zip(counts) {
        channel.subscribers += count;
    }
}

/// How many sessions follow each of these channels here.
async fn followers(node: &Node, names: impl Iterator<Item = &ChannelName>) -> Vec<usize> {
    let names: Vec<&ChannelName> = names.collect();
    let mut counts = Vec::with_capacity(names.len());
    for some in names.chunks(NAMES_PER_LOCK) {
        let mut sums = vec![0; some.len()];
        for shard in &*node.shards {
            shard.with(|hub, _| {
                for (sum, name) in sums.iter_mut().zip(some) {
                    *sum += hub.subscribers(name);
                }
            });
        }
        counts.extend(sums);
        tokio::task::yield_now().await;
    }
    counts
}

impl From<ChannelInfo> for ChannelRow {
    fn from(info: ChannelInfo) -> Self {
        let ChannelInfo { channel, epoch, offset, events, bytes, is_final } = info;
        Self { name: channel, epoch, offset, events, bytes, is_final, subscribers: 0 }
    }
}

pub(super) fn not_found(name: &ChannelName) -> Problem {
    Problem::new(Code::ChannelNotFound, format!("there is no channel `{name}`"))
}

pub(super) fn unreadable(error: ReadError) -> Problem {
    match error {
        ReadError::Unavailable => {
            Problem::new(Code::BrokerUnavailable, "the broker did not answer").retry_after_s(1)
        }
    }
}
