//! Why a value cannot be used, and where it was written.
//!
//! In: an error of serde. Out: the fault in plain words. Only the kind of the value is shown, since
//! it may be a key.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::config::tree::{Path, Source};

/// One value that cannot be used.
#[derive(Debug)]
pub(in crate::config) struct Fault {
    pub(in crate::config) kind: Kind,
    /// Where it was written, if that is known.
    pub(in crate::config) source: Option<Source>,
    /// The path to it, its own name first.
    way_up: Path,
}

#[derive(Debug)]
pub(in crate::config) enum Kind {
    /// There is no such setting; these are known.
    Unknown { known: &'static [&'static str] },
    /// Something is missing in it.
    Missing { name: &'static str },
    /// It is of another kind, or out of range.
    Wrong { wrong: String, mend: String },
}

impl Fault {
    pub(in crate::config) fn wrong(wrong: impl Into<String>, mend: impl Into<String>) -> Self {
        Kind::Wrong { wrong: wrong.into(), mend: mend.into() }.into()
    }

    /// The same fault, one level up.
    pub(in crate::config) fn within(mut self, key: impl Into<String>, source: &Source) -> Self {
        self.way_up.push(key.into());
        self.source.get_or_insert_with(|| source.clone());
        self
    }

    /// The path to it from the root.
    pub(in crate::config) fn path(&self) -> Path {
        self.way_up.iter().rev().cloned().collect()
    }
}

impl From<Kind> for Fault {
    fn from(kind: Kind) -> Self {
        Self { kind, source: None, way_up: Path::new() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.kind)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    /// Addresses are the only settings with a check of their own.
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::wrong(message.to_string(), "write an IP address and a port, like 127.0.0.1:8080")
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (needed, mend) = in_words(expected);
        Self::wrong(format!("this is {}, and {needed} is needed", kind_of(unexpected)), mend)
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let (needed, mend) = in_words(expected);
        let wrong = if let Unexpected::Signed(number) = unexpected {
            format!("{number} is out of range, {needed} is needed")
        } else {
            format!("this is {}, and {needed} is needed", kind_of(unexpected))
        };
        Self::wrong(wrong, mend)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let wrong = format!("{variant:?} is not one of the values");
        Self::wrong(wrong, format!("write one of {}", expected.join(", ")))
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Kind::Unknown { known }.into()
    }

    fn missing_field(name: &'static str) -> Self {
        Kind::Missing { name }.into()
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the tree has no values of other kinds")]
fn kind_of(unexpected: Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(_) => "true or false".into(),
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a number".into(),
        Unexpected::Str(_) => "text".into(),
        Unexpected::Seq => "a list".into(),
        Unexpected::Map => "a section".into(),
        Unexpected::Other(what) => what.into(),
        _ => "something else".into(),
    }
}

/// What a serde visitor expects, and how to write that.
fn in_words(expected: &dyn Expected) -> (&'static str, &'static str) {
    match expected.to_string().as_str() {
        "u16" | "u32" | "u64" | "usize" => {
            ("a whole number, 0 or more,", "write digits only, like 1000")
        }
        "a boolean" => ("true or false", "write true or false, without quotes"),
        "a sequence" => ("a list", "write a list, like [\"one\", \"two\"]"),
        "a string" | "path string" | "socket address" => ("text", "write it in quotes"),
        _ => ("a section", "write it as a section, like [limits]"),
    }
}
