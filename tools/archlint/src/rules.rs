//! The rules, one room each. In: a tree. Out: everything that breaks one of them.

pub mod calls;
pub mod documents;
pub mod edges;
pub mod functions;
pub mod headers;
pub mod lists;
pub mod names;
pub mod pure;
pub mod references;
pub mod scenarios;
pub mod sizes;
pub mod sleeps;
pub mod traces;
pub mod twins;
pub mod type_names;
pub mod words;

use crate::finding::Finding;
use crate::tree::Tree;

/// A rule: finds all that breaks it.
pub type Check = fn(&Tree) -> Vec<Finding>;

/// All the rules of the house.
pub const ALL: [Check; 16] = [
    calls::check,
    documents::check,
    edges::check,
    functions::check,
    headers::check,
    lists::check,
    names::check,
    pure::check,
    references::check,
    scenarios::check,
    sizes::check,
    sleeps::check,
    traces::check,
    twins::check,
    type_names::check,
    words::check,
];
