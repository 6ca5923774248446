//! `POST /v1/channels/{channel}/events`: one event. In: a request. Out: the event's position once
//! the broker has it, or what is wrong.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde::Serialize;
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
#[derive(Debug, Serialize)]
pub(super) struct Place {
    pub(super) channel: ChannelName,
    pub(super) epoch: Epoch,
    pub(super) offset: u64,
}

/// Publishes one event.
pub(super) async fn one(
    State(node): State<Arc<Node>>,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<(StatusCode, Json<Place>), Problem> {
    let publish = counted(&node, wanted(&node, path, request).await)?;
    let place = submit(&node, publish).await?;
    Ok((StatusCode::CREATED, Json(place)))
}

/// The channel that a path names.
pub(super) fn channel(path: Result<Path<String>, PathRejection>) -> Result<ChannelName, Problem> {
    let Ok(Path(name)) = path else {
        return Err(Problem::new(Code::BadChannel, "the channel's name is not UTF-8"));
    };
    ChannelName::new(&name).map_err(|error| Problem::new(Code::BadChannel, error.to_string()))
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
    match node.publish(publish).await {
        Ok((epoch, offset)) => Ok(Place { channel, epoch, offset }),
        Err(error) => Err(refusal(&error, &channel)),
    }
}

/// Counts what never came as far as the broker.
pub(super) fn counted<T>(node: &Node, wanted: Result<T, Problem>) -> Result<T, Problem> {
    wanted.inspect_err(|_| Counters::add(&node.counters.publish_errors))
}

async fn wanted(
    node: &Node,
    path: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Publish, Problem> {
    let limits = &node.config.limits;
    let channel = channel(path)?;
    let key = key_of(request.headers())?;
    let body = body::read(request, limits.message_bytes_max).await?;
    let entry = Entry::read(body::text(&body)?)?;
    let key = match key {
        Some(key) => Some(key),
        None => entry.key()?,
    };
    entry.publish(channel, key, limits.payload_depth_max)
}

/// What a refused publisher is told.
pub(super) fn refusal(error: &PublishError, channel: &ChannelName) -> Problem {
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
