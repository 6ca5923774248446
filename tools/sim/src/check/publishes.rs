//! Every publish of a link has one fate, and the broker agrees: what was told to be published is
//! there once, what failed is not, what is uncertain is there once at most; and of each link and
//! channel all that is there stands in the order in which it was published. P-30, P-33, P-34, P-35.

use std::collections::{BTreeMap, BTreeSet};

use steadfast_link::Notice;
use steadfast_protocol::{ChannelName, Epoch};

use super::{Check, Scene};
use crate::fact::Fact;

/// All that links have published, by link and ticket.
#[derive(Debug, Default)]
pub(super) struct Publishes {
    all: BTreeMap<(usize, u64), Own>,
}

/// One publish.
#[derive(Debug)]
struct Own {
    channel: ChannelName,
    data: Box<str>,
    fate: Fate,
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Open,
    Published(Epoch),
    Failed(Box<str>),
    Uncertain,
}

impl Check for Publishes {
    fn name(&self) -> &'static str {
        "publishes"
    }

    fn on_fact(&mut self, scene: &Scene<'_>, fact: &Fact<'_>) -> Result<(), String> {
        if let Fact::Asked { link, ticket, channel, data } = fact {
            let channel = (*channel).clone();
            let own = Own { channel, data: (*data).into(), fate: Fate::Open };
            self.all.insert((*link, *ticket), own);
        }
        if let Fact::Told { link, notice } = fact {
            if let Notice::Published { ticket, epoch, offset } = notice {
                return self.on_published(scene, *link, *ticket, epoch, *offset);
            }
            if let Notice::PublishFailed { ticket, code, .. } = notice {
                let is_uncertain = **code == *"uncertain";
                let fate = if is_uncertain { Fate::Uncertain } else { Fate::Failed(code.clone()) };
                self.settle(*link, *ticket, fate)?;
            }
        }
        Ok(())
    }

    fn at_end(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let mut newest: BTreeMap<(usize, &ChannelName, &Epoch), u64> = BTreeMap::new();
        let places = self.places(scene);
        for (&(link, ticket), own) in &self.all {
            let none = Vec::new();
            let places = places.get(&*own.data).unwrap_or(&none);
            own.check(places).map_err(|what| format!("publish {ticket} of link {link} {what}"))?;
            for &(epoch, offset) in places {
                let before = newest.insert((link, &own.channel, epoch), offset);
                if before.is_some_and(|before| before > offset) {
                    let place = format!("{} {epoch}/{offset}", own.channel);
                    return Err(format!("publish {ticket} of link {link} overtook: {place}"));
                }
            }
        }
        Ok(())
    }
}

impl Publishes {
    fn on_published(
        &mut self,
        scene: &Scene<'_>,
        link: usize,
        ticket: u64,
        epoch: &Epoch,
        offset: u64,
    ) -> Result<(), String> {
        let own = self.settle(link, ticket, Fate::Published(epoch.clone()))?;
        let found = scene.model.find(&own.channel, epoch);
        let truth = found.and_then(|(_, numbering)| numbering.event(offset));
        if truth.is_some_and(|truth| truth.data == own.data) {
            Ok(())
        } else {
            let place = format!("{} {epoch}/{offset}", own.channel);
            Err(format!("publish {ticket} of link {link} is not at {place}"))
        }
    }

    fn settle(&mut self, link: usize, ticket: u64, fate: Fate) -> Result<&Own, String> {
        let Some(own) = self.all.get_mut(&(link, ticket)) else {
            return Err(format!("link {link} was told of publish {ticket}, which it never made"));
        };
        if own.fate != Fate::Open {
            return Err(format!("link {link} was told twice of publish {ticket}"));
        }
        own.fate = fate;
        Ok(own)
    }

    /// Where every payload is found.
    fn places<'a>(&self, scene: &Scene<'a>) -> BTreeMap<&'a str, Vec<(&'a Epoch, u64)>> {
        let mut places: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let channels: BTreeSet<_> = self.all.values().map(|own| &own.channel).collect();
        for numbering in channels.into_iter().flat_map(|name| scene.model.numberings(name)) {
            for (offset, truth) in (1..).zip(numbering.events()) {
                places.entry(&*truth.data).or_default().push((numbering.epoch(), offset));
            }
        }
        places
    }
}

impl Own {
    /// One that was sent again after its channel was deleted is in a later epoch, or in both.
    fn check(&self, places: &[(&Epoch, u64)]) -> Result<(), String> {
        let count = |epoch: &Epoch| places.iter().filter(|one| one.0 == epoch).count();
        if places.iter().any(|one| count(one.0) > 1) {
            return Err(format!("is there more than once: {places:?}"));
        }
        match &self.fate {
            Fate::Open => Err("has no fate".to_owned()),
            Fate::Published(epoch) if count(epoch) != 1 => Err("is gone".to_owned()),
            Fate::Failed(code) if !places.is_empty() => {
                Err(format!("failed ({code}) and is there: {places:?}"))
            }
            Fate::Published(_) | Fate::Failed(_) | Fate::Uncertain => Ok(()),
        }
    }
}
