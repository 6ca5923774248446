//! Refuses a connection beyond the limit, without hyper and with next to no work. In: a socket that
//! was just accepted. Out: a response that says when to come back, in a form that the client's
//! library retries.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::listener::hang_up;
use super::unavailable::not_now_text;
use crate::net::file_limit::{raise, refusals};
use crate::net::http_head;
use crate::node::Node;
use crate::problem::{self, Problem};

/// How much of a request is read, in bytes: its first line.
const LINE_BYTES_MAX: usize = 512;
/// How long the request and the response may take.
const TIMEOUT: Duration = Duration::from_secs(1);
/// When to come back at the earliest, in seconds.
const AFTER_S: u32 = 5;

/// Refusals that are written at the same time. Beyond that a socket is closed without a response.
const REFUSALS_MAX: usize = 256;

/// The refusals of one port.
#[derive(Clone, Debug)]
pub(crate) struct RefusalPolicy(Arc<Semaphore>);

impl Default for RefusalPolicy {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(refusals(REFUSALS_MAX, raise()))))
    }
}

impl RefusalPolicy {
    /// Refuses a connection, on a task of its own.
    pub(crate) fn refuse(&self, stream: TcpStream, node: &Arc<Node>, why: Problem) {
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else { return };
        let node = Arc::clone(node);
        tokio::spawn(async move {
            say(stream, &node, &why).await;
            drop(permit);
        });
    }
}

/// Answers why the connection is refused, and when to come back. A peer that sends no request in
/// time gets no response.
async fn say(mut stream: TcpStream, node: &Node, why: &Problem) {
    let exchange = async {
        let line = first_line(&mut stream).await?;
        stream.write_all(&answer(&line, node, why)).await?;
        hang_up(stream).await;
        io::Result::Ok(())
    };
    drop(tokio::time::timeout(TIMEOUT, exchange).await);
}

/// The first line of a request, or its beginning.
async fn first_line(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::with_capacity(LINE_BYTES_MAX);
    while line.len() < LINE_BYTES_MAX && !line.contains(&b'\n') {
        if stream.read_buf(&mut line).await? == 0 {
            break;
        }
    }
    Ok(line)
}

fn answer(line: &[u8], node: &Node, why: &Problem) -> Vec<u8> {
    let name = &node.config.node.name;
    let retry_s = why.retry_after_s.unwrap_or(AFTER_S);
    if wants_stream(line) {
        let (low, window) = (u64::from(retry_s) * 1_000, node.config.crash_window_ms);
        let body = not_now_text(&why.to_string(), node.draw_ms(low, low + window));
        // A page of another origin cannot read it without this header, but its `EventSource`
        // retries either way.
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\
             Access-Control-Allow-Origin: *\r\nContent-Length: {}\r\nConnection: close\r\n\
             Steadfast-Node: {name}\r\n\r\n{body}",
            body.len()
        );
        return head.into_bytes();
    }
    let (body, mut response) = (why.body(), Vec::new());
    http_head::push_status(&mut response, why.status());
    let head = format!(
        "Content-Type: {}\r\nContent-Length: {}\r\nRetry-After: {retry_s}\r\n\
         Connection: close\r\nSteadfast-Node: {name}\r\n\r\n",
        problem::CONTENT_TYPE,
        body.len()
    );
    response.extend_from_slice(head.as_bytes());
    response.extend_from_slice(&body);
    response
}

/// Whether the first line of a request asks for an event stream.
fn wants_stream(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let target = line.strip_prefix("GET ").and_then(|rest| rest.split(' ').next());
    target.is_some_and(|target| {
        let path = target.split('?').next().unwrap_or_default();
        path.starts_with("/v1/channels/") && path.ends_with("/stream")
    })
}

#[cfg(test)]
mod tests {
    use super::wants_stream;

    #[test]
    fn a_stream_is_told_from_other_requests_by_its_first_line() {
        for line in ["GET /v1/channels/a/stream HTTP/1.1\r\n", "GET /v1/channels/a:b/stream?x=1 "] {
            assert!(wants_stream(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "GET /v1/channels/a/events HTTP/1.1",
            "HEAD /v1/channels/a/stream HTTP/1.1",
            "GET /v1/ws?path=/v1/channels/a/stream HTTP/1.1",
        ] {
            assert!(!wants_stream(line.as_bytes()), "{line}");
        }
    }
}
