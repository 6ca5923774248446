//! No silent gap: what an app was not handed is covered by a newer event with the same replace
//! key, or the app was told. And no false gap: nothing that is still kept is called lost.
//! P-20, P-22, P-23, P-25, P-27.

use std::collections::BTreeMap;

use steadfast_link::Notice;
use steadfast_protocol::{ChannelName, Gap, GapCause, Position, Since};

use super::{Check, Scene};
use crate::fact::Fact;

/// Where every app stands in every channel that it follows.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    places: BTreeMap<(usize, ChannelName), Place>,
}

#[derive(Debug)]
struct Place {
    position: Option<Position>,
    since: Since,
    /// The turn in which the app was last told of a gap.
    gap_in: Option<u64>,
}

impl Check for Gaps {
    fn name(&self) -> &'static str {
        "gaps"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        if let Fact::Wanted { link, channel, since } = fact {
            let since = (*since).clone();
            let position = match &since {
                Since::After(position) => Some(position.clone()),
                Since::Start | Since::Now => None,
            };
            self.places
                .insert((*link, (*channel).clone()), Place { position, since, gap_in: None });
        }
        if let Fact::Told { link, notice } = fact {
            return self.on_notice(scene, *link, notice);
        }
        Ok(())
    }
}

impl Gaps {
    fn on_notice(&mut self, scene: &Scene<'_>, link: usize, told: &Notice) -> Result<(), String> {
        let channel = match told {
            Notice::Subscribed { channel, .. }
            | Notice::Gap { channel, .. }
            | Notice::Finished { channel } => channel,
            Notice::Event(event) => &event.channel,
            Notice::State { .. }
            | Notice::Refused { .. }
            | Notice::Quality(_)
            | Notice::Message { .. }
            | Notice::Published { .. }
            | Notice::PublishFailed { .. } => return Ok(()),
        };
        let Some(place) = self.places.get_mut(&(link, channel.clone())) else {
            return Err(format!("link {link} was told of {channel}, which it does not follow"));
        };
        let result = match told {
            Notice::Subscribed { position, is_recovered, .. } => {
                place.on_subscribed(scene, channel, position, *is_recovered)
            }
            Notice::Event(event) => match &event.epoch {
                Some(epoch) => {
                    place.on_event(scene, channel, &Position::new(epoch.clone(), event.offset))
                }
                None => Ok(()),
            },
            Notice::Gap { gap, .. } => place.on_gap(scene, channel, gap),
            Notice::Finished { .. } => place.on_finished(scene, channel),
            Notice::State { .. }
            | Notice::Refused { .. }
            | Notice::Quality(_)
            | Notice::Message { .. }
            | Notice::Published { .. }
            | Notice::PublishFailed { .. } => Ok(()),
        };
        result.map_err(|what| format!("link {link} was told of {channel}: {what}"))
    }
}

impl Place {
    fn on_subscribed(
        &mut self,
        scene: &Scene<'_>,
        channel: &ChannelName,
        at: &Position,
        is_recovered: bool,
    ) -> Result<(), String> {
        let has_gap = self.gap_in.take() == Some(scene.turn);
        if is_recovered == has_gap {
            return Err(format!("recovered is {is_recovered}, and a gap was told: {has_gap}"));
        }
        if self.position.is_some() {
            self.skip_to(scene, channel, at)?;
        } else if self.since == Since::Start && scene.options.keeps_everything() && at.offset != 0 {
            return Err(format!("it starts behind {}, though all is kept", at.offset));
        }
        self.position = Some(at.clone());
        Ok(())
    }

    fn on_event(
        &mut self,
        scene: &Scene<'_>,
        channel: &ChannelName,
        at: &Position,
    ) -> Result<(), String> {
        if self.position.is_none() {
            return Err(format!("event {} came before it was followed", at.offset));
        }
        let before = Position::new(at.epoch.clone(), at.offset.saturating_sub(1));
        self.skip_to(scene, channel, &before)?;
        self.position = Some(at.clone());
        Ok(())
    }

    fn on_gap(
        &mut self,
        scene: &Scene<'_>,
        channel: &ChannelName,
        gap: &Gap,
    ) -> Result<(), String> {
        if self.position.is_some() {
            self.skip_to(scene, channel, &gap.from)?;
        }
        self.position = Some(gap.to.clone());
        self.gap_in = Some(scene.turn);
        let rank =
            |position: &Position| scene.model.find(channel, &position.epoch).map(|(rank, _)| rank);
        let (from, to) = (rank(&gap.from), rank(&gap.to));
        let is_of_its_cause = match gap.cause {
            GapCause::Retention => from == to && gap.from.offset < gap.to.offset,
            GapCause::EpochChanged => from < to,
            _ => false,
        };
        if !is_of_its_cause {
            return Err(format!("a gap that cannot be: {gap:?}"));
        }
        let info = scene.server.streams.info(channel);
        let info = info.filter(|info| info.epoch == gap.to.epoch);
        let lost_to = info.map_or(u64::MAX, |info| info.offset - info.events as u64);
        if gap.to.offset > lost_to {
            return Err(format!("a gap to {}, though all behind {lost_to} is kept", gap.to.offset));
        }
        Ok(())
    }

    fn on_finished(&self, scene: &Scene<'_>, channel: &ChannelName) -> Result<(), String> {
        let Some(position) = &self.position else {
            return Err("it finished before it was followed".into());
        };
        let numbering = scene.model.find(channel, &position.epoch).map(|(_, numbering)| numbering);
        let last = numbering.and_then(|numbering| numbering.event(numbering.head()));
        let is_at_head = numbering.is_some_and(|numbering| numbering.head() == position.offset);
        if is_at_head && last.is_some_and(|truth| truth.is_final) {
            Ok(())
        } else {
            Err(format!("it finished at {}, which is not its end", position.offset))
        }
    }

    /// Nothing is owed between the app's position and `to`.
    fn skip_to(
        &self,
        scene: &Scene<'_>,
        channel: &ChannelName,
        to: &Position,
    ) -> Result<(), String> {
        let Some(from) = &self.position else { return Ok(()) };
        if from.epoch != to.epoch {
            return Err(format!("epoch {} became {} without a gap", from.epoch, to.epoch));
        }
        if to.offset < from.offset {
            return Err(format!("position {} fell back to {}", from.offset, to.offset));
        }
        let Some((_, numbering)) = scene.model.find(channel, &from.epoch) else {
            return Err(format!("epoch {} never was", from.epoch));
        };
        match numbering.first_owed(from.offset, to.offset) {
            None => Ok(()),
            Some(owed) => Err(format!(
                "event {owed} is missing: it went from {} to {} without a gap",
                from.offset, to.offset
            )),
        }
    }
}
