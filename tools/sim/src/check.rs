//! What must always hold, one promise a file. In: every fact in order, a look each second, the
//! end. Out: the first sentence that says what broke. Must not know: which faults are at work.

mod attempts;
mod converged;
mod ended;
mod figures;
mod gaps;
mod idle;
mod order;
mod outbox;
mod publishes;
mod returned;
mod states;
mod zombies;

use std::fmt;

use crate::fact::Fact;
use crate::model::Model;
use crate::sim_client::SimClient;
use crate::sim_server::SimServer;
use crate::swarm::Options;

/// What a check may look at.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) now: u64,
    /// Since when there are no more faults.
    pub(crate) healing_since: Option<u64>,
    /// Counts the inputs of all links: what one of them leads to has the same turn.
    pub(crate) turn: u64,
    pub(crate) options: &'a Options,
    pub(crate) model: &'a Model,
    pub(crate) server: &'a SimServer,
    pub(crate) clients: &'a [SimClient],
}

/// A promise that broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which check found it.
    pub check: &'static str,
    /// When, in virtual milliseconds.
    pub at_ms: u64,
    /// What broke, in a sentence.
    pub what: String,
}

/// One promise.
pub(crate) trait Check: fmt::Debug {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Something happened.
    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        let _ = (scene, fact);
        Ok(())
    }

    /// A second has passed.
    fn on_look(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let _ = scene;
        Ok(())
    }

    /// The run is over, long after the last fault.
    fn at_end(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let _ = scene;
        Ok(())
    }
}

/// All checks of a run.
#[derive(Debug)]
pub(crate) struct Jury {
    checks: Vec<Box<dyn Check>>,
}

impl Jury {
    /// One of each.
    pub(crate) fn new() -> Self {
        Self {
            checks: vec![
                Box::<order::Order>::default(),
                Box::<gaps::Gaps>::default(),
                Box::<ended::Ended>::default(),
                Box::<states::States>::default(),
                Box::<attempts::Attempts>::default(),
                Box::<idle::Idle>::default(),
                Box::<outbox::Outbox>::default(),
                Box::<publishes::Publishes>::default(),
                Box::<zombies::Zombies>::default(),
                Box::<figures::Figures>::default(),
                Box::<returned::Returned>::default(),
                Box::new(converged::Converged),
            ],
        }
    }

    /// Lets all checks hear of a fact; gives the first violation.
    pub(crate) fn hear(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Option<Violation> {
        self.first(scene, |check| check.on_fact(scene, fact))
    }

    /// Lets all checks look around.
    pub(crate) fn look(&mut self, scene: &Scene<'_>) -> Option<Violation> {
        self.first(scene, |check| check.on_look(scene))
    }

    /// Lets all checks judge the end.
    pub(crate) fn end(&mut self, scene: &Scene<'_>) -> Option<Violation> {
        self.first(scene, |check| check.at_end(scene))
    }

    fn first(
        &mut self,
        scene: &Scene<'_>,
        mut ask: impl FnMut(&mut dyn Check) -> Result<(), String>,
    ) -> Option<Violation> {
        self.checks.iter_mut().find_map(|check| {
            let what = ask(&mut **check).err()?;
            Some(Violation { check: check.name(), at_ms: scene.now, what })
        })
    }
}

/// Whether every link has what it should have, and if not, what is missing.
pub(crate) fn missing(scene: &Scene<'_>) -> Option<String> {
    converged::missing(scene)
}

/// How long the link that is furthest behind may take to be handed all, by its rate.
pub(crate) fn catch_up_ms(scene: &Scene<'_>) -> u64 {
    converged::catch_up_ms(scene)
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.at_ms / 1000, self.at_ms % 1000);
        write!(f, "{} at {seconds}.{rest:03} s: {}", self.check, self.what)
    }
}
