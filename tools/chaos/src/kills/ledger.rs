//! What was answered, and whether it is there. In: publishes with their answers, and what is read
//! back. Out: how many events are lost, doubled or out of order.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use serde_json::json;

use super::FEW_EVENTS;
use crate::http::Reply;

/// A publish.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) channel: String,
    /// Its idempotency key, which is also its payload.
    pub(super) key: String,
    /// The writer.
    pub(super) by: usize,
    /// The epoch and offset it was answered with.
    pub(super) answer: Option<(String, u64)>,
}

impl Sent {
    pub(super) fn body(&self) -> String {
        json!({"event": "progress", "data": {"key": self.key, "text": "x".repeat(100)}}).to_string()
    }

    /// The position in a reply that says it was stored.
    pub(super) fn read(&self, reply: &Reply) -> anyhow::Result<(String, u64)> {
        if reply.status != 201 {
            bail!("{} answers {}: {}", self.channel, reply.status, reply.json()?);
        }
        let place = reply.json()?;
        let epoch = place["epoch"].as_str().context("no epoch")?.to_owned();
        Ok((epoch, place["offset"].as_u64().context("no offset")?))
    }
}

/// What is kept of a channel.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) channel: String,
    pub(super) epoch: String,
    pub(super) end: u64,
    events: Vec<(u64, String)>,
}

impl Kept {
    pub(super) fn of(channel: &str) -> Self {
        Self { channel: channel.to_owned(), epoch: String::new(), end: 0, events: Vec::new() }
    }

    /// Adds a page; how many events it has.
    pub(super) fn add(&mut self, reply: &Reply) -> anyhow::Result<usize> {
        let page = reply.json()?;
        if reply.status != 200 || !page["gap"].is_null() {
            bail!("{}: {page}", self.channel);
        }
        page["epoch"].as_str().context("no epoch")?.clone_into(&mut self.epoch);
        self.end = page["offset"].as_u64().context("no offset")?;
        let events = page["events"].as_array().context("no events")?;
        for event in events {
            let (offset, key) = (event["offset"].as_u64(), event["data"]["key"].as_str());
            let key = key.context("an event without its key")?.to_owned();
            self.events.push((offset.context("an event without its offset")?, key));
        }
        Ok(events.len())
    }
}

/// Everything that was answered.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By channel: its epoch, and the keys by offset.
    channels: BTreeMap<String, (String, BTreeMap<u64, Sent>)>,
    acked: u64,
    lost: BTreeSet<String>,
    pub(super) faults: Faults,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) disordered: u64,
    pub(super) renumbered: u64,
}

impl Ledger {
    pub(super) const fn acked(&self) -> u64 {
        self.acked
    }

    pub(super) fn channels(&self) -> impl Iterator<Item = &str> {
        self.channels.keys().map(String::as_str)
    }

    /// Notes an answer.
    pub(super) fn note(&mut self, sent: Sent) {
        let Some((epoch, offset)) = sent.answer.clone() else { return };
        self.acked += 1;
        let name = sent.channel.clone();
        let (known, places) =
            self.channels.entry(name).or_insert_with(|| (epoch.clone(), BTreeMap::new()));
        self.faults.renumbered += u64::from(*known != epoch);
        // Two publishes at one place: one of them is not there.
        if let Some(other) = places.insert(offset, sent)
            && self.lost.insert(other.key)
        {
            self.faults.lost += 1;
        }
    }

    /// Compares what is read back with what was answered.
    pub(super) fn check(&mut self, all: &[Kept]) {
        for kept in all {
            let Some((epoch, places)) = self.channels.get(&kept.channel) else { continue };
            self.faults.renumbered += u64::from(*epoch != kept.epoch);
            let first = kept.events.first().map_or(kept.end + 1, |(offset, _)| *offset);
            let is_few = kept.channel.starts_with("few:");
            let oldest = if is_few { (kept.end + 1).saturating_sub(FEW_EVENTS).max(1) } else { 1 };
            self.faults.disordered += u64::from(first != oldest);
            let mut seen = BTreeSet::new();
            let mut last_of_writer: BTreeMap<usize, u64> = BTreeMap::new();
            for (expected, (offset, key)) in (first..).zip(&kept.events) {
                self.faults.disordered += u64::from(expected != *offset);
                self.faults.doubled += u64::from(!seen.insert(key));
                if let Some(sent) = places.get(offset).filter(|sent| sent.key == *key) {
                    let order = order_of(&sent.key);
                    let last = last_of_writer.insert(sent.by, order);
                    self.faults.disordered += u64::from(last.is_some_and(|last| last >= order));
                }
            }
            let events: BTreeMap<u64, &String> =
                kept.events.iter().map(|(offset, key)| (*offset, key)).collect();
            for (offset, sent) in places.range(first..) {
                if events.get(offset) != Some(&&sent.key) && self.lost.insert(sent.key.clone()) {
                    self.faults.lost += 1;
                }
            }
        }
    }
}

/// Round and number of a key, in the order in which one writer makes them.
fn order_of(key: &str) -> u64 {
    let mut parts = key.split('-').map(|part| part.parse::<u64>().unwrap_or(0));
    let (round, _, number) = (parts.next(), parts.next(), parts.next());
    (round.unwrap_or(0) << 32) | number.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Faults, Kept, Ledger, Sent};

    fn sent(channel: &str, key: &str, offset: u64) -> Sent {
        let answer = Some(("e".to_owned(), offset));
        Sent { channel: channel.to_owned(), key: key.to_owned(), by: 0, answer }
    }

    fn kept(channel: &str, epoch: &str, events: &[(u64, &str)]) -> Kept {
        let end = events.last().map_or(0, |(offset, _)| *offset);
        let events = events.iter().map(|(offset, key)| (*offset, (*key).to_owned())).collect();
        Kept { channel: channel.to_owned(), epoch: epoch.to_owned(), end, events }
    }

    /// What is found wrong with one channel, of which three events were answered.
    fn faults(channel: &str, epoch: &str, events: &[(u64, &str)]) -> Faults {
        let mut ledger = Ledger::default();
        for (number, offset) in (1..).zip(1..=3) {
            ledger.note(sent(channel, &format!("1-0-{number}"), offset));
        }
        assert_eq!((ledger.acked(), ledger.channels().count()), (3, 1));
        ledger.check(&[kept(channel, epoch, events)]);
        ledger.faults
    }

    #[test]
    fn what_is_there_is_no_fault() {
        let events = [(1, "1-0-1"), (2, "1-0-2"), (3, "1-0-3"), (4, "unanswered")];
        assert_eq!(faults("many:1", "e", &events), Faults::default());
        let later: Vec<String> = (52..=101).map(|offset: u64| offset.to_string()).collect();
        let few: Vec<(u64, &str)> = (52..).zip(later.iter().map(String::as_str)).collect();
        assert_eq!(faults("few:0", "e", &few), Faults::default(), "retention may drop");
    }

    #[test]
    fn every_kind_of_fault_is_found() {
        let lost = faults("many:1", "e", &[(1, "1-0-1"), (2, "1-0-2")]);
        assert_eq!(lost, Faults { lost: 1, ..Faults::default() });
        let hole = faults("many:1", "e", &[(1, "1-0-1"), (3, "1-0-3")]);
        assert_eq!((hole.lost, hole.disordered), (1, 1));
        let twice = [(1, "1-0-1"), (2, "1-0-2"), (3, "1-0-3"), (4, "1-0-2")];
        assert_eq!(faults("many:1", "e", &twice), Faults { doubled: 1, ..Faults::default() });
        let swapped = faults("many:1", "e", &[(1, "1-0-2"), (2, "1-0-1"), (3, "1-0-3")]);
        assert_eq!(swapped.lost, 2);
        let other = faults("many:1", "f", &[(1, "1-0-1"), (2, "1-0-2"), (3, "1-0-3")]);
        assert_eq!(other, Faults { renumbered: 1, ..Faults::default() });
        let head = faults("many:1", "e", &[(2, "1-0-2"), (3, "1-0-3")]);
        assert!(head.disordered > 0, "only retention may drop the oldest");
    }
}
