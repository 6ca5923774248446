//! Responses that hyper does not write: a WebSocket, an event stream, a poll that waits. hyper
//! reads the request; then its buffers are freed, and the rest is done on the bare socket. In: the
//! handler that wants the socket, and the connection. Out: the socket, once hyper holds no bytes of
//! it any more.

use bytes::{Buf, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as HttpBody;
use hyper::header::{self, HeaderValue};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use socket2::SockRef;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::body::Body;
use super::headers::finish;
use super::listener::{self, PublicPort};
use crate::net::http_head;
use crate::net::http_head::HYPER_HEAD_BYTES_MAX;
use crate::net::http_timeout::Patience;
use crate::net::socket::Stream;
use crate::net::write_progress::WriteProgress;
use crate::node::Counters;
use crate::session::{AddressPermit, ConnectionGuard};

/// A response with a longer body is a large one, in bytes.
const LARGE_BYTES: u64 = 64 * 1024;
/// The most bytes of a large response that the kernel keeps to be sent, give or take one write. By
/// default it takes megabytes, and a reader's progress shows only when a third of them are gone.
const UNSENT_MAX: u32 = 16 * 1024;
/// The most bytes of one write of a large response. A reader of 2 kB/s takes as much in 4 s.
const WRITE_BYTES_MAX: usize = 8 * 1024;

/// The media type of server-sent events.
const EVENT_STREAM: &str = "text/event-stream";

/// Who answers a request.
pub(super) enum RequestOutcome {
    /// hyper writes this response.
    Whole(Response<Body>),
    /// This handler is given the socket and does the rest. The request's body has been read to its
    /// end; otherwise its rest would be read as the next request.
    Leaving(Detach),
}

/// Takes over the socket, on a task of its own.
pub(super) type Detach = Box<dyn FnOnce(DetachedSocket) + Send>;

/// A handler that waits for a socket, and what it is to be given with it.
pub(super) struct Departure {
    pub(super) leave: Detach,
    /// The origin of the request, if a page of it may read the response.
    pub(super) origin: Option<HeaderValue>,
    /// The client of the request, and its connection where it came through a proxy.
    pub(super) client: RequestClient,
}

/// Who a request is from.
#[derive(Debug)]
pub(super) struct RequestClient {
    pub(super) address: IpAddr,
    pub(super) _permit: Option<AddressPermit>,
}

impl Departure {
    /// Gives the handler its socket.
    pub(super) fn serve(
        self,
        (port, peer): (Arc<PublicPort>, Arc<ConnectionGuard>),
        socket: Stream,
        ahead: Bytes,
    ) {
        let Self { leave, origin, client } = self;
        leave(DetachedSocket { port, peer, client, socket, ahead, origin });
    }
}

/// A socket that hyper has given up.
pub(super) struct DetachedSocket {
    pub(super) port: Arc<PublicPort>,
    pub(super) peer: Arc<ConnectionGuard>,
    pub(super) client: RequestClient,
    pub(super) socket: Stream,
    /// What was read behind the request.
    pub(super) ahead: Bytes,
    /// The origin of the request, if a page of it may read the response.
    pub(super) origin: Option<HeaderValue>,
}

impl RequestOutcome {
    /// Whether the request is served. A whole response in the form of a stream puts that off.
    pub(super) fn is_served(&self) -> bool {
        match self {
            Self::Whole(response) => {
                let kind = response.headers().get(header::CONTENT_TYPE);
                response.status().is_success() && kind.is_none_or(|kind| kind != EVENT_STREAM)
            }
            Self::Leaving(_) => true,
        }
    }
}

impl From<Response<Body>> for RequestOutcome {
    fn from(response: Response<Body>) -> Self {
        Self::Whole(response)
    }
}

impl DetachedSocket {
    /// The bytes of the response's head, with the headers that every response has.
    pub(super) fn head(&self, mut response: Response<()>) -> Vec<u8> {
        finish(&self.port.node, self.origin.clone(), &mut response);
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let date = http_head::date(self.port.node.clock.date());
            if let Ok(date) = HeaderValue::try_from(date) {
                response.headers_mut().insert(header::DATE, date);
            }
        }
        let mut text = Vec::new();
        http_head::push_status(&mut text, response.status());
        for (name, value) in response.headers() {
            http_head::push_line(&mut text, name.as_str(), value.as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        text
    }

    /// Reads from the peer, and is ready once it has closed the connection. What it sends is kept
    /// for the next request, up to the size of a head; more stays in the kernel.
    pub(super) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut buffer = [0; 1024];
        while self.ahead.len() < HYPER_HEAD_BYTES_MAX {
            match ready!(poll_heard(context, &mut self.socket, &mut buffer)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(some) => {
                    let mut ahead = BytesMut::from(std::mem::take(&mut self.ahead));
                    ahead.extend_from_slice(&buffer[..some]);
                    self.ahead = ahead.freeze();
                }
            }
        }
        Poll::Pending
    }

    /// Writes a whole response, then hands the socket back to hyper for the next request, unless
    /// this one `is_last`.
    pub(super) async fn finish(mut self, response: Response<Body>, is_last: bool) {
        let (parts, body) = response.into_parts();
        let mut response = Response::from_parts(parts, ());
        let headers = response.headers_mut();
        // Every body is made of pieces whose length is known.
        let bytes = body.size_hint().lower();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
        let is_last = is_last || self.port.node.is_draining();
        if is_last {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if bytes > LARGE_BYTES {
            bound_unsent(self.socket.tcp());
        }
        let head = self.head(response);
        if let Err(error) = self.write_body(head, body).await {
            if error.kind() == io::ErrorKind::TimedOut {
                reset_slow(&self.port, self.socket.tcp());
            }
            return;
        }
        if is_last {
            return listener::hang_up(self.socket).await;
        }
        let Self { port, peer, socket, ahead, .. } = self;
        let until = (!ahead.is_empty()).then(|| port.node.clock.after(port.handshake()));
        listener::go_on(port, peer, socket, (ahead, until));
    }

    /// Writes these bytes, for as long as the peer makes progress.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let node = &self.port.node;
        let mut progress = WriteProgress::new(node.write_pace());
        progress.write_all(node.clock, &mut self.socket, bytes).await
    }

    /// Writes a head and the pieces of a body, for as long as the peer makes progress.
    async fn write_body(&mut self, mut head: Vec<u8>, mut body: Body) -> io::Result<()> {
        let node = &self.port.node;
        let (clock, mut progress) = (node.clock, WriteProgress::new(node.write_pace()));
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(mut piece) = frame.into_data() else { continue };
            // A short answer is one write.
            if !head.is_empty() {
                let some = piece.len().min(WRITE_BYTES_MAX);
                head.extend_from_slice(&piece.split_to(some));
                progress.write_all(clock, &mut self.socket, &std::mem::take(&mut head)).await?;
            }
            for some in piece.chunks(WRITE_BYTES_MAX) {
                progress.write_all(clock, &mut self.socket, some).await?;
            }
        }
        progress.write_all(clock, &mut self.socket, &head).await
    }
}

/// Gives up a response that its peer does not take: what the kernel still has of it is dropped.
pub(super) fn reset_slow(port: &PublicPort, socket: &TcpStream) {
    Counters::add(&port.node.counters.responses_slow);
    // Without this option the kernel keeps the rest for some minutes.
    drop(SockRef::from(socket).set_linger(Some(Duration::ZERO)));
}

/// Has the kernel keep little of a large response. Where it cannot, it keeps more.
fn bound_unsent(socket: &TcpStream) {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    drop(SockRef::from(socket).set_tcp_notsent_lowat(UNSENT_MAX));
}

/// Reads what the peer sends into a small buffer, to be discarded. Returns how many bytes that
/// were.
pub(super) fn poll_heard(
    context: &mut Context<'_>,
    socket: &mut Stream,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(buffer);
    let read = Pin::new(socket).poll_read(context, &mut buffer);
    read.map_ok(|()| buffer.filled().len())
}

/// What a connection's requests and the task that drives hyper share.
pub(super) struct Exchange {
    /// How long to wait for the peer.
    pub(super) patience: Patience,
    leaving: Mutex<Option<Departure>>,
    /// Whether hyper has bytes that the socket did not accept.
    is_stuck: AtomicBool,
    /// Whether the response is a large one.
    is_large: AtomicBool,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = f.debug_struct("Exchange");
        all.field("patience", &self.patience).field("is_stuck", &self.is_stuck);
        all.finish_non_exhaustive()
    }
}

impl Exchange {
    pub(super) fn new(patience: Patience) -> Self {
        let (is_stuck, is_large) = (AtomicBool::default(), AtomicBool::default());
        Self { patience, leaving: Mutex::default(), is_stuck, is_large }
    }

    /// hyper begins to write this response.
    pub(super) fn answered(&self, response: &Response<Body>, last: Option<Instant>) {
        self.patience.answered(last);
        let is_large = response.body().size_hint().lower() > LARGE_BYTES;
        self.is_large.store(is_large, Ordering::Relaxed);
    }

    /// Asks for the socket. The request ends here: this never returns.
    pub(super) async fn leave(&self, departure: Departure) -> Response<Body> {
        *self.leaving.lock() = Some(departure);
        // The task that drives the connection checks for this after each poll, and this is one.
        poll_fn(|_| Poll::Pending).await
    }

    /// The handler that wants the socket, once everything that was answered before is written.
    pub(super) fn leaving(&self) -> Option<Departure> {
        if self.is_stuck.load(Ordering::Relaxed) { None } else { self.leaving.lock().take() }
    }
}

/// The socket as hyper sees it. Bytes that were read before come first, and it records whether the
/// socket accepts bytes.
#[derive(Debug)]
pub(super) struct Tap {
    io: TokioIo<Stream>,
    ahead: Bytes,
    exchange: Arc<Exchange>,
    is_unsent_bounded: bool,
}

impl Tap {
    pub(super) fn new(socket: Stream, ahead: Bytes, exchange: &Arc<Exchange>) -> Self {
        let exchange = Arc::clone(exchange);
        Self { io: TokioIo::new(socket), ahead, exchange, is_unsent_bounded: false }
    }

    pub(super) fn into_inner(self) -> Stream {
        self.io.into_inner()
    }

    fn note<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.exchange.is_stuck.store(outcome.is_pending(), Ordering::Relaxed);
        outcome
    }

    /// Of a large response the next piece alone is written; anything else in one go.
    fn is_bounded(&mut self) -> bool {
        let is_large = self.exchange.is_large.load(Ordering::Relaxed);
        if is_large && !self.is_unsent_bounded {
            bound_unsent(self.io.inner().tcp());
            self.is_unsent_bounded = true;
        }
        is_large
    }

    fn note_write(&self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Pending => self.exchange.patience.written(None),
            Poll::Ready(Ok(bytes)) => self.exchange.patience.written(Some(*bytes)),
            Poll::Ready(Err(_)) => {}
        }
        self.note(outcome)
    }
}

impl Read for Tap {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            let read = Pin::new(&mut self.io).poll_read(context, buffer);
            if read.is_ready() {
                self.exchange.patience.heard();
            }
            return read;
        }
        let some = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..some]);
        self.ahead.advance(some);
        Poll::Ready(Ok(()))
    }
}

impl Write for Tap {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let most = if self.is_bounded() { WRITE_BYTES_MAX } else { bytes.len() };
        let bytes = bytes.get(..most).unwrap_or(bytes);
        let outcome = Pin::new(&mut self.io).poll_write(context, bytes);
        self.note_write(outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(context);
        self.note(outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.is_bounded() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return self.poll_write(context, first.map_or(&[], |first| first));
        }
        let outcome = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.note_write(outcome)
    }
}
