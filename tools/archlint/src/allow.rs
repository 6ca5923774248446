//! How exceptions work. In: findings and the list of exceptions. Out: what is not excused, and
//! the entries that excuse nothing any more. Must not know what the entries are.

use crate::finding::{Finding, Rule};

/// One exception, good for one rule, one file and one subject.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// The rule that is waived.
    pub rule: Rule,
    /// The file, from the root of the repository.
    pub path: &'static str,
    /// Exactly the finding's subject; empty where the rule has none.
    pub subject: &'static str,
    /// Why this place is right as it is, in a sentence.
    pub reason: &'static str,
}

impl Allowed {
    fn excuses(&self, finding: &Finding) -> bool {
        self.rule.knows_exceptions()
            && self.rule == finding.rule
            && self.path == finding.path
            && self.subject == finding.subject
    }
}

/// The `findings` that no entry of `allowed` excuses.
pub fn sift(findings: Vec<Finding>, allowed: &[Allowed]) -> Vec<Finding> {
    let stays = |finding: &Finding| !allowed.iter().any(|entry| entry.excuses(finding));
    findings.into_iter().filter(stays).collect()
}

/// The entries of `allowed` that excuse none of `findings`, so that they can be taken out.
pub fn unneeded<'a>(findings: &[Finding], allowed: &'a [Allowed]) -> Vec<&'a Allowed> {
    let idle = |entry: &&Allowed| !findings.iter().any(|finding| entry.excuses(finding));
    allowed.iter().filter(idle).collect()
}

#[cfg(test)]
mod tests {
    use super::{Allowed, sift, unneeded};
    use crate::finding::{Finding, Rule};

    const ENTRY: Allowed =
        Allowed { rule: Rule::Word, path: "a.rs", subject: "room id", reason: "quotes a peer" };

    fn finding(path: &str, subject: &str) -> Finding {
        Finding::new(Rule::Word, path, 3, "says it wrong").about(subject)
    }

    #[test]
    fn an_entry_excuses_its_own_file_and_subject_only() {
        let same = finding("a.rs", "room id");
        let other_file = finding("b.rs", "room id");
        let other_subject = finding("a.rs", "helper");
        let all = vec![same, other_file.clone(), other_subject.clone()];
        assert_eq!(sift(all, &[ENTRY]), [other_file, other_subject]);
    }

    #[test]
    fn an_entry_that_excuses_nothing_is_named() {
        assert_eq!(unneeded(&[finding("b.rs", "room id")], &[ENTRY]).len(), 1);
        assert_eq!(unneeded(&[finding("a.rs", "room id")], &[ENTRY]).len(), 0);
    }

    #[test]
    fn a_rule_without_exceptions_cannot_be_waived() {
        let entry = Allowed { rule: Rule::FileLinesEver, subject: "", ..ENTRY };
        let finding = Finding::new(Rule::FileLinesEver, "a.rs", 1, "is far too long");
        assert_eq!(sift(vec![finding.clone()], &[entry]), std::slice::from_ref(&finding));
        assert_eq!(unneeded(&[finding], &[entry]).len(), 1);
    }
}
