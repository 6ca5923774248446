//! What HTTP clients are told by a node that drains or cannot serve for a while: when to come back.
//! The time is drawn for each, so that they do not come together.

use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use steadfast_protocol::codec::sse;

use super::body::{Body, whole};
use crate::node::Node;
use crate::problem::{Code, Problem};

/// The least that a client waits before it comes back, in milliseconds.
pub(super) const PAUSE_MS_MIN: u64 = 1_000;

/// When to come back to a node that drains, in milliseconds: within the time over which links are
/// sent away, which is short if there is no other node. P-77
pub(super) fn pause_ms(node: &Node) -> u64 {
    let spread = node.drain.spread_ms();
    node.draw_ms(PAUSE_MS_MIN, spread.max(PAUSE_MS_MIN + spread.min(PAUSE_MS_MIN)))
}

/// The refusal of a node that drains.
pub(super) fn problem(node: &Node) -> Problem {
    let seconds = u32::try_from(pause_ms(node).div_ceil(1_000)).unwrap_or(u32::MAX);
    let detail = "this node is leaving; come back in a moment";
    Problem::new(Code::Draining, detail).retry_after_s(seconds)
}

/// When the client of a stream that ends is to reconnect, in milliseconds: within the time that
/// clients of a vanished node are given. P-83
pub(super) fn stream_retry_ms(node: &Node) -> u64 {
    node.draw_ms(PAUSE_MS_MIN, PAUSE_MS_MIN + node.config.crash_window_ms)
}

/// The refusal of a stream that may be retried. It is a stream that ends at once, because any
/// status but 200 ends an `EventSource` for good. P-84
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

/// The body of the refusal: a comment for people, and the time for programs.
pub(super) fn not_now_text(why: &str, retry_ms: u64) -> String {
    let retry = sse::retry(retry_ms);
    format!(": {why}\n{}", String::from_utf8_lossy(&retry))
}
