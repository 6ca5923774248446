//! Sessions, as operators see them: list, look, disconnect. In: an id, or a page and what to look
//! for. Out: what the hubs know. A listing looks at a bounded number of sessions at a time, and
//! gives the hubs back in between.

mod view;

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use steadfast_hub::{ConnectionView, SessionKey, Transport};
use steadfast_protocol::{ChannelName, CloseCode, LinkId};

use crate::node::Node;
use crate::problem::{Code, Problem};
use crate::shard::Shard;

use self::view::Connection;
use super::query::Query;

/// Slots looked at in one go; a hub's other work gets its lock in between.
pub(super) const SLOTS_PER_LOCK: u32 = 256;

/// A page of sessions.
#[derive(Debug, Serialize)]
pub(super) struct Connections {
    connections: Vec<Connection>,
    next: Option<String>,
}

/// What is looked for.
#[derive(Debug)]
struct Filter {
    channel: Option<ChannelName>,
    link: Option<LinkId>,
    transport: Option<Transport>,
}

/// Lists sessions, in an order that stays while they live.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<Connections>, Problem> {
    let query = Query::read(&uri, &["after", "limit", "channel", "link", "transport"])?;
    let after = query.parsed("after", |id| place(&node, id).ok_or("not a connection's id"))?;
    let start = after.map_or((0, 0), |(shard, key)| (shard, key.index.saturating_add(1)));
    let limit = query.limit()?;
    let filter = Filter::read(&query)?;
    let mut found = matches(&node, start, limit + 1, &filter).await;
    let has_more = found.len() > limit;
    found.truncate(limit);
    let connections = found.into_iter().map(|(at, view)| Connection::new(&node, at, view));
    let connections: Vec<_> = connections.collect();
    let next = connections.last().filter(|_| has_more).map(|last| last.id().to_owned());
    Ok(Json(Connections { connections, next }))
}

/// Looks at one session.
pub(super) async fn one(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Connection>, Problem> {
    let (id, at, key) = session(&node, path)?;
    let view = shard(&node, at).and_then(|shard| shard.with(|hub, now| hub.connection(now, key)));
    let connection = view.map(|view| Connection::new(&node, at, view));
    connection.map(Json).ok_or_else(|| not_found(&id))
}

/// Disconnects a session, for good or to have it reconnect.
pub(super) async fn disconnect(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    let (id, at, key) = session(&node, path)?;
    let (code, reason) = if Query::read(&uri, &["reconnect"])?.flag("reconnect")? {
        (CloseCode::RECONNECT, "reconnect, asked by an operator")
    } else {
        (CloseCode::DISCONNECTED, "disconnected by an operator")
    };
    let was_there = shard(&node, at).is_some_and(|shard| {
        shard.with(|hub, now| {
            let is_there = hub.connection(now, key).is_some();
            hub.close(now, key, code, reason);
            is_there
        })
    });
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(not_found(&id)) }
}

/// The first `count` sessions from `start` on that are looked for, each with its shard.
async fn matches(
    node: &Node,
    start: (usize, u32),
    count: usize,
    filter: &Filter,
) -> Vec<(usize, ConnectionView)> {
    let mut found = Vec::new();
    let (from, first) = start;
    for (at, shard) in node.shards.iter().enumerate().skip(from) {
        if filter.link.as_ref().is_some_and(|link| !Arc::ptr_eq(node.shard_of(link), shard)) {
            continue;
        }
        let mut slot = if at == from { first } else { 0 };
        loop {
            let slots = slot..slot.saturating_add(SLOTS_PER_LOCK);
            slot = slots.end;
            let (views, end) = shard.with(|hub, now| (hub.connections(now, slots), hub.slots()));
            let views = views.into_iter().filter(|view| filter.fits(view));
            found.extend(views.map(|view| (at, view)));
            if found.len() >= count {
                return found;
            }
            if slot >= end {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    found
}

impl Filter {
    fn read(query: &Query) -> Result<Self, Problem> {
        const TRANSPORTS: [Transport; 3] = [Transport::WebSocket, Transport::Sse, Transport::Poll];
        let transport = query.parsed("transport", |word| {
            let mut known = TRANSPORTS.into_iter();
            known.find(|one| one.as_str() == word).ok_or("one of `websocket`, `sse` and `poll`")
        });
        Ok(Self {
            channel: query.parsed("channel", ChannelName::new)?,
            link: query.parsed("link", LinkId::new)?,
            transport: transport?,
        })
    }

    fn fits(&self, view: &ConnectionView) -> bool {
        self.channel.as_ref().is_none_or(|channel| view.channels.contains(channel))
            && self.link.as_ref().is_none_or(|link| view.link == *link)
            && self.transport.is_none_or(|transport| view.transport == transport)
    }
}

/// The session that a path names: its id, its shard and its key there.
fn session(
    node: &Node,
    path: Result<Path<String>, PathRejection>,
) -> Result<(String, usize, SessionKey), Problem> {
    let Ok(Path(id)) = path else {
        return Err(Problem::new(Code::ConnectionNotFound, "the id is not UTF-8"));
    };
    let Some((at, key)) = place(node, &id) else { return Err(not_found(&id)) };
    Ok((id, at, key))
}

fn place(node: &Node, id: &str) -> Option<(usize, SessionKey)> {
    let (shard, key) = node.connection_of(id)?;
    let at = node.shards.iter().position(|one| Arc::ptr_eq(one, shard))?;
    Some((at, key))
}

fn shard(node: &Node, at: usize) -> Option<&Arc<Shard>> {
    node.shards.get(at)
}

fn not_found(id: &str) -> Problem {
    Problem::new(Code::ConnectionNotFound, format!("no connection `{id:.40}` is on this node"))
}
