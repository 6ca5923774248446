//! The body of `POST /v1/events`: many events, to many channels. In: a list of events. Out: one
//! result for each, in order; an event that is refused stops none of the others. Events are handed
//! to the broker in the order of the list, so each channel gets its own in order.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use steadfast_history::{Publish, PublishError, Receipt};
use steadfast_protocol::ChannelName;

use crate::json_object::check_fields;
use crate::node::Node;
use crate::problem::{Code, Problem};

use super::body;
use super::event::{Entry, Listed};
use super::publish::{self, PublishReceipt};

/// The fields of a body that is an object.
const FIELDS: [&str; 1] = ["events"];

/// The result of an event that was refused.
#[derive(Debug, Serialize)]
struct Refused {
    error: Problem,
}

/// A list of events: for each of them the channel, or what is wrong with it.
#[derive(Debug)]
pub(super) struct BatchPlan(Vec<Result<ChannelName, Problem>>);

/// Reads an entry of any kind.
fn read_one(entry: &RawValue, bytes_max: usize) -> Result<Entry<'_>, Problem> {
    let actual = entry.get().len();
    if actual > bytes_max {
        let detail = format!("an event has at most {bytes_max} bytes, this one has {actual}");
        return Err(Problem::new(Code::TooLarge, detail));
    }
    Entry::read(entry.get())
}

impl BatchPlan {
    /// Reads a body, and appends what can be published to `publishes`, in order.
    pub(super) fn read(
        node: &Node,
        request_key: Option<&str>,
        body: &[u8],
        publishes: &mut Vec<Publish>,
    ) -> Result<Self, Problem> {
        let limits = &node.config.limits;
        let text = body::text(body)?;
        let mut plan_one = |at, entry: Result<Entry<'_>, Problem>| {
            let publish = entry.and_then(|entry| publish_of(node, &entry, request_key, at));
            let publish = publish::counted(node, publish)?;
            let channel = publish.channel.clone();
            publishes.push(publish);
            Ok(channel)
        };
        // If no event can be too large, a list of plain events is read in one pass.
        if text.len() <= limits.message_bytes_max
            && let Ok(Some(list)) = list::<Listed<'_>>(text, limits.publish_batch_max)
            && list.count == list.entries.len()
        {
            let entries = list.entries.into_iter().enumerate();
            return Ok(Self(entries.map(|(at, Listed(entry))| plan_one(at, Ok(entry))).collect()));
        }
        let entries = entries(text, limits.publish_batch_max)?.into_iter().enumerate();
        let plan =
            entries.map(|(at, entry)| plan_one(at, read_one(entry, limits.message_bytes_max)));
        Ok(Self(plan.collect()))
    }

    /// Appends the result of each event as JSON. Takes the broker's results of those that it was
    /// handed from `results`. Whether there are some and each is a repeat.
    pub(super) fn respond(
        self,
        results: &mut impl Iterator<Item = Result<Receipt, PublishError>>,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut is_repeat = !self.0.is_empty();
        out.extend_from_slice(br#"{"results":["#);
        for (at, planned) in self.0.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            match planned.and_then(|channel| PublishReceipt::of(channel, results.next())) {
                Ok(receipt) => {
                    receipt.write_to(out);
                    is_repeat &= receipt.is_repeat();
                }
                Err(error) => {
                    // Names and numbers are written to memory: this cannot fail.
                    drop(serde_json::to_writer(&mut *out, &Refused { error }));
                    is_repeat = false;
                }
            }
        }
        out.extend_from_slice(b"]}");
        is_repeat
    }
}

fn publish_of(
    node: &Node,
    entry: &Entry<'_>,
    request_key: Option<&str>,
    at: usize,
) -> Result<Publish, Problem> {
    // No key that was sent has a line end, so no other request has this one.
    let of_request = || request_key.map(|key| format!("{key}\n{at}").into());
    let key = entry.key()?.or_else(of_request);
    entry.publish(entry.channel()?, key, node.config.limits.payload_depth_max)
}

/// The events of a body: `{"events":[…]}`, or the list alone.
fn entries(text: &str, events_max: usize) -> Result<Vec<&RawValue>, Problem> {
    let list = match list::<&RawValue>(text, events_max) {
        Ok(list) => list,
        Err(error) => {
            // A body that is not JSON is reported before an unknown field.
            let refusal = body::refusal(&error);
            if refusal.code == Code::BadBody {
                check_fields(text, "a list of events", &FIELDS)?;
            }
            return Err(refusal);
        }
    };
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

fn list<'a, T: Deserialize<'a>>(
    text: &'a str,
    events_max: usize,
) -> Result<Option<List<T>>, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(text);
    let list = BatchBody::<T>::new(events_max).deserialize(&mut json)?;
    json.end().map(|()| list)
}

/// The events up to the limit, and how many there were.
struct List<T> {
    entries: Vec<T>,
    count: usize,
}

struct BatchBody<T> {
    events_max: usize,
    entry: PhantomData<T>,
}

impl<T> BatchBody<T> {
    const fn new(events_max: usize) -> Self {
        Self { events_max, entry: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for BatchBody<T> {
    type Value = Option<List<T>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for BatchBody<T> {
    type Value = Option<List<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the list `events`, or the list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut list, mut unknown) = (None, None);
        while let Some(field) = map.next_key::<String>()? {
            if field != "events" {
                map.next_value::<IgnoredAny>()?;
                unknown = Some(field);
                continue;
            }
            if list.is_some() {
                return Err(A::Error::duplicate_field("events"));
            }
            list = Some(map.next_value_seed(Events(Self::new(self.events_max)))?);
        }
        // A missing list is reported first.
        match unknown.filter(|_| list.is_some()) {
            Some(field) => Err(A::Error::unknown_field(&field, &FIELDS)),
            None => Ok(list),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Events(self).visit_seq(list).map(Some)
    }
}

struct Events<T>(BatchBody<T>);

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Events<T> {
    type Value = List<T>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Events<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`events` to be a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<Self::Value, A::Error> {
        let mut list = List { entries: Vec::new(), count: 0 };
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
