//! What one check found. In: an outcome, what was measured, what to do. Out: lines for people, or
//! JSON for programs.

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CheckOutcome {
    /// As it should be.
    Passed,
    /// It works, and something should be changed.
    Warning,
    /// It does not work.
    Failed,
    /// It was not tried, and why is in the text.
    Skipped,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// The name of the check, for programs too.
    pub(super) check: &'static str,
    pub(super) outcome: CheckOutcome,
    /// What was seen, in one line.
    pub(super) text: String,
    /// What mends it, a line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) remedies: Vec<String>,
    /// Whether a failure makes all later checks pointless.
    #[serde(skip)]
    pub(super) is_decisive: bool,
}

impl Finding {
    pub(super) fn passed(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, CheckOutcome::Passed, text, Vec::new())
    }

    pub(super) fn skipped(check: &'static str, text: impl Into<String>) -> Self {
        Self::new(check, CheckOutcome::Skipped, text, Vec::new())
    }

    pub(super) fn warning(
        check: &'static str,
        text: impl Into<String>,
        remedies: Vec<String>,
    ) -> Self {
        Self::new(check, CheckOutcome::Warning, text, remedies)
    }

    pub(super) fn failed(
        check: &'static str,
        text: impl Into<String>,
        remedies: Vec<String>,
    ) -> Self {
        Self::new(check, CheckOutcome::Failed, text, remedies)
    }

    /// The same, after which nothing else can be checked.
    pub(super) const fn decisive(mut self) -> Self {
        self.is_decisive = true;
        self
    }

    fn new(
        check: &'static str,
        outcome: CheckOutcome,
        text: impl Into<String>,
        remedies: Vec<String>,
    ) -> Self {
        Self { check, outcome, text: text.into(), remedies, is_decisive: false }
    }

    /// As people read it: the outcome, the check, what was seen; below it what to do.
    pub(super) fn text(&self, is_colored: bool) -> String {
        let (word, color) = match self.outcome {
            CheckOutcome::Passed => ("ok  ", 32),
            CheckOutcome::Warning => ("look", 33),
            CheckOutcome::Failed => ("FAIL", 31),
            CheckOutcome::Skipped => ("skip", 90),
        };
        let word = if is_colored { format!("\x1b[{color}m{word}\x1b[0m") } else { word.to_owned() };
        let mut text = format!("{word}  {:<10} {}", self.check, self.text);
        for remedy in &self.remedies {
            text.push_str("\n        -> ");
            text.push_str(remedy);
        }
        text
    }

    /// One JSON object on one line.
    pub(super) fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::Finding;

    #[test]
    fn a_finding_is_read_by_people_and_by_programs() {
        let finding =
            Finding::failed("upgrade", "answered 400", vec!["set a".into(), "or b".into()]);
        let lines = "FAIL  upgrade    answered 400\n        -> set a\n        -> or b";
        assert_eq!(finding.text(false), lines);
        assert!(finding.text(true).starts_with("\u{1b}[31mFAIL"));
        let parts = [
            r#"{"check":"upgrade","outcome":"failed","text":"answered 400","#,
            r#""remedies":["set a","or b"]}"#,
        ];
        assert_eq!(finding.json(), parts.concat());
        let passed = Finding::passed("dns", "1 address");
        assert_eq!(passed.json(), r#"{"check":"dns","outcome":"passed","text":"1 address"}"#);
    }
}
