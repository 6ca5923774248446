//! Requests that publish: `POST /v1/channels/{channel}/events` with one event, `POST /v1/events`
//! with many. In: headers and a body. Out: publishes for the broker, and the response once it has
//! answered. Both ways of a request lead through here: hyper's, and the publish pipeline.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use steadfast_history::{Publish, PublishError, Receipt, Refusal};
use steadfast_protocol::ChannelName;

use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};

use super::batch::BatchPlan;
use super::body;
use super::event::{self, Entry};

/// How much larger the body of a request with many events may be than that of one event.
const BATCH_BODY_FACTOR: usize = 8;

/// The header of a response that says that an earlier request had published all of it.
pub(super) const IDEMPOTENT_REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Its value.
pub(super) const REPLAYED: HeaderValue = HeaderValue::from_static("true");

/// Where the path of a request publishes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PublishTarget<'a> {
    /// One event, to this channel as the path has it.
    One(&'a str),
    /// Many events, each to the channel that it names.
    Many,
}

/// What is checked of a request before its body is read.
#[derive(Debug)]
struct PublishHead {
    /// The channel of the path; `None` for many events.
    channel: Option<ChannelName>,
    key: Option<Box<str>>,
}

/// What a request publishes, once its publishes are the broker's to answer.
#[derive(Debug)]
pub(super) enum PublishPlan {
    /// One event, to this channel.
    One(ChannelName),
    /// Many events.
    Many(BatchPlan),
}

/// What the head of the response says.
#[derive(Debug)]
pub(super) struct PublishOutcome {
    pub(super) status: StatusCode,
    /// Whether earlier requests had published all of it, so that this one added no event.
    pub(super) is_repeat: bool,
}

/// The position of a published event, for its publisher.
#[derive(Debug)]
pub(super) struct PublishReceipt {
    channel: ChannelName,
    receipt: Receipt,
}

/// Handles a request with one event.
pub(super) async fn one(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let name = counted(&node, name(path))?;
    handle(&node, PublishTarget::One(&name), request).await
}

/// Handles a request with many events.
pub(super) async fn many(
    State(node): State<Arc<Node>>,
    request: Request,
) -> Result<Response, Problem> {
    handle(&node, PublishTarget::Many, request).await
}

async fn handle(
    node: &Node,
    target: PublishTarget<'_>,
    request: Request,
) -> Result<Response, Problem> {
    let mut publishes = Vec::new();
    let plan = counted(node, receive(node, target, request, &mut publishes).await)?;
    let mut results = node.publish_many(publishes).await.into_iter();
    let mut body = Vec::new();
    let PublishOutcome { status, is_repeat } = plan.respond(&mut results, &mut body)?;
    let mut response = (status, [(CONTENT_TYPE, "application/json")], body).into_response();
    if is_repeat {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, REPLAYED);
    }
    Ok(response)
}

async fn receive(
    node: &Node,
    target: PublishTarget<'_>,
    request: Request,
    publishes: &mut Vec<Publish>,
) -> Result<PublishPlan, Problem> {
    let head = PublishHead::check(target, request.headers())?;
    let body = body::read(request, body_bytes_max(node, target)).await?;
    head.plan(node, &body, publishes)
}

/// Reads a whole request. Appends what can be published to `publishes`, in order; a request that is
/// refused is counted.
pub(super) fn read(
    node: &Node,
    target: PublishTarget<'_>,
    headers: &HeaderMap,
    body: &[u8],
    publishes: &mut Vec<Publish>,
) -> Result<PublishPlan, Problem> {
    let head = PublishHead::check(target, headers);
    counted(node, head.and_then(|head| head.plan(node, body, publishes)))
}

/// The largest body of a request, in bytes.
pub(super) const fn body_bytes_max(node: &Node, target: PublishTarget<'_>) -> usize {
    let bytes_max = node.config.limits.message_bytes_max;
    match target {
        PublishTarget::One(_) => bytes_max,
        PublishTarget::Many => bytes_max.saturating_mul(BATCH_BODY_FACTOR),
    }
}

impl PublishHead {
    fn check(target: PublishTarget<'_>, headers: &HeaderMap) -> Result<Self, Problem> {
        let channel = match target {
            PublishTarget::One(name) => Some(event::channel_name(name)?),
            PublishTarget::Many => None,
        };
        Ok(Self { channel, key: key_of(headers)? })
    }

    fn plan(
        self,
        node: &Node,
        body: &[u8],
        publishes: &mut Vec<Publish>,
    ) -> Result<PublishPlan, Problem> {
        let Self { channel, key } = self;
        let Some(channel) = channel else {
            let plan = BatchPlan::read(node, key.as_deref(), body, publishes);
            return plan.map(PublishPlan::Many);
        };
        let entry = Entry::read(body::text(body)?)?;
        entry.check_channel(&channel)?;
        // A key in the body that is not valid is refused, even where the header has another one.
        let in_body = entry.key()?;
        let key = key.or(in_body);
        publishes.push(entry.publish(
            channel.clone(),
            key,
            node.config.limits.payload_depth_max,
        )?);
        Ok(PublishPlan::One(channel))
    }
}

impl PublishPlan {
    /// Appends the body of the response, which is JSON. Takes the broker's results of this
    /// request's publishes from `results`.
    pub(super) fn respond(
        self,
        results: &mut impl Iterator<Item = Result<Receipt, PublishError>>,
        out: &mut Vec<u8>,
    ) -> Result<PublishOutcome, Problem> {
        match self {
            Self::One(channel) => {
                let receipt = PublishReceipt::of(channel, results.next())?;
                receipt.write_to(out);
                let is_repeat = receipt.is_repeat();
                Ok(PublishOutcome { status: StatusCode::CREATED, is_repeat })
            }
            Self::Many(plan) => {
                let is_repeat = plan.respond(results, out);
                Ok(PublishOutcome { status: StatusCode::OK, is_repeat })
            }
        }
    }
}

impl PublishReceipt {
    /// What the broker answered to a publish, for its publisher.
    pub(super) fn of(
        channel: ChannelName,
        result: Option<Result<Receipt, PublishError>>,
    ) -> Result<Self, Problem> {
        match result.unwrap_or(Err(PublishError::Unavailable)) {
            Ok(receipt) => Ok(Self { channel, receipt }),
            Err(error) => Err(refusal(&error)),
        }
    }

    /// Whether the event was published before, by an earlier request with the same key.
    pub(super) const fn is_repeat(&self) -> bool {
        self.receipt.is_repeat
    }

    /// Appends it as JSON. Names of channels and epochs have nothing to escape.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let offset = digits.format(self.receipt.offset);
        let (channel, epoch) = (self.channel.as_str(), self.receipt.epoch.as_str());
        let end = if self.receipt.is_repeat { r#","repeated":true}"# } else { "}" };
        let parts =
            [r#"{"channel":""#, channel, r#"","epoch":""#, epoch, r#"","offset":"#, offset, end];
        for part in parts {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// The channel that a path names.
pub(super) fn channel(path: Result<Path<String>, PathRejection>) -> Result<ChannelName, Problem> {
    event::channel_name(&name(path)?)
}

fn name(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let not_utf8 = |_| Problem::new(Code::BadChannel, "the channel's name is not UTF-8");
    path.map(|Path(name)| name).map_err(not_utf8)
}

/// The header `Idempotency-Key`.
fn key_of(headers: &HeaderMap) -> Result<Option<Box<str>>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let (Some(key), another) = (keys.next(), keys.next()) else { return Ok(None) };
    if another.is_some() {
        return Err(Problem::new(Code::BadIdempotencyKey, "send one Idempotency-Key, not several"));
    }
    event::idempotency_key(key.as_bytes()).map(Some)
}

/// Counts a publish that is refused before the broker has it.
pub(super) fn counted<T>(node: &Node, publish: Result<T, Problem>) -> Result<T, Problem> {
    publish.inspect_err(|_| Counters::add(&node.counters.publish_errors))
}

/// The response to a refused publish; an `error` frame has the same code and text.
fn refusal(error: &PublishError) -> Problem {
    let Refusal { code, retry_after_s } = error.refusal();
    Problem { code: Code::from(code), detail: error.to_string(), retry_after_s }
}

#[cfg(test)]
mod tests {
    use super::refusal;
    use steadfast_history::PublishError;

    /// Every way to refuse a publish.
    const ALL: [PublishError; 6] = [
        PublishError::Finished,
        PublishError::IdempotencyMismatch,
        PublishError::TooManyChannels { max: 1 },
        PublishError::IdempotencyFull { max: 1 },
        PublishError::StorageFull { bytes_max: 1 },
        PublishError::Unavailable,
    ];

    /// P-36
    #[test]
    fn the_protocol_has_the_table_of_refused_publishes() {
        let protocol = include_str!("../../../../PROTOCOL.md");
        let (_, behind) = protocol.split_once("| code | HTTP status | try again |").unwrap();
        let rows: Vec<&str> = behind.lines().skip(2).take_while(|row| !row.is_empty()).collect();
        assert_eq!(rows.len(), ALL.len(), "{rows:?}");
        for (error, row) in ALL.iter().zip(rows) {
            let problem = refusal(error);
            assert_eq!(problem.detail, error.to_string());
            let (code, status) = (problem.code, problem.status().as_u16());
            let retry = problem.retry_after_s.map_or("no".to_owned(), |s| format!("after {s} s"));
            let expected = format!("| `{code}` | {status} | {retry} |");
            assert!(row.starts_with(&expected), "PROTOCOL.md has {row:?}, not {expected:?}");
        }
    }
}
