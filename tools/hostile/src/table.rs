//! The rows that a run prints. In: what a case measured. Out: Markdown.

use std::fmt;
use std::time::Duration;

use crate::healthy::Faults;
use crate::server::Footprint;
use crate::setup::Setup;

/// What became of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All as it must be.
    Good,
    /// As it must be, but memory is more than before. A later round takes no more: it is free
    /// within the process, and the allocator has not returned it to the system.
    Kept,
    /// As it must be, but events were late.
    Late,
    /// Not as it must be, by a fault that is known.
    Open(&'static str),
    /// Something else is wrong.
    Wrong(String),
}

/// A case that was run.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// The server.
    pub setup: Setup,
    /// Attempts that were answered as they must be.
    pub answered: u64,
    /// How long it took.
    pub lasted: Duration,
    /// The part of a core that the server took.
    pub cpu: f64,
    /// The 99th percentile of the time to deliver, without an attack, in milliseconds.
    pub quiet_ms: f64,
    /// The same under attack.
    pub late_ms: f64,
    /// What healthy clients saw.
    pub faults: Faults,
    /// What the server held before.
    pub before: Footprint,
    /// The most memory meanwhile.
    pub peak: u64,
    /// What it held afterwards.
    pub after: Footprint,
    /// How long it took until it held that.
    pub waited: Duration,
    /// What became of it.
    pub verdict: Verdict,
}

/// The head of the table.
pub const HEAD: &str = "\
| case | server | answered | s | CPU | p99 quiet, case (ms) | lost, doubled | \
memory before, peak, after (MB) | after (s) | descriptors | verdict |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

impl Row {
    /// Whether it was as it must be.
    pub fn is_good(&self) -> bool {
        matches!(self.verdict, Verdict::Good | Verdict::Kept | Verdict::Open(_))
    }
}

/// Bytes in MB, to a tenth.
pub fn megabytes(bytes: u64) -> String {
    let tenths = bytes * 10 / (1024 * 1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match &self.verdict {
            Verdict::Good => "good",
            Verdict::Kept => "good, memory kept by the allocator",
            Verdict::Late => "LATE",
            Verdict::Open(fault) => &format!("OPEN: {fault}"),
            Verdict::Wrong(what) => &format!("WRONG: {what}"),
        };
        write!(
            f,
            "| {} | {} | {} | {:.1} | {:.2} | {:.1}, {:.1} | {}, {} | {}, {}, {} | {:.1} | \
             {}, {} | {verdict} |",
            self.name,
            self.setup.name(),
            self.answered,
            self.lasted.as_secs_f64(),
            self.cpu,
            self.quiet_ms,
            self.late_ms,
            self.faults.lost,
            self.faults.doubled,
            megabytes(self.before.memory),
            megabytes(self.peak),
            megabytes(self.after.memory),
            self.waited.as_secs_f64(),
            self.before.descriptors,
            self.after.descriptors,
        )
    }
}
