//! One event as a backend writes it. In: a JSON object. Out: a checked `Publish`, or the problem
//! that names the field. The payload is found once and carried as the text it came in.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use steadfast_hub::Publish;
use steadfast_protocol::{ChannelName, EventName, Payload, PayloadError, ReplaceKey};

use crate::problem::{Code, Problem};

use super::body;

/// The longest idempotency key, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 255;

/// The fields of an event, each still as text. Others are not looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Entry<'a> {
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

impl<'a> Entry<'a> {
    /// Finds the fields in a text.
    pub(super) fn read(text: &'a str) -> Result<Self, Problem> {
        // An array would fill the fields in order: an object is asked for by its first character.
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text).map_err(|error| body::refusal(&error));
        }
        match serde_json::from_str::<&RawValue>(text) {
            Ok(_) => {
                let detail = format!("an event is a JSON object, this is {}", body::kind(text));
                Err(Problem::new(Code::BadBody, detail))
            }
            Err(error) => Err(body::refusal(&error)),
        }
    }

    /// Its `channel`.
    pub(super) fn channel(&self) -> Result<ChannelName, Problem> {
        let name = string("channel", self.channel)?.ok_or_else(|| missing("channel"))?;
        ChannelName::new(&name).map_err(|error| Problem::new(Code::BadChannel, error.to_string()))
    }

    /// Its `idempotency_key`.
    pub(super) fn key(&self) -> Result<Option<Box<str>>, Problem> {
        let key = string("idempotency_key", self.idempotency_key)?;
        key.map(|key| idempotency_key(key.as_bytes())).transpose()
    }

    /// The whole, for a channel.
    pub(super) fn publish(
        &self,
        channel: ChannelName,
        idempotency_key: Option<Box<str>>,
        depth_max: usize,
    ) -> Result<Publish, Problem> {
        let event = string("event", self.event)?.ok_or_else(|| missing("event"))?;
        let event = EventName::new(&event).map_err(bad_event)?;
        let replace = string("replace", self.replace)?;
        let replace = replace.map(|key| ReplaceKey::new(&key).map_err(bad_event)).transpose()?;
        let is_final = boolean("final", self.is_final)?;
        let data = self.data.map_or_else(Payload::null, Payload::from);
        data.check_depth(depth_max).map_err(|error| too_deep(&error))?;
        Ok(Publish { channel, event, data, is_final, replace, idempotency_key })
    }
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

#[derive(Deserialize)]
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

fn bad_event(error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::BadEvent, error.to_string())
}

fn too_deep(error: &PayloadError) -> Problem {
    Problem::new(Code::TooDeep, format!("`data` is {error}"))
}
