//! `POST /v1/channels/{channel}/events`: one event. In: a request. Out: the event's position once
//! the broker has it, or what is wrong.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use steadfast_history::{Publish, PublishError, Receipt, Retry};
use steadfast_protocol::ChannelName;

use crate::node::{Counters, Node};
use crate::problem::{Code, Problem};

use super::body;
use super::event::{self, Entry};

/// When to try again after something that a moment mends, in seconds.
const SOON_S: u32 = 1;
/// When to try again after something that needs old history to go, in seconds.
const LATER_S: u32 = 30;

/// Where an event stands.
#[derive(Debug)]
pub(super) struct PublishReceipt {
    pub(super) channel: ChannelName,
    pub(super) receipt: Receipt,
}

impl PublishReceipt {
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

/// Publishes one event.
pub(super) async fn one(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Response, Problem> {
    let publish = counted(&node, whole(&node, path, request).await)?;
    let receipt = submit(&node, publish).await?;
    let mut body = Vec::new();
    receipt.write_to(&mut body);
    Ok(json(StatusCode::CREATED, body))
}

/// An answer that is JSON already.
pub(super) fn json(status: StatusCode, body: Vec<u8>) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body).into_response()
}

/// The channel that a path names.
pub(super) fn channel(path: Result<Path<String>, PathRejection>) -> Result<ChannelName, Problem> {
    let Ok(Path(name)) = path else {
        return Err(Problem::new(Code::BadChannel, "the channel's name is not UTF-8"));
    };
    event::channel_name(&name)
}

/// The header `Idempotency-Key`.
pub(super) fn key_of(headers: &HeaderMap) -> Result<Option<Box<str>>, Problem> {
    let mut keys = headers.get_all("idempotency-key").iter();
    let (Some(key), another) = (keys.next(), keys.next()) else { return Ok(None) };
    if another.is_some() {
        return Err(Problem::new(Code::BadIdempotencyKey, "send one Idempotency-Key, not several"));
    }
    event::idempotency_key(key.as_bytes()).map(Some)
}

/// Hands an event to the broker.
pub(super) async fn submit(node: &Node, publish: Publish) -> Result<PublishReceipt, Problem> {
    let channel = publish.channel.clone();
    let told = node.publish(publish).await;
    placed(channel, Some(told))
}

/// What the broker told of an event, for its publisher.
pub(super) fn placed(
    channel: ChannelName,
    told: Option<Result<Receipt, PublishError>>,
) -> Result<PublishReceipt, Problem> {
    match told.unwrap_or(Err(PublishError::Unavailable)) {
        Ok(receipt) => Ok(PublishReceipt { channel, receipt }),
        Err(error) => Err(refusal(&error)),
    }
}

/// Counts what never came as far as the broker.
pub(super) fn counted<T>(node: &Node, wanted: Result<T, Problem>) -> Result<T, Problem> {
    wanted.inspect_err(|_| Counters::add(&node.counters.publish_errors))
}

async fn whole(
    node: &Node,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Publish, Problem> {
    let channel = channel(path)?;
    let key = key_of(request.headers())?;
    let body = body::read(request, node.config.limits.message_bytes_max).await?;
    wanted(node, channel, key, &body)
}

/// What a body asks for.
pub(super) fn wanted(
    node: &Node,
    channel: ChannelName,
    key: Option<Box<str>>,
    body: &[u8],
) -> Result<Publish, Problem> {
    let entry = Entry::read(body::text(body)?)?;
    entry.check_channel(&channel)?;
    let key = match key {
        Some(key) => Some(key),
        None => entry.key()?,
    };
    entry.publish(channel, key, node.config.limits.payload_depth_max)
}

/// What a refused publisher is told: the word, the text and whether to try again are those of an
/// `error` frame.
fn refusal(error: &PublishError) -> Problem {
    let problem = Problem::new(Code::from(error.code()), error.to_string());
    match error.retry() {
        Retry::Never => problem,
        Retry::Soon => problem.retry_after_s(SOON_S),
        Retry::Later => problem.retry_after_s(LATER_S),
    }
}

#[cfg(test)]
mod tests {
    use super::refusal;
    use steadfast_history::{PublishError, Retry};

    /// Every way to refuse a publish, as rows of the table under P-36.
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
    fn http_frames_and_the_protocol_have_one_table_of_errors() {
        let protocol = include_str!("../../../../PROTOCOL.md");
        for error in ALL {
            let problem = refusal(&error);
            assert_eq!(problem.code.as_str(), error.code().as_str());
            assert_eq!(problem.detail, error.to_string());
            assert_eq!(problem.retry_after_s.is_some(), error.retry() != Retry::Never);
            let (code, status) = (problem.code, problem.status().as_u16());
            let retry = problem.retry_after_s.map_or("no".to_owned(), |s| format!("after {s} s"));
            let row = format!("| `{code}` | {status} | {retry} |");
            assert!(protocol.contains(&row), "PROTOCOL.md has no row {row:?}");
        }
    }
}
