//! Every change of state is told once, and each begins where the last one ended.

use std::collections::BTreeMap;

use steadfast_link::{LinkState, Notice, Reason};

use super::{Check, Scene};
use crate::fact::Fact;

/// The last state that every app was told.
#[derive(Debug, Default)]
pub(super) struct States {
    told: BTreeMap<usize, (LinkState, Option<Reason>)>,
}

impl Check for States {
    fn name(&self) -> &'static str {
        "states"
    }

    fn on_fact(&mut self, _: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Told { link, notice: Notice::State { new, old, reason } } = fact else {
            return Ok(());
        };
        let rest = (LinkState::Disconnected, None);
        let before = self.told.insert(*link, (*new, Some(*reason))).unwrap_or(rest);
        if before.0 != *old {
            let (old, told) = (old.as_str(), before.0.as_str());
            return Err(format!("link {link} left {old}, but its app was told {told}"));
        }
        // At rest the reason is part of the state.
        let is_other_rest = *new == LinkState::Disconnected && before.1 != Some(*reason);
        if new == old && !is_other_rest {
            return Err(format!("link {link} was told {} twice", new.as_str()));
        }
        Ok(())
    }
}
