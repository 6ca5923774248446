//! Dead means noticed: no session outlives its peer by more than one heartbeat interval and one
//! timeout, and no link believes in a silent socket for longer: P-41, P-44.

use std::collections::BTreeMap;

use steadfast_link::{LinkState, Notice};
use steadfast_machine::Millis;

use super::{Check, Scene};
use crate::fact::Fact;

/// How long a heartbeat's answer is waited for, as the links propose it.
const TIMEOUT_MS: u64 = 10_000;
/// For timers that fire late, and looks that come once a second.
const SLACK_MS: u64 = 1_000;
/// Slots of sessions looked at: far more than there are links.
const SLOTS_MAX: u32 = 1_000;

/// Since when every link has heard nothing, sleep left out.
#[derive(Debug, Default)]
pub(super) struct Zombies {
    silent_since: BTreeMap<usize, u64>,
}

impl Check for Zombies {
    fn name(&self) -> &'static str {
        "zombies"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        if let Fact::Arrived { link }
        | Fact::Awake { link }
        | Fact::Told { link, notice: Notice::State { .. } } = fact
        {
            self.silent_since.insert(*link, scene.now);
        }
        Ok(())
    }

    fn on_look(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let slack_ms = SLACK_MS + 2 * scene.options.timer_ms_max;
        for (link, client) in scene.clients.iter().enumerate() {
            let since = self.silent_since.get(&link).copied().unwrap_or(scene.now);
            let silence_ms = scene.now - since;
            let believes = client.app.state.0 == LinkState::Connected;
            let is_awake = client.asleep_until.is_none();
            let silence_ms_max = client.heartbeat_ms(scene.now) + TIMEOUT_MS;
            if believes && is_awake && silence_ms > silence_ms_max + slack_ms {
                return Err(format!("link {link} believes in a socket silent for {silence_ms} ms"));
            }
        }
        if !scene.server.is_up {
            return Ok(());
        }
        for view in scene.server.hub.connections(Millis(scene.now), 0..SLOTS_MAX) {
            let (link, idle) = (view.link, view.idle);
            let client = scene.clients.iter().find(|client| *client.name() == link);
            let Some(client) = client else { continue };
            if idle.0 > client.heartbeat_ms(scene.now) + TIMEOUT_MS + SLACK_MS {
                return Err(format!("the hub keeps {link}, silent for {idle}"));
            }
        }
        Ok(())
    }
}
