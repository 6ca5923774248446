//! The mistakes of a configuration, with how to correct each.
//!
//! In: mistakes from any layer. Out: one error that lists them all. A value is only shown if it
//! cannot be a secret.

use std::fmt;

use super::tree::Source;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it was written.
    pub source: Source,
    /// The setting, such as `limits.message_bytes_max`; empty if the file cannot be read.
    pub setting: String,
    /// What is wrong.
    pub wrong: String,
    /// What to do about it.
    pub mend: String,
}

/// All mistakes of a configuration, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The mistakes: of the file, of the variables, of the flags, then of all together.
    pub mistakes: Vec<Mistake>,
}

impl ConfigError {
    pub(super) fn unless_empty(mistakes: Vec<Mistake>) -> Option<Self> {
        (!mistakes.is_empty()).then_some(Self { mistakes })
    }

    /// All of them in one line, for a log.
    pub fn one_line(&self) -> String {
        self.mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.source != Source::Unset {
            write!(f, "{}: ", self.source)?;
        }
        if !self.setting.is_empty() {
            write!(f, "`{}`: ", self.setting)?;
        }
        write!(f, "{}; {}", self.wrong, self.mend)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistakes.len() {
            1 => f.write_str("the configuration has a mistake:")?,
            many => write!(f, "the configuration has {many} mistakes:")?,
        }
        for mistake in &self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// A path as it is written in the file. Names that are not bare keys of TOML are quoted.
pub(super) fn dotted(path: &[String]) -> String {
    let is_bare = |key: &str| {
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let quoted = |key: &String| if is_bare(key) { key.clone() } else { format!("{key:?}") };
    path.iter().map(quoted).collect::<Vec<_>>().join(".")
}
