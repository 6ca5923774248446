//! Plans a page: which events it has, and in which messages of the log they are. In: the table's
//! entries, and messages of the log. Out: the page, or the messages that it needs.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use steadfast_history::{Page, Publication};
use steadfast_protocol::codec::json::encode_kept_event;
use steadfast_protocol::{ChannelName, Epoch, Timestamp};

use super::entry::{self, ChannelStep, Event};

/// One event of a planned page.
#[derive(Debug)]
pub(super) struct PlannedEvent {
    pub(super) offset: u64,
    /// The sequence number of its message, its index there, and when the message was stored.
    pub(super) seq: u64,
    pub(super) nth: u32,
    pub(super) at: u64,
    /// The event itself, if it is in memory.
    pub(super) hot: Option<Arc<Publication>>,
}

/// The messages that must be fetched from the log.
pub(super) fn needs(plan: &Page<PlannedEvent>) -> Vec<u64> {
    let cold = plan.events.iter().filter(|event| event.hot.is_none());
    let mut needs: Vec<u64> = cold.map(|event| event.seq).collect();
    needs.dedup();
    needs
}

/// Builds the page from these messages; fails with the newest message that is missing or wrong.
pub(super) fn page(
    plan: Page<PlannedEvent>,
    channel: &ChannelName,
    messages: &BTreeMap<u64, Bytes>,
) -> Result<Page, u64> {
    let missing = needs(&plan).into_iter().rev().find(|seq| !messages.contains_key(seq));
    let newest = plan.events.last().map_or(0, |event| event.seq);
    match missing {
        Some(missing) => Err(missing),
        None => fill(plan, channel, messages).ok_or(newest),
    }
}

fn fill(
    plan: Page<PlannedEvent>,
    channel: &ChannelName,
    messages: &BTreeMap<u64, Bytes>,
) -> Option<Page> {
    let Page { start, gap, events: planned, end, head, is_final } = plan;
    let mut read: Option<(u64, u64, Vec<Event<'_>>)> = None;
    let mut events = Vec::with_capacity(planned.len());
    for event in planned {
        if let Some(hot) = event.hot {
            events.push(hot);
            continue;
        }
        if read.as_ref().is_none_or(|(seq, ..)| *seq != event.seq) {
            let step = entry::step(messages.get(&event.seq)?)?;
            let ChannelStep::Events { first, events, .. } = step else { return None };
            read = Some((event.seq, first, events));
        }
        let (_, first, found) = read.as_ref()?;
        let text = found.get(usize::try_from(event.nth).ok()?)?;
        if first + u64::from(event.nth) != event.offset {
            return None;
        }
        events.push(publication(channel, &start.epoch, event.offset, event.at, text));
    }
    Some(Page { start, gap, events, end, head, is_final })
}

/// An event with its position.
pub(super) fn publication(
    channel: &ChannelName,
    epoch: &Epoch,
    offset: u64,
    at: u64,
    event: &Event<'_>,
) -> Arc<Publication> {
    let time = Timestamp(at);
    let encoded = encode_kept_event(channel, epoch, offset, &event.name, event.data, &time.into());
    Arc::new(Publication {
        channel: channel.clone(),
        epoch: epoch.clone(),
        offset,
        event: event.name.clone(),
        replace: event.replace.clone(),
        is_final: event.is_final,
        encoded,
    })
}
