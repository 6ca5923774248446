//! The fast pipeline of the internal port: publishes straight from the bytes of a connection to the
//! broker. In: a socket. Out: answers, and what was read of the first request that is none of this
//! pipeline's, which hyper goes on with. Must not know: routes other than the two that publish.
//! All publishes that have arrived on a connection are handed over together and answered in one
//! write, so a backend that does not wait for each answer pays for neither.

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
use super::publish::{self, PublishPlan, PublishTarget};
use crate::node::Node;
use crate::problem::Problem;

/// Bytes read at once where a request does not ask for more.
const READ_BYTES: usize = 8 * 1024;
/// Events handed over together, and those of one more request.
const EVENTS: usize = 256;
/// How long the rest of a request is waited for; hyper has more patience.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long answers may take to be written.
const WRITE_MAX: Duration = Duration::from_secs(30);

/// The pipeline, which all connections share.
#[derive(Debug)]
pub(super) struct PublishPipeline {
    node: Arc<Node>,
    gate: BackendAuth,
    limits: BodyLimits,
}

/// What is to be done next.
enum PipelineStep {
    /// More requests have arrived already.
    GoOn,
    /// More has to arrive: of a body, this many bytes in all.
    Read(Option<usize>),
    /// The next request is none of ours.
    Leave,
}

/// All that has arrived, as far as it could be read.
struct ParsedRequests {
    plans: Vec<Result<PublishPlan, Problem>>,
    publishes: Vec<Publish>,
    /// Bytes of it.
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

    /// How long the next request is waited for.
    pub(super) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.node.config.internal.keep_alive_ms)
    }

    /// Answers publishes, for as long as nothing else comes. What comes back is the beginning of
    /// something else; `None` where the connection is over.
    pub(super) async fn run<S>(&self, socket: &mut S) -> Option<Bytes>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (mut inbox, mut responses) = (Vec::new(), ResponseBuffer::default());
        let mut patience = None;
        // For the first byte of the next request.
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
                // Whoever follows these events is to have them first.
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
                ParseOutcome::Body { request, length } => {
                    let is_allowed = self.gate.allows(&request);
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
        self.gate.admit(request)?;
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
