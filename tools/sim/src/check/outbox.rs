//! What waits for a session is bounded, in messages and in bytes, whatever it does not read: P-54.

use steadfast_machine::Millis;

use super::{Check, Scene};
use crate::fact::Fact;

/// What one message that is no event may have, in bytes.
const ANSWER_BYTES_MAX: usize = 1_000;
/// Slots of sessions looked at: far more than there are links.
const SLOTS_MAX: u32 = 1_000;

/// The bounds of the hub's outboxes.
#[derive(Debug, Default)]
pub(super) struct Outbox;

impl Check for Outbox {
    fn name(&self) -> &'static str {
        "outbox"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        let Fact::Taken { messages, bytes } = fact else { return Ok(()) };
        let (messages_max, bytes_max) = bounds(scene);
        if *messages > messages_max {
            return Err(format!("{messages} messages waited, at most {messages_max} may"));
        }
        if *bytes > bytes_max {
            return Err(format!("{bytes} bytes waited, at most {bytes_max} may"));
        }
        Ok(())
    }

    fn on_look(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let (messages_max, _) = bounds(scene);
        for view in scene.server.hub.connections(Millis(scene.now), 0..SLOTS_MAX) {
            if view.queued > messages_max {
                let (link, queued) = (view.link, view.queued);
                return Err(format!("{queued} messages wait for {link}, over {messages_max}"));
            }
        }
        Ok(())
    }
}

/// Live events up to the limit, one page with its notices (each event may be preceded by one), and
/// answers up to four times the limit.
fn bounds(scene: &Scene<'_>) -> (usize, usize) {
    let queue = scene.options.queue_messages_max;
    let messages_max = 4 * queue + queue + (2 * queue + 3);
    let largest = usize::try_from(scene.options.payload_bytes_max).unwrap_or(usize::MAX) + 300;
    let events_bytes_max = 2 * (scene.options.queue_bytes_max + largest);
    (messages_max, events_bytes_max + messages_max * ANSWER_BYTES_MAX)
}
