//! `POST /v1/drain`: the node takes nobody new and sends its links away, as it does on SIGTERM, and
//! goes on to run. In: a request without a body. Out: how long it takes. Whoever stops the process
//! then does not have to wait.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use hyper::StatusCode;
use serde::Deserialize;

use super::body;
use crate::drain::{self, DrainPlan};
use crate::json_object;
use crate::node::Node;
use crate::problem::Problem;

/// The most bytes of a body.
const BODY_BYTES_MAX: usize = 1024;

/// The body, which may be left out: there is nothing to say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DrainBody {}

/// Begins to drain, or reports the drain that has begun.
pub(super) async fn begin(
    State(node): State<Arc<Node>>,
    request: Request,
) -> Result<(StatusCode, Json<DrainPlan>), Problem> {
    let bytes = body::read(request, BODY_BYTES_MAX).await?;
    let text = body::text(&bytes)?;
    if !text.trim().is_empty() {
        let DrainBody {} = json_object::read(text, "a drain")?;
    }
    // It goes on if the caller does not wait for the response.
    let draining = Arc::clone(&node);
    tokio::spawn(async move { drain::complete(&draining).await });
    Ok((StatusCode::ACCEPTED, Json(drain::begin(&node).await)))
}
