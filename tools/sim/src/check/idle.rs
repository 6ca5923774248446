//! No busy loop: a link is woken, and polls, only so often in any virtual second.

use std::collections::BTreeMap;

use super::{Check, Scene};
use crate::fact::Fact;

/// Wakes of one link in a second, at most.
const WAKES_MAX: u32 = 40;
/// Polls of one link in a second, at most: one a channel in each round trip.
const POLLS_MAX: u32 = 600;
/// Polls in one second of a link whose channels have nothing new, at most.
const PROBES_MAX: u32 = 3;

/// What every link did in the second of the moment.
#[derive(Debug, Default)]
pub(super) struct Idle {
    links: BTreeMap<usize, Own>,
}

#[derive(Debug, Default)]
struct Own {
    second: u64,
    wakes: u32,
    polls: u32,
    probes: u32,
}

impl Check for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        let (Fact::Woken { link } | Fact::Polled { link, .. } | Fact::Probed { link }) = fact
        else {
            return Ok(());
        };
        let own = self.links.entry(*link).or_default();
        let second = scene.now / 1000;
        if own.second != second {
            *own = Own { second, ..Own::default() };
        }
        own.wakes += u32::from(matches!(fact, Fact::Woken { .. }));
        own.polls += u32::from(matches!(fact, Fact::Polled { .. }));
        own.probes += u32::from(matches!(fact, Fact::Probed { .. }));
        for (what, count, max) in [
            ("woken", own.wakes, WAKES_MAX),
            ("polling", own.polls, POLLS_MAX),
            ("probing", own.probes, PROBES_MAX),
        ] {
            if count > max {
                return Err(format!("link {link} was {what} more than {max} times in a second"));
            }
        }
        Ok(())
    }
}
