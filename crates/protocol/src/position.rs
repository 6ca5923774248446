//! Where a subscriber stands in a channel, where it wants to start, and what it missed.

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor, value};
use serde::ser::{Serialize, Serializer};

use crate::Epoch;

/// The last event that a subscriber's app has been handed; offset 0 is before the first.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// The numbering that `offset` belongs to.
    pub epoch: Epoch,
    /// 1 for the first event of the epoch, without holes; at most 2^53.
    pub offset: u64,
}

impl Position {
    /// The position behind event `offset` of `epoch`.
    pub const fn new(epoch: Epoch, offset: u64) -> Self {
        Self { epoch, offset }
    }
}

/// Where a subscription starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Since {
    /// At the oldest event that is still kept.
    #[default]
    Start,
    /// Behind the newest event.
    Now,
    /// Behind this one.
    After(Position),
}

impl Serialize for Since {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Start => serializer.serialize_str("start"),
            Self::Now => serializer.serialize_str("now"),
            Self::After(position) => position.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Since {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SinceVisitor;

        impl<'de> Visitor<'de> for SinceVisitor {
            type Value = Since;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(r#""start", "now" or {"epoch","offset"}"#)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Since, E> {
                match text {
                    "start" => Ok(Since::Start),
                    "now" => Ok(Since::Now),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Since, E> {
                Ok(Since::Start)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Since, A::Error> {
                let position = Position::deserialize(value::MapAccessDeserializer::new(map))?;
                if position.offset > crate::Limits::OFFSET_MAX {
                    return Err(A::Error::custom("an offset is at most 2^53"));
                }
                Ok(Since::After(position))
            }
        }

        deserializer.deserialize_any(SinceVisitor)
    }
}

/// Events that a subscriber asked for and can no longer be given.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Gap {
    /// The position asked for.
    pub from: Position,
    /// Where delivery goes on: the next event is the one after it.
    pub to: Position,
    /// Why.
    pub cause: GapCause,
}

/// Why events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GapCause {
    /// They were older, or more, than the channel keeps, or went to make room for newer ones.
    Retention,
    /// The stored history was lost, rolled back or deleted, and numbering began anew.
    EpochChanged,
}

#[cfg(test)]
mod tests {
    use super::{Position, Since};
    use crate::Epoch;

    #[test]
    fn since_has_three_forms_and_nothing_else() {
        let parse = serde_json::from_str::<Since>;
        assert_eq!(parse(r#""start""#).unwrap(), Since::Start);
        assert_eq!(parse(r#""now""#).unwrap(), Since::Now);
        assert_eq!(parse("null").unwrap(), Since::Start);
        let position = Position::new(Epoch::new("e1").unwrap(), 7);
        assert_eq!(parse(r#"{"epoch":"e1","offset":7,"x":1}"#).unwrap(), Since::After(position));
        for bad in [r#""later""#, "7", r#"{"epoch":"e1"}"#, r#"{"epoch":"","offset":1}"#, "[]"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(r#"{"epoch":"e","offset":9007199254740992}"#).is_ok());
        assert!(parse(r#"{"epoch":"e","offset":9007199254740993}"#).is_err());
        assert!(parse(r#"{"epoch":"e","offset":-1}"#).is_err());
    }
}
