//! `POST /v1/events`: many events, to many channels. In: a list of events. Out: one result for
//! each, in their order; a bad event stops none of the others. Events are handed to the broker in
//! the order of the list, so each channel gets its own in order.

use std::fmt;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use steadfast_hub::{Publish, PublishError};

use crate::node::Node;
use crate::problem::{Code, Problem};

use super::body;
use super::event::Entry;
use super::publish::{self, Place};

/// How much larger than a single event's the body may be.
const BODIES: usize = 8;

/// The answer: a result for each event.
#[derive(Debug, Serialize)]
pub(super) struct Results {
    results: Vec<Outcome>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome {
    Published(Place),
    Refused { error: Problem },
}

/// Publishes many events.
pub(super) async fn many(
    State(node): State<Arc<Node>>,
    request: Request,
) -> Result<Json<Results>, Problem> {
    let results = publish::counted(&node, publish_all(&node, request).await)?;
    Ok(Json(Results { results }))
}

async fn publish_all(node: &Node, request: Request) -> Result<Vec<Outcome>, Problem> {
    let limits = &node.config.limits;
    let request_key = publish::key_of(request.headers())?;
    let body = body::read(request, limits.message_bytes_max.saturating_mul(BODIES)).await?;
    let entries = entries(body::text(&body)?, limits.publish_batch_max)?;
    let mut publishes = Vec::with_capacity(entries.len());
    let mut wishes = Vec::with_capacity(entries.len());
    for (at, entry) in entries.into_iter().enumerate() {
        let wanted = wanted(node, entry, request_key.as_deref(), at);
        wishes.push(publish::counted(node, wanted).map(|publish| {
            let channel = publish.channel.clone();
            publishes.push(publish);
            channel
        }));
    }
    let mut answers = node.publish_many(publishes).await.into_iter();
    let outcomes = wishes.into_iter().map(|wish| {
        let channel = match wish {
            Ok(channel) => channel,
            Err(error) => return Outcome::Refused { error },
        };
        match answers.next().unwrap_or(Err(PublishError::Unavailable)) {
            Ok((epoch, offset)) => Outcome::Published(Place { channel, epoch, offset }),
            Err(error) => Outcome::Refused { error: publish::refusal(&error, &channel) },
        }
    });
    Ok(outcomes.collect())
}

fn wanted(
    node: &Node,
    entry: &RawValue,
    request_key: Option<&str>,
    at: usize,
) -> Result<Publish, Problem> {
    let limits = &node.config.limits;
    let (bytes_max, actual) = (limits.message_bytes_max, entry.get().len());
    if actual > bytes_max {
        let detail = format!("an event has at most {bytes_max} bytes, this one has {actual}");
        return Err(Problem::new(Code::TooLarge, detail));
    }
    let entry = Entry::read(entry.get())?;
    // A line end is in no key that was sent, so this one is nobody else's.
    let of_request = || request_key.map(|key| format!("{key}\n{at}").into());
    let key = entry.key()?.or_else(of_request);
    entry.publish(entry.channel()?, key, limits.payload_depth_max)
}

/// The events of a body: `{"events":[…]}`, or the list alone.
fn entries(text: &str, events_max: usize) -> Result<Vec<&RawValue>, Problem> {
    let mut json = serde_json::Deserializer::from_str(text);
    let body = Body { events_max }.deserialize(&mut json);
    let list = body.and_then(|list| json.end().map(|()| list));
    let list = list.map_err(|error| body::refusal(&error))?;
    let Some(list) = list else {
        return Err(Problem::new(Code::MissingField, "the field `events` is missing"));
    };
    if list.count > events_max {
        let actual = list.count;
        let detail = format!("a request has at most {events_max} events, this one has {actual}");
        return Err(Problem::new(Code::TooLarge, detail));
    }
    Ok(list.entries)
}

/// As many events as may be, and how many there were.
#[derive(Default)]
struct List<'a> {
    entries: Vec<&'a RawValue>,
    count: usize,
}

#[derive(Clone, Copy)]
struct Body {
    events_max: usize,
}

impl<'de> DeserializeSeed<'de> for Body {
    type Value = Option<List<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Body {
    type Value = Option<List<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the list `events`, or the list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = None;
        while let Some(field) = map.next_key::<String>()? {
            if field != "events" {
                map.next_value::<IgnoredAny>()?;
            } else if list.is_some() {
                return Err(A::Error::duplicate_field("events"));
            } else {
                list = Some(map.next_value_seed(Events(self))?);
            }
        }
        Ok(list)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Events(self).visit_seq(list).map(Some)
    }
}

struct Events(Body);

impl<'de> DeserializeSeed<'de> for Events {
    type Value = List<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events {
    type Value = List<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`events` to be a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<Self::Value, A::Error> {
        let mut list = List::default();
        while list.count < self.0.events_max {
            let Some(entry) = events.next_element()? else { return Ok(list) };
            list.entries.push(entry);
            list.count += 1;
        }
        while events.next_element::<IgnoredAny>()?.is_some() {
            list.count += 1;
        }
        Ok(list)
    }
}
