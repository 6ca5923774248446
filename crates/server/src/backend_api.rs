//! The internal port: backends publish through it, operators look and act. In: HTTP requests with
//! the node's key. Out: JSON, problems, metrics. Must not know sockets, or how it is served.

mod backend_auth;
mod backend_keys;
mod batch;
pub(crate) mod body;
mod channel_events;
mod channels;
pub(crate) mod cluster_rpc;
mod connections;
mod dashboard;
mod drain;
mod event;
mod health;
mod limit_use;
mod listener;
mod metric_family;
mod metrics;
mod openapi;
mod publish;
mod publish_pipeline;
mod query;
pub(crate) mod revocations;
mod snapshot;
mod stats;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{delete, get, post};
use hyper::header::{CACHE_CONTROL, CONNECTION, HeaderName, HeaderValue};
use hyper::{Method, StatusCode, Uri};

use crate::node::Node;
use crate::problem::{Code, Problem};

use self::backend_auth::BackendAuth;

pub(crate) use self::backend_keys::BackendKeys;
pub use self::listener::serve;
#[cfg(feature = "fuzzing")]
pub(crate) use self::publish_pipeline::publish_length;

const STEADFAST_NODE: HeaderName = HeaderName::from_static("steadfast-node");

/// All routes of the internal port. All but the two health checks and the files of the dashboard,
/// which hold nothing of this node, need the key or, in `--dev`, a caller on this machine.
pub fn router(node: Arc<Node>) -> Router {
    let auth = BackendAuth::new(Arc::clone(&node));
    let keys = Router::new()
        .route("/v1/key", get(backend_auth::own_key))
        .method_not_allowed_fallback(another_method)
        .layer(from_fn(openapi::check_query))
        .layer(from_fn_with_state(auth.clone(), backend_auth::check))
        .with_state(auth.clone());
    let gate = from_fn_with_state(auth, backend_auth::check);
    let guarded = Router::new()
        .route("/v1/channels/{channel}/events", post(publish::one).get(channel_events::newest))
        .route("/v1/events", post(publish::many))
        .route("/v1/channels", get(channels::list))
        .route("/v1/channels/{channel}", get(channels::one).delete(channels::forget))
        .route("/v1/connections", get(connections::list))
        .route("/v1/connections/{id}", get(connections::one).delete(connections::disconnect))
        .route("/v1/users/{sub}", get(users::one))
        .route("/v1/users/{sub}/connections", delete(users::disconnect))
        .route("/v1/revocations", post(revocations::revoke))
        .route("/v1/drain", post(drain::begin))
        .route("/v1/stats", get(stats::stats))
        .route("/metrics", get(metrics::metrics))
        .route("/openapi.json", get(openapi::describe))
        .fallback(nothing_here)
        .method_not_allowed_fallback(another_method)
        .layer(from_fn(openapi::check_query))
        .layer(gate);
    let health = Router::new()
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .method_not_allowed_fallback(another_method);
    let dashboard = Router::new()
        .route("/admin", get(dashboard::page))
        .route("/admin/{file}", get(dashboard::file))
        .method_not_allowed_fallback(another_method);
    let signed = from_fn_with_state(Arc::clone(&node), sign);
    guarded.merge(health).merge(dashboard).with_state(node).merge(keys).layer(signed)
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::new(Code::NotFound, format!("the internal port has no route `{}`", uri.path()))
}

async fn another_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("`{}` does not take {method}; see the header `Allow`", uri.path());
    Problem::new(Code::MethodNotAllowed, detail)
}

/// Names the node in every response, and forbids caching: each response is true only now.
async fn sign(State(node): State<Arc<Node>>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_unread =
        matches!(response.status(), StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT);
    let headers = response.headers_mut();
    if let Ok(name) = HeaderValue::from_str(&node.config.node.name) {
        headers.insert(STEADFAST_NODE, name);
    }
    if is_unread {
        // The rest of the body is not read, so the connection is of no further use.
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
