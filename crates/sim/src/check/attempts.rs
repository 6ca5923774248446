//! No herd: at most 14 attempts in any 60 s, none within a second of the last one unless the
//! network changed, and none while the device reports no network: P-60, P-64, P-65.

use std::collections::{BTreeMap, VecDeque};

use steadfast_link::Input;

use super::{Check, Scene};
use crate::fact::Fact;

/// The budget of PROTOCOL.md, P-65.
const ATTEMPTS_MAX: usize = 14;
const BUDGET_MS: u64 = 60_000;
/// The floor of PROTOCOL.md, P-60.
const FLOOR_MS: u64 = 1_000;
/// How long a link puts a loss down to a change of network.
const CHANGE_MS: u64 = 10_000 + 2_000;

/// The attempts of every link.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    links: BTreeMap<usize, Own>,
}

#[derive(Debug, Default)]
struct Own {
    recent: VecDeque<u64>,
    is_offline: bool,
    /// When the network changed, until an attempt has followed.
    changed_at: Option<u64>,
}

impl Check for Attempts {
    fn name(&self) -> &'static str {
        "attempts"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        if let Fact::Heard { link, input } = fact {
            self.links.entry(*link).or_default().on_input(scene.now, input);
        }
        if let Fact::Attempt { link } = fact {
            let own = self.links.entry(*link).or_default();
            return own.on_attempt(scene).map_err(|what| format!("link {link} {what}"));
        }
        Ok(())
    }
}

impl Own {
    fn on_input(&mut self, now: u64, input: &Input) {
        if matches!(input, Input::Offline) {
            self.is_offline = true;
        } else if matches!(input, Input::Online | Input::NetworkChanged) {
            self.is_offline = false;
            self.changed_at = Some(now);
        }
    }

    fn on_attempt(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let now = scene.now;
        if self.is_offline {
            return Err("tried to connect while its device had no network".into());
        }
        let last = self.recent.back().copied();
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|&at| at + BUDGET_MS <= now) {
            self.recent.pop_front();
        }
        let count = self.recent.len();
        if count > ATTEMPTS_MAX {
            return Err(format!(
                "made {count} attempts within 60 s, at most {ATTEMPTS_MAX} may be"
            ));
        }
        let is_free = match self.changed_at {
            Some(at) if scene.options.exclusions.changes_count_twice => now <= at + CHANGE_MS,
            _ => self.changed_at.take().is_some(),
        };
        match last {
            Some(last) if !is_free && now < last + FLOOR_MS => {
                Err(format!("made two attempts within {} ms", now - last))
            }
            Some(_) | None => Ok(()),
        }
    }
}
