//! The publish pipeline of the internal port: it hands publishes from the bytes of a connection to
//! the broker, without hyper. In: a socket. Out: responses; the bytes of the first request that is
//! not a publish, for hyper. Must not know: other routes. All publishes that have arrived on a
//! connection go to the broker together and are answered in one write, so that a backend that does
//! not wait for each response saves the cost of both.

mod parse;
mod responses;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use steadfast_history::{Publish, PublishError, Receipt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{timeout, timeout_at};

use self::parse::{BodyLimits, ParseOutcome, cut};
use self::responses::ResponseBuffer;
use super::backend_auth::BackendAuth;
use super::backend_keys::BackendAction;
use super::publish::{self, PublishPlan, PublishTarget};
use crate::node::Node;
use crate::problem::Problem;

/// Bytes of one read, unless a request needs more.
const READ_BYTES: usize = 8 * 1024;
/// Events that are handed to the broker together, not counting those of the last request beyond
/// that.
const EVENTS: usize = 256;
/// How long to wait for the rest of a request before hyper takes over, which waits longer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long responses may take to be written.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// The pipeline, which all connections share.
#[derive(Debug)]
pub(super) struct PublishPipeline {
    node: Arc<Node>,
    gate: BackendAuth,
    limits: BodyLimits,
}

/// What to do next.
enum PipelineStep {
    /// Handle more requests, which have arrived already.
    GoOn,
    /// Read more. If a body is incomplete, its request has this many bytes in all.
    Read(Option<usize>),
    /// Hand the connection to hyper.
    Leave,
}

/// The whole requests that have arrived.
struct ParsedRequests {
    plans: Vec<Result<PublishPlan, Problem>>,
    publishes: Vec<Publish>,
    /// Their length in bytes.
    used: usize,
    next: PipelineStep,
}

impl PublishPipeline {
    pub(super) fn new(node: &Arc<Node>) -> Self {
        let one = publish::body_bytes_max(node, PublishTarget::One(""));
        let many = publish::body_bytes_max(node, PublishTarget::Many);
        let (node, gate) = (Arc::clone(node), BackendAuth::new(Arc::clone(node)));
        Self { node, gate, limits: BodyLimits { one, many } }
    }

    /// How long a head may take to arrive.
    pub(super) fn handshake(&self) -> Duration {
        Duration::from_millis(self.node.config.limits.handshake_timeout_ms)
    }

    /// How long to wait for the next request.
    pub(super) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.node.config.internal.keep_alive_ms)
    }

    /// Answers publishes until another request arrives. Returns its first bytes; `None` if the
    /// connection is closed.
    pub(super) async fn run<S>(&self, socket: &mut S) -> Option<Bytes>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut inbox, mut responses) = (Vec::new(), ResponseBuffer::default());
        let mut patience = None;
        // The timeout of the first byte of the next request.
        let mut idle = self.handshake();
        loop {
            let ParsedRequests { plans, publishes, used, next } = self.read(&inbox);
            if !plans.is_empty() {
                let results = self.node.publish_many(publishes).await;
                self.respond(plans, results, &mut responses);
                timeout(WRITE_MAX, socket.write_all(responses.as_bytes())).await.ok()?.ok()?;
                inbox.drain(..used);
                patience = None;
                idle = self.keep_alive();
            }
            match next {
                // Lets the subscribers of these events have them first.
                PipelineStep::GoOn => tokio::task::yield_now().await,
                PipelineStep::Leave => return Some(inbox.into()),
                PipelineStep::Read(_) if inbox.is_empty() => {
                    inbox.shrink_to(READ_BYTES);
                    inbox.reserve(READ_BYTES);
                    let read = timeout(idle, socket.read_buf(&mut inbox)).await.ok()?;
                    read.ok().filter(|&count| count > 0)?;
                }
                PipelineStep::Read(length) => {
                    let missing = length.unwrap_or(0).saturating_sub(inbox.len());
                    inbox.reserve(missing.max(READ_BYTES));
                    let until = *patience.get_or_insert_with(|| self.node.clock.after(PATIENCE));
                    let Ok(read) = timeout_at(until, socket.read_buf(&mut inbox)).await else {
                        return Some(inbox.into());
                    };
                    read.ok().filter(|&count| count > 0)?;
                }
            }
        }
    }

    fn read(&self, bytes: &[u8]) -> ParsedRequests {
        let (plans, publishes) = (Vec::new(), Vec::new());
        let mut turn = ParsedRequests { plans, publishes, used: 0, next: PipelineStep::GoOn };
        while turn.publishes.len() < EVENTS && turn.plans.len() < EVENTS {
            match cut(&bytes[turn.used..], self.limits) {
                ParseOutcome::Whole { target, request, length } => {
                    let plan = self.plan(target, &request, &mut turn.publishes);
                    turn.plans.push(plan);
                    turn.used += length;
                }
                ParseOutcome::HttpHead => {
                    turn.next = PipelineStep::Read(None);
                    break;
                }
                // Reject an unauthorized publish before reading its body; hyper does so.
                ParseOutcome::Body { target, request, length } => {
                    let action = BackendAction::publish(target);
                    let is_allowed = self.gate.allows(&request, &action);
                    turn.next = if is_allowed {
                        PipelineStep::Read(Some(length))
                    } else {
                        PipelineStep::Leave
                    };
                    break;
                }
                ParseOutcome::Other => {
                    turn.next = PipelineStep::Leave;
                    break;
                }
            }
        }
        turn
    }

    fn plan(
        &self,
        target: PublishTarget<'_>,
        request: &Request<&[u8]>,
        publishes: &mut Vec<Publish>,
    ) -> Result<PublishPlan, Problem> {
        self.gate.admit(request, &BackendAction::publish(target))?;
        publish::read(&self.node, target, request.headers(), request.body(), publishes)
    }

    fn respond(
        &self,
        plans: Vec<Result<PublishPlan, Problem>>,
        results: Vec<Result<Receipt, PublishError>>,
        responses: &mut ResponseBuffer,
    ) {
        let mut results = results.into_iter();
        responses.begin(&self.node.config.node.name, self.node.clock.date());
        for plan in plans {
            responses.push(|body| plan?.respond(&mut results, body));
        }
    }
}

/// The length of the publish at the start of the bytes, if it is whole and plain.
#[cfg(feature = "fuzzing")]
pub(crate) fn publish_length(bytes: &[u8]) -> Option<usize> {
    match cut(bytes, BodyLimits { one: 64, many: 128 }) {
        ParseOutcome::Whole { length, .. } => Some(length),
        ParseOutcome::HttpHead | ParseOutcome::Body { .. } | ParseOutcome::Other => None,
    }
}
