//! Finished is finished: no event of a channel after its end, and no attempt, poll or probe of a
//! link that is at rest. A link at rest stays so unless its app or its device says something.
//! P-26, P-64.

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
        if let Fact::Wanted { link, channel, .. } = fact {
            self.channels.remove(&(*link, (*channel).clone()));
        }
        if let Fact::Unwanted { link, channel } = fact {
            self.channels.insert((*link, (*channel).clone()));
        }
        if let Fact::Heard { link, input } = fact
            && matches!(input, Input::Connect | Input::Online | Input::NetworkChanged { .. })
        {
            self.links.remove(link);
        }
        if let Fact::Told { link, notice } = fact {
            return self.on_notice(*link, notice);
        }
        if let Fact::Polled { link, channel, .. } = fact {
            self.on_channel(*link, channel, "a poll")?;
        }
        if let Fact::Attempt { link } | Fact::Polled { link, .. } | Fact::Probed { link } = fact {
            return self.on_effort(*link);
        }
        Ok(())
    }

    fn on_look(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        for (&link, reason) in &self.links {
            // Without a network, the end of patience with an unanswered publish still comes.
            let is_patient =
                *reason == Reason::Offline && !scene.clients[link].app.publishing.is_empty();
            if scene.clients[link].wants_effort() && !is_patient {
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
                if *reason == Reason::Rejected {
                    return Err(format!("link {link} gave up: rejected"));
                }
                Ok(())
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
            // Publishes have a check of their own.
            Notice::Quality(_)
            | Notice::Message { .. }
            | Notice::Published { .. }
            | Notice::PublishFailed { .. } => Ok(()),
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

    fn on_effort(&self, link: usize) -> Result<(), String> {
        match self.links.get(&link) {
            Some(reason) => {
                let reason = reason.as_str();
                Err(format!("link {link} dialled, polled or probed at rest ({reason})"))
            }
            None => Ok(()),
        }
    }
}
