//! The connections of one user: list them, disconnect them. In: the user, as the `sub` of tokens
//! names it. Out: what the hubs know and do, on this node and on all that share the broker.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use form_urlencoded::Serializer;
use hyper::Uri;
use serde::Serialize;
use steadfast_hub::Identity;
use steadfast_protocol::{CloseCode, UserId};

use super::cluster_rpc::NodeRequest;
use super::connections::{self, ConnectionPage, SLOTS_PER_LOCK};
use super::query::Query;
use crate::node::Node;
use crate::problem::{Code, Problem};

/// What came of disconnecting a user.
#[derive(Debug, Serialize)]
pub(super) struct EndedConnections {
    closed: usize,
    /// Nodes where the user may still be connected; only if nodes share the broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    unanswered: Option<Vec<String>>,
}

/// Lists a user's connections, page by page.
pub(super) async fn one(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<ConnectionPage>, Problem> {
    let (user, query) = (user(path)?, uri.query().unwrap_or_default());
    Query::of(query, &["after", "limit"])?;
    let user = Serializer::new(String::new()).append_pair("user", user.as_str()).finish();
    let query = if query.is_empty() { user } else { format!("{query}&{user}") };
    connections::page_of(&node, &query).await.map(Json)
}

/// Disconnects a user everywhere, for good or to have the clients reconnect.
pub(super) async fn disconnect(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<EndedConnections>, Problem> {
    let user = user(path)?;
    let comes_back = Query::read(&uri, &["reconnect"])?.flag("reconnect")?;
    let mut closed = end(&node, &user, comes_back).await;
    if node.broker.node_id().is_none() {
        return Ok(Json(EndedConnections { closed, unanswered: None }));
    }
    let request = if comes_back { NodeRequest::ReconnectUser } else { NodeRequest::DisconnectUser };
    let responses = node.broker.request(&request(user).to_string(), None).await;
    let counts = responses.received.iter().filter_map(|(_, body)| body.parse::<usize>().ok());
    closed += counts.sum::<usize>();
    Ok(Json(EndedConnections { closed, unanswered: Some(responses.silent_names()) }))
}

/// Ends a user's sessions on this node. Returns how many there were.
pub(super) async fn end(node: &Node, user: &UserId, comes_back: bool) -> usize {
    let is_theirs = |one: Option<&Identity>| one.and_then(|one| one.user.as_ref()) == Some(user);
    close_where(node, is_theirs, connections::close_by_operator(comes_back)).await
}

/// Ends the sessions of this node whose identity is meant. A hub's lock is held for a limited
/// number of sessions at a time.
pub(super) async fn close_where(
    node: &Node,
    is_meant: impl Fn(Option<&Identity>) -> bool,
    (code, reason): (CloseCode, &str),
) -> usize {
    let mut closed = 0;
    for shard in &*node.shards {
        let mut slot = 0_u32;
        loop {
            let slots = slot..slot.saturating_add(SLOTS_PER_LOCK);
            slot = slots.end;
            let end = shard.with(|hub, now| {
                closed += hub.close_where(now, slots, &is_meant, code, reason);
                hub.slots()
            });
            if slot >= end {
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    closed
}

fn user(path: Result<Path<String>, PathRejection>) -> Result<UserId, Problem> {
    let Path(text) = path.map_err(|_| Problem::new(Code::BadUser, "the user is not UTF-8"))?;
    UserId::new(&text).map_err(|error| Problem::new(Code::BadUser, error.to_string()))
}
