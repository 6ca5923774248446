//! One invented network in virtual time around the real link and the real hub.
//!
//! One seed makes one run: it draws how big the world is and what goes wrong in it. Checks watch
//! that the promises hold all the while, and that everybody has everything once the faults stop.

mod check;
mod dice;
mod fact;
mod fault;
mod journal;
mod model;
mod mutant;
mod net;
mod plant;
mod queue;
mod report;
mod rule;
mod sim_client;
mod sim_server;
mod swarm;
mod table;
mod timeline;
mod trace;
mod world;

use steadfast_link::Config;

pub use check::Violation;
pub use mutant::{MUTANTS, Mutant};
pub use plant::{PLANTS, Plant};
pub use report::{Report, Tally};
pub use table::{TUNINGS, Table, Tuning, table};
pub use trace::{Coverage, Trace, Undrawn, trace};

/// How a seed is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// A bug put in on purpose.
    pub plant: Option<Plant>,
    /// Whether nothing goes wrong: no faults, no short tokens, no whims, all history kept.
    pub is_calm: bool,
    /// Whether the log is kept.
    pub is_logged: bool,
    /// What the links' settings are changed to; none where they are as by default.
    pub tune: Option<fn(&mut Config)>,
    /// What the links' apps know from the start, such as endpoints and networks.
    pub known: Option<fn(&mut Config)>,
}

/// Runs one seed. The same seed and setup always make the same run.
pub fn run(seed: u32, setup: Setup) -> Report {
    let drawn = swarm::Options::draw(seed);
    let options = if setup.is_calm { drawn.calmed() } else { drawn };
    world::World::new(options, setup).run()
}
