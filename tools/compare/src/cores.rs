//! Which core does what: servers on one, the generator on another, so that neither takes the
//! other's time. In: the machine. Out: the calling thread moved; children stay where it is.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cores {
    server: usize,
    generator: usize,
}

impl Cores {
    /// The first two cores that this process may use; none where there is one alone.
    pub(crate) fn find() -> Option<Self> {
        let allowed = sched_getaffinity(None).ok()?;
        let mut found = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        Some(Self { server: found.next()?, generator: found.next()? })
    }

    /// What is started from here on is a server.
    pub(crate) fn enter_server(self) {
        enter(self.server);
    }

    /// What runs from here on is the generator.
    pub(crate) fn enter_generator(self) {
        enter(self.generator);
    }
}

fn enter(core: usize) {
    let mut set = CpuSet::new();
    set.set(core);
    // Without this, figures are noisier; the table says nothing that would be wrong.
    let _ = sched_setaffinity(None, &set);
}
