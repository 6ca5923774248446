//! Finished is finished: no event of a channel after its end, and no attempt, poll or probe of a
//! link that is at rest. A link at rest stays so unless its app or its device says something.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_link::{Input, LinkState, Notice, Reason};
use steadfast_protocol::ChannelName;

use super::{Check, Scene};
use crate::fact::Fact;

/// What is over.
#[derive(Debug, Default)]
pub(super) struct Ended {
    channels: BTreeSet<(usize, ChannelName)>,
    links: BTreeMap<usize, Reason>,
}

impl Check for Ended {
    fn name(&self) -> &'static str {
        "ended"
    }

    fn on_fact(&mut self, _: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        match fact {
            Fact::Wanted { link, channel, .. } => {
                self.channels.remove(&(*link, (*channel).clone()));
                Ok(())
            }
            Fact::Unwanted { link, channel } => {
                self.channels.insert((*link, (*channel).clone()));
                Ok(())
            }
            Fact::Heard { link, input: Input::Connect | Input::Online | Input::NetworkChanged } => {
                self.links.remove(link);
                Ok(())
            }
            Fact::Told { link, notice } => self.on_notice(*link, notice),
            Fact::Attempt { link } => self.on_effort(*link, "an attempt"),
            Fact::Polled { link, channel, .. } => {
                self.on_effort(*link, "a poll")?;
                self.on_channel(*link, channel, "a poll")
            }
            Fact::Probed { link } => self.on_effort(*link, "a probe"),
            _ => Ok(()),
        }
    }

    fn on_look(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (&link, reason) in &self.links {
            if scene.clients[link].wake_at().is_some() {
                let reason = reason.as_str();
                return Err(format!("link {link} is at rest ({reason}) and wants to be woken"));
            }
        }
        Ok(())
    }
}

impl Ended {
    fn on_notice(&mut self, link: usize, notice: &Notice) -> Result<(), String> {
        match notice {
            Notice::State { new: LinkState::Disconnected, reason, .. } => {
                self.links.insert(link, *reason);
                match reason {
                    Reason::Rejected => Err(format!("link {link} gave up: rejected")),
                    _ => Ok(()),
                }
            }
            Notice::State { .. } => {
                self.links.remove(&link);
                Ok(())
            }
            Notice::Event(event) => self.on_channel(link, &event.channel, "an event"),
            Notice::Gap { channel, .. } => self.on_channel(link, channel, "a gap"),
            Notice::Subscribed { channel, .. } => self.on_channel(link, channel, "a start"),
            Notice::Finished { channel } => {
                self.on_channel(link, channel, "an end")?;
                self.channels.insert((link, channel.clone()));
                Ok(())
            }
            Notice::Refused { channel, code, .. } => {
                Err(format!("link {link} was refused {channel}: {code}"))
            }
        }
    }

    fn on_channel(&self, link: usize, channel: &ChannelName, what: &str) -> Result<(), String> {
        if self.channels.contains(&(link, channel.clone())) {
            return Err(format!("link {link} had {what} of {channel} after that was over"));
        }
        Ok(())
    }

    fn on_effort(&self, link: usize, what: &str) -> Result<(), String> {
        match self.links.get(&link) {
            Some(reason) => {
                let reason = reason.as_str();
                Err(format!("link {link} made {what} while at rest ({reason})"))
            }
            None => Ok(()),
        }
    }
}
