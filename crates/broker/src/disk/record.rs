//! What the store's keys and values look like: one order of keys for channels, events, the newest
//! of each `replace` key, answers, tombstones and marks. In: numbers and names. Out: bytes, and
//! back. It checks shapes only; the store's own checksums find bytes that changed.

use std::sync::Arc;

use steadfast_history::{Fingerprint, FirstAnswer, Publication};
use steadfast_machine::Millis;
use steadfast_protocol::codec::json::encode_kept_event;
use steadfast_protocol::{ChannelName, Epoch, EventName, ReplaceKey, Timestamp};

/// The first byte of a key: the kind of its value.
pub(super) const CHANNEL: u8 = b'c';
pub(super) const ANSWER: u8 = b'a';
pub(super) const TOMBSTONE: u8 = b'g';
const EVENT: u8 = b'e';
const NEWEST: u8 = b'n';
const MARK: u8 = b'm';

/// The state of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChannelNumbers {
    /// The id in the keys of its events; never used again for another channel.
    pub(super) id: u64,
    /// Its epoch.
    pub(super) epoch: Epoch,
    /// The oldest kept offset: `head + 1` if there is none.
    pub(super) first: u64,
    /// The last offset.
    pub(super) head: u64,
    /// Bytes of all kept events, as counted for retention.
    pub(super) bytes: u64,
    /// When the oldest kept event was published, by the store's clock.
    pub(super) oldest_at: u64,
    /// Whether it has ended.
    pub(super) is_final: bool,
}

impl ChannelNumbers {
    /// The number of kept events.
    pub(super) const fn events(&self) -> u64 {
        self.head + 1 - self.first
    }

    /// Encodes the value; `fence` is the store's, under which the epoch is valid.
    pub(super) fn to_bytes(&self, fence: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        for number in [fence, self.id, self.first, self.head, self.bytes, self.oldest_at] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.push(u8::from(self.is_final));
        out.extend_from_slice(self.epoch.as_str().as_bytes());
        out
    }

    /// Takes over the state that the channel's newest event carries.
    pub(super) fn go_on(&mut self, head: u64, newest: &StoredEvent<'_>) {
        let Behind { first, bytes, oldest_at } = newest.behind;
        (self.first, self.bytes, self.oldest_at) = (first, bytes, oldest_at);
        (self.head, self.is_final) = (head, newest.is_final);
    }

    /// The state that the channel's newest event carries.
    pub(super) const fn behind(&self) -> Behind {
        Behind { first: self.first, bytes: self.bytes, oldest_at: self.oldest_at }
    }

    /// Decodes the fence and the state; `None` if the value has another format.
    pub(super) fn of_bytes(bytes: &[u8]) -> Option<(u64, Self)> {
        let mut rest = RecordReader(bytes);
        let fence = rest.u64()?;
        let (id, first, head) = (rest.u64()?, rest.u64()?, rest.u64()?);
        let (bytes, oldest_at, is_final) = (rest.u64()?, rest.u64()?, rest.u8()? != 0);
        let epoch = Epoch::new(rest.text()?).ok()?;
        let is_sound = first >= 1 && first <= head.checked_add(1)?;
        is_sound.then_some((fence, Self { id, epoch, first, head, bytes, oldest_at, is_final }))
    }
}

/// The state of a channel after one of its events. The newest event carries it: the channel's own
/// value is written only when it changes without an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Behind {
    pub(super) first: u64,
    pub(super) bytes: u64,
    pub(super) oldest_at: u64,
}

/// The metadata of a kept event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Bytes, as counted for retention.
    pub(super) bytes: u32,
    /// When it was published, by the store's clock.
    pub(super) at: u64,
    /// Its `replace` key, if any.
    pub(super) replace: Option<ReplaceKey>,
    /// The idempotency key of its publish, if any: the answer is the event's offset.
    pub(super) key: Option<Keyed>,
}

/// An idempotency key, and the fingerprint of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keyed {
    pub(super) key: Box<str>,
    pub(super) fingerprint: Fingerprint,
}

/// An event as it is stored: without its channel, epoch and offset, which follow from its key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StoredEvent<'a> {
    pub(super) item: Item,
    pub(super) behind: Behind,
    pub(super) time: Timestamp,
    pub(super) is_final: bool,
    pub(super) event: EventName,
    pub(super) data: &'a str,
}

impl<'a> StoredEvent<'a> {
    /// The value.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let replace = self.item.replace.as_ref().map_or("", ReplaceKey::as_str);
        let key = self.item.key.as_ref().map_or("", |keyed| &keyed.key);
        let names = [self.event.as_str(), replace, key];
        let length: usize = names.iter().map(|name| name.len()).sum();
        let mut out = Vec::with_capacity(64 + length + self.data.len());
        out.extend_from_slice(&self.item.bytes.to_be_bytes());
        out.extend_from_slice(&self.item.at.to_be_bytes());
        out.extend_from_slice(&self.time.0.to_be_bytes());
        out.push(u8::from(self.is_final));
        for number in [self.behind.first, self.behind.bytes, self.behind.oldest_at] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        for name in names {
            // Names are far shorter; a longer one would be truncated and refused when read.
            out.extend_from_slice(&u16::try_from(name.len()).unwrap_or(0).to_be_bytes());
            out.extend_from_slice(name.as_bytes());
        }
        out.extend_from_slice(self.data.as_bytes());
        out
    }

    /// Decodes an event; `None` if the value has another format.
    pub(super) fn of_bytes(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = RecordReader(bytes);
        let (bytes, at) = (rest.u32()?, rest.u64()?);
        let (time, is_final) = (Timestamp(rest.u64()?), rest.u8()? != 0);
        let (first, total, oldest_at) = (rest.u64()?, rest.u64()?, rest.u64()?);
        let behind = Behind { first, bytes: total, oldest_at };
        let event = EventName::new(rest.name()?).ok()?;
        let replace = match rest.name()? {
            "" => None,
            key => Some(ReplaceKey::new(key).ok()?),
        };
        let (key, data) = (rest.name()?, rest.text()?);
        // The fingerprint follows from the event, so it is not stored.
        let key = (!key.is_empty()).then(|| {
            let replace = replace.as_ref().map(ReplaceKey::as_str);
            let fingerprint = Fingerprint::of(event.as_str(), data, is_final, replace);
            Keyed { key: key.into(), fingerprint }
        });
        let item = Item { bytes, at, replace, key };
        Some(Self { item, behind, time, is_final, event, data })
    }

    /// The publication, with its position.
    pub(super) fn publication(
        &self,
        channel: &ChannelName,
        epoch: &Epoch,
        offset: u64,
    ) -> Arc<Publication> {
        let (event, time) = (&self.event, self.time.into());
        let encoded = encode_kept_event(channel, epoch, offset, event, self.data, &time);
        Arc::new(Publication {
            channel: channel.clone(),
            epoch: epoch.clone(),
            offset,
            event: self.event.clone(),
            replace: self.item.replace.clone(),
            is_final: self.is_final,
            encoded,
        })
    }
}

/// An idempotency key of a channel, and when its first publish was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AnsweredKey {
    /// By the store's clock.
    pub(super) at: Millis,
    pub(super) of: ChannelKey,
}

/// An idempotency key of the channel with this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ChannelKey {
    pub(super) channel: u64,
    pub(super) key: Box<str>,
}

/// The store's key for the answer to an idempotency key.
pub(super) fn answer_key(AnsweredKey { at, of }: &AnsweredKey) -> Vec<u8> {
    [&two(ANSWER, at.0, of.channel)[..], of.key.as_bytes()].concat()
}

/// Decodes the idempotency key of such a key.
pub(super) fn answered_of_key(key: &[u8]) -> Option<AnsweredKey> {
    let mut rest = RecordReader(key.strip_prefix(&[ANSWER])?);
    let (at, channel) = (Millis(rest.u64()?), rest.u64()?);
    Some(AnsweredKey { at, of: ChannelKey { channel, key: rest.text()?.into() } })
}

/// The value of an answer that has a key of its own.
pub(super) fn answer_value(first: FirstAnswer) -> Vec<u8> {
    let mut value = first.offset.to_be_bytes().to_vec();
    if let Some(Fingerprint(hash)) = first.fingerprint {
        value.extend_from_slice(&hash.to_be_bytes());
    }
    value
}

/// Decodes such an answer; `None` if the value has another format.
pub(super) fn answer_of_value(value: &[u8]) -> Option<FirstAnswer> {
    let mut rest = RecordReader(value);
    let offset = rest.u64()?;
    let fingerprint = if rest.0.is_empty() { None } else { Some(Fingerprint(rest.u64()?)) };
    rest.0.is_empty().then_some(FirstAnswer { offset, fingerprint })
}

/// The key of a channel's state.
pub(super) fn channel_key(channel: &ChannelName) -> Vec<u8> {
    [&[CHANNEL], channel.as_str().as_bytes()].concat()
}

/// Decodes the channel of such a key.
pub(super) fn channel_of_key(key: &[u8]) -> Option<ChannelName> {
    let name = std::str::from_utf8(key.strip_prefix(&[CHANNEL])?).ok()?;
    ChannelName::new(name).ok()
}

/// The key of an event.
pub(super) fn event_key(id: u64, offset: u64) -> [u8; 17] {
    two(EVENT, id, offset)
}

/// The offset in an event's key.
pub(super) fn offset_of_key(key: &[u8]) -> Option<u64> {
    let mut rest = RecordReader(key.get(9..)?);
    rest.u64()
}

/// The key of the newest offset with this `replace` key.
pub(super) fn newest_key(id: u64, key: &ReplaceKey) -> Vec<u8> {
    [&[NEWEST], &id.to_be_bytes()[..], key.as_str().as_bytes()].concat()
}

/// The prefix of all keys of this id.
pub(super) fn prefixes_of(id: u64) -> [Vec<u8>; 2] {
    [EVENT, NEWEST].map(|kind| [&[kind], &id.to_be_bytes()[..]].concat())
}

/// The key of a tombstone: the events of this id are to be removed.
pub(super) fn tombstone_key(id: u64) -> Vec<u8> {
    [&[TOMBSTONE], &id.to_be_bytes()[..]].concat()
}

/// Decodes the id of such a key.
pub(super) fn id_of_grave(key: &[u8]) -> Option<u64> {
    number(key.strip_prefix(&[TOMBSTONE])?)
}

/// The key of a number that concerns the whole store.
pub(super) fn mark_key(name: &str) -> Vec<u8> {
    [&[MARK], name.as_bytes()].concat()
}

/// A value that is one number.
pub(super) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

fn two(kind: u8, one: u64, two: u64) -> [u8; 17] {
    let mut key = [kind; 17];
    let (left, right) = key.split_at_mut(9);
    if let Some(place) = left.get_mut(1..) {
        place.copy_from_slice(&one.to_be_bytes());
    }
    right.copy_from_slice(&two.to_be_bytes());
    key
}

/// The rest of a value that is being decoded.
struct RecordReader<'a>(&'a [u8]);

impl<'a> RecordReader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        number(self.take(8)?)
    }

    fn name(&mut self) -> Option<&'a str> {
        let len = u16::from_be_bytes(self.take(2)?.try_into().ok()?);
        std::str::from_utf8(self.take(len.into())?).ok()
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }
}

/// Decodes the bytes as each kind of key and value, for fuzzing: what can be decoded is decoded the
/// same after it was encoded.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_records(bytes: &[u8]) {
    let numbers = |bytes: &[u8]| {
        ChannelNumbers::of_bytes(bytes).map(|(fence, numbers)| numbers.to_bytes(fence))
    };
    let event = |bytes: &[u8]| StoredEvent::of_bytes(bytes).map(|event| event.to_bytes());
    let answered = |bytes: &[u8]| answered_of_key(bytes).map(|answered| answer_key(&answered));
    let first = |bytes: &[u8]| answer_of_value(bytes).map(answer_value);
    let channel = |bytes: &[u8]| channel_of_key(bytes).map(|channel| channel_key(&channel));
    let is_stable = |again: &dyn Fn(&[u8]) -> Option<Vec<u8>>| {
        if let Some(written) = again(bytes) {
            assert_eq!(again(&written).as_ref(), Some(&written));
        }
    };
    is_stable(&numbers);
    is_stable(&event);
    is_stable(&answered);
    is_stable(&first);
    is_stable(&channel);
    let _ = (offset_of_key(bytes), id_of_grave(bytes), number(bytes));
}

#[cfg(test)]
mod tests {
    use super::{
        AnsweredKey, Behind, ChannelKey, ChannelNumbers, Item, Keyed, StoredEvent, answer_key,
        answered_of_key, event_key, offset_of_key,
    };
    use super::{answer_of_value, answer_value};
    use steadfast_history::{Fingerprint, FirstAnswer};
    use steadfast_machine::Millis;
    use steadfast_protocol::{Epoch, EventName, ReplaceKey, Timestamp};

    #[test]
    fn what_is_written_is_read_again_and_what_is_cut_is_not() {
        let epoch = Epoch::new("e-1").unwrap();
        let (id, first, head, bytes, oldest_at) = (7, 3, 9, 1_000, 55);
        let numbers = ChannelNumbers { id, epoch, first, head, bytes, oldest_at, is_final: true };
        let written = numbers.to_bytes(4);
        assert_eq!(ChannelNumbers::of_bytes(&written), Some((4, numbers)));
        assert_eq!(ChannelNumbers::of_bytes(&written[..49]), None);

        for (replace, key) in [("", None), ("bar", None), ("", Some("k")), ("bar", Some("k"))] {
            let replace = ReplaceKey::new(replace).ok();
            let event = EventName::new("progress").unwrap();
            let (time, is_final, data) = (Timestamp(6), false, "{\"n\":1}");
            let of = replace.as_ref().map(ReplaceKey::as_str);
            let fingerprint = Fingerprint::of(event.as_str(), data, is_final, of);
            let key = key.map(|key| Keyed { key: key.into(), fingerprint });
            let item = Item { bytes: 120, at: 5, replace, key };
            let behind = Behind { first: 1, bytes: 2, oldest_at: 3 };
            let kept = StoredEvent { item, behind, time, is_final, event, data };
            let written = kept.to_bytes();
            assert_eq!(StoredEvent::of_bytes(&written), Some(kept));
            assert_eq!(StoredEvent::of_bytes(&written[..24]), None);
        }

        let answered =
            AnsweredKey { at: Millis(1), of: ChannelKey { channel: 2, key: "k\n3".into() } };
        assert_eq!(answered_of_key(&answer_key(&answered)), Some(answered));
        for fingerprint in [None, Some(Fingerprint(u64::MAX - 1))] {
            let first = FirstAnswer { offset: 3, fingerprint };
            assert_eq!(answer_of_value(&answer_value(first)), Some(first));
        }
        for len in [0, 7, 9, 15, 17] {
            assert_eq!(answer_of_value(&vec![1; len]), None, "{len}");
        }
    }

    #[test]
    fn keys_stand_in_the_order_of_offsets() {
        let keys: Vec<_> = [1, 2, 255, 256, u64::MAX].map(|offset| event_key(9, offset)).into();
        assert!(keys.is_sorted());
        assert_eq!(offset_of_key(&keys[3]), Some(256));
        assert!(event_key(9, u64::MAX) < event_key(10, 0));
    }
}
