//! The protocol and its tests hold each other. In: PROTOCOL.md, `conformance/`, Rust comments and
//! documents. Out: scenarios that cite no rule, citations of a rule that is not there, and rules
//! of the protocol that nothing tests. A rule is tested by a file under `conformance/` that has it
//! as its `rule`, or by a comment that cites it in a test or in the simulator.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, Rule};
use crate::source::Source;
use crate::tree::Tree;

/// The normative text of the wire.
const PROTOCOL: &str = "PROTOCOL.md";
/// Where every file is a scenario and has to cite a rule.
const SCENARIOS: &str = "conformance/link/";
/// Where any file may cite a rule.
const VECTORS: &str = "conformance/";
/// Code that exists only to check.
const SIMULATOR: &str = "tools/sim/src/";

/// Finds broken citations, and rules that nothing cites.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let Some(protocol) = tree.text(PROTOCOL) else {
        let message = "is missing; write the numbered rules of the wire there";
        return vec![Finding::new(Rule::Scenario, PROTOCOL, 1, message)];
    };
    let (rules, mut findings) = rules_of(protocol);
    let mut cited = BTreeSet::new();
    for (citation, may_test) in citations(tree, &mut findings) {
        if !rules.contains_key(&citation.rule) {
            findings.push(citation.broken());
        } else if may_test {
            cited.insert(citation.rule);
        }
    }
    let untested = rules.iter().filter(|(rule, _)| !cited.contains(*rule));
    findings.extend(untested.map(|(rule, line)| untested_rule(*rule, *line)));
    findings
}

/// The number of a rule of the protocol.
type Number = u32;

/// Where a rule is cited.
struct Citation {
    path: String,
    line: usize,
    rule: Number,
}

impl Citation {
    fn broken(&self) -> Finding {
        let Self { path, line, rule } = self;
        let message = format!("cites P-{rule}, which {PROTOCOL} does not have; cite the right one");
        Finding::new(Rule::Scenario, path, *line, message).about(&format!("P-{rule}"))
    }
}

fn untested_rule(rule: Number, line: usize) -> Finding {
    let message = format!(
        "P-{rule} is not tested; write a scenario with \"rule\": \"P-{rule}\", \
         or a test with a comment that cites it"
    );
    Finding::new(Rule::Untested, PROTOCOL, line, message).about(&format!("P-{rule}"))
}

/// The rules by number, with the line of each, and those that are numbered twice.
fn rules_of(protocol: &str) -> (BTreeMap<Number, usize>, Vec<Finding>) {
    let mut rules = BTreeMap::new();
    let mut findings = Vec::new();
    for (line, text) in (1..).zip(protocol.lines()) {
        let Some(rule) = rule_at_start(text) else { continue };
        if rules.insert(rule, line).is_some() {
            let message = format!("P-{rule} is there twice; give one of them a new number");
            let finding = Finding::new(Rule::Scenario, PROTOCOL, line, message);
            findings.push(finding.about(&format!("P-{rule}")));
        }
    }
    if rules.is_empty() {
        let message = "has no numbered rule; begin each with its bold number, `**P-1**`";
        findings.push(Finding::new(Rule::Scenario, PROTOCOL, 1, message));
    }
    (rules, findings)
}

/// The number of the rule that `line` states: a bold number first, or first in a list or table.
fn rule_at_start(line: &str) -> Option<Number> {
    let marks = |mark: char| mark.is_ascii_digit() || " \t-+.|)".contains(mark);
    let text = line.trim_start_matches(marks).trim_start_matches("* ").trim_start();
    let (number, after) = leading_number(text.strip_prefix("**P-")?)?;
    after.contains("**").then_some(number)
}

fn leading_number(text: &str) -> Option<(Number, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number = text[..digits].parse().ok()?;
    Some((number, &text[digits..]))
}

/// Every citation, and whether it stands where a rule is tested.
fn citations(tree: &Tree, findings: &mut Vec<Finding>) -> Vec<(Citation, bool)> {
    let mut citations = Vec::new();
    for (path, text) in tree.files_of("json") {
        if path.starts_with(VECTORS) {
            match cited_by_file(path, text) {
                Ok(cited) => citations.extend(cited.into_iter().map(|citation| (citation, true))),
                Err(finding) => findings.push(finding),
            }
        }
    }
    if !tree.has(SCENARIOS) {
        let message = "is missing; put the scenarios of the link there";
        findings.push(Finding::new(Rule::Scenario, SCENARIOS, 1, message));
    }
    for (path, text) in tree.files_of("md") {
        citations.extend(cited_by_text(path, text));
    }
    for source in tree.sources(|_, text| text.contains("P-")) {
        citations.extend(cited_by_comments(&source));
    }
    citations
}

fn cited_by_file(path: &str, text: &str) -> Result<Vec<Citation>, Finding> {
    let broken = |what: String| Finding::new(Rule::Scenario, path, 1, what);
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| broken(format!("is not JSON ({error}), mend it")))?;
    let rules = value.get("rule").and_then(serde_json::Value::as_str).map(rules_in);
    let rules = rules.unwrap_or_default();
    if rules.is_empty() && path.starts_with(SCENARIOS) {
        return Err(broken("cites no rule; add \"rule\": \"P-…\"".to_owned()));
    }
    let line = text.lines().position(|line| line.contains("\"rule\"")).map_or(1, |at| at + 1);
    Ok(rules.into_iter().map(|rule| Citation { path: path.to_owned(), line, rule }).collect())
}

fn cited_by_text<'a>(path: &'a str, text: &'a str) -> impl Iterator<Item = (Citation, bool)> + 'a {
    let lines = (1..).zip(text.lines());
    let cited = lines.flat_map(|(line, words)| rules_in(words).into_iter().map(move |r| (line, r)));
    cited.map(|(line, rule)| (Citation { path: path.to_owned(), line, rule }, false))
}

fn cited_by_comments(source: &Source<'_>) -> Vec<(Citation, bool)> {
    let mut citations = Vec::new();
    for (line, comment) in source.comment_lines() {
        let may_test = source.is_test_line(line) || source.path.starts_with(SIMULATOR);
        for rule in rules_in(comment) {
            citations.push((Citation { path: source.path.to_owned(), line, rule }, may_test));
        }
    }
    citations
}

/// The numbers of all rules that `text` names.
fn rules_in(text: &str) -> Vec<Number> {
    let named = text.match_indices("P-").filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '-')
    });
    named.filter_map(|(at, mark)| Some(leading_number(&text[at + mark.len()..])?.0)).collect()
}

#[cfg(test)]
mod tests;
