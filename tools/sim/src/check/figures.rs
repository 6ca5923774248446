//! A link's own account adds up at every instant, and never says more than there is.

use steadfast_machine::Millis;

use super::{Check, Scene};

/// A whole share, in hundredths of a percent.
const WHOLE: u32 = 10_000;

/// The statistics of every link.
#[derive(Debug, Default)]
pub(super) struct Figures;

impl Check for Figures {
    fn name(&self) -> &'static str {
        "figures"
    }

    fn on_look(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (link, client) in scene.clients.iter().enumerate() {
            let drawn = client.statistics(Millis(scene.now));
            let ended = drawn.successful_reconnects + drawn.failed_reconnects;
            let is_sound = drawn.realtime_availability <= drawn.availability
                && drawn.availability <= WHOLE
                && drawn.total_downtime.0 <= scene.now
                // One may be under way.
                && (ended..=ended + 1).contains(&drawn.total_reconnects);
            if !is_sound {
                return Err(format!("the figures of link {link} do not add up: {drawn:?}"));
            }
        }
        Ok(())
    }
}
