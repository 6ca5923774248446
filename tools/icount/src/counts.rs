//! Counts of instructions: what one delivery, one frame, one resumed event cost outside of the
//! kernel. In: the work of `work.rs`, run under valgrind. Out: counts beside those that are
//! expected. A time differs from run to run, a count only with the code, the compiler and
//! the C library; so a change that makes the path dearer is seen where a time would hide it.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

/// How far a count may be from the expected one, in percent.
const TOLERANCE: u64 = 10;

/// One kind of work and the instructions that one unit of it is expected to take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    /// Its name.
    pub(crate) name: &'static str,
    /// What the unit is.
    pub(crate) unit: &'static str,
    /// How often it is done in the shorter of two runs.
    pub(crate) times: u64,
    /// Instructions a unit.
    pub(crate) instructions: u64,
}

/// Everything that is counted. After a change that is meant, write what `make icount` says.
pub(crate) const EXPECTED: [Expected; 5] = [
    Expected { name: "frames-in", unit: "heartbeat read", times: 2_000, instructions: 6_048 },
    Expected { name: "frames-out", unit: "frame joined", times: 2_000, instructions: 157 },
    Expected { name: "publish", unit: "event stored", times: 2_000, instructions: 2_650 },
    Expected { name: "fan-out", unit: "delivery", times: 20_000, instructions: 666 },
    Expected { name: "resume", unit: "event resumed", times: 2_000, instructions: 1_008 },
];

/// One count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    /// What was expected.
    pub(crate) expected: Expected,
    /// Instructions a unit.
    pub(crate) instructions: u64,
}

impl Count {
    /// Whether it is near enough to what was expected.
    pub(crate) const fn is_expected(&self) -> bool {
        let expected = self.expected.instructions;
        self.instructions.abs_diff(expected) * 100 <= expected * TOLERANCE
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Expected { name, unit, instructions, .. } = self.expected;
        let verdict = if self.is_expected() { "as expected" } else { "not" };
        let actual = self.instructions;
        write!(f, "{name:10} {actual:>7} instructions for each {unit}: {verdict} {instructions}")?;
        write!(f, " ± {TOLERANCE} %")
    }
}

/// Counts one kind of work, with `program` as the one that does it: twice, the second time twice as
/// much, so that what comes before and after it falls out.
pub(crate) fn count(program: &Path, expected: Expected) -> anyhow::Result<Count> {
    let once = collected(program, expected.name, expected.times)?;
    let twice = collected(program, expected.name, expected.times * 2)?;
    let instructions = twice.saturating_sub(once) / expected.times;
    Ok(Count { expected, instructions })
}

fn collected(program: &Path, name: &str, times: u64) -> anyhow::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["work", name, &times.to_string()])
        .output()
        .context("cannot run valgrind; `make setup` installs it")?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{name} failed under valgrind: {told}");
    }
    let line = told.lines().find_map(|line| line.split_once("Collected : "));
    let (_, count) = line.with_context(|| format!("valgrind told no count: {told}"))?;
    count.trim().parse().context("valgrind's count is no number")
}
