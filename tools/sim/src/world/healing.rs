//! The second phase of a run, once the faults have stopped: by when every link must have
//! everything, and for how long it must then keep it. In: a look each second. Out: whether the run
//! is over, and what was still missing when it should not have been.

use super::{Due, LAST_WORDS_MS, World};
use crate::check::{catch_up_ms, missing};

/// Within this time after the last fault every link must have all that its rate lets through: a
/// minute to be back, and a minute for what is asked for twice.
const HEAL_MS_MAX: u64 = 120_000;
/// Within this time they must also have kept it for a while: sessions whose token ends come and go.
const SETTLE_MS_MAX: u64 = 400_000;
/// When what a link still has to be handed is counted: publishing has stopped, and links are back.
const BACKLOG_MS: u64 = 60_000;
/// How long everybody must then keep quiet and stay well.
const QUIET_MS: u64 = 40_000;

impl World {
    /// Whether the run is over: everybody has been well for a while, or had the time for it.
    pub(super) fn is_over(&self) -> bool {
        let Some(healing_since) = self.healing_since else { return false };
        let is_late = self.now >= healing_since + SETTLE_MS_MAX + self.catch_up_ms + QUIET_MS;
        is_late || self.well_since.is_some_and(|since| self.now >= since + QUIET_MS)
    }

    pub(super) fn on_look(&mut self) {
        self.queue.push(self.now + 1_000, Due::Look);
        if self.now.is_multiple_of(10_000) {
            self.server.streams.expire(steadfast_machine::Millis(self.now));
        }
        let (jury, scene) = self.court();
        let violation = jury.look(&scene);
        let is_well = missing(&scene).is_none();
        self.violation = self.violation.take().or(violation);
        let Some(healing_since) = self.healing_since else { return };
        if self.now < healing_since + LAST_WORDS_MS || !is_well {
            self.well_since = None;
        } else {
            self.well_since.get_or_insert(self.now);
            self.has_healed = true;
        }
        if self.catch_up_ms == 0 && self.now >= healing_since + BACKLOG_MS {
            self.catch_up_ms = catch_up_ms(&self.court().1);
        }
        let spent_ms = (self.now - healing_since).saturating_sub(self.catch_up_ms);
        let is_late = spent_ms >= if self.has_healed { SETTLE_MS_MAX } else { HEAL_MS_MAX };
        if self.well_since.is_none() && is_late {
            let (jury, scene) = self.court();
            let violation = jury.end(&scene);
            self.violation = self.violation.take().or(violation);
        }
    }
}
