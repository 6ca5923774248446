//! Server-sent events: a channel as a response that goes on until the channel ends. P-80, P-81

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::stream;
use hyper::body::{Frame, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode};
use steadfast_hub::{Outgoing, PageLimit, Speech, Transport};
use steadfast_protocol::codec::sse;
use steadfast_protocol::{ChannelName, Since};

use super::answer::{permit, text};
use super::body::{Body, streamed, whole};
use super::query;
use super::watch::Watch;
use crate::connection::Peer;
use crate::node::Node;
use crate::problem::{Code, Problem};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Answers with a stream of events.
pub(super) async fn answer(
    node: &Arc<Node>,
    peer: Arc<Peer>,
    channel: ChannelName,
    request: &Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let grants = permit(node, &channel, request)?;
    if node.is_draining() {
        let problem = Problem::new(Code::Draining, "this node is leaving; come back in a moment");
        return Err(problem.retry_after_s(1));
    }
    let since = since(request)?;
    if is_over(node, &channel, &since).await {
        let mut response = Response::new(whole(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    let speech = (Transport::Sse, Speech::Stream);
    let watch = Watch::open(node, speech, grants, channel, since)?;
    let mut response = Response::new(body(watch, peer));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // The connection belongs to the stream: it may be dropped with it.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    // Proxies that hold back answers are asked not to.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// `Last-Event-ID` before the query; both say where to start.
fn since(request: &Request<Incoming>) -> Result<Since, Problem> {
    match text(request.headers(), LAST_EVENT_ID).filter(|id| !id.is_empty()) {
        Some(id) => sse::position(id).map(Since::After).ok_or_else(|| {
            let detail = "`Last-Event-ID` is `epoch:offset`, as in an event's `id:`";
            Problem::new(Code::BadPosition, detail)
        }),
        None => Ok(query::poll(request.uri().query())?.since),
    }
}

/// Whether a reader that stands at `since` has had the end of a finished channel already.
async fn is_over(node: &Node, channel: &ChannelName, since: &Since) -> bool {
    if !matches!(since, Since::After(_)) {
        return false;
    }
    let limit = PageLimit { events_max: 1, bytes_max: 1, is_thinned: false };
    let page = node.broker.read(channel, since, limit).await;
    page.is_ok_and(|page| page.events.is_empty() && page.gap.is_none() && page.reaches_the_end())
}

/// One piece for all that waits, whenever something does.
fn body(watch: Watch, peer: Arc<Peer>) -> Body {
    let guard = Arc::clone(&watch.bell);
    // When the hub gives up on a reader that takes nothing, hyper may be stuck in a write.
    let warden = tokio::spawn(async move {
        guard.closing.notified().await;
        tokio::time::sleep(crate::connection::GRACE).await;
        peer.abandon();
    });
    let state = Some((watch, AbortOnDrop(warden)));
    streamed(stream::unfold(state, |state| async move {
        let (watch, warden) = state?;
        loop {
            let work = watch.take().await;
            let mut piece = BytesMut::new();
            let mut is_last = false;
            for item in work.frames {
                match item {
                    Outgoing::Text(text) => piece.extend_from_slice(&text),
                    Outgoing::Ping => piece.extend_from_slice(sse::COMMENT),
                    Outgoing::Signal => {}
                    Outgoing::Close { .. } => is_last = true,
                }
            }
            if is_last || !piece.is_empty() {
                let next = (!is_last).then_some((watch, warden));
                return Some((Ok(Frame::data(piece.freeze())), next));
            }
            watch.called().await;
        }
    }))
}

/// Ends a task with its owner.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
