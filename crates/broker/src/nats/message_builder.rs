//! What waits for a channel becomes one message of its log. In: work in its order, and the table.
//! Out: answers that need no message, and the message with those that it will answer. Nothing is
//! changed by a draft but the room that is promised to it.

use std::collections::BTreeMap;

use steadfast_history::{Publish, PublishError, ReadError, Receipt};
use steadfast_machine::Millis;
use steadfast_protocol::codec::json::encode_event;
use steadfast_protocol::{ChannelName, Epoch, Timestamp};
use tokio::sync::oneshot;

use super::channel::NatsChannel;
use super::entry;
use super::table::{NatsTable, Promised};

/// More than an event's names, numbers and punctuation take besides its data.
const AROUND_BYTES: usize = 1_024;

/// The answer to a publish, and who waits for it.
pub(super) type PublishOutcome = Result<Receipt, PublishError>;

/// Something to do with a channel.
#[derive(Debug)]
pub(super) enum QueuedWork {
    /// One more event.
    Publish(Publish, oneshot::Sender<PublishOutcome>),
    /// It is not to be forgotten, if it is there.
    Touch,
    /// It begins anew, if it has this base still.
    Renew { base: Box<str> },
    /// It should be gone; false where it was not there, or is in use where that matters.
    Delete { if_idle_since: Option<u64>, told: oneshot::Sender<Result<bool, ReadError>> },
}

/// One message to come.
#[derive(Debug)]
pub(super) struct MessageBuilder {
    pub(super) text: String,
    /// The newest message about the channel, as far as this node knows.
    pub(super) expected: u64,
    pub(super) promised: Promised,
    pub(super) held: Held,
}

/// Whom the message will answer.
#[derive(Debug)]
pub(super) enum Held {
    Events { epoch: Epoch, first: u64, asks: Vec<Ask> },
    Touched,
    Renewed { base: Box<str> },
    Deleted { if_idle_since: Option<u64>, told: oneshot::Sender<Result<bool, ReadError>> },
}

/// A publish, and which event of the message is its own: several where a key is repeated.
#[derive(Debug)]
pub(super) struct Ask {
    publish: Publish,
    told: oneshot::Sender<PublishOutcome>,
    nth: u64,
    /// An earlier one of the message has its key.
    is_repeat: bool,
}

/// Drafts one message for work that may share one; nothing where all is answered.
pub(super) fn draft(
    table: &mut NatsTable,
    name: &ChannelName,
    work: Vec<QueuedWork>,
    spare: &str,
    now: u64,
) -> Option<MessageBuilder> {
    let mut publishes = Vec::new();
    for one in work {
        match one {
            QueuedWork::Publish(publish, told) => publishes.push((publish, told)),
            QueuedWork::Touch => return touched(table, name),
            QueuedWork::Renew { base } => return renewed(table, name, base, spare),
            QueuedWork::Delete { if_idle_since, told } => {
                return deleted(table, name, if_idle_since, told);
            }
        }
    }
    published(table, name, publishes, spare, now)
}

fn expected(table: &NatsTable, name: &ChannelName) -> u64 {
    let last = table.channels.get(name).map(|channel| channel.last);
    last.or_else(|| table.tombs.get(name).map(|(seq, _)| *seq)).unwrap_or(0)
}

fn touched(table: &NatsTable, name: &ChannelName) -> Option<MessageBuilder> {
    let channel = table.channels.get(name).filter(|channel| channel.len() == 0)?;
    // The last of a finished channel says that it is finished.
    if channel.is_final {
        return None;
    }
    let text = entry::kept(&channel.base, channel.head());
    let (expected, promised) = (channel.last, Promised::default());
    Some(MessageBuilder { text, expected, promised, held: Held::Touched })
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
        promised: Promised::default(),
        held: Held::Renewed { base },
    })
}

fn deleted(
    table: &NatsTable,
    name: &ChannelName,
    if_idle_since: Option<u64>,
    told: oneshot::Sender<Result<bool, ReadError>>,
) -> Option<MessageBuilder> {
    let is_it = |idle: u64| table.channels.get(name).is_some_and(|one| one.is_idle_since(idle));
    if !table.channels.contains_key(name) || if_idle_since.is_some_and(|idle| !is_it(idle)) {
        told.send(Ok(false)).ok();
        return None;
    }
    let (text, expected) = (entry::forgotten(), expected(table, name));
    let held = Held::Deleted { if_idle_since, told };
    Some(MessageBuilder { text, expected, promised: Promised::default(), held })
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
    // What a reader of the name was told before there was an event.
    let reserved = || match table.reserved.get(name) {
        Some(base) => base.to_string(),
        None => table.base_to_come(name, spare).into_string(),
    };
    let base = known.map_or_else(reserved, |channel| channel.base.to_string());
    let first = known.map_or(0, NatsChannel::head) + 1;
    let mut is_final = known.is_some_and(|channel| channel.is_final);
    let epoch = table.epoch(&base);
    let mut promised = Promised { channels: usize::from(known.is_none()), ..Promised::default() };
    let (mut asks, mut keys, mut count) = (Vec::<Ask>::new(), BTreeMap::new(), 0_u64);
    for (publish, told) in publishes {
        let key = publish.idempotency_key.as_deref();
        let answered = key.and_then(|key| table.answers.find(Millis(now), base.as_bytes(), key));
        if let (Some(first), Some(epoch)) = (answered, &epoch) {
            drop(told.send(first.repeat(epoch.clone(), &publish)));
            continue;
        }
        if let Some((nth, hash)) = key.and_then(|key| keys.get(key).copied()) {
            if publish.fingerprint() == hash {
                asks.push(Ask { publish, told, nth, is_repeat: true });
            } else {
                drop(told.send(Err(PublishError::IdempotencyMismatch)));
            }
            continue;
        }
        let refusal = match &epoch {
            None => Err(PublishError::Unavailable),
            Some(_) if is_final => Err(PublishError::Finished),
            Some(epoch) => room(table, name, &publish, (epoch, first + count), &promised, now),
        };
        match refusal {
            Ok(size) => {
                promised.bytes += size;
                if let Some(key) = key {
                    promised.keys += 1;
                    keys.insert(key.to_owned(), (count, publish.fingerprint()));
                }
                is_final |= publish.is_final;
                asks.push(Ask { publish, told, nth: count, is_repeat: false });
                count += 1;
            }
            Err(error) => drop(told.send(Err(error))),
        }
    }
    if count == 0 {
        return None;
    }
    let own = asks.iter().filter(|ask| !ask.is_repeat);
    let text = entry::events(&base, first, own.map(|ask| &ask.publish));
    let held = Held::Events { epoch: epoch?, first, asks };
    Some(MessageBuilder { text, expected, promised, held })
}

/// Whether there is room for one more event, and how many bytes it takes.
fn room(
    table: &mut NatsTable,
    name: &ChannelName,
    publish: &Publish,
    (epoch, offset): (&Epoch, u64),
    promised: &Promised,
    now: u64,
) -> Result<usize, PublishError> {
    let keys = table.answers.len() + table.promised.keys + promised.keys;
    let keys_max = table.config.idempotency_keys_max;
    if publish.idempotency_key.is_some() && keys >= keys_max {
        return Err(PublishError::IdempotencyFull { max: keys_max });
    }
    if !table.channels.contains_key(name) {
        table.counts.check(name, table.promised.channels)?;
    }
    let bytes_max = table.config.bytes_total_max;
    let on_their_way = table.promised.bytes + promised.bytes;
    // Where there is room for more than it can take, it need not be written out to be measured.
    let about = publish.data.as_str().len() + AROUND_BYTES;
    if table.bytes + on_their_way + about <= bytes_max {
        return Ok(about);
    }
    let (event, data) = (&publish.event, &publish.data);
    let size = encode_event(name, epoch, offset, event, data, &Timestamp(now).into()).len();
    if table.bytes + on_their_way + size > bytes_max {
        table.trim(name, now);
        if table.bytes + on_their_way + size > bytes_max {
            return Err(PublishError::StorageFull { bytes_max });
        }
    }
    Ok(size)
}

impl Held {
    /// The log has the message, and so has the table.
    pub(super) fn keep(self) {
        match self {
            Self::Events { epoch, first, asks } => {
                for ask in asks {
                    let (epoch, offset) = (epoch.clone(), first + ask.nth);
                    let is_repeat = ask.is_repeat;
                    drop(ask.told.send(Ok(Receipt { epoch, offset, is_repeat })));
                }
            }
            Self::Touched | Self::Renewed { .. } => {}
            Self::Deleted { told, .. } => drop(told.send(Ok(true))),
        }
    }

    /// Whether the log has it is not known.
    pub(super) fn doubt(self) {
        self.into_work().into_iter().for_each(QueuedWork::refuse);
    }

    /// The log does not have it: what is to be done still.
    pub(super) fn into_work(self) -> Vec<QueuedWork> {
        match self {
            Self::Events { asks, .. } => {
                asks.into_iter().map(|ask| QueuedWork::Publish(ask.publish, ask.told)).collect()
            }
            Self::Touched => vec![QueuedWork::Touch],
            Self::Renewed { base } => vec![QueuedWork::Renew { base }],
            Self::Deleted { if_idle_since, told } => {
                vec![QueuedWork::Delete { if_idle_since, told }]
            }
        }
    }
}

impl QueuedWork {
    /// The broker is away.
    pub(super) fn refuse(self) {
        match self {
            Self::Publish(_, told) => drop(told.send(Err(PublishError::Unavailable))),
            Self::Touch | Self::Renew { .. } => {}
            Self::Delete { told, .. } => drop(told.send(Err(ReadError::Unavailable))),
        }
    }
}
