//! Lists in documents are complete. In: the close codes and the routes of the code, PROTOCOL.md
//! and docs/http.md. Out: each that only one of the two has.

use std::collections::BTreeSet;

use crate::finding::{Finding, Rule};
use crate::tree::Tree;

const PROTOCOL: &str = "PROTOCOL.md";
const CLOSE_CODES: &str = "crates/protocol/src/close.rs";
/// The rule that lists the close codes of our own.
const CLOSE_RULE: &str = "- **P-52**";
const ROUTES: &str = "docs/http.md";
const INTERNAL: &str = "crates/server/src/backend_api.rs";
const PUBLIC: &str = "crates/server/src/client_api/router.rs";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Finds close codes and routes that are not listed, and lines about some that are not there.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let text = |path| tree.text(path).unwrap_or_default();
    let closes = [codes_of(text(CLOSE_CODES)), codes_in_rule(text(PROTOCOL))];
    let mut findings = difference(&closes, CLOSE_CODES, PROTOCOL);
    let (public, internal) = text(ROUTES).split_once("## Internal port").unwrap_or_default();
    let internals = [internal_routes(text(INTERNAL)), listed_routes(internal)];
    findings.extend(difference(&internals, INTERNAL, ROUTES));
    let publics = [public_routes(text(PUBLIC)), listed_paths(public)];
    findings.extend(difference(&publics, PUBLIC, ROUTES));
    findings
}

fn difference(lists: &[BTreeSet<String>; 2], code: &str, document: &str) -> Vec<Finding> {
    let [there, listed] = lists;
    let missing = there.difference(listed).map(|one| {
        let message = format!("`{one}` of {code} is not listed; add a line that says what it is");
        Finding::new(Rule::Document, document, 1, message).about(one)
    });
    let idle = listed.difference(there).map(|one| {
        let message = format!("lists `{one}`, which {code} does not have; take it out");
        Finding::new(Rule::Document, document, 1, message).about(one)
    });
    missing.chain(idle).collect()
}

/// The close codes from 4000 on that have a name.
fn codes_of(source: &str) -> BTreeSet<String> {
    let constants = source.lines().filter(|line| line.trim_start().starts_with("pub const "));
    constants.flat_map(four_digits).collect()
}

fn codes_in_rule(protocol: &str) -> BTreeSet<String> {
    let (_, rule) = protocol.split_once(CLOSE_RULE).unwrap_or_default();
    let end = rule.find("\n- ").unwrap_or(rule.len());
    rule.get(..end).into_iter().flat_map(four_digits).collect()
}

/// The numbers from 4000 to 4999 in a text.
fn four_digits(text: &str) -> impl Iterator<Item = String> + '_ {
    let numbers = text.split(|letter: char| !letter.is_ascii_alphanumeric());
    numbers.filter(|word| word.len() == 4 && word.parse().is_ok_and(is_ours)).map(str::to_owned)
}

const fn is_ours(code: u16) -> bool {
    matches!(code, 4000..=4999)
}

/// `METHOD /path` of each `.route("/path", method(…).method(…))`.
fn internal_routes(source: &str) -> BTreeSet<String> {
    let mut routes = BTreeSet::new();
    for call in source.split(".route(\"").skip(1) {
        let Some((path, handlers)) = call.split_once('"') else { continue };
        let handlers = handlers.lines().next().unwrap_or_default();
        for method in METHODS {
            let is_taken = handlers.contains(&format!(" {method}("))
                || handlers.contains(&format!(".{method}("));
            if is_taken {
                routes.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
    }
    routes
}

/// The paths that the public port knows: whole ones, and those of a channel.
fn public_routes(source: &str) -> BTreeSet<String> {
    let arms = source.lines().filter_map(|line| line.trim().split_once(" => RouteTarget::"));
    let path = |(pattern, _): (&str, &str)| {
        let (_, literal) = pattern.split_once('"')?;
        let (literal, _) = literal.split_once('"')?;
        let is_of_channel = pattern.starts_with("Some((channel");
        Some(if is_of_channel {
            format!("/v1/channels/{{channel}}/{literal}")
        } else {
            literal.into()
        })
    };
    arms.filter_map(path).collect()
}

/// What stands in backticks at the beginning of the rows of tables, as `METHOD /path`.
fn listed_routes(document: &str) -> BTreeSet<String> {
    let rows = document.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(route, _)| route.to_owned()).collect()
}

fn listed_paths(document: &str) -> BTreeSet<String> {
    let path = |route: String| route.split_once(' ').map(|(_, path)| path.to_owned());
    listed_routes(document).into_iter().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::{CLOSE_CODES, INTERNAL, PROTOCOL, PUBLIC, ROUTES, check};
    use crate::tree::Tree;

    const CLOSE: &str =
        "    pub const A: Self = Self(4000);\n    pub const B: Self = Self(1000);\n";
    const RULE: &str = "- **P-52** Codes: 4000 too slow.\n- **P-53** Not 4999.\n";
    const INTERNAL_CODE: &str = "    .route(\"/v1/a/{id}\", get(a::one).delete(a::end))\n";
    const PUBLIC_CODE: &str = "        \"/v1/ws\" => RouteTarget::Socket,\n            \
        Some((channel, \"stream\")) => RouteTarget::Stream(channel),\n";
    const LIST: &str = "| `GET /v1/ws` | sockets |\n\
        | `GET /v1/channels/{channel}/stream` | events |\n\
        ## Internal port\n| `GET /v1/a/{id}` | one |\n| `DELETE /v1/a/{id}` | its end |\n";

    fn found(files: [&str; 5]) -> Vec<String> {
        let paths = [CLOSE_CODES, PROTOCOL, INTERNAL, PUBLIC, ROUTES];
        let files: Vec<_> = paths.into_iter().zip(files).collect();
        check(&Tree::of(&files)).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn complete_lists_are_fine() {
        let none: [String; 0] = [];
        assert_eq!(found([CLOSE, RULE, INTERNAL_CODE, PUBLIC_CODE, LIST]), none);
    }

    #[test]
    fn what_is_added_to_the_code_alone_is_found() {
        let close = format!("{CLOSE}    pub const C: Self = Self(4404);\n");
        let internal = format!("{INTERNAL_CODE}    .route(\"/v1/b\", post(b::make))\n");
        let public = format!("{PUBLIC_CODE}        \"/v1/new\" => RouteTarget::New,\n");
        let found = found([&close, RULE, &internal, &public, LIST]);
        let names: Vec<_> = found.iter().filter_map(|text| text.split('`').nth(1)).collect();
        assert_eq!(names, ["4404", "POST /v1/b", "/v1/new"]);
    }

    #[test]
    fn what_a_document_alone_has_is_found() {
        let rule = RULE.replace("4000", "4000, 4001");
        let list = format!("| `POST /v1/old` | gone |\n{LIST}| `GET /v1/gone` | gone |\n");
        let found = found([CLOSE, &rule, INTERNAL_CODE, PUBLIC_CODE, &list]);
        let names: Vec<_> = found.iter().filter_map(|text| text.split('`').nth(1)).collect();
        assert_eq!(names, ["4001", "GET /v1/gone", "/v1/old"]);
    }
}
