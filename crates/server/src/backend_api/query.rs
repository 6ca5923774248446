//! The query of a URI. In: a URI and the parameters that a route knows. Out: their values. An
//! unknown parameter would be ignored without notice, so it is refused.

use std::collections::BTreeMap;

use hyper::Uri;

use crate::problem::{Code, Problem};
use crate::suggestion;

/// The default number of items of a page.
const LIMIT_DEFAULT: usize = 100;
/// The most items of a page.
const LIMIT_MAX: usize = 1_000;

/// The parameters of one request.
#[derive(Debug)]
pub(super) struct Query(BTreeMap<String, String>);

impl Query {
    /// Parses the parameters, each of which must be in `known` and be given once.
    pub(super) fn read(uri: &Uri, known: &[&str]) -> Result<Self, Problem> {
        Self::of(uri.query().unwrap_or_default(), known)
    }

    /// The same, from the text of the query.
    pub(super) fn of(text: &str, known: &[&str]) -> Result<Self, Problem> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if !known.contains(&&*name) {
                let hint = suggestion::hint(&name, known);
                return Err(bad(format!("`{name:.40}` is not known here; {hint}")));
            }
            if parameters.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(bad(format!("`{name}` comes twice")));
            }
        }
        Ok(Self(parameters))
    }

    /// A parameter's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter parsed by `read`, whose error says what is wrong with it.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        let value = self.text(name).map(read).transpose();
        value.map_err(|error| bad(format!("`{name}`: {error}")))
    }

    /// The parameter `limit`: the most items of a page.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let limit = self.parsed("limit", |text| match text.parse() {
            Ok(limit) if (1..=LIMIT_MAX).contains(&limit) => Ok(limit),
            Ok(_) | Err(_) => Err(format!("a whole number from 1 to {LIMIT_MAX}")),
        });
        Ok(limit?.unwrap_or(LIMIT_DEFAULT))
    }

    /// A parameter that is true or false; false if it is not given.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Problem> {
        let flag = self.parsed(name, |text| text.parse::<bool>().map_err(|_| "true or false"));
        Ok(flag?.unwrap_or(false))
    }
}

fn bad(detail: String) -> Problem {
    Problem::new(Code::BadQuery, detail)
}
