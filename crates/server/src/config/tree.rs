//! Settings before they are parsed: a tree of values that know where they were written.
//!
//! In: values from any layer, where a later one replaces an earlier one. Out: the value at a path,
//! and its source. Knows no settings.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Where a setting was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// In a file.
    File {
        /// The file's name.
        name: Arc<str>,
        /// The line, from 1.
        line: usize,
    },
    /// In an environment variable of this name.
    Variable(String),
    /// In a flag, such as `--listen`.
    Flag(&'static str),
    /// Nowhere: the default is used.
    #[default]
    Unset,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line } => write!(f, "{name}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
            Self::Unset => f.write_str("defaults"),
        }
    }
}

/// The path to a setting, from the root. Entries of lists are numbered from 0.
pub(super) type Path = Vec<String>;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) source: Source,
    pub(super) value: Value,
}

/// A value of any layer.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Table(BTreeMap<String, Tree>),
    List(Vec<Tree>),
    Text(String),
    Integer(i64),
    Bool(bool),
    /// From a variable or flag: text, whose meaning depends on the type of the setting.
    Raw(String),
    /// A value of a kind that no setting has, in words.
    Other(&'static str),
}

impl Default for Tree {
    fn default() -> Self {
        Self { source: Source::Unset, value: Value::Table(BTreeMap::new()) }
    }
}

impl Tree {
    /// Sets a value, and creates the tables above it. If a plain value is in the way, it stays, and
    /// its source is the error.
    pub(super) fn set(
        &mut self,
        path: &[String],
        source: Source,
        text: &str,
    ) -> Result<(), Source> {
        let Some((first, rest)) = path.split_first() else { return Ok(()) };
        let Value::Table(table) = &mut self.value else { return Err(self.source.clone()) };
        if rest.is_empty() {
            let value = Value::Raw(text.to_owned());
            table.insert(first.clone(), Self { source, value });
            return Ok(());
        }
        let made = || Self { source: source.clone(), ..Self::default() };
        table.entry(first.clone()).or_insert_with(made).set(rest, source, text)
    }

    /// Removes the value at `path`, or the nearest one above it. Returns false if there is none.
    pub(super) fn remove(&mut self, path: &[String]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        if self.child_mut(first).is_some_and(|child| child.remove(rest)) {
            return true;
        }
        if let Value::Table(table) = &mut self.value {
            return table.remove(first).is_some();
        }
        let Value::List(list) = &mut self.value else { return false };
        match first.parse::<usize>() {
            Ok(index) if index < list.len() => {
                list.remove(index);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    /// Where the setting at `path` was written.
    pub(super) fn source(&self, path: &[String]) -> Source {
        let Some((first, rest)) = path.split_first() else { return self.source.clone() };
        match self.child(first) {
            Some(child) => child.source(rest),
            None if matches!(self.value, Value::Table(_)) => Source::Unset,
            None => self.source.clone(),
        }
    }

    /// The variables that set something in this tree, except at its root.
    pub(super) fn variables(&self) -> Vec<Source> {
        let mut found = Vec::new();
        let Value::Table(table) = &self.value else { return found };
        for tree in table.values() {
            for source in std::iter::once(tree.source.clone()).chain(tree.variables()) {
                let is_variable = matches!(source, Source::Variable(_));
                if is_variable && source != self.source && !found.contains(&source) {
                    found.push(source);
                }
            }
        }
        found
    }

    /// The value at `path`.
    pub(super) fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |tree, key| tree.child(key))
    }

    fn child(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Table(table) => table.get(key),
            Value::List(list) => list.get(key.parse::<usize>().ok()?),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Bool(_)
            | Value::Raw(_)
            | Value::Other(_) => None,
        }
    }

    fn child_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            Value::Table(table) => table.get_mut(key),
            Value::List(list) => list.get_mut(key.parse::<usize>().ok()?),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Bool(_)
            | Value::Raw(_)
            | Value::Other(_) => None,
        }
    }
}
