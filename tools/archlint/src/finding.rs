//! What a rule says about a line. In: nothing. Out: `path:line: what is wrong, what to do`.
//! Must not know how any rule is measured.

use std::fmt;

/// A rule of the house. The name is what the allow-list is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// A `.rs` file can be parsed.
    Parses,
    /// Code outside tests is at most 400 lines a file. Subject: none.
    FileLines,
    /// Code outside tests is never above 600 lines a file. Knows no exceptions.
    FileLinesEver,
    /// A test module inside a file is at most 150 lines. Subject: the module's name.
    TestModuleLines,
    /// A line is at most 100 columns. Subject: none.
    LineColumns,
    /// A function outside tests is at most 70 lines. Subject: the function's name.
    FunctionLines,
    /// A file under `crates/*/src` opens with a header of 1 to 8 lines. Subject: none.
    Header,
    /// A crate imports only those of ours that it may. Subject: the imported crate.
    Edge,
    /// A pure crate stays without std and with few dependencies. Subject: the dependency.
    Pure,
    /// No file or module has a name that says nothing. Subject: the name.
    FileName,
    /// Words mean one thing here. Subject: the word.
    Word,
    /// One type name stands for one concept of a crate. Subject: the name.
    TypeName,
    /// Clocks, unbounded queues and exits live in one named file. Subject: the call.
    Call,
    /// Tests wait for events, not for time. Subject: none.
    Sleep,
    /// A scenario cites a rule of the protocol that exists. Subject: the cited rule.
    Scenario,
    /// Every rule of the protocol is tested. Subject: the protocol's rule.
    Untested,
    /// Documents are short and name paths that exist. Subject: the path, if it is about one.
    Document,
    /// Nothing of one machine is left in the files. Subject: the trace.
    Trace,
    /// Rust and TypeScript mirror each other. Subject: a function out of order, or none.
    Twin,
}

impl Rule {
    /// Whether the allow-list may excuse a finding of this rule.
    pub const fn knows_exceptions(self) -> bool {
        !matches!(self, Self::Parses | Self::FileLinesEver)
    }
}

/// One place that breaks one rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The file, from the root of the repository, with `/` between folders.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The rule that is broken.
    pub rule: Rule,
    /// What an entry of the allow-list has to name; empty where the file says enough.
    pub subject: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl Finding {
    /// A finding at `line` of `path`, about the file as a whole.
    pub fn new(rule: Rule, path: &str, line: usize, message: impl Into<String>) -> Self {
        let (path, subject) = (path.to_owned(), String::new());
        Self { path, line, rule, subject, message: message.into() }
    }

    /// The same finding, about `subject`.
    #[must_use]
    pub fn about(mut self, subject: &str) -> Self {
        subject.clone_into(&mut self.subject);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, message, .. } = self;
        write!(f, "{path}:{line}: {message} [{rule:?}]")
    }
}

/// All `findings`, one a line, in the order of the files.
pub fn report(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort();
    let lines: Vec<String> = sorted.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::{Finding, Rule, report};

    #[test]
    fn a_report_has_one_clickable_line_for_each_finding_in_the_order_of_the_files() {
        let second = Finding::new(Rule::Header, "b.rs", 1, "has no header, write one");
        let first = Finding::new(Rule::Sleep, "a.rs", 10, "sleeps, wait for an event");
        let text = report(&[second, first]);
        let expected = "a.rs:10: sleeps, wait for an event [Sleep]\n\
                        b.rs:1: has no header, write one [Header]";
        assert_eq!(text, expected);
    }
}
