//! A serde deserializer over the tree. It reports where a fault is, and lets each type decide what
//! the text of a variable means.
//!
//! In: a value of the tree. Out: what serde requests. Knows no settings.

use std::collections::btree_map;
use std::slice;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor,
};

use super::fault::Fault;
use crate::config::file;
use crate::config::tree::{Tree, Value};

/// Reads one value.
pub(super) struct ValueReader<'a>(&'a Tree);

struct Entries<'a> {
    left: btree_map::Iter<'a, String, Tree>,
    value: Option<(&'a str, &'a Tree)>,
}

struct Items<'a>(std::iter::Enumerate<slice::Iter<'a, Tree>>);

impl<'a> ValueReader<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        Self(tree)
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.0.value {
            Value::Table(table) => visitor.visit_map(Entries { left: table.iter(), value: None }),
            Value::List(list) => visitor.visit_seq(Items(list.iter().enumerate())),
            Value::Text(text) | Value::Raw(text) => visitor.visit_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Bool(yes) => visitor.visit_bool(*yes),
            Value::Other(what) => Err(Fault::invalid_type(Unexpected::Other(what), &visitor)),
        }
    }

    fn integer<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Value::Raw(text) = &self.0.value else { return self.visit(visitor) };
        match text.trim().parse() {
            Ok(number) => visitor.visit_i64(number),
            Err(_) => Err(Fault::wrong(
                format!("{text:?} is not a whole number"),
                "write digits only, like 1000",
            )),
        }
    }

    /// Text that begins like a TOML list or table is parsed as one.
    fn collection<'de, V: Visitor<'de>>(self, open: char, visitor: V) -> Result<V::Value, Fault> {
        let Value::Raw(text) = &self.0.value else { return self.visit(visitor) };
        let value = if text.trim_start().starts_with(open) {
            file::value(text.trim(), &self.0.source).map_err(|error| {
                Fault::wrong(format!("this is not TOML: {error}"), "see https://toml.io")
            })?
        } else if open == '[' {
            Value::List(split(text, self.0))
        } else {
            return self.visit(visitor);
        };
        ValueReader(&Tree { source: self.0.source.clone(), value }).visit(visitor)
    }
}

fn split(text: &str, tree: &Tree) -> Vec<Tree> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let entry = |part: &str| Tree { value: Value::Raw(part.to_owned()), ..tree.clone() };
    parts.map(entry).collect()
}

macro_rules! integers {
    ($($method:ident)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.integer(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for ValueReader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.visit(visitor)
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let Value::Raw(text) = &self.0.value else { return self.visit(visitor) };
        match text.trim() {
            "true" | "1" => visitor.visit_bool(true),
            "false" | "0" => visitor.visit_bool(false),
            _ => Err(Fault::wrong(format!("{text:?} is not a choice"), "write true or false")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.collection('[', visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.collection('{', visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.collection('{', visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        choices: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let Value::Text(text) | Value::Raw(text) = &self.0.value {
            return visitor.visit_enum(text.as_str().into_deserializer());
        }
        let mend = format!("write one of {}, in quotes", choices.join(", "));
        Err(Fault::wrong("this is not text", mend))
    }

    serde::forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((key, tree)) = self.left.next() else { return Ok(None) };
        self.value = Some((key, tree));
        let reader: StrDeserializer<'_, Fault> = key.as_str().into_deserializer();
        seed.deserialize(reader).map(Some).map_err(|fault| fault.within(key, &tree.source))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((key, tree)) = self.value.take() else {
            return Err(Fault::wrong("a value was asked for before its name", "report this"));
        };
        seed.deserialize(ValueReader(tree)).map_err(|fault| fault.within(key, &tree.source))
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((index, tree)) = self.0.next() else { return Ok(None) };
        let value = seed.deserialize(ValueReader(tree));
        value.map(Some).map_err(|fault| fault.within(index.to_string(), &tree.source))
    }
}
