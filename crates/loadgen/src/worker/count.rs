//! What all links of a worker got together. In: deliveries, one by one. Out: which events have
//! reached all members here, and the sums. Costs some tens of nanoseconds a delivery.

use std::collections::BTreeMap;

use crate::delivery_check::Faults;
use crate::figures::Times;
use crate::payload::Mark;
use crate::sizes::IN_FLIGHT_MAX;
use crate::worker_protocol::Collected;

/// Reasons that are told apart; the rest is counted together.
const REASONS_MAX: usize = 16;

/// An event that has reached some of its members here.
#[derive(Clone, Copy, Debug, Default)]
struct PartialEvent {
    message: u64,
    channel: usize,
    offset: u64,
    left: u32,
}

/// The counts.
#[derive(Debug)]
pub(super) struct Count {
    /// Live links of each channel.
    members: Vec<u32>,
    /// By the event's number, modulo its length: no more are on their way at once.
    underway: Box<[PartialEvent]>,
    done: Vec<u64>,
    deliveries: u64,
    pub(super) bytes: u64,
    pub(super) faults: Faults,
    ended_at: u64,
    times: Times,
    ended: BTreeMap<String, u64>,
}

impl Count {
    pub(super) fn new(channels: usize) -> Self {
        Self {
            members: vec![0; channels],
            underway: vec![PartialEvent::default(); IN_FLIGHT_MAX].into_boxed_slice(),
            done: Vec::new(),
            deliveries: 0,
            bytes: 0,
            faults: Faults::default(),
            ended_at: 0,
            times: Times::default(),
            ended: BTreeMap::new(),
        }
    }

    /// A link follows `channel`.
    pub(super) fn enter(&mut self, channel: usize) {
        self.members[channel] += 1;
    }

    /// Channels with members, and how many.
    pub(super) fn members(&self) -> Vec<(usize, u32)> {
        let all = self.members.iter().copied().enumerate();
        all.filter(|&(_, count)| count > 0).collect()
    }

    /// A link of `channel` that would have got `next` next has ended: nobody waits for it.
    pub(super) fn leave(&mut self, channel: usize, next: u64, why: String) {
        self.members[channel] -= 1;
        add(&mut self.ended, why);
        let waited_for =
            |one: &&mut PartialEvent| one.left > 0 && one.channel == channel && one.offset >= next;
        for one in self.underway.iter_mut().filter(waited_for) {
            one.left -= 1;
            if one.left == 0 {
                self.done.push(one.message);
            }
        }
    }

    /// The first delivery of an event to a link of `channel`.
    pub(super) fn deliver(&mut self, channel: usize, offset: u64, mark: Mark, now: u64) {
        self.deliveries += 1;
        self.ended_at = now;
        self.times.count(now.saturating_sub(mark.at));
        let Mark { message, .. } = mark;
        let members = self.members[channel];
        if members <= 1 {
            self.done.push(message);
            return;
        }
        let place = usize::try_from(message).unwrap_or(0) % IN_FLIGHT_MAX;
        let one = &mut self.underway[place];
        if one.left == 0 || one.message != message {
            *one = PartialEvent { message, channel, offset, left: members };
        }
        one.left -= 1;
        if one.left == 0 {
            self.done.push(message);
        }
    }

    /// What has reached all members since the last time.
    pub(super) fn take_done(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.done)
    }

    /// Counts from nothing.
    pub(super) fn clear(&mut self) {
        let members = std::mem::take(&mut self.members);
        let mut fresh = Self::new(members.len());
        fresh.members = members;
        self.times.clear();
        *self = fresh;
    }

    /// The sums; `lost` is known to the links.
    pub(super) fn collect(&self, lost: u64) -> Collected {
        Collected {
            deliveries: self.deliveries,
            bytes: self.bytes,
            faults: Faults { lost, ..self.faults },
            ended_at: self.ended_at,
            took: self.times.counted(),
            ended: self.ended.clone(),
        }
    }
}

/// Counts one more for `reason`.
pub(super) fn add(reasons: &mut BTreeMap<String, u64>, reason: String) {
    let is_known = reasons.contains_key(&reason) || reasons.len() < REASONS_MAX;
    let reason = if is_known { reason } else { "other reasons".to_owned() };
    *reasons.entry(reason).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Count, REASONS_MAX, add};
    use crate::payload::Mark;

    fn mark(message: u64) -> Mark {
        Mark { at: 5, number: 1, message }
    }

    #[test]
    fn an_event_is_done_once_all_members_have_it() {
        let mut count = Count::new(2);
        for channel in [0, 0, 0, 1] {
            count.enter(channel);
        }
        assert_eq!(count.members(), [(0, 3), (1, 1)]);
        count.deliver(0, 1, mark(0), 10);
        count.deliver(0, 2, mark(1), 11);
        count.deliver(0, 1, mark(0), 12);
        count.deliver(1, 1, mark(2), 13);
        assert_eq!(count.take_done(), [2]);
        count.deliver(0, 1, mark(0), 14);
        assert_eq!(count.take_done(), [0]);
        let sums = count.collect(4);
        assert_eq!((sums.deliveries, sums.ended_at, sums.faults.lost), (5, 14, 4));
    }

    #[test]
    fn nobody_waits_for_a_link_that_has_ended() {
        let mut count = Count::new(1);
        for _ in 0..3 {
            count.enter(0);
        }
        count.deliver(0, 8, mark(0), 10);
        count.deliver(0, 8, mark(0), 10);
        count.leave(0, 9, "has it".into());
        assert!(count.take_done().is_empty());
        count.leave(0, 8, "has it not".into());
        assert_eq!(count.take_done(), [0]);
        assert_eq!(count.collect(0).ended.len(), 2);
    }

    #[test]
    fn so_many_reasons_are_told_apart() {
        let mut reasons = BTreeMap::new();
        for n in 0..REASONS_MAX + 2 {
            add(&mut reasons, format!("{n}"));
        }
        assert_eq!(reasons.len(), REASONS_MAX + 1);
        assert_eq!(reasons["other reasons"], 2);
    }
}
