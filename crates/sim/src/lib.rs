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
mod net;
mod plant;
mod queue;
mod report;
mod rule;
mod sim_client;
mod sim_server;
mod swarm;
mod world;

pub use check::Violation;
pub use plant::{PLANTS, Plant};
pub use report::{Report, Tally};

/// Runs one seed. The same seed always makes the same run.
pub fn run(seed: u32) -> Report {
    world::World::new(swarm::Options::draw(seed), None, false).run()
}

/// Runs one seed and keeps the log.
pub fn replay(seed: u32) -> Report {
    world::World::new(swarm::Options::draw(seed), None, true).run()
}

/// Runs one seed with a bug put in on purpose.
pub fn run_planted(seed: u32, plant: Plant) -> Report {
    world::World::new(swarm::Options::draw(seed), Some(plant), false).run()
}
