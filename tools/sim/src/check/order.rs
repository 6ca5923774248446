//! Every app is handed events in offset order, each once, as they were published: P-23, P-74, P-5.

use std::collections::BTreeMap;

use steadfast_link::Notice;
use steadfast_protocol::{ChannelName, Epoch, Event};

use super::{Check, Scene};
use crate::fact::Fact;

/// The last event of every app and channel.
#[derive(Debug, Default)]
pub(super) struct Order {
    last: BTreeMap<(usize, ChannelName), (Epoch, u64)>,
}

impl Check for Order {
    fn name(&self) -> &'static str {
        "order"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        if let Fact::Wanted { link, channel, .. } = fact {
            self.last.remove(&(*link, (*channel).clone()));
        }
        if let Fact::Told { link, notice: Notice::Event(event) } = fact {
            return self.on_event(scene, *link, event);
        }
        Ok(())
    }
}

impl Order {
    fn on_event(&mut self, scene: &Scene<'_>, link: usize, event: &Event) -> Result<(), String> {
        let (channel, offset) = (&event.channel, event.offset);
        let Some(epoch) = &event.epoch else {
            return Err(format!("link {link} was told an event of {channel} without an epoch"));
        };
        let place = format!("link {link} was told {channel} {epoch}/{offset}");
        let Some((rank, numbering)) = scene.model.find(channel, epoch) else {
            return Err(format!("{place}, an epoch that never was"));
        };
        let Some(truth) = numbering.event(offset) else {
            return Err(format!("{place}, which was never published"));
        };
        if *truth.data != *event.data.as_str() {
            return Err(format!("{place} with other data than was published"));
        }
        let before = self.last.insert((link, channel.clone()), (epoch.clone(), offset));
        let Some((old_epoch, old_offset)) = before else { return Ok(()) };
        let old_rank = scene.model.find(channel, &old_epoch).map_or(0, |(rank, _)| rank);
        if (rank, offset) > (old_rank, old_offset) {
            Ok(())
        } else {
            Err(format!("{place} after {old_epoch}/{old_offset}"))
        }
    }
}
