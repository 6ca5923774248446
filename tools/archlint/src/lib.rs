//! The house rules, as code: what a review would otherwise have to say again and again.
//!
//! In: a [`Tree`], the text files of the repository or a handful of invented ones. Out: a
//! [`Finding`] for every line that breaks a rule, less what [`ALLOWED`] excuses with a reason.
//!
//! One rule a file, under `rules/`. A rule knows nothing of the allow-list and nothing of the
//! disk, so each one is tried on small samples beside it; `tests/house.rs` holds the repository
//! itself against all of them.

mod allow;
mod allowed;
mod finding;
pub mod rules;
mod script;
mod source;
mod tree;

pub use allow::{Allowed, sift, unneeded};
pub use allowed::ALLOWED;
pub use finding::{Finding, Rule, report};
pub use tree::{Tree, TreeError};
