//! Whether the process is up, and whether it can serve, for what starts, stops and balances nodes.
//! Both need no key.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use crate::node::Node;
use crate::pressure;
use crate::problem::{Code, Problem};

/// When to check again, in seconds.
const AGAIN_S: u32 = 1;

/// The response of a healthy node.
#[derive(Debug, Serialize)]
pub(super) struct HealthReport {
    status: &'static str,
    /// Problems that are no reason to take the node out of service, but need attention.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// `GET /livez`: the process is up.
pub(super) async fn live() -> Json<HealthReport> {
    Json(HealthReport { status: "ok", warnings: Vec::new() })
}

/// `GET /readyz`: the node does not drain, its broker answers a publish to itself, and it has keys
/// to check tokens with.
pub(super) async fn ready(State(node): State<Arc<Node>>) -> Result<Json<HealthReport>, Problem> {
    if node.is_draining() {
        let detail = "this node is draining and takes nobody new";
        return Err(Problem::new(Code::Draining, detail).retry_after_s(AGAIN_S));
    }
    if !node.broker.is_ready().await {
        let what = node.broker.failure().unwrap_or("does not answer");
        let detail = format!("the {} broker {what}", node.broker.name());
        return Err(Problem::new(Code::BrokerUnavailable, detail).retry_after_s(AGAIN_S));
    }
    let mut warnings = node.broker.warnings();
    if let Some(jwks) = node.admissions.jwks() {
        if jwks.keys == 0 {
            let detail = "the keys of tokens (`auth.jwks.url`) have not been fetched";
            return Err(Problem::new(Code::KeysUnavailable, detail).retry_after_s(AGAIN_S));
        }
        if jwks.failures > 0 {
            let failures = jwks.failures;
            warnings.push(format!(
                "the keys of tokens (`auth.jwks.url`) cannot be fetched: {failures} attempts failed"
            ));
        }
    }
    warnings.extend(node.reload.warning());
    warnings.extend(node.tls.warnings());
    warnings.extend(pressure::warnings(&node.broker.yields(), node.clock.now()));
    Ok(Json(HealthReport { status: "ok", warnings }))
}
