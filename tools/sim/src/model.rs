//! What is true: every event that the broker took, by channel and epoch, in order.
//! In: what was published, and which epochs there are. Out: answers for the checks. Must not know:
//! who was told what.

use std::collections::BTreeMap;

use steadfast_protocol::{ChannelName, Epoch, ReplaceKey};

/// The true list of events of every channel and epoch.
#[derive(Debug, Default)]
pub(crate) struct Model {
    channels: BTreeMap<ChannelName, Vec<Numbering>>,
}

/// One epoch of one channel.
#[derive(Debug)]
pub(crate) struct Numbering {
    epoch: Epoch,
    events: Vec<Truth>,
    newest_of_key: BTreeMap<ReplaceKey, u64>,
}

/// One event; its offset is its place in the list.
#[derive(Debug)]
pub(crate) struct Truth {
    /// The payload's text.
    pub(crate) data: Box<str>,
    /// The key of the events that it may stand in for.
    pub(crate) replace: Option<ReplaceKey>,
    /// Whether it ended the channel.
    pub(crate) is_final: bool,
}

impl Model {
    /// There is such an epoch, newer than all that were there before.
    pub(crate) fn learn(&mut self, channel: &ChannelName, epoch: &Epoch) -> &mut Numbering {
        let all = self.channels.entry(channel.clone()).or_default();
        let at = all.iter().position(|numbering| numbering.epoch == *epoch);
        let at = at.unwrap_or_else(|| {
            all.push(Numbering {
                epoch: epoch.clone(),
                events: Vec::new(),
                newest_of_key: BTreeMap::new(),
            });
            all.len() - 1
        });
        &mut all[at]
    }

    /// The broker took an event. False where its offset is not the next one.
    pub(crate) fn publish(
        &mut self,
        channel: &ChannelName,
        epoch: &Epoch,
        offset: u64,
        truth: Truth,
    ) -> bool {
        let numbering = self.learn(channel, epoch);
        if let Some(key) = &truth.replace {
            numbering.newest_of_key.insert(key.clone(), offset);
        }
        numbering.events.push(truth);
        numbering.head() == offset
    }

    /// All epochs of a channel, oldest first.
    pub(crate) fn numberings(&self, channel: &ChannelName) -> &[Numbering] {
        self.channels.get(channel).map_or(&[], Vec::as_slice)
    }

    /// One epoch, and its place among those of its channel.
    pub(crate) fn find(&self, channel: &ChannelName, epoch: &Epoch) -> Option<(usize, &Numbering)> {
        let all = self.channels.get(channel)?;
        all.iter().enumerate().find(|(_, numbering)| numbering.epoch == *epoch)
    }
}

impl Numbering {
    /// Its events, from offset 1.
    pub(crate) fn events(&self) -> impl Iterator<Item = &Truth> {
        self.events.iter()
    }

    /// Its name.
    pub(crate) const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The newest offset.
    pub(crate) fn head(&self) -> u64 {
        self.events.len() as u64
    }

    /// The event at `offset`, from 1.
    pub(crate) fn event(&self, offset: u64) -> Option<&Truth> {
        let at = usize::try_from(offset.checked_sub(1)?).ok()?;
        self.events.get(at)
    }

    /// Whether a newer event stands in for the one at `offset`.
    pub(crate) fn is_superseded(&self, offset: u64) -> bool {
        let key = self.event(offset).and_then(|truth| truth.replace.as_ref());
        key.and_then(|key| self.newest_of_key.get(key)).is_some_and(|&newest| newest > offset)
    }

    /// The first offset behind `from` and up to `to` that no newer event stands in for.
    pub(crate) fn first_owed(&self, from: u64, to: u64) -> Option<u64> {
        (from.saturating_add(1)..=to).find(|&offset| !self.is_superseded(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::{Model, Truth};
    use steadfast_protocol::{ChannelName, Epoch, ReplaceKey};

    #[test]
    fn an_event_is_owed_unless_a_newer_one_has_its_key() {
        let mut model = Model::default();
        let channel = ChannelName::new("a").unwrap();
        let epoch = Epoch::new("e").unwrap();
        for (offset, key) in [(1, Some("k")), (2, None), (3, Some("k")), (4, Some("l"))] {
            let replace = key.map(|key| ReplaceKey::new(key).unwrap());
            let truth = Truth { data: "1".into(), replace, is_final: false };
            assert!(model.publish(&channel, &epoch, offset, truth));
        }
        let (_, numbering) = model.find(&channel, &epoch).unwrap();
        assert_eq!(numbering.first_owed(0, 1), None);
        assert_eq!(numbering.first_owed(0, 4), Some(2));
        assert_eq!(numbering.first_owed(2, 4), Some(3));
        assert_eq!(numbering.first_owed(4, 4), None);
    }
}
