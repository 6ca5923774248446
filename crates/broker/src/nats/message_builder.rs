//! Builds one message of the log from the queued work of a channel. In: work in its order, and the
//! table. Out: replies that need no message, and the message with its pending replies. The table is
//! not changed but for retention and expired idempotency keys.

use std::collections::BTreeMap;

use steadfast_history::{Publish, PublishError, ReadError, Receipt};
use steadfast_machine::Millis;
use steadfast_protocol::codec::json::encode_event;
use steadfast_protocol::{ChannelName, Epoch, Timestamp};
use tokio::sync::oneshot;

use super::channel::NatsChannel;
use super::entry;
use super::table::{InFlight, NatsTable};

/// An upper bound of an event's bytes besides its data.
const OVERHEAD_BYTES_MAX: usize = 1_024;

/// The answer to a publish.
pub(super) type PublishOutcome = Result<Receipt, PublishError>;

/// Work on a channel.
#[derive(Debug)]
pub(super) enum QueuedWork {
    /// Append an event.
    Publish(Publish, oneshot::Sender<PublishOutcome>),
    /// Keep it from being deleted as unused, if it exists.
    Touch,
    /// Restart it under a new epoch, if it still has this base.
    Renew { base: Box<str> },
    /// Delete it, if `if_idle_since` is unset or it was unused since. Answers whether it was
    /// deleted.
    Delete { if_idle_since: Option<u64>, reply: oneshot::Sender<Result<bool, ReadError>> },
}

/// A message to be appended.
#[derive(Debug)]
pub(super) struct MessageBuilder {
    pub(super) text: String,
    /// The last sequence number of the channel, as far as this node knows.
    pub(super) expected: u64,
    pub(super) in_flight: InFlight,
    pub(super) held: PendingReplies,
}

/// The replies that are due once the message is stored.
#[derive(Debug)]
pub(super) enum PendingReplies {
    Events { epoch: Epoch, first: u64, pending: Vec<PendingPublish> },
    Touched,
    Renewed { base: Box<str> },
    Deleted { if_idle_since: Option<u64>, reply: oneshot::Sender<Result<bool, ReadError>> },
}

/// A publish, and the index of its event; publishes with the same idempotency key share an event.
#[derive(Debug)]
pub(super) struct PendingPublish {
    publish: Publish,
    reply: oneshot::Sender<PublishOutcome>,
    nth: u64,
    /// Whether an earlier publish of the message has the same key.
    is_repeat: bool,
}

/// Builds one message for work that may share one; `None` if all of it is answered already.
pub(super) fn build_message(
    table: &mut NatsTable,
    name: &ChannelName,
    work: Vec<QueuedWork>,
    spare: &str,
    now: u64,
) -> Option<MessageBuilder> {
    let mut publishes = Vec::new();
    for one in work {
        match one {
            QueuedWork::Publish(publish, reply) => publishes.push((publish, reply)),
            QueuedWork::Touch => return touched(table, name),
            QueuedWork::Renew { base } => return renewed(table, name, base, spare),
            QueuedWork::Delete { if_idle_since, reply } => {
                return deleted(table, name, if_idle_since, reply);
            }
        }
    }
    published(table, name, publishes, spare, now)
}

fn expected(table: &NatsTable, name: &ChannelName) -> u64 {
    let last = table.channels.get(name).map(|channel| channel.last);
    last.or_else(|| table.tombstones.get(name).map(|(seq, _)| *seq)).unwrap_or(0)
}

fn touched(table: &NatsTable, name: &ChannelName) -> Option<MessageBuilder> {
    let channel = table.channels.get(name).filter(|channel| channel.len() == 0)?;
    // The last message of a finished channel is its final event, which must stay the last.
    if channel.is_final {
        return None;
    }
    let text = entry::kept(&channel.base, channel.head());
    let (expected, in_flight) = (channel.last, InFlight::default());
    Some(MessageBuilder { text, expected, in_flight, held: PendingReplies::Touched })
}

fn renewed(
    table: &NatsTable,
    name: &ChannelName,
    base: Box<str>,
    spare: &str,
) -> Option<MessageBuilder> {
    let channel = table.channels.get(name).filter(|channel| channel.base == base)?;
    let (text, expected) = (entry::kept(spare, 0), channel.last);
    Some(MessageBuilder {
        text,
        expected,
        in_flight: InFlight::default(),
        held: PendingReplies::Renewed { base },
    })
}

fn deleted(
    table: &NatsTable,
    name: &ChannelName,
    if_idle_since: Option<u64>,
    reply: oneshot::Sender<Result<bool, ReadError>>,
) -> Option<MessageBuilder> {
    let is_it = |idle: u64| table.channels.get(name).is_some_and(|one| one.is_idle_since(idle));
    if !table.channels.contains_key(name) || if_idle_since.is_some_and(|idle| !is_it(idle)) {
        reply.send(Ok(false)).ok();
        return None;
    }
    let (text, expected) = (entry::forgotten(), expected(table, name));
    let held = PendingReplies::Deleted { if_idle_since, reply };
    Some(MessageBuilder { text, expected, in_flight: InFlight::default(), held })
}

fn published(
    table: &mut NatsTable,
    name: &ChannelName,
    publishes: Vec<(Publish, oneshot::Sender<PublishOutcome>)>,
    spare: &str,
    now: u64,
) -> Option<MessageBuilder> {
    table.answers.expire(Millis(now), publishes.len() * 2);
    let expected = expected(table, name);
    let known = table.channels.get(name);
    // The epoch that readers of the empty channel were given.
    let reserved = || match table.reserved.get(name) {
        Some(base) => base.to_string(),
        None => table.next_base(name, spare).into_string(),
    };
    let base = known.map_or_else(reserved, |channel| channel.base.to_string());
    let first = known.map_or(0, NatsChannel::head) + 1;
    let mut is_final = known.is_some_and(|channel| channel.is_final);
    let epoch = table.epoch(&base);
    let mut in_flight = InFlight { channels: usize::from(known.is_none()), ..InFlight::default() };
    let (mut pending, mut keys, mut count) = (Vec::<PendingPublish>::new(), BTreeMap::new(), 0_u64);
    for (publish, reply) in publishes {
        let key = publish.idempotency_key.as_deref();
        let answered = key.and_then(|key| table.answers.find(Millis(now), base.as_bytes(), key));
        if let (Some(first), Some(epoch)) = (answered, &epoch) {
            drop(reply.send(first.repeat(epoch.clone(), &publish)));
            continue;
        }
        if let Some((nth, hash)) = key.and_then(|key| keys.get(key).copied()) {
            if publish.fingerprint() == hash {
                pending.push(PendingPublish { publish, reply, nth, is_repeat: true });
            } else {
                drop(reply.send(Err(PublishError::IdempotencyMismatch)));
            }
            continue;
        }
        let refusal = match &epoch {
            None => Err(PublishError::Unavailable),
            Some(_) if is_final => Err(PublishError::Finished),
            Some(epoch) => room(table, name, &publish, (epoch, first + count), &in_flight, now),
        };
        match refusal {
            Ok(size) => {
                in_flight.bytes += size;
                if let Some(key) = key {
                    in_flight.keys += 1;
                    keys.insert(key.to_owned(), (count, publish.fingerprint()));
                }
                is_final |= publish.is_final;
                pending.push(PendingPublish { publish, reply, nth: count, is_repeat: false });
                count += 1;
            }
            Err(error) => drop(reply.send(Err(error))),
        }
    }
    if count == 0 {
        return None;
    }
    let own = pending.iter().filter(|one| !one.is_repeat);
    let text = entry::events(&base, first, own.map(|one| &one.publish));
    let held = PendingReplies::Events { epoch: epoch?, first, pending };
    Some(MessageBuilder { text, expected, in_flight, held })
}

/// Checks the limits for one more event; returns how many bytes it takes.
fn room(
    table: &mut NatsTable,
    name: &ChannelName,
    publish: &Publish,
    (epoch, offset): (&Epoch, u64),
    in_flight: &InFlight,
    now: u64,
) -> Result<usize, PublishError> {
    let keys = table.answers.len() + table.in_flight.keys + in_flight.keys;
    let keys_max = table.config.idempotency_keys_max;
    if publish.idempotency_key.is_some() && keys >= keys_max {
        return Err(PublishError::IdempotencyFull { max: keys_max });
    }
    if !table.channels.contains_key(name) {
        table.counts.check(name, table.in_flight.channels)?;
    }
    let bytes_max = table.config.bytes_total_max;
    let in_flight_bytes = table.in_flight.bytes + in_flight.bytes;
    // If there is room for its upper bound, it need not be encoded to be measured.
    let bound = publish.data.as_str().len() + OVERHEAD_BYTES_MAX;
    if table.bytes + in_flight_bytes + bound <= bytes_max {
        return Ok(bound);
    }
    let (event, data) = (&publish.event, &publish.data);
    let size = encode_event(name, epoch, offset, event, data, &Timestamp(now).into()).len();
    if table.bytes + in_flight_bytes + size > bytes_max {
        table.trim(name, now);
        if table.bytes + in_flight_bytes + size > bytes_max {
            return Err(PublishError::StorageFull { bytes_max });
        }
    }
    Ok(size)
}

impl PendingReplies {
    /// Confirms: the log has stored the message and the table has applied it.
    pub(super) fn confirm(self) {
        match self {
            Self::Events { epoch, first, pending } => {
                for one in pending {
                    let (epoch, offset) = (epoch.clone(), first + one.nth);
                    let is_repeat = one.is_repeat;
                    drop(one.reply.send(Ok(Receipt { epoch, offset, is_repeat })));
                }
            }
            Self::Touched | Self::Renewed { .. } => {}
            Self::Deleted { reply, .. } => drop(reply.send(Ok(true))),
        }
    }

    /// Fails all of them: whether the log has the message is unknown.
    pub(super) fn fail(self) {
        self.into_work().into_iter().for_each(QueuedWork::refuse);
    }

    /// Turns them back into work: the log does not have the message.
    pub(super) fn into_work(self) -> Vec<QueuedWork> {
        match self {
            Self::Events { pending, .. } => {
                pending.into_iter().map(|one| QueuedWork::Publish(one.publish, one.reply)).collect()
            }
            Self::Touched => vec![QueuedWork::Touch],
            Self::Renewed { base } => vec![QueuedWork::Renew { base }],
            Self::Deleted { if_idle_since, reply } => {
                vec![QueuedWork::Delete { if_idle_since, reply }]
            }
        }
    }
}

impl QueuedWork {
    /// Answers that the broker is unavailable.
    pub(super) fn refuse(self) {
        match self {
            Self::Publish(_, reply) => drop(reply.send(Err(PublishError::Unavailable))),
            Self::Touch | Self::Renew { .. } => {}
            Self::Delete { reply, .. } => drop(reply.send(Err(ReadError::Unavailable))),
        }
    }
}
