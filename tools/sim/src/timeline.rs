//! When what happened to the first link of a run, and what was published. In: facts. Out: moments
//! in order, to be measured when the run is over.

use std::collections::BTreeMap;

use steadfast_link::{Input, LinkState, Notice, Reason};

use crate::fact::Fact;

/// The moments of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline {
    moments: Vec<(u64, Moment)>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The app asked to connect.
    Asked,
    /// The app was told of a state.
    State { new: LinkState, old: LinkState, reason: Reason },
    /// The app was told from where it follows its channel.
    Following { offset: u64 },
    /// The app was handed an event.
    Event { offset: u64 },
    /// The app was told of a gap.
    Gap,
    /// The link opens a socket.
    Attempt,
    /// The broker took an event.
    Published { offset: u64 },
}

/// What became of the events of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) reordered: u64,
}

impl Timeline {
    /// Notes a fact, where it is about the first link or about all.
    pub(crate) fn note(&mut self, now: u64, fact: &Fact<'_>) {
        let moment = match fact {
            Fact::Told { link: 0, notice } => told(notice),
            Fact::Heard { link: 0, input: Input::Connect } => Some(Moment::Asked),
            Fact::Attempt { link: 0 } => Some(Moment::Attempt),
            Fact::Published { position, .. } => Some(Moment::Published { offset: position.offset }),
            Fact::Told { .. }
            | Fact::Heard { .. }
            | Fact::Attempt { .. }
            | Fact::Wanted { .. }
            | Fact::Unwanted { .. }
            | Fact::Polled { .. }
            | Fact::Probed { .. }
            | Fact::Woken { .. }
            | Fact::Arrived { .. }
            | Fact::Asleep { .. }
            | Fact::Awake { .. }
            | Fact::Taken { .. }
            | Fact::Ended { .. }
            | Fact::Asked { .. }
            | Fact::Remark(_) => None,
        };
        self.moments.extend(moment.map(|moment| (now, moment)));
    }

    /// The instant of the first moment from `from` on that `is_it`.
    pub(crate) fn first(&self, from: u64, is_it: impl Fn(Moment) -> bool) -> Option<u64> {
        let mut all = self.moments.iter();
        all.find(|(at, moment)| *at >= from && is_it(*moment)).map(|(at, _)| *at)
    }

    /// All moments with their instants.
    pub(crate) fn all(&self) -> impl Iterator<Item = (u64, Moment)> {
        self.moments.iter().copied()
    }

    /// The newest offset that was published before `until`.
    pub(crate) fn head(&self, until: u64) -> u64 {
        let before = self.moments.iter().take_while(|(at, _)| *at < until);
        let offset = |moment: &Moment| match moment {
            Moment::Published { offset } => Some(*offset),
            Moment::Asked
            | Moment::State { .. }
            | Moment::Following { .. }
            | Moment::Event { .. }
            | Moment::Gap
            | Moment::Attempt => None,
        };
        before.filter_map(|(_, moment)| offset(moment)).max().unwrap_or(0)
    }

    /// What the app was handed, next to what was published behind its start.
    pub(crate) fn delivery(&self) -> Delivery {
        let mut start = None;
        let mut told: BTreeMap<u64, u64> = BTreeMap::new();
        let (mut last, mut reordered) = (0, 0);
        for (_, moment) in &self.moments {
            match moment {
                Moment::Following { offset } => _ = start.get_or_insert(*offset),
                Moment::Event { offset } => {
                    let times = told.entry(*offset).or_default();
                    *times += 1;
                    reordered += u64::from(*times == 1 && *offset < last);
                    last = last.max(*offset);
                }
                Moment::Asked
                | Moment::State { .. }
                | Moment::Gap
                | Moment::Attempt
                | Moment::Published { .. } => {}
            }
        }
        let wanted = start.unwrap_or(0) + 1..=self.head(u64::MAX);
        Delivery {
            lost: wanted.filter(|offset| !told.contains_key(offset)).count() as u64,
            doubled: told.values().map(|times| times - 1).sum(),
            reordered,
        }
    }
}

fn told(notice: &Notice) -> Option<Moment> {
    match notice {
        Notice::State { new, old, reason } => {
            Some(Moment::State { new: *new, old: *old, reason: *reason })
        }
        Notice::Subscribed { position, .. } => Some(Moment::Following { offset: position.offset }),
        Notice::Event(event) => Some(Moment::Event { offset: event.offset }),
        Notice::Gap { .. } => Some(Moment::Gap),
        Notice::Finished { .. }
        | Notice::Quality(_)
        | Notice::Refused { .. }
        | Notice::Message { .. }
        | Notice::Published { .. }
        | Notice::PublishFailed { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Delivery, Moment, Timeline};

    #[test]
    fn what_was_lost_doubled_or_reordered_is_counted() {
        let published = (1..=6).map(|offset| (offset, Moment::Published { offset }));
        let told = [3, 5, 4, 4].map(|offset| (9, Moment::Event { offset }));
        let start = [(8, Moment::Following { offset: 1 })];
        let moments = published.chain(start).chain(told).collect();
        let timeline = Timeline { moments };
        let delivery = Delivery { lost: 2, doubled: 1, reordered: 1 };
        assert_eq!(timeline.delivery(), delivery);
        assert_eq!(timeline.head(4), 3);
    }
}
