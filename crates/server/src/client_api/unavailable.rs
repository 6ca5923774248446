//! What a node that leaves, or cannot serve for a while, tells those who come over HTTP: when to
//! come back, drawn for each, so that they do not come together.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use steadfast_protocol::codec::sse;

use super::body::{Body, whole};
use crate::node::Node;
use crate::problem::{Code, Problem};

/// The least that a client waits before it comes back, in milliseconds.
pub(super) const PAUSE_MS_MIN: u64 = 1_000;

/// When to come back to a node that leaves, in milliseconds: over the spread that links are given,
/// which is short where there is no other node. P-77
pub(super) fn pause_ms(node: &Node) -> u64 {
    let spread = node.drain_spread_ms();
    node.draw_ms(PAUSE_MS_MIN, spread.max(PAUSE_MS_MIN + spread.min(PAUSE_MS_MIN)))
}

/// Why a node that leaves takes nobody new.
pub(super) fn problem(node: &Node) -> Problem {
    let seconds = u32::try_from(pause_ms(node).div_ceil(1_000)).unwrap_or(u32::MAX);
    let detail = "this node is leaving; come back in a moment";
    Problem::new(Code::Draining, detail).retry_after_s(seconds)
}

/// When a stream that ends is to come back, in milliseconds: over the window that clients of a node
/// which vanishes are given. P-83
pub(super) fn stream_retry_ms(node: &Node) -> u64 {
    node.draw_ms(PAUSE_MS_MIN, PAUSE_MS_MIN + node.config.crash_window_ms)
}

/// The refusal of a stream that may be tried again, in the one form that an `EventSource` survives:
/// any status but 200 ends it for good. P-84
pub(super) fn not_now(node: &Node, problem: &Problem) -> Response<Body> {
    let least_ms = (u64::from(problem.retry_after_s.unwrap_or(0)) * 1_000).max(PAUSE_MS_MIN);
    let retry_ms = if problem.code == Code::Draining {
        pause_ms(node)
    } else {
        node.draw_ms(least_ms, least_ms + node.config.crash_window_ms)
    };
    let mut response = Response::new(whole(not_now_text(&problem.to_string(), retry_ms)));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The body of such an answer: a comment for people, and the time for programs.
pub(super) fn not_now_text(why: &str, retry_ms: u64) -> String {
    let retry = sse::retry(retry_ms);
    format!(": {why}\n{}", String::from_utf8_lossy(&retry))
}
