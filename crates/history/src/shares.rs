//! Which channel gives up its oldest events when the events of all take as many bytes as they may:
//! the largest one of the namespace that is furthest above what it is sure of. In: the size of a
//! channel before and after a change. Out: the channel. Sizes are compared by classes, each a
//! quarter larger than the one before, so that few changes move a channel.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use steadfast_protocol::ChannelName;

use crate::HistoryConfig;

/// Channels of fewer bytes are of one class.
const SMALL_BYTES: usize = 4_096;

/// The sizes of all channels that keep events, by namespace.
#[derive(Debug)]
pub struct HistoryShares {
    namespaces: BTreeMap<Box<str>, NamespaceShare>,
    /// By the class of what is above the namespace's minimum, then by that of all its bytes.
    order: BTreeSet<(SizeClass, SizeClass, Box<str>)>,
    minimums: BTreeMap<Box<str>, usize>,
    minimum: usize,
    bytes: usize,
}

#[derive(Debug)]
struct NamespaceShare {
    bytes: usize,
    minimum: usize,
    channels: BTreeSet<(SizeClass, ChannelName)>,
    classes: ShareClasses,
}

/// How large something is: 0 is nothing.
type SizeClass = u8;

/// The class of what is above a namespace's minimum, and of all its bytes.
type ShareClasses = (SizeClass, SizeClass);

/// The classes of a namespace that keeps nothing.
const EMPTY: ShareClasses = (0, 0);

impl HistoryShares {
    /// No channel keeps anything. The minimum of each namespace is that of the configuration.
    pub fn new(config: &HistoryConfig) -> Self {
        let named = config.budgets.iter();
        Self {
            namespaces: BTreeMap::new(),
            order: BTreeSet::new(),
            minimums: named.map(|(name, one)| (name.clone(), one.bytes_total_min)).collect(),
            minimum: config.budget.bytes_total_min,
            bytes: 0,
        }
    }

    /// The bytes of all channels.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// A channel that kept `from` bytes keeps `to`.
    pub fn resize(&mut self, channel: &ChannelName, from: usize, to: usize) {
        if from == to {
            return;
        }
        self.bytes = self.bytes - from + to;
        let name = channel.namespace();
        if let Some(share) = self.namespaces.get_mut(name) {
            if let Some(before) = share.resize(channel, from, to) {
                let after = share.classes;
                self.reorder(name, before, after);
            }
            return;
        }
        let minimum = self.minimums.get(name).copied().unwrap_or(self.minimum);
        let channels = BTreeSet::new();
        let mut share = NamespaceShare { bytes: 0, minimum, channels, classes: EMPTY };
        let before = share.resize(channel, from, to).unwrap_or(EMPTY);
        let after = share.classes;
        self.namespaces.insert(name.into(), share);
        self.reorder(name, before, after);
    }

    /// The classes of a namespace have changed.
    fn reorder(&mut self, name: &str, before: ShareClasses, after: ShareClasses) {
        self.order.remove(&(before.0, before.1, name.into()));
        if after == EMPTY {
            self.namespaces.remove(name);
        } else {
            self.order.insert((after.0, after.1, name.into()));
        }
    }

    /// The channel whose oldest event goes next; `None` where nothing is kept.
    pub fn largest(&self) -> Option<&ChannelName> {
        let (_, _, name) = self.order.last()?;
        self.namespaces.get(name)?.channels.last().map(|(_, channel)| channel)
    }

    /// Which channels give up how much, so that this many bytes go in all. `size` is that of a
    /// channel. A channel may be named more than once.
    pub fn plan(
        &mut self,
        bytes: usize,
        size: impl Fn(&ChannelName) -> usize,
    ) -> BTreeMap<ChannelName, usize> {
        let (mut planned, mut steps) = (BTreeMap::<ChannelName, usize>::new(), Vec::new());
        let mut left = bytes;
        while left > 0
            && let Some(channel) = self.largest().cloned()
        {
            let given = planned.get(&channel).copied().unwrap_or(0);
            let has = size(&channel).saturating_sub(given);
            // A part at a time: the next part may be another channel's.
            let part = left.min(has).min(SMALL_BYTES.max(has / 8));
            if part == 0 {
                break;
            }
            self.resize(&channel, has, has - part);
            steps.push((channel.clone(), has, part));
            planned.insert(channel, given + part);
            left -= part;
        }
        for (channel, had, part) in steps.into_iter().rev() {
            self.resize(&channel, had - part, had);
        }
        planned
    }
}

impl NamespaceShare {
    /// A channel that kept `from` bytes keeps `to`. The namespace's classes before, if they are
    /// others now.
    fn resize(&mut self, channel: &ChannelName, from: usize, to: usize) -> Option<ShareClasses> {
        self.bytes = self.bytes - from + to;
        let (from, to) = (class_of(from), class_of(to));
        if from != to {
            self.channels.remove(&(from, channel.clone()));
            if to > 0 {
                self.channels.insert((to, channel.clone()));
            }
        }
        let all = class_of(self.bytes);
        let above = match self.minimum {
            0 => all,
            minimum => class_of(self.bytes.saturating_sub(minimum)),
        };
        let before = core::mem::replace(&mut self.classes, (above, all));
        (before != self.classes).then_some(before)
    }
}

/// The class of so many bytes.
fn class_of(bytes: usize) -> SizeClass {
    if bytes < SMALL_BYTES {
        return u8::from(bytes > 0);
    }
    let exponent = bytes.ilog2();
    let quarter = (bytes >> (exponent - 2)) & 3;
    let doublings = exponent - SMALL_BYTES.ilog2();
    // At most 51 doublings of four classes each.
    u8::try_from(doublings * 4).unwrap_or(u8::MAX) + u8::try_from(quarter).unwrap_or(3) + 2
}

#[cfg(test)]
mod tests;
