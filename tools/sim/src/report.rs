//! What came of a run, and of many. In: counts. Out: one table.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use steadfast_link::Notice;

use crate::check::Violation;
use crate::fact::Fact;
use crate::timeline::Timeline;

/// What came of one run.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its seed.
    pub seed: u32,
    /// What happened in it.
    pub tally: Tally,
    /// What broke, if anything.
    pub violation: Option<Violation>,
    /// When what happened to the first link.
    pub(crate) timeline: Timeline,
    /// A number that any difference between two runs changes.
    pub digest: u64,
    /// The log, where it was asked for.
    pub log: Vec<String>,
}

/// Counts of what happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Virtual time, in milliseconds.
    pub virtual_ms: u64,
    /// Events that the broker took.
    pub events_published: u64,
    /// Events that apps were handed.
    pub events_told: u64,
    /// Sessions that links lost.
    pub cuts: u64,
    /// Times that a channel was followed without loss.
    pub resumes: u64,
    /// Gaps that apps were told of.
    pub gaps: u64,
    /// Channels that finished for an app.
    pub ends: u64,
    /// Attempts to open a socket.
    pub attempts: u64,
    /// Times that a link fell back to polling.
    pub fallbacks: u64,
    /// Polls.
    pub polls: u64,
    /// Events that links have published.
    pub publishes: u64,
    /// Events that links have not published, or not certainly.
    pub publishes_failed: u64,
}

impl Tally {
    /// Counts a fact.
    pub(crate) fn count(&mut self, fact: &Fact<'_>) {
        self.events_published += u64::from(matches!(fact, Fact::Published { .. }));
        self.attempts += u64::from(matches!(fact, Fact::Attempt { .. }));
        self.polls += u64::from(matches!(fact, Fact::Polled { .. }));
        if let Fact::Told { notice, .. } = fact {
            self.count_notice(notice);
        }
    }

    fn count_notice(&mut self, notice: &Notice) {
        use steadfast_link::LinkState::{Connected, Fallback};
        match notice {
            Notice::State { new, old, .. } => {
                self.cuts += u64::from(*old == Connected);
                self.fallbacks += u64::from(*new == Fallback);
            }
            Notice::Subscribed { is_recovered, .. } => self.resumes += u64::from(*is_recovered),
            Notice::Event(_) => self.events_told += 1,
            Notice::Gap { .. } => self.gaps += 1,
            Notice::Finished { .. } => self.ends += 1,
            Notice::Refused { .. } | Notice::Quality(_) | Notice::Message { .. } => {}
            Notice::Published { .. } => self.publishes += 1,
            Notice::PublishFailed { .. } => self.publishes_failed += 1,
        }
    }

    /// The table of all runs, which took this long.
    pub fn table(&self, wall: Duration) -> String {
        let hours = self.virtual_ms / 360_000;
        let rows = [
            ("runs", self.runs.to_string()),
            ("events published", self.events_published.to_string()),
            ("events handed to apps", self.events_told.to_string()),
            ("sessions lost", self.cuts.to_string()),
            ("channels resumed", self.resumes.to_string()),
            ("gaps told", self.gaps.to_string()),
            ("channels finished", self.ends.to_string()),
            ("attempts", self.attempts.to_string()),
            ("fallbacks", self.fallbacks.to_string()),
            ("polls", self.polls.to_string()),
            ("published by links", self.publishes.to_string()),
            ("publishes failed", self.publishes_failed.to_string()),
            ("virtual hours", format!("{}.{}", hours / 10, hours % 10)),
            ("wall seconds", format!("{:.1}", wall.as_secs_f64())),
        ];
        let lines: Vec<String> =
            rows.iter().map(|(what, count)| format!("{what:<22} {count:>12}")).collect();
        lines.join("\n")
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.virtual_ms += other.virtual_ms;
        self.events_published += other.events_published;
        self.events_told += other.events_told;
        self.cuts += other.cuts;
        self.resumes += other.resumes;
        self.gaps += other.gaps;
        self.ends += other.ends;
        self.attempts += other.attempts;
        self.fallbacks += other.fallbacks;
        self.polls += other.polls;
        self.publishes += other.publishes;
        self.publishes_failed += other.publishes_failed;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.violation {
            Some(violation) => write!(f, "seed {}: {violation}", self.seed),
            None => write!(f, "seed {}: all held", self.seed),
        }
    }
}
