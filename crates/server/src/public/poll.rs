//! Events after a position, at once or as soon as there are any. P-70 to P-72

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Response};
use steadfast_hub::{Grants, Page, PageLimit, ReadError, Speech, Transport};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Since};

use super::answer::permit;
use super::body::{Body, whole};
use super::query::{self, PollQuery};
use super::watch::Watch;
use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};

/// When to come back after an empty short poll.
const NEXT_SHORT_MS: u64 = 3_000;
/// The most bytes of events in one answer; one event is given even where it alone is larger.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Answers one poll.
pub(super) async fn answer(
    node: &Arc<Node>,
    channel: ChannelName,
    request: &Request<Incoming>,
) -> Result<Response<Body>, Problem> {
    let grants = permit(node, &channel, request)?;
    let query = query::poll(request.uri().query())?;
    let page = read_or_wait(node, &channel, &query, grants).await?;
    Counters::add(&node.counters.polls);
    let mut response = Response::new(whole(write(&channel, &page, &query)));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

async fn read_or_wait(
    node: &Arc<Node>,
    channel: &ChannelName,
    query: &PollQuery,
    grants: (Grants, Option<Millis>),
) -> Result<Page, Problem> {
    let deadline = node.clock.after(query.wait);
    let mut page = read(node, channel, &query.since, query.limit).await?;
    if has_news(&page) || query.wait.is_zero() || node.is_draining() {
        return Ok(page);
    }
    // Membership first, then one more look: what comes in between is seen by one of them.
    let signal = (Transport::Poll, Speech::Signal);
    let watch = Watch::open(node, signal, grants, channel.clone(), Since::Now)?;
    let since = Since::After(page.start.clone());
    watch.take().await;
    loop {
        page = read(node, channel, &since, query.limit).await?;
        if has_news(&page) || node.is_draining() {
            return Ok(page);
        }
        watch.take().await;
        if tokio::time::timeout_at(deadline, watch.called()).await.is_err() {
            return Ok(page);
        }
    }
}

async fn read(
    node: &Node,
    channel: &ChannelName,
    since: &Since,
    limit: usize,
) -> Result<Page, Problem> {
    let limit = PageLimit { events_max: limit, bytes_max: ANSWER_BYTES_MAX, is_thinned: false };
    node.broker.read(channel, since, limit).await.map_err(|error| match error {
        ReadError::TooManyChannels { max } => {
            let detail = format!("this node holds at most {max} channels");
            Problem::new(Code::TooManyChannels, detail).retry_after_s(30)
        }
        ReadError::Unavailable => {
            let detail = "the broker cannot be reached; try again in a moment";
            Problem::new(Code::BrokerUnavailable, detail).retry_after_s(5)
        }
    })
}

fn has_news(page: &Page) -> bool {
    !page.events.is_empty() || page.gap.is_some() || page.reaches_the_end()
}

/// The answer, from events that are encoded already.
fn write(channel: &ChannelName, page: &Page, query: &PollQuery) -> Bytes {
    let events: usize = page.events.iter().map(|event| event.encoded.len()).sum();
    let mut out = BytesMut::with_capacity(events + 512);
    let head = format!(
        r#"{{"channel":"{channel}","epoch":"{}","offset":{},"events":["#,
        page.start.epoch, page.end
    );
    out.put_slice(head.as_bytes());
    for (at, event) in page.events.iter().enumerate() {
        out.put_slice(if at == 0 { b"{" } else { b",{" });
        out.put_slice(event.encoded.entry());
    }
    let gap = serde_json::to_string(&page.gap).unwrap_or_else(|_| "null".to_owned());
    let is_idle = page.events.is_empty() && query.wait.is_zero();
    let next = if is_idle { NEXT_SHORT_MS } else { 0 };
    let is_final = page.reaches_the_end();
    let tail = format!(r#"],"final":{is_final},"gap":{gap},"next_poll_ms":{next}}}"#);
    out.put_slice(tail.as_bytes());
    out.freeze()
}
