//! The file layer: parses TOML text into a tree whose values know their lines.
//!
//! In: the text of the file, or of one TOML value from a variable. Out: values of the tree, or what
//! is wrong with the text. Knows no settings.

use std::path::Path;
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Mistake;
use super::tree::{Source, Tree, Value};

/// Adds the settings of a file. If its text is not TOML, nothing is added.
pub(super) fn add(tree: &mut Tree, path: &Path, text: &str, mistakes: &mut Vec<Mistake>) {
    let name: Arc<str> = path.display().to_string().into();
    let source_at = |at: usize| Source::File { name: Arc::clone(&name), line: line_of(text, at) };
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        mistakes.push(Mistake {
            source: source_at(error.span().map_or(0, |span| span.start)),
            setting: String::new(),
            wrong: format!("this is not TOML: {}", one_line(error.message())),
            mend: "see https://toml.io for how it is written".into(),
        });
    }
    if errors.is_empty() {
        tree.value = table_value(table.into_inner(), &source_at);
    }
}

/// Parses one TOML value, a list or an inline table, from a variable.
pub(super) fn value(text: &str, source: &Source) -> Result<Value, String> {
    match DeValue::parse(text) {
        Ok(value) => Ok(convert(value.into_inner(), &|_| source.clone())),
        Err(error) => Err(one_line(error.message())),
    }
}

fn table_value(table: DeTable<'_>, source_at: &dyn Fn(usize) -> Source) -> Value {
    let entries = table.into_iter().map(|(key, value)| {
        let source = source_at(key.span().start);
        let value = convert(value.into_inner(), source_at);
        (key.into_inner().into_owned(), Tree { source, value })
    });
    Value::Table(entries.collect())
}

fn convert(value: DeValue<'_>, source_at: &dyn Fn(usize) -> Source) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(digits) => {
            let number = i64::from_str_radix(digits.as_str(), digits.radix());
            number.map_or(Value::Other("a number that is too large"), Value::Integer)
        }
        DeValue::Boolean(yes) => Value::Bool(yes),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date or time"),
        DeValue::Table(table) => table_value(table, source_at),
        DeValue::Array(list) => {
            let entry = |entry: Spanned<DeValue<'_>>| {
                let source = source_at(entry.span().start);
                Tree { source, value: convert(entry.into_inner(), source_at) }
            };
            Value::List(list.into_iter().map(entry).collect())
        }
    }
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}
