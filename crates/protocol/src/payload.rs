//! The app's own JSON: checked once where it enters, then carried as text and never parsed again.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use serde_json::value::RawValue;

/// Any JSON value, kept as the text it came in.
#[derive(Clone)]
pub struct Payload(Arc<RawValue>);

/// Why a text cannot be a payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It nests deeper than allowed.
    #[error("nested deeper than {max} levels")]
    TooDeep {
        /// The deepest level allowed.
        max: usize,
    },
}

impl Payload {
    /// Checks that `text` is one JSON value.
    pub fn new(text: &str) -> Result<Self, PayloadError> {
        match serde_json::from_str::<Box<RawValue>>(text) {
            Ok(raw) => Ok(Self(raw.into())),
            Err(error) => Err(PayloadError::Json(alloc::format!("{error}"))),
        }
    }

    /// The value `null`.
    pub fn null() -> Self {
        Self(RawValue::NULL.to_owned().into())
    }

    /// The text, exactly as it came.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Checks that arrays and objects nest at most `max` deep.
    pub fn check_depth(&self, max: usize) -> Result<(), PayloadError> {
        let text = self.as_str();
        if brackets(text) > max && depth(text) > max {
            Err(PayloadError::TooDeep { max })
        } else {
            Ok(())
        }
    }
}

/// How many brackets open in a text, in strings too: it nests no deeper. Nearly all payloads have
/// fewer than may nest, and counting them takes a fraction of reading them.
fn brackets(json: &str) -> usize {
    json.bytes().filter(|byte| matches!(byte, b'[' | b'{')).count()
}

/// How deep arrays and objects nest in a valid JSON text.
fn depth(json: &str) -> usize {
    let (mut now, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        if in_string {
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                now += 1;
                deepest = deepest.max(now);
            }
            b']' | b'}' => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl From<&RawValue> for Payload {
    fn from(raw: &RawValue) -> Self {
        Self(raw.to_owned().into())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Payload, PayloadError, depth};
    use alloc::string::String;

    fn nested(levels: usize) -> String {
        let open = core::iter::repeat_n('[', levels);
        open.chain(core::iter::repeat_n(']', levels)).collect()
    }

    #[test]
    fn a_payload_keeps_its_text_to_the_byte() {
        let text = "{ \"n\": 1e400, \"s\" : \"\\u00e9\" }";
        assert_eq!(Payload::new(text).unwrap().as_str(), text);
        assert!(Payload::new("{").is_err());
        assert!(Payload::new("1 2").is_err());
        assert_eq!(Payload::null().as_str(), "null");
    }

    #[test]
    fn depth_counts_brackets_outside_strings_only() {
        assert_eq!(depth("1"), 0);
        assert_eq!(depth(r#"{"a[{":"]\"[","b":[[1],{}]}"#), 3);
        assert_eq!(depth(r#"["\\",["x"]]"#), 2);
    }

    #[test]
    fn depth_is_allowed_at_the_limit_and_refused_one_past_it() {
        assert!(Payload::new(&nested(64)).unwrap().check_depth(64).is_ok());
        let deep = Payload::new(&nested(65)).unwrap();
        assert_eq!(deep.check_depth(64), Err(PayloadError::TooDeep { max: 64 }));
        assert!(Payload::new(&nested(100_000)).unwrap().check_depth(64).is_err());
    }
}
