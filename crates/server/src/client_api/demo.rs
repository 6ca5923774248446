//! The demonstration of a node in `--dev`, for people who want to see a link survive faults: a page
//! on `/`, jobs to watch, and a switch that blocks WebSocket as a middlebox would. In: requests
//! under `/` and `/demo/`. Out: responses, and events that are published as usual. Without `--dev`
//! none of it exists.

mod barrier;
mod files;
mod job;
mod jobs;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::body::{Body, whole};
use super::headers::wrong_method;
use crate::backend_api::body;
use crate::json_object;
use crate::node::Node;
use crate::problem::{Code, Problem};

use barrier::Barrier;
pub(super) use barrier::{Exposed, refusal};
use jobs::Jobs;

/// The most bytes of a request's body.
const BODY_BYTES_MAX: usize = 1024;

/// The demonstration of one node.
#[derive(Debug, Default)]
pub(super) struct Demo {
    /// What blocks WebSocket.
    pub(super) barrier: Barrier,
    jobs: Jobs,
}

/// The options of a job; an empty body has none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct JobWish {
    duration_ms: Option<u64>,
}

/// Whether to block WebSocket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BarrierWish {
    is_blocked: bool,
}

impl Demo {
    /// Answers a request for `/` or for anything under `/demo/`.
    pub(super) async fn answer(
        &self,
        node: &Arc<Node>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Problem> {
        self.answer_body(node, request.map(axum::body::Body::new)).await
    }

    async fn answer_body(
        &self,
        node: &Arc<Node>,
        request: Request<axum::body::Body>,
    ) -> Result<Response<Body>, Problem> {
        let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
        match request.uri().path() {
            "/demo/jobs" if request.method() == Method::POST => {
                let wish: JobWish = read(request).await?.unwrap_or_default();
                let channel = self.jobs.start(node, wish.duration_ms)?;
                Ok(told(StatusCode::CREATED, &json!({ "channel": channel.as_str() })))
            }
            "/demo/jobs" => Ok(wrong_method("a job is started with POST", "POST")),
            "/demo/websocket" if request.method() == Method::PUT => {
                let wish: BarrierWish = read(request).await?.ok_or_else(|| {
                    let detail = r#"say how it is to be: {"is_blocked": true} or false"#;
                    Problem::new(Code::MissingField, detail)
                })?;
                self.barrier.set(wish.is_blocked);
                Ok(self.barrier_state())
            }
            "/demo/websocket" if is_read => Ok(self.barrier_state()),
            "/demo/websocket" => {
                Ok(wrong_method("WebSocket is blocked with PUT", "GET, HEAD, PUT"))
            }
            path => match files::find(path) {
                Some(file) if is_read => Ok(file.answer(request.headers())),
                Some(_) => Ok(wrong_method("a file is read with GET", "GET, HEAD")),
                None => Err(super::router::not_found()),
            },
        }
    }

    fn barrier_state(&self) -> Response<Body> {
        told(StatusCode::OK, &json!({ "is_blocked": self.barrier.is_up() }))
    }
}

/// The body of a request as JSON; `None` if it is empty.
async fn read<T>(request: Request<axum::body::Body>) -> Result<Option<T>, Problem>
where
    T: serde::de::DeserializeOwned,
{
    if request.body().is_end_stream() {
        return Ok(None);
    }
    let bytes: Bytes = body::read(request, BODY_BYTES_MAX).await?;
    let text = body::text(&bytes)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    json_object::read(text, "the body").map(Some)
}

fn told(status: StatusCode, what: &serde_json::Value) -> Response<Body> {
    let mut response = Response::new(whole(what.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
