//! Polls: the events after a position, at once or as soon as there are any. P-70 to P-72

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, Version};
use serde_json::Value;
use steadfast_history::{Page, PageLimit, ReadError};
use steadfast_hub::{Encoding, Transport};
use steadfast_protocol::{ChannelName, ChannelRequest, CloseCode, Since};
use tokio::time::{Instant, Sleep};

use super::answer_budget::AnswerShare;
use super::body::{Body, boxed};
use super::detach::{DetachedSocket, RequestOutcome};
use super::headers::permit;
use super::http_session::{self, HttpSession};
use super::poll_answer::PollAnswer;
use super::poll_query::{self, PollQuery};
use super::unavailable;
use crate::auth::admission::Admission;
use crate::auth::token::TokenError;
use crate::net::socket::upgrade::has_token;
use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};

/// The pause that a client is told to make after an empty poll that did not wait.
pub(super) const NEXT_SHORT_MS: u64 = 3_000;
/// The most bytes of events in one response. One event is given even if it alone is larger.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The most events of all channels in one response.
const ANSWER_EVENTS_MAX: usize = 1_000;

/// One channel of a poll, and the position of its reader.
#[derive(Debug)]
pub(super) struct PollReader {
    pub(super) channel: ChannelName,
    pub(super) since: Since,
    /// Whether the client does not know its position in the channel.
    pub(super) is_new: bool,
}

/// What a poll asks for: each channel has one reader.
#[derive(Debug)]
pub(super) struct PollRequest {
    pub(super) readers: Vec<PollReader>,
    /// Channels that are refused, each as the response lists it.
    pub(super) refused: Vec<Value>,
    pub(super) wait: Duration,
    pub(super) limit: usize,
    /// The address that asks.
    pub(super) client: IpAddr,
    /// The same, if the limits of an address hold for it.
    pub(super) address: Option<IpAddr>,
}

/// The page of one reader, or why there is none; `None` if the response had no room for it.
pub(super) type PollOutcome = Option<Result<Page, Problem>>;

/// What was read for a response: an outcome for each reader, and the share of the budget that the
/// events of all pages hold.
#[derive(Debug)]
pub(super) struct PollPages {
    pub(super) outcomes: Vec<PollOutcome>,
    pub(super) share: AnswerShare,
}

/// Makes the response.
pub(super) type Write = fn(&Node, &PollRequest, PollPages) -> Response<Body>;

/// A poll that waits for events.
struct ParkedPoll {
    asked: PollRequest,
    deadline: Instant,
    watch: HttpSession,
}

/// Answers a poll of one channel.
pub(super) async fn answer(
    node: &Arc<Node>,
    client: IpAddr,
    channel: ChannelName,
    request: &Request<Incoming>,
) -> Result<RequestOutcome, Problem> {
    let admission = permit(node, &channel, request).await?;
    let PollQuery { since, wait, limit } = poll_query::poll(request.uri().query())?;
    let readers = vec![PollReader { channel, since, is_new: false }];
    let address = node.access.limited(client);
    let asked = PollRequest { readers, refused: Vec::new(), wait, limit, client, address };
    let may_leave = request.method() == Method::GET;
    let from = ConnectionContext::of(request, may_leave);
    answer_or_park(node, admission, asked, written, from).await
}

/// What the connection of a request allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionContext {
    may_leave: bool,
    is_last: bool,
}

impl ConnectionContext {
    /// For a request whose body has been read to its end, if it has one.
    pub(super) fn of<B>(request: &Request<B>, may_leave: bool) -> Self {
        Self {
            may_leave: may_leave && request.version() == Version::HTTP_11,
            is_last: has_token(request.headers(), &header::CONNECTION, "close"),
        }
    }
}

/// Answers at once if there are events or the poll does not wait; otherwise as soon as there are.
pub(super) async fn answer_or_park(
    node: &Arc<Node>,
    admission: Admission,
    mut asked: PollRequest,
    write: Write,
    from: ConnectionContext,
) -> Result<RequestOutcome, Problem> {
    let deadline = node.clock.after(asked.wait);
    let pages = read_all(node, &asked).await?;
    if pages.have_news() || asked.wait.is_zero() || node.is_draining() {
        return Ok(write(node, &asked, pages).into());
    }
    for (reader, outcome) in asked.readers.iter_mut().zip(pages.outcomes) {
        if let Some(Ok(page)) = outcome {
            reader.since = Since::After(page.start);
        }
    }
    let signal = (Transport::Poll, Encoding::Signal);
    let follow = |reader: &PollReader| ChannelRequest {
        id: None,
        channel: reader.channel.clone(),
        since: Since::Now,
    };
    let channels = asked.readers.iter().map(follow).collect();
    let watch = HttpSession::open(node, asked.client, signal, admission, channels)?;
    let parked = Box::new(ParkedPoll { asked, deadline, watch });
    if from.may_leave {
        return Ok(RequestOutcome::Leaving(Box::new(move |left| {
            tokio::spawn(answer_outside(left, parked, write, from.is_last));
        })));
    }
    // hyper keeps the socket, and drops the request if the peer disconnects.
    let pages = parked.wait(node, None).await?;
    let pages = pages.ok_or_else(|| Problem::new(Code::Internal, "the peer has gone"))?;
    Ok(write(node, &parked.asked, pages).into())
}

impl ParkedPoll {
    /// Waits for the pages of the response: with events, or without them when the time is over.
    /// `None` if the peer has disconnected, which only a socket outside of hyper shows.
    async fn wait(
        &self,
        node: &Node,
        mut outside: Option<&mut DetachedSocket>,
    ) -> Result<Option<PollPages>, Problem> {
        let mut over = pin!(tokio::time::sleep_until(self.deadline));
        // The session follows every channel before the channels are read again, so an event in
        // between is seen by one of the two. A node that began to drain before that has not ended
        // this session.
        let mut ended = self.listen().ended;
        let is_late = node.is_draining();
        loop {
            let pages = Box::pin(read_all(node, &self.asked)).await?;
            match ended {
                Some(CloseCode::TOKEN_REJECTED) => return Err(TokenError::Revoked.into()),
                _ if pages.have_news() || is_late => return Ok(Some(pages)),
                Some(CloseCode::TOKEN_EXPIRED) => {
                    let detail = "the token expired while the poll waited; get a new one";
                    return Err(Problem::new(Code::TokenExpired, detail));
                }
                Some(_) => return Ok(Some(pages)),
                None => {}
            }
            loop {
                match self.next(over.as_mut(), outside.as_deref_mut()).await {
                    // Taken before the channels are read: an event behind the page wakes the poll
                    // again.
                    PollStep::Called => {
                        let heard = self.listen();
                        ended = heard.ended;
                        // While channels are being subscribed, the last one is waited for.
                        if heard.is_called || !heard.is_joining || ended.is_some() {
                            break;
                        }
                    }
                    PollStep::Over => return Ok(Some(pages)),
                    PollStep::Gone => return Ok(None),
                }
            }
        }
    }

    async fn next(
        &self,
        mut over: Pin<&mut Sleep>,
        mut outside: Option<&mut DetachedSocket>,
    ) -> PollStep {
        poll_fn(|context| {
            if let Some(left) = outside.as_deref_mut()
                && left.poll_gone(context).is_ready()
            {
                return Poll::Ready(PollStep::Gone);
            }
            if self.watch.waker.ready.poll_notified(context).is_ready() {
                return Poll::Ready(PollStep::Called);
            }
            over.as_mut().poll(context).map(|()| PollStep::Over)
        })
        .await
    }

    /// Takes everything that the session has, and completes the subscriptions whose position is at
    /// hand.
    fn listen(&self) -> PollEvent {
        let mut heard = PollEvent::default();
        loop {
            let (work, is_reading) = self.watch.take_noting();
            heard.ended = heard.ended.or(http_session::ended(&work));
            heard.is_called |= http_session::is_called(&work);
            if !is_reading {
                return heard;
            }
            heard.is_joining = true;
        }
    }
}

/// What the session of a waiting poll had.
#[derive(Debug, Default)]
struct PollEvent {
    ended: Option<CloseCode>,
    /// Whether a channel has something new.
    is_called: bool,
    /// Whether the position of a channel was read.
    is_joining: bool,
}

enum PollStep {
    Called,
    Over,
    Gone,
}

/// Waits and answers on the bare socket, then hands the socket back to hyper for the next request.
async fn answer_outside(
    mut left: DetachedSocket,
    parked: Box<ParkedPoll>,
    write: Write,
    is_last: bool,
) {
    let node = Arc::clone(&left.port.node);
    let response = match parked.wait(&node, Some(&mut left)).await {
        Ok(Some(pages)) => write(&node, &parked.asked, pages),
        Ok(None) => return,
        Err(problem) => rejected(&node, &problem),
    };
    drop(parked);
    Box::pin(left.finish(response, is_last)).await;
}

/// The response to a poll of one channel.
fn written(node: &Node, asked: &PollRequest, pages: PollPages) -> Response<Body> {
    let unread = || Err(Problem::new(Code::Internal, "the channel was not read"));
    match pages.outcomes.into_iter().flatten().next().unwrap_or_else(unread) {
        Ok(page) => {
            let next = next_poll_ms(node, &page, asked.wait);
            let mut answer = PollAnswer::new(pages.share);
            answer.push_page(page, &asked.readers[0].channel, Some(next));
            json(node, answer)
        }
        Err(problem) => rejected(node, &problem),
    }
}

fn rejected(node: &Node, problem: &Problem) -> Response<Body> {
    Counters::add(&node.counters.rejected);
    boxed(problem.response())
}

/// A response with a body of JSON, which is counted as an answered poll.
pub(super) fn json(node: &Node, answer: PollAnswer) -> Response<Body> {
    Counters::add(&node.counters.polls);
    let mut response = Response::new(answer.boxed_unsync());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

/// Reads a page for each reader, until the response is full. The first reader changes from poll to
/// poll, so that none is left out for ever.
async fn read_all(node: &Node, asked: &PollRequest) -> Result<PollPages, Problem> {
    let count = asked.readers.len();
    let mut outcomes: Vec<PollOutcome> = Vec::new();
    outcomes.resize_with(count, || None);
    let mut share = node.answer_budget.share(ANSWER_BYTES_MAX, asked.address);
    let (mut bytes, mut events) = (0, 0);
    let first = usize::try_from(node.counters.polls.load(Ordering::Relaxed)).unwrap_or(0);
    for step in 0..count {
        let at = (first % count + step) % count;
        let is_full = step > 0 && (bytes >= share.bytes() || events >= ANSWER_EVENTS_MAX);
        if is_full {
            break;
        }
        let limit = PageLimit {
            events_max: asked.limit.min(ANSWER_EVENTS_MAX - events),
            bytes_max: share.bytes() - bytes,
            is_thinned: false,
        };
        let outcome = read(node, &asked.readers[at], limit).await;
        if let Ok(page) = &outcome {
            events += page.events.len();
            bytes += encoded_bytes(page);
        }
        outcomes[at] = Some(outcome);
    }
    share.settle(bytes).inspect_err(|_| Counters::add(&node.counters.polls_refused))?;
    Ok(PollPages { outcomes, share })
}

async fn read(node: &Node, reader: &PollReader, limit: PageLimit) -> Result<Page, Problem> {
    let page = node.broker.read(&reader.channel, &reader.since, limit).await;
    page.map_err(|error| match error {
        ReadError::Unavailable => {
            let detail = "the broker cannot be reached; try again in a moment";
            Problem::new(Code::BrokerUnavailable, detail).retry_after_s(5)
        }
    })
}

/// How long the client is to wait after this page. A draining node gives each client a time of its
/// own. P-77
pub(super) fn next_poll_ms(node: &Node, page: &Page, wait: Duration) -> u64 {
    if page.end < page.head || page.reaches_the_end() {
        0
    } else if node.is_draining() {
        unavailable::pause_ms(node)
    } else if page.events.is_empty() && wait.is_zero() {
        NEXT_SHORT_MS
    } else {
        0
    }
}

impl PollPages {
    /// Whether there is a reason to answer at once.
    fn have_news(&self) -> bool {
        self.outcomes.iter().flatten().any(|outcome| outcome.as_ref().map_or(true, is_news))
    }
}

/// Whether a page has more than the reader's position.
pub(super) fn is_news(page: &Page) -> bool {
    !page.events.is_empty() || page.gap.is_some() || page.reaches_the_end()
}

/// The bytes of the page's events.
fn encoded_bytes(page: &Page) -> usize {
    page.events.iter().map(|event| event.encoded.len()).sum()
}
