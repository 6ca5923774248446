//! Once the path is good, every link is back on a WebSocket within a minute: P-74.

use std::collections::BTreeSet;

use steadfast_link::{LinkState, Notice};

use super::{Check, Scene};
use crate::fact::Fact;

/// Within this time after the last fault every link has had a session.
const RETURN_MS_MAX: u64 = 60_000;

/// The links that have had one since.
#[derive(Debug, Default)]
pub(super) struct Returned {
    links: BTreeSet<usize>,
}

impl Check for Returned {
    fn name(&self) -> &'static str {
        "returned"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Told { link, notice: Notice::State { new: LinkState::Connected, .. } } = fact
        else {
            return Ok(());
        };
        if scene.healing_since.is_some() {
            self.links.insert(*link);
        }
        Ok(())
    }

    fn on_look(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let Some(since) = scene.healing_since else { return Ok(()) };
        for (link, client) in scene.clients.iter().enumerate() {
            let (state, reason) = client.app.state;
            // At rest it is another check's business.
            if matches!(state, LinkState::Connected | LinkState::Disconnected) {
                self.links.insert(link);
            }
            if scene.now >= since + RETURN_MS_MAX && !self.links.contains(&link) {
                let (state, reason) = (state.as_str(), reason.as_str());
                let after_s = RETURN_MS_MAX / 1000;
                return Err(format!(
                    "link {link} is {state} ({reason}) and had no session in the {after_s} s \
                     after the last fault"
                ));
            }
        }
        Ok(())
    }
}
