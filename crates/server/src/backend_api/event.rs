//! One event as a backend writes it. In: a JSON object. Out: a checked `Publish`, or the problem
//! that names the field. The payload is found once, and kept as the text that was received.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use steadfast_history::Publish;
use steadfast_protocol::{ChannelName, EventName, Payload, PayloadError, ReplaceKey};

use crate::json_object;
use crate::problem::{Code, Problem};

use super::body;

/// The longest idempotency key, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 255;

/// The fields of an event, each of the right type. There are no others.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    channel: Option<Cow<'a, str>>,
    event: Option<Cow<'a, str>>,
    data: Option<&'a RawValue>,
    is_final: bool,
    replace: Option<Cow<'a, str>>,
    idempotency_key: Option<Cow<'a, str>>,
}

impl<'a> Entry<'a> {
    /// Parses an event.
    pub(super) fn read(text: &'a str) -> Result<Self, Problem> {
        json_object::check_kind(text, "an event")?;
        match serde_json::from_str::<Plain<'_>>(text) {
            Ok(plain) => Ok(plain.into()),
            Err(_) => Raw::read(text)?.entry(),
        }
    }

    /// Its `channel`.
    pub(super) fn channel(&self) -> Result<ChannelName, Problem> {
        let name = self.channel.as_ref().ok_or_else(|| missing("channel"))?;
        channel_name(name)
    }

    /// Checks `channel`, which may be left out or the same as that of the path.
    pub(super) fn check_channel(&self, of_path: &ChannelName) -> Result<(), Problem> {
        match &self.channel {
            Some(name) if *name != of_path.as_str() => {
                let detail = format!("`channel` is {name:?}, but the path says {of_path}");
                Err(Problem::new(Code::BadBody, detail))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Its `idempotency_key`.
    pub(super) fn key(&self) -> Result<Option<Box<str>>, Problem> {
        let key = self.idempotency_key.as_ref();
        key.map(|key| idempotency_key(key.as_bytes())).transpose()
    }

    /// The publish of this event to a channel.
    pub(super) fn publish(
        &self,
        channel: ChannelName,
        idempotency_key: Option<Box<str>>,
        depth_max: usize,
    ) -> Result<Publish, Problem> {
        let event = self.event.as_ref().ok_or_else(|| missing("event"))?;
        let event = EventName::new(event).map_err(bad_event)?;
        let replace = self.replace.as_ref().map(|key| ReplaceKey::new(key).map_err(bad_event));
        let (replace, is_final) = (replace.transpose()?, self.is_final);
        let data = self.data.map_or_else(Payload::null, Payload::from);
        data.check_depth(depth_max).map_err(|error| too_deep(&error))?;
        Ok(Publish { channel, event, data, is_final, replace, idempotency_key })
    }
}

/// An event as nearly all are: the right types, and no escapes in its names. It is parsed in one
/// pass. [`Raw`] parses any other one, and finds what is wrong. An unknown field is refused, since
/// it was meant to do something.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain<'a> {
    channel: Option<&'a str>,
    event: Option<&'a str>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(rename = "final")]
    is_final: Option<bool>,
    replace: Option<&'a str>,
    idempotency_key: Option<&'a str>,
}

impl<'a> From<Plain<'a>> for Entry<'a> {
    fn from(plain: Plain<'a>) -> Self {
        Self {
            channel: plain.channel.map(Cow::Borrowed),
            event: plain.event.map(Cow::Borrowed),
            data: plain.data,
            is_final: plain.is_final.unwrap_or(false),
            replace: plain.replace.map(Cow::Borrowed),
            idempotency_key: plain.idempotency_key.map(Cow::Borrowed),
        }
    }
}

/// A plain event of a list that is parsed in one pass.
#[derive(Debug)]
pub(super) struct Listed<'a>(pub(super) Entry<'a>);

impl<'de> Deserialize<'de> for Listed<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(Object)
    }
}

/// An object. An array is refused, because serde would fill the fields in order.
struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Listed<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Plain::deserialize(MapAccessDeserializer::new(map)).map(|plain| Listed(plain.into()))
    }
}

/// The fields of an event, each still as text, so that an error can name the field.
#[derive(Debug, serde::Deserialize)]
struct Raw<'a> {
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow, rename = "final")]
    is_final: Option<&'a RawValue>,
    #[serde(borrow)]
    replace: Option<&'a RawValue>,
    #[serde(borrow)]
    idempotency_key: Option<&'a RawValue>,
}

impl<'a> Raw<'a> {
    fn read(text: &'a str) -> Result<Self, Problem> {
        let raw = serde_json::from_str(text).map_err(|error| body::refusal(&error))?;
        json_object::check_fields(text, "an event", json_object::fields_of::<Plain<'_>>())?;
        Ok(raw)
    }

    fn entry(&self) -> Result<Entry<'a>, Problem> {
        Ok(Entry {
            channel: string("channel", self.channel)?,
            event: string("event", self.event)?,
            data: self.data,
            is_final: boolean("final", self.is_final)?,
            replace: string("replace", self.replace)?,
            idempotency_key: string("idempotency_key", self.idempotency_key)?,
        })
    }
}

/// Checks a channel's name.
pub(super) fn channel_name(name: &str) -> Result<ChannelName, Problem> {
    ChannelName::new(name).map_err(|error| Problem::new(Code::BadChannel, error.to_string()))
}

/// Checks an idempotency key: 1 to 255 printable ASCII characters.
pub(super) fn idempotency_key(key: &[u8]) -> Result<Box<str>, Problem> {
    let is_printable = key.iter().all(|byte| matches!(byte, b' '..=b'~'));
    match std::str::from_utf8(key) {
        Ok(text) if is_printable && (1..=KEY_BYTES_MAX).contains(&key.len()) => Ok(text.into()),
        Ok(_) | Err(_) => {
            let actual = key.len();
            let detail = format!(
                "an idempotency key is 1 to {KEY_BYTES_MAX} printable ASCII characters, \
                 this one has {actual} bytes"
            );
            Err(Problem::new(Code::BadIdempotencyKey, detail))
        }
    }
}

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn string<'a>(field: &str, raw: Option<&'a RawValue>) -> Result<Option<Cow<'a, str>>, Problem> {
    let Some(raw) = raw else { return Ok(None) };
    match (serde_json::from_str::<Text<'_>>(raw.get()), raw.get().starts_with('"')) {
        (Ok(text), _) => Ok(Some(text.0)),
        (Err(_), true) => {
            let detail = format!("`{field}` has an escape that stands for no character");
            Err(Problem::new(Code::BadBody, detail))
        }
        (Err(_), false) => Err(wrong(field, "a string", raw)),
    }
}

fn boolean(field: &str, raw: Option<&RawValue>) -> Result<bool, Problem> {
    match raw.map(|raw| (raw.get(), raw)) {
        None | Some(("false", _)) => Ok(false),
        Some(("true", _)) => Ok(true),
        Some((_, raw)) => Err(wrong(field, "true or false", raw)),
    }
}

fn wrong(field: &str, expected: &str, raw: &RawValue) -> Problem {
    let detail = format!("`{field}` is {expected}, this is {}", body::kind(raw.get()));
    Problem::new(Code::BadBody, detail)
}

fn missing(field: &str) -> Problem {
    Problem::new(Code::MissingField, format!("the field `{field}` is missing"))
}

fn bad_event(error: impl fmt::Display) -> Problem {
    Problem::new(Code::BadEvent, error.to_string())
}

fn too_deep(error: &PayloadError) -> Problem {
    Problem::new(Code::TooDeep, format!("`data` is {error}"))
}
