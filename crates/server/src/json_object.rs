//! Reads a JSON object whose fields are all known. In: the text of a body or of a part of it, and a
//! type. Out: a value of the type, or the problem, which names a field that the type does not have
//! and the nearest one that it has (P-38). Must not know what the fields mean.

use std::fmt;

use serde::de::value::Error as NoValue;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

use crate::backend_api::body;
use crate::problem::{Code, Problem};
use crate::suggestion;

/// Reads an object of type `T`, a struct that denies unknown fields. `what` names such an object in
/// the problem: "an event".
pub(crate) fn read<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, Problem> {
    check_kind(text, what)?;
    serde_json::from_str(text).map_err(|error| {
        let unknown = check_fields(text, what, fields_of::<T>());
        unknown.err().unwrap_or_else(|| body::refusal(&error))
    })
}

/// Refuses what is not an object. Of an array, serde would fill the fields of a struct in order.
pub(crate) fn check_kind(text: &str, what: &str) -> Result<(), Problem> {
    if text.trim_start().starts_with('{') {
        return Ok(());
    }
    match serde_json::from_str::<&RawValue>(text) {
        Ok(_) => {
            let detail = format!("{what} is a JSON object, this is {}", body::kind(text));
            Err(Problem::new(Code::BadBody, detail))
        }
        Err(error) => Err(body::refusal(&error)),
    }
}

/// Refuses an object for the first field that is not one of `known`. A text that is no object is
/// left to whoever parses it.
pub(crate) fn check_fields(text: &str, what: &str, known: &[&str]) -> Result<(), Problem> {
    let Ok(Names(names)) = serde_json::from_str(text) else { return Ok(()) };
    let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) else {
        return Ok(());
    };
    let hint = suggestion::hint(name, known);
    let detail = format!("{what} has no field `{name:.40}`; {hint}");
    Err(Problem::new(Code::UnknownField, detail))
}

/// The fields of a struct, as serde knows them; none of any other type.
pub(crate) fn fields_of<'a, T: Deserialize<'a>>() -> &'static [&'static str] {
    let mut fields: &'static [&'static str] = &[];
    // It has no value to give, so the struct is never made.
    drop(T::deserialize(Fields(&mut fields)));
    fields
}

/// Notes the fields that a struct asks for.
struct Fields<'f>(&'f mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = NoValue;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NoValue> {
        Err(NoValue::custom("there is no value"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, NoValue> {
        *self.0 = fields;
        Err(NoValue::custom("there is no value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// The names of an object's fields, in their order.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(NamesOf)
    }
}

struct NamesOf;

impl<'de> Visitor<'de> for NamesOf {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some((name, IgnoredAny)) = map.next_entry()? {
            names.push(name);
        }
        Ok(Names(names))
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Wish {
        #[serde(rename = "wait")]
        _wait: u64,
        #[serde(default, rename = "limit")]
        _limit: Option<u64>,
    }

    #[test]
    fn an_unknown_field_is_named_before_anything_else_is_wrong() {
        let table = [
            (r#"{"wiat":1}"#, "unknown_field", "a wish has no field `wiat`; did you mean `wait`?"),
            (r#"{"wait":"1","l":1}"#, "unknown_field", "no field `l`; there is `wait`, `limit`"),
            (r#"{"wait":"1"}"#, "bad_body", "invalid type"),
            (r#"{"limit":1}"#, "bad_body", "missing field `wait`"),
            (r#"{"wait":1"#, "bad_json", "EOF"),
            ("7", "bad_body", "a wish is a JSON object, this is a number"),
            ("[1,2]", "bad_body", "this is an array"),
            ("[1,", "bad_json", "EOF"),
        ];
        for (text, code, part) in table {
            let problem = read::<Wish>(text, "a wish").unwrap_err();
            assert_eq!(problem.code.as_str(), code, "{text}: {problem}");
            assert!(problem.detail.contains(part), "{text}: {problem}");
        }
        assert!(read::<Wish>(r#"{"wait":1,"limit":2}"#, "a wish").is_ok());
    }
}
