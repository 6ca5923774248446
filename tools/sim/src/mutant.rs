//! Policies of a link broken on purpose, as far as its settings can break them: to see that the
//! checks, the table of recovery and the scenarios are awake. In: a mutant and how many seeds.
//! Out: who noticed.

use std::collections::BTreeSet;

use steadfast_link::Config;
use steadfast_machine::Span;

use crate::{Setup, run, table};

/// A link with one policy broken.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What is broken.
    pub name: &'static str,
    /// Breaks it.
    pub tune: fn(&mut Config),
    /// The check of the simulator that has to find it within a few seeds; where none can, only
    /// scenarios do.
    pub check: Option<&'static str>,
}

/// Longer than any run.
const NEVER: Span = Span::seconds(1_000_000);
/// As good as no time.
const NONE: Span = Span(1);

const fn mutant(name: &'static str, check: Option<&'static str>, tune: fn(&mut Config)) -> Mutant {
    Mutant { name, tune, check }
}

/// All of them.
pub const MUTANTS: &[Mutant] = &[
    mutant("no jitter", None, |config| config.jitter_percent = 0),
    mutant("no floor of 1 s", Some("attempts"), |config| config.delay_floor = NONE),
    mutant("no growing delay", None, |config| config.backoff_max = config.backoff_min),
    mutant("no greatest delay", None, |config| config.backoff_max = NEVER),
    mutant("no first delay", None, |config| config.backoff_min = NONE),
    mutant("any session is stable", None, |config| config.stable_after = NONE),
    mutant("no session is stable", None, |config| config.stable_after = NEVER),
    mutant("no heartbeat", Some("zombies"), |config| config.heartbeat_interval = NEVER),
    mutant("an answer is waited for for ever", Some("zombies"), |config| {
        config.heartbeat_timeout = NEVER;
    }),
    mutant("impatient heartbeat of 1 s", Some("converged"), |config| {
        config.heartbeat_timeout = Span(1_000);
    }),
    mutant("an attempt never times out", Some("returned"), |config| {
        config.connect_timeout = NEVER;
    }),
    mutant("an idle session is never pinged", None, |config| config.idle_ping = NEVER),
    mutant("an idle session is never closed", None, |config| config.idle_close = NEVER),
    mutant("health is never looked at", None, |config| config.health_interval = NEVER),
    mutant("no effort leads to polling", None, |config| {
        config.fallback_effort = NEVER;
        config.fallback_attempts = u32::MAX;
    }),
    mutant("polling at the first failure", None, |config| config.fallback_effort = NONE),
    mutant("polls do not wait", None, |config| config.poll_wait = NONE),
    mutant("no way back from polling", Some("returned"), |config| {
        config.return_min = NEVER;
        config.return_max = NEVER;
    }),
    mutant("no pause on the way back", Some("attempts"), |config| {
        config.return_min = NONE;
        config.return_max = NONE;
    }),
    mutant("one channel at most", Some("ended"), |config| config.channels_max = 1),
];

impl Mutant {
    /// The checks that find something wrong in the runs of these seeds.
    pub fn checks(&self, seeds: u32) -> BTreeSet<&'static str> {
        let setup = Setup { tune: Some(self.tune), ..Setup::default() };
        let violations = (0..seeds).filter_map(|seed| run(seed, setup).violation);
        violations.map(|violation| violation.check).collect()
    }

    /// The faults of the table of recovery that are not mended as promised with these seeds.
    pub fn faults(&self, seeds: u32) -> Vec<&'static str> {
        table(seeds, &[(self.name, self.tune)]).broken()
    }
}
