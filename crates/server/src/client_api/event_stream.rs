//! Server-sent events: a channel as a response that goes on until the channel ends. P-80, P-81

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use socket2::SockRef;
use steadfast_history::PageLimit;
use steadfast_hub::{Encoding, Outgoing, Transport, Work};
use steadfast_protocol::codec::sse;
use steadfast_protocol::{ChannelName, ChannelRequest, Since};
use tokio::io::AsyncWriteExt;

use super::body::whole;
use super::detach::{DetachedSocket, RequestOutcome, poll_heard};
use super::headers::{permit_ticket, text};
use super::http_session::HttpSession;
use super::{poll_query, unavailable};
use crate::net::socket::Stream;
use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};
use crate::session::GRACE;

/// How long written bytes may stay unacknowledged, because the peer of a stream sends no heartbeat
/// that could be missed. It is six times the interval of comments: the kernel counts from the first
/// retransmission of a series, whatever was acknowledged since.
const UNACKED_MAX: Duration = Duration::from_mins(2);

/// A frame of so many bytes or more is written from the memory where it is, which readers share.
const SHARED_BYTES_MIN: usize = 2 * 1024;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Answers with an event stream. If the stream is not available for now, the response is one that
/// ends at once. P-84
pub(super) async fn answer(
    node: &Arc<Node>,
    client: IpAddr,
    channel: ChannelName,
    request: &Request<Incoming>,
) -> Result<RequestOutcome, Problem> {
    let is_for_a_while = |problem: &Problem| problem.status() == StatusCode::SERVICE_UNAVAILABLE;
    match begin(node, client, channel, request).await {
        Err(problem) if is_for_a_while(&problem) && request.method() == Method::GET => {
            Counters::add(&node.counters.rejected);
            Ok(unavailable::not_now(node, &problem).into())
        }
        answer => answer,
    }
}

async fn begin(
    node: &Arc<Node>,
    client: IpAddr,
    channel: ChannelName,
    request: &Request<Incoming>,
) -> Result<RequestOutcome, Problem> {
    // What can be refused without the ticket does not use it up.
    let since = since(request)?;
    if node.is_draining() {
        return Err(unavailable::problem(node));
    }
    let admission = permit_ticket(node, &channel, request).await?;
    if is_over(node, &channel, &since).await {
        let mut response = Response::new(whole(""));
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response.into());
    }
    let is_chunked = request.version() == Version::HTTP_11;
    if request.method() == Method::HEAD {
        return Ok(head(is_chunked).map(|()| whole("")).into());
    }
    let encoding = (Transport::Sse, Encoding::Stream);
    let watch = HttpSession::open(
        node,
        client,
        encoding,
        admission,
        vec![ChannelRequest { id: None, channel, since }],
    )?;
    // Checked after the session is open: the drain ends all sessions that are open before it
    // begins.
    if node.is_draining() {
        return Err(unavailable::problem(node));
    }
    Ok(RequestOutcome::Leaving(Box::new(move |left| {
        tokio::spawn(run(watch, left, is_chunked));
    })))
}

fn head(is_chunked: bool) -> Response<()> {
    let mut response = Response::new(());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // The connection ends with the stream.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if is_chunked {
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    // Asks proxies not to buffer the response.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// Where the stream starts: at the header's position, which the browser sets and is therefore the
/// newest, or else at that of the query. P-80, P-85
fn since<B>(request: &Request<B>) -> Result<Since, Problem> {
    let query = request.uri().query();
    let header = text(request.headers(), LAST_EVENT_ID).filter(|id| !id.is_empty());
    let given = match header {
        Some(id) => Some(("Last-Event-ID", id.to_owned())),
        None => poll_query::last_event_id(query),
    };
    match given {
        Some((name, id)) => sse::position(&id).map(Since::After).ok_or_else(|| {
            let detail = format!("`{name}` is `epoch:offset`, as in an event's `id:`");
            Problem::new(Code::BadPosition, detail)
        }),
        None => Ok(poll_query::poll(query)?.since),
    }
}

/// Whether a reader at `since` has had the end of a finished channel.
async fn is_over(node: &Node, channel: &ChannelName, since: &Since) -> bool {
    if !matches!(since, Since::After(_)) {
        return false;
    }
    let limit = PageLimit { events_max: 1, bytes_max: 1, is_thinned: false };
    let page = node.broker.read(channel, since, limit).await;
    page.is_ok_and(|page| page.events.is_empty() && page.gap.is_none() && page.reaches_the_end())
}

/// Writes what waits, whenever there is something, until the channel ends or the peer disconnects.
async fn run(watch: HttpSession, left: DetachedSocket, is_chunked: bool) {
    let mut out = StreamPieces::default();
    out.put_slice(&left.head(head(is_chunked)));
    let retry = sse::retry(unavailable::stream_retry_ms(&left.port.node));
    out.put_frames(vec![retry], is_chunked);
    let DetachedSocket { mut socket, peer: _peer, .. } = left;
    // The stream works without this option too, but a dead peer is noticed later.
    drop(SockRef::from(socket.tcp()).set_tcp_user_timeout(Some(UNACKED_MAX)));
    loop {
        let work = watch.take();
        let is_last = gather(work, is_chunked, &mut out);
        if !out.is_empty() {
            let pieces = std::mem::take(&mut out).finish();
            let written = Box::pin(write(&mut socket, pieces, &watch)).await;
            if written.is_err() {
                return;
            }
        } else if poll_fn(|context| poll_next(context, &mut socket, &watch)).await.is_err() {
            return;
        }
        if is_last {
            // The peer has everything. Whether it sees the connection end does not matter.
            drop(Box::pin(socket.shutdown()).await);
            return;
        }
    }
}

/// Appends what is to be written to `out`. Returns whether that is the last.
fn gather(work: Work, is_chunked: bool, out: &mut StreamPieces) -> bool {
    let mut frames = Vec::new();
    let mut is_last = false;
    for item in work.frames {
        match item {
            Outgoing::Text(text) => frames.push(text),
            Outgoing::StreamEvent(event) => {
                frames.extend([event.head, event.frame, Bytes::from_static(sse::EVENT_END)]);
            }
            Outgoing::Ping => frames.push(Bytes::from_static(sse::COMMENT)),
            Outgoing::Signal => {}
            Outgoing::Close { .. } => is_last = true,
        }
    }
    out.put_frames(frames, is_chunked);
    if is_last && is_chunked {
        out.put_slice(b"0\r\n\r\n");
    }
    is_last
}

/// What is to be written: short texts are copied into one piece, longer ones stay what they are.
#[derive(Debug, Default)]
struct StreamPieces {
    whole: Vec<Bytes>,
    short: BytesMut,
}

impl StreamPieces {
    fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.short.is_empty()
    }

    fn put_slice(&mut self, text: &[u8]) {
        self.short.extend_from_slice(text);
    }

    /// Appends frames, as one chunk if the stream is chunked.
    fn put_frames(&mut self, frames: Vec<Bytes>, is_chunked: bool) {
        let bytes: usize = frames.iter().map(Bytes::len).sum();
        if bytes == 0 {
            return;
        }
        if is_chunked {
            self.put_slice(format!("{bytes:x}\r\n").as_bytes());
        }
        for frame in frames {
            if frame.len() < SHARED_BYTES_MIN {
                self.put_slice(&frame);
            } else {
                self.end_short();
                self.whole.push(frame);
            }
        }
        if is_chunked {
            self.put_slice(b"\r\n");
        }
    }

    fn end_short(&mut self) {
        if !self.short.is_empty() {
            self.whole.push(self.short.split().freeze());
        }
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.end_short();
        self.whole
    }
}

/// Writes these pieces. When the hub closes the session because the reader is too slow, the write
/// gets a moment longer; then the socket is reset, with everything that waits in it.
async fn write(socket: &mut Stream, pieces: Vec<Bytes>, watch: &HttpSession) -> io::Result<()> {
    let writing = async {
        for piece in pieces {
            socket.write_all(&piece).await?;
        }
        socket.flush().await
    };
    let warden = async {
        watch.waker.closing.notified().await;
        tokio::time::sleep(GRACE).await;
    };
    let outcome = tokio::select! {
        written = writing => return written,
        () = warden => Err(io::ErrorKind::TimedOut.into()),
    };
    drop(SockRef::from(socket.tcp()).set_linger(Some(Duration::ZERO)));
    outcome
}

/// Waits until the hub has something; an error if the peer has disconnected. What the peer sends is
/// read and discarded.
fn poll_next(
    context: &mut Context<'_>,
    socket: &mut Stream,
    watch: &HttpSession,
) -> Poll<io::Result<()>> {
    if watch.waker.ready.poll_notified(context).is_ready() {
        return Poll::Ready(Ok(()));
    }
    let mut unheard = [0; 256];
    while ready!(poll_heard(context, socket, &mut unheard))? > 0 {}
    Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
}
