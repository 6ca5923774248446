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

/// The attempts of every link.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    links: BTreeMap<usize, Own>,
}

#[derive(Debug, Default)]
struct Own {
    recent: VecDeque<u64>,
    is_offline: bool,
    /// The network changed since the last attempt.
    has_changed: bool,
}

impl Check for Attempts {
    fn name(&self) -> &'static str {
        "attempts"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        if let Fact::Heard { link, input } = fact {
            self.links.entry(*link).or_default().on_input(input);
        }
        if let Fact::Attempt { link } = fact {
            let own = self.links.entry(*link).or_default();
            return own.on_attempt(scene.now).map_err(|what| format!("link {link} {what}"));
        }
        Ok(())
    }
}

impl Own {
    fn on_input(&mut self, input: &Input) {
        if matches!(input, Input::Offline) {
            self.is_offline = true;
        } else if matches!(input, Input::Online | Input::NetworkChanged { .. }) {
            self.is_offline = false;
            self.has_changed = true;
        }
    }

    fn on_attempt(&mut self, now: u64) -> Result<(), String> {
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
        let is_free = std::mem::take(&mut self.has_changed);
        match last {
            Some(last) if !is_free && now < last + FLOOR_MS => {
                Err(format!("made two attempts within {} ms", now - last))
            }
            Some(_) | None => Ok(()),
        }
    }
}
