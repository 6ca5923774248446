//! Events after a position, at once or as soon as there are any. P-70 to P-72

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, Version};
use steadfast_hub::{Page, PageLimit, ReadError, Speech, Transport};
use steadfast_protocol::{ChannelName, CloseCode, Since};
use tokio::time::Instant;

use super::answer::permit;
use super::body::{Body, boxed, whole};
use super::drain;
use super::leave::{Answer, Left};
use super::query::{self, PollQuery};
use super::watch::{self, Watch};
use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};
use crate::socket::upgrade::has_token;

/// When to come back after an empty short poll.
const NEXT_SHORT_MS: u64 = 3_000;
/// The most bytes of events in one answer; one event is given even where it alone is larger.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a poll that waits is waiting for.
struct Asked {
    channel: ChannelName,
    query: PollQuery,
    deadline: Instant,
    watch: Watch,
}

/// Answers one poll.
pub(super) async fn answer(
    node: &Arc<Node>,
    channel: ChannelName,
    request: &Request<Incoming>,
) -> Result<Answer, Problem> {
    let grants = permit(node, &channel, request)?;
    let mut query = query::poll(request.uri().query())?;
    let deadline = node.clock.after(query.wait);
    let page = read(node, &channel, &query.since, query.limit).await?;
    if has_news(&page) || query.wait.is_zero() || node.is_draining() {
        return Ok(written(node, &channel, &page, &query).into());
    }
    query.since = Since::After(page.start);
    let signal = (Transport::Poll, Speech::Signal);
    let watch = Watch::open(node, signal, grants, channel.clone(), Since::Now)?;
    let asked = Box::new(Asked { channel, query, deadline, watch });
    if request.method() == Method::GET && request.version() == Version::HTTP_11 {
        let is_last = has_token(request.headers(), &header::CONNECTION, "close");
        return Ok(Answer::Leaving(Box::new(move |left| {
            tokio::spawn(answer_outside(left, asked, is_last));
        })));
    }
    // Without a socket of its own it waits inside of HTTP, which notices a peer that goes.
    let page = asked.wait(node, None).await?;
    let page = page.ok_or_else(|| Problem::new(Code::Internal, "the peer has gone"))?;
    Ok(written(node, &asked.channel, &page, &asked.query).into())
}

impl Asked {
    /// The page that answers it: with news, or as it is when the time is over. `None` where the
    /// peer has gone, which a socket outside of HTTP shows.
    async fn wait(
        &self,
        node: &Node,
        mut outside: Option<&mut Left>,
    ) -> Result<Option<Page>, Problem> {
        let mut over = pin!(tokio::time::sleep_until(self.deadline));
        // Membership first, then one more look: what comes in between is seen by one of them. A
        // node that began to leave before that has not heard of this poll.
        let mut ended = watch::ended(&self.watch.take());
        let is_late = node.is_draining();
        loop {
            let query = &self.query;
            let page = Box::pin(read(node, &self.channel, &query.since, query.limit)).await?;
            match ended {
                _ if has_news(&page) || is_late => return Ok(Some(page)),
                Some(CloseCode::TOKEN_EXPIRED) => {
                    let detail = "the token expired while the poll waited; get a new one";
                    return Err(Problem::new(Code::TokenExpired, detail));
                }
                Some(_) => return Ok(Some(page)),
                None => {}
            }
            let next = poll_fn(|context| {
                if let Some(left) = outside.as_deref_mut()
                    && left.poll_gone(context).is_ready()
                {
                    return Poll::Ready(Next::Gone);
                }
                if self.watch.bell.ready.poll_notified(context).is_ready() {
                    return Poll::Ready(Next::Called);
                }
                over.as_mut().poll(context).map(|()| Next::Over)
            });
            match next.await {
                // Taken before it is read: what comes after the page calls anew.
                Next::Called => ended = watch::ended(&self.watch.take()),
                Next::Over => return Ok(Some(page)),
                Next::Gone => return Ok(None),
            }
        }
    }
}

enum Next {
    Called,
    Over,
    Gone,
}

/// Waits and answers on the bare socket, then goes back to HTTP for the next request.
async fn answer_outside(mut left: Left, asked: Box<Asked>, is_last: bool) {
    let node = Arc::clone(&left.port.node);
    let response = match asked.wait(&node, Some(&mut left)).await {
        Ok(Some(page)) => written(&node, &asked.channel, &page, &asked.query),
        Ok(None) => return,
        Err(problem) => {
            Counters::add(&node.counters.rejected);
            boxed(problem.response())
        }
    };
    drop(asked);
    Box::pin(left.finish(response, is_last)).await;
}

/// The answer with this page.
fn written(node: &Node, channel: &ChannelName, page: &Page, query: &PollQuery) -> Response<Body> {
    Counters::add(&node.counters.polls);
    let mut response =
        Response::new(whole(write(channel, page, next_poll_ms(node, page, query.wait))));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

async fn read(
    node: &Node,
    channel: &ChannelName,
    since: &Since,
    limit: usize,
) -> Result<Page, Problem> {
    let limit = PageLimit { events_max: limit, bytes_max: ANSWER_BYTES_MAX, is_thinned: false };
    node.broker.read(channel, since, limit).await.map_err(|error| match error {
        ReadError::Unavailable => {
            let detail = "the broker cannot be reached; try again in a moment";
            Problem::new(Code::BrokerUnavailable, detail).retry_after_s(5)
        }
    })
}

/// When to come back after this page. A node that leaves has its pollers come back elsewhere, each
/// at a time of its own. P-77
pub(super) fn next_poll_ms(node: &Node, page: &Page, wait: Duration) -> u64 {
    if page.end < page.head || page.reaches_the_end() {
        0
    } else if node.is_draining() {
        drain::pause_ms(node)
    } else if page.events.is_empty() && wait.is_zero() {
        NEXT_SHORT_MS
    } else {
        0
    }
}

fn has_news(page: &Page) -> bool {
    !page.events.is_empty() || page.gap.is_some() || page.reaches_the_end()
}

/// The answer, from events that are encoded already.
fn write(channel: &ChannelName, page: &Page, next: u64) -> Bytes {
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
    let is_final = page.reaches_the_end();
    let tail = format!(r#"],"final":{is_final},"gap":{gap},"next_poll_ms":{next}}}"#);
    out.put_slice(tail.as_bytes());
    out.freeze()
}
