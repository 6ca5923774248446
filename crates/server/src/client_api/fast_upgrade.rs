//! The first request of a connection. Usually it asks for a WebSocket and gets one; then hyper, its
//! buffers and a task for it are not needed. In: a socket that was just accepted. Out: a WebSocket;
//! or, if the request is anything else, the socket and the bytes that were read, for hyper.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::{Method, Request, Uri};
use tokio::time::timeout_at;

use super::detach::poll_heard;
use super::listener::{PublicPort, go_on};
use super::router::{self, names_a_host};
use crate::net::http_head::{self, HttpHead, Parsed};
use crate::net::socket::Stream;
use crate::session::ConnectionGuard;

/// The bytes of one read, and so the longest request that is handled here.
const READ_BYTES: usize = 2 * 1024;

/// Reads the first request. Answers it, or hands the socket on.
pub(super) async fn answer(port: Arc<PublicPort>, peer: Arc<ConnectionGuard>, mut socket: Stream) {
    let read = std::future::poll_fn(|context| poll_read(context, &mut socket));
    // A peer that is late or has disconnected has sent nothing to answer.
    let Ok(Some(bytes)) = timeout_at(peer.deadline, read).await else { return };
    let granted = upgrade(&bytes).and_then(|(request, length)| {
        let departure = router::granted(&port, &peer, &request)?;
        Some((departure, Bytes::copy_from_slice(&bytes[length..])))
    });
    let until = Some(peer.deadline);
    match granted {
        Some((departure, ahead)) => departure.serve((port, peer), socket, ahead),
        None => go_on(port, peer, socket, (bytes, until)),
    }
}

/// Reads the first bytes; `None` if there are none.
fn poll_read(context: &mut Context<'_>, socket: &mut Stream) -> Poll<Option<Bytes>> {
    let mut buffer = [0; READ_BYTES];
    let count = ready!(poll_heard(context, socket, &mut buffer)).unwrap_or(0);
    Poll::Ready((count > 0).then(|| Bytes::copy_from_slice(&buffer[..count])))
}

/// A whole request without a body that may ask for a WebSocket, and its length in bytes.
fn upgrade(bytes: &[u8]) -> Option<(Request<()>, usize)> {
    let Parsed::Whole(HttpHead { method: "GET", target, headers, length }) =
        http_head::parse(bytes)
    else {
        return None;
    };
    let has_body = headers.contains_key(hyper::header::CONTENT_LENGTH)
        || headers.contains_key(hyper::header::TRANSFER_ENCODING);
    let is_plain = !has_body && target.starts_with('/') && names_a_host(&headers);
    let target = target.parse::<Uri>().ok().filter(|_| is_plain)?;
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = target;
    *request.headers_mut() = headers;
    Some((request, length))
}

#[cfg(test)]
mod tests {
    use super::upgrade;

    #[test]
    fn a_request_without_a_body_is_read_with_what_is_behind_it_left() {
        let head = "GET /v1/ws?x=1 HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n";
        let bytes = format!("{head}\u{1}\u{2}");
        let (request, length) = upgrade(bytes.as_bytes()).unwrap();
        assert_eq!((request.uri().path(), length), ("/v1/ws", head.len()));
        assert_eq!(request.headers()["upgrade"], "websocket");
        for other in [
            &head[..head.len() - 1],
            "POST /v1/ws HTTP/1.1\r\n\r\n",
            "GET http://a/v1/ws HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /v1/ws HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
            "GET /v1/ws HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET /v1/ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
            "GET /v1/ws HTTP/1.1\r\nHost: a\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
            "\u{16}\u{3}\u{1}",
        ] {
            assert!(upgrade(other.as_bytes()).is_none(), "{other:?}");
        }
    }
}
