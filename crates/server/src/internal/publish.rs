//! `POST /v1/channels/{channel}/events`: one event. In: a request. Out: the event's position once
//! the broker has it, or what is wrong.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use steadfast_hub::{Publish, PublishError};
use steadfast_protocol::{ChannelName, Epoch};

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
pub(super) struct Place {
    pub(super) channel: ChannelName,
    pub(super) epoch: Epoch,
    pub(super) offset: u64,
}

impl Place {
    /// Appends it as JSON. Names of channels and epochs have nothing to escape.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        let mut digits = itoa::Buffer::new();
        let offset = digits.format(self.offset);
        let (channel, epoch) = (self.channel.as_str(), self.epoch.as_str());
        let parts =
            [r#"{"channel":""#, channel, r#"","epoch":""#, epoch, r#"","offset":"#, offset, "}"];
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
    let place = submit(&node, publish).await?;
    let mut body = Vec::new();
    place.write_to(&mut body);
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
pub(super) async fn submit(node: &Node, publish: Publish) -> Result<Place, Problem> {
    let channel = publish.channel.clone();
    let told = node.publish(publish).await;
    placed(channel, Some(told))
}

/// What the broker told of an event, for its publisher.
pub(super) fn placed(
    channel: ChannelName,
    told: Option<Result<(Epoch, u64), PublishError>>,
) -> Result<Place, Problem> {
    match told.unwrap_or(Err(PublishError::Unavailable)) {
        Ok((epoch, offset)) => Ok(Place { channel, epoch, offset }),
        Err(error) => Err(refusal(&error, &channel)),
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
    let key = match key {
        Some(key) => Some(key),
        None => entry.key()?,
    };
    entry.publish(channel, key, node.config.limits.payload_depth_max)
}

/// What a refused publisher is told.
fn refusal(error: &PublishError, channel: &ChannelName) -> Problem {
    match error {
        PublishError::Finished => {
            let detail = format!("`{channel}` has had its final event; nothing can follow it");
            Problem::new(Code::ChannelFinished, detail)
        }
        PublishError::TooManyChannels { max } => {
            let detail = format!("there are {max} channels, as many as `limits.channels_max` says");
            Problem::new(Code::TooManyChannels, detail).retry_after_s(LATER_S)
        }
        PublishError::StorageFull { bytes_max } => {
            let detail = format!("history takes all {bytes_max} bytes it may; delete channels");
            Problem::new(Code::StorageFull, detail).retry_after_s(LATER_S)
        }
        PublishError::IdempotencyFull { max } => {
            let detail = format!("{max} keys are remembered, as many as may be");
            Problem::new(Code::IdempotencyFull, detail).retry_after_s(LATER_S)
        }
        PublishError::Unavailable => {
            Problem::new(Code::BrokerUnavailable, "the broker did not take the event")
                .retry_after_s(SOON_S)
        }
    }
}
