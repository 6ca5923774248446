//! Turns a tree of values into settings, in spite of mistakes.
//!
//! In: the tree of all layers. Out: the settings, with the default wherever a value cannot be
//! used, and a mistake for each of those. The structs of `settings` are the only schema.

mod fault;
mod reader;

use serde::Deserialize;

use super::env::{levels_of, variable_of};
use super::error::{Mistake, dotted};
use super::settings::Config;
use super::tree::{Path, Source, Tree};
use crate::suggestion::nearest;
use fault::{Fault, Kind};
use reader::ValueReader;

/// Reads the settings, and removes values that cannot be used from the tree. Returns the paths of
/// those, so that they are not reported twice.
pub(super) fn config(tree: &mut Tree, mistakes: &mut Vec<Mistake>) -> (Config, Vec<Path>) {
    let mut faulty = Vec::new();
    loop {
        let fault = match Config::deserialize(ValueReader::new(tree)) {
            Ok(config) => return (config, faulty),
            Err(fault) => fault,
        };
        let path = fault.path();
        mistakes.extend(mistakes_of(&fault, &path, tree));
        // Every round removes a value, or is the last one.
        if !tree.remove(&path) {
            return (Config::default(), faulty);
        }
        faulty.push(path);
    }
}

fn mistakes_of(fault: &Fault, path: &[String], tree: &Tree) -> Vec<Mistake> {
    let setting = dotted(path);
    let source = fault.source.clone().unwrap_or_default();
    match &fault.kind {
        Kind::Unknown { known } => {
            let below = tree.at(path).map(Tree::variables).unwrap_or_default();
            let unknown = |source: Source| Mistake {
                mend: suggestion(path, known, &source),
                wrong: "there is no such setting".into(),
                setting: setting.clone(),
                source,
            };
            std::iter::once(source).chain(below).map(unknown).collect()
        }
        Kind::Missing { name } => vec![Mistake {
            source,
            setting,
            wrong: format!("`{name}` is missing"),
            mend: format!("add `{name}`"),
        }],
        Kind::Wrong { wrong, mend } => {
            vec![Mistake { source, setting, wrong: wrong.clone(), mend: mend.clone() }]
        }
    }
}

fn suggestion(path: &[String], known: &[&str], source: &Source) -> String {
    let Some((name, above)) = path.split_last() else { return String::new() };
    let as_written = |key: &str| {
        let mut full = above.to_vec();
        full.push(key.to_owned());
        match source {
            Source::Variable(variable) => {
                let below = levels_of(variable).into_iter().skip(full.len());
                full.extend(below.map(str::to_owned));
                variable_of(&full)
            }
            Source::File { .. } | Source::Flag(_) | Source::Unset => format!("`{}`", dotted(&full)),
        }
    };
    match nearest(name, known) {
        Some(key) => format!("did you mean {}?", as_written(key)),
        None => format!("known here: {}", known.join(", ")),
    }
}
