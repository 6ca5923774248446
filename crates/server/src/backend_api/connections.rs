//! Sessions, for operators: list, look up, disconnect. In: an id, or a page and a filter. Out: what
//! the hubs know, on this node and on all that share the broker. A listing holds a hub's lock for a
//! limited number of sessions at a time.

mod node_page;
mod session_id;
mod view;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use hyper::{StatusCode, Uri};
use serde::Serialize;
use serde_json::value::RawValue;
use steadfast_protocol::CloseCode;

use crate::node::Node;
use crate::problem::{Code, Problem};
use steadfast_broker::RpcResponses;

pub(super) use self::node_page::SLOTS_PER_LOCK;
use self::node_page::{NodePage, PARAMETERS};
use self::session_id::SessionId;
use self::view::Connection;
use super::cluster_rpc::NodeRequest;
use super::query::Query;

/// A page of sessions.
#[derive(Debug, Serialize)]
pub(super) struct ConnectionPage {
    #[serde(rename = "connections")]
    rows: Vec<Box<RawValue>>,
    next: Option<String>,
    /// Nodes whose sessions may be missing; only if nodes share the broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    unanswered: Option<Vec<String>>,
}

/// Lists sessions, in an order that does not change while they live.
pub(super) async fn list(
    State(node): State<Arc<Node>>,
    uri: Uri,
) -> Result<Json<ConnectionPage>, Problem> {
    page_of(&node, uri.query().unwrap_or_default()).await.map(Json)
}

/// The page of the text of a query.
pub(super) async fn page_of(node: &Node, text: &str) -> Result<ConnectionPage, Problem> {
    let query = Query::of(text, &PARAMETERS)?;
    let own = NodePage::of(node, &query).await?;
    let limit = query.limit()?;
    let Some(id) = node.broker.node_id() else {
        return Ok(page(limit, [own], None));
    };
    let request = NodeRequest::Connections(text.to_owned());
    let mut responses = node.broker.request(&request.to_string(), None).await;
    let mut parts = BTreeMap::from([(id.run.clone(), own)]);
    for (id, body) in std::mem::take(&mut responses.received) {
        match NodePage::read(&body) {
            Some(part) => drop(parts.insert(id.run, part)),
            None => responses.silent.push(id),
        }
    }
    Ok(page(limit, parts.into_values(), Some(responses.silent_names())))
}

/// Looks up one session.
pub(super) async fn one(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<Box<RawValue>>, Problem> {
    let id = id(path)?;
    match SessionId::of(&node, &id).ok_or_else(|| not_found(&id))? {
        SessionId::Here(..) => look(&node, &id).map(Json).ok_or_else(|| not_found(&id)),
        SessionId::There(run) => {
            let request = NodeRequest::Connection(id.clone());
            let responses = node.broker.request(&request.to_string(), Some(&run)).await;
            let body = only(&responses, &id)?;
            let row = body.and_then(|text| RawValue::from_string(text.to_owned()).ok());
            row.filter(|row| row.get() != "null").map(Json).ok_or_else(|| not_found(&id))
        }
    }
}

/// Disconnects a session, for good or to have it reconnect.
pub(super) async fn disconnect(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    let id = id(path)?;
    let comes_back = Query::read(&uri, &["reconnect"])?.flag("reconnect")?;
    let was_there = match SessionId::of(&node, &id).ok_or_else(|| not_found(&id))? {
        SessionId::Here(..) => end(&node, &id, comes_back),
        SessionId::There(run) => {
            let request = if comes_back { NodeRequest::Reconnect } else { NodeRequest::Disconnect };
            let request = request(id.clone()).to_string();
            let responses = node.broker.request(&request, Some(&run)).await;
            only(&responses, &id)? == Some("true")
        }
    };
    if was_there { Ok(StatusCode::NO_CONTENT) } else { Err(not_found(&id)) }
}

/// This node's part of a page, for another node; `None` if this version does not know the query.
pub(super) async fn part(node: &Node, query: &str) -> Option<String> {
    let query = Query::of(query, &PARAMETERS).ok()?;
    NodePage::of(node, &query).await.ok()?.text()
}

/// Looks up a session of this node.
pub(super) fn look(node: &Node, id: &str) -> Option<Box<RawValue>> {
    let SessionId::Here(at, key) = SessionId::of(node, id)? else { return None };
    let shard = node.shards.get(at)?;
    let seen = shard.with(|hub, now| hub.connection(now, key).zip(Some(hub.timeline(key))));
    let (view, timeline) = seen?;
    Connection::new(node, at, view).with_timeline(node, timeline).row()
}

/// The code and the reason of an end that an operator asked for.
pub(super) const fn close_by_operator(comes_back: bool) -> (CloseCode, &'static str) {
    if comes_back {
        (CloseCode::RECONNECT, "reconnect, asked by an operator")
    } else {
        (CloseCode::DISCONNECTED, "disconnected by an operator")
    }
}

/// Ends a session of this node. Returns false if there is none.
pub(super) fn end(node: &Node, id: &str, comes_back: bool) -> bool {
    let (code, reason) = close_by_operator(comes_back);
    let Some(SessionId::Here(at, key)) = SessionId::of(node, id) else { return false };
    node.shards.get(at).is_some_and(|shard| {
        shard.with(|hub, now| {
            let is_there = hub.connection(now, key).is_some();
            hub.close(now, key, code, reason);
            is_there
        })
    })
}

/// Joins the parts of several nodes, in this order, into one page.
fn page(
    limit: usize,
    parts: impl IntoIterator<Item = NodePage>,
    unanswered: Option<Vec<String>>,
) -> ConnectionPage {
    let (mut rows, mut last, mut has_more) = (Vec::new(), None, false);
    for part in parts {
        let room = limit - rows.len();
        has_more = part.rows.len() > room || part.has_more;
        for (id, row) in part.rows.into_iter().take(room) {
            rows.push(row);
            last = Some(id);
        }
        if has_more {
            break;
        }
    }
    ConnectionPage { rows, next: last.filter(|_| has_more), unanswered }
}

/// The response of the one node that the request was for; `None` if there is no such node.
fn only<'a>(responses: &'a RpcResponses, id: &str) -> Result<Option<&'a str>, Problem> {
    if let Some(silent) = responses.silent_names().first() {
        let detail = format!("`{id:.60}` is on the node {silent}, which did not answer in time");
        return Err(Problem::new(Code::NodeSilent, detail).retry_after_s(1));
    }
    Ok(responses.received.first().map(|(_, body)| &**body))
}

fn id(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let unreadable = |_| Problem::new(Code::ConnectionNotFound, "the id is not UTF-8");
    path.map(|Path(id)| id).map_err(unreadable)
}

fn not_found(id: &str) -> Problem {
    Problem::new(Code::ConnectionNotFound, format!("there is no connection `{id:.60}`"))
}
