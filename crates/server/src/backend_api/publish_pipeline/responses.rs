//! The bytes of responses to publishes, one after another. In: the results of requests. Out: bytes.
//! Must not know: sockets.

use hyper::StatusCode;
use hyper::header;
use steadfast_protocol::Timestamp;

use crate::backend_api::publish::{IDEMPOTENT_REPLAYED, PublishOutcome, REPLAYED};
use crate::net::http_head;
use crate::problem::Problem;

/// Memory that is kept while there are no responses, in bytes.
const KEPT_BYTES: usize = 16 * 1024;

/// The responses of one connection, some at a time.
#[derive(Default)]
pub(super) struct ResponseBuffer {
    out: Vec<u8>,
    body: Vec<u8>,
    /// The headers that all responses have. They name the second, and are written once in it.
    common: String,
    second: Option<u64>,
}

impl ResponseBuffer {
    /// Begins new responses at this date, of the node with this name.
    pub(super) fn begin(&mut self, node: &str, date: Timestamp) {
        self.out.clear();
        self.out.shrink_to(KEPT_BYTES);
        self.body.shrink_to(KEPT_BYTES);
        let second = date.0 / 1000;
        if self.second.replace(second) != Some(second) {
            let date = http_head::date(date);
            self.common =
                format!("steadfast-node: {node}\r\ncache-control: no-store\r\ndate: {date}\r\n");
        }
    }

    /// Appends a response. `write` appends its body, which is JSON, and returns what its head says.
    pub(super) fn push(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<PublishOutcome, Problem>,
    ) {
        self.body.clear();
        match write(&mut self.body) {
            Ok(PublishOutcome { status, is_repeat }) => {
                self.start(status);
                self.line("content-type", b"application/json");
                if is_repeat {
                    self.line(IDEMPOTENT_REPLAYED.as_str(), REPLAYED.as_bytes());
                }
                self.end();
            }
            Err(problem) => self.problem(&problem),
        }
    }

    fn problem(&mut self, problem: &Problem) {
        let head = problem.head();
        self.start(head.status());
        for (name, value) in head.headers() {
            if name != header::CACHE_CONTROL {
                self.line(name.as_str(), value.as_bytes());
            }
        }
        self.body.clear();
        self.body.extend_from_slice(&problem.body());
        self.end();
    }

    /// All responses since [`Self::begin`].
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    fn start(&mut self, status: StatusCode) {
        http_head::push_status(&mut self.out, status);
        self.out.extend_from_slice(self.common.as_bytes());
    }

    fn line(&mut self, name: &str, value: &[u8]) {
        http_head::push_line(&mut self.out, name, value);
    }

    fn end(&mut self) {
        let mut digits = itoa::Buffer::new();
        self.line("content-length", digits.format(self.body.len()).as_bytes());
        self.out.extend_from_slice(b"\r\n");
        self.out.extend_from_slice(&self.body);
    }
}
