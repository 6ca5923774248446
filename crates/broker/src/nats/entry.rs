//! The text format of a channel's messages in the log. In: publishes and other steps. Out:
//! messages, and the steps parsed from them. A message is a line `kind base first`; each event then
//! has a line `final event_len replace_len key_len data_len` followed by its parts.

use std::fmt::Write as _;

use steadfast_history::{Fingerprint, FirstAnswer, Publish};
use steadfast_protocol::{ChannelName, EventName, ReplaceKey};

/// One change of a channel.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChannelStep<'a> {
    /// Events, from this offset on.
    Events { base: &'a str, first: u64, events: Vec<Event<'a>> },
    /// The channel exists, and `head` is its last offset.
    KeptEvent { base: &'a str, head: u64 },
    /// The channel was deleted.
    Forgotten,
}

/// An event, as it was published.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event<'a> {
    pub(super) name: EventName,
    pub(super) replace: Option<ReplaceKey>,
    /// The idempotency key.
    pub(super) key: Option<&'a str>,
    pub(super) data: &'a str,
    pub(super) is_final: bool,
}

impl Event<'_> {
    /// The answer to a later publish with the same idempotency key, for an event at this offset.
    pub(super) fn answer(&self, offset: u64) -> FirstAnswer {
        let replace = self.replace.as_ref().map(ReplaceKey::as_str);
        let hash = Fingerprint::of(self.name.as_str(), self.data, self.is_final, replace);
        FirstAnswer { offset, fingerprint: Some(hash) }
    }
}

/// A message of these events, the first of which has offset `first`.
pub(super) fn events<'a>(
    base: &str,
    first: u64,
    publishes: impl Iterator<Item = &'a Publish>,
) -> String {
    let mut text = format!("p {base} {first}\n");
    for publish in publishes {
        let replace = publish.replace.as_ref().map_or("", ReplaceKey::as_str);
        let key = publish.idempotency_key.as_deref().unwrap_or_default();
        let (event, data) = (publish.event.as_str(), publish.data.as_str());
        let parts = [event, replace, key, data];
        let [event, replace, key, data] = parts.map(str::len);
        let is_final = u8::from(publish.is_final);
        // Writing to a string does not fail.
        writeln!(text, "{is_final} {event} {replace} {key} {data}").ok();
        text.extend(parts);
    }
    text
}

/// A message that says that the channel exists.
pub(super) fn kept(base: &str, head: u64) -> String {
    format!("k {base} {head}\n")
}

/// A message that says that the channel was deleted.
pub(super) fn forgotten() -> String {
    "d - 0\n".to_owned()
}

/// An upper estimate of an event's bytes in a message.
pub(super) fn length(publish: &Publish) -> usize {
    let replace = publish.replace.as_ref().map_or(0, |key| key.as_str().len());
    let key = publish.idempotency_key.as_deref().map_or(0, str::len);
    publish.event.as_str().len() + replace + key + publish.data.as_str().len() + 40
}

/// Parses a message; `None` if it has another format.
pub(super) fn step(text: &[u8]) -> Option<ChannelStep<'_>> {
    let text = std::str::from_utf8(text).ok()?;
    let (line, mut rest) = text.split_once('\n')?;
    let mut words = line.split(' ');
    let (kind, base) = (words.next()?, words.next()?);
    let number = words.next()?.parse().ok()?;
    match kind {
        "k" => Some(ChannelStep::KeptEvent { base, head: number }),
        "d" => Some(ChannelStep::Forgotten),
        "p" => {
            let mut events = Vec::new();
            while !rest.is_empty() {
                let (event, behind) = event(rest)?;
                events.push(event);
                rest = behind;
            }
            Some(ChannelStep::Events { base, first: number, events })
        }
        _ => None,
    }
}

/// Parses the first event of a text; returns it and the rest of the text.
fn event(text: &str) -> Option<(Event<'_>, &str)> {
    let (line, rest) = text.split_once('\n')?;
    let mut numbers = line.split(' ').map(str::parse::<usize>);
    let mut number = || numbers.next()?.ok();
    let (is_final, lengths) = (number()? == 1, [number()?, number()?, number()?, number()?]);
    let [event, replace, key, data] = lengths;
    let (event, rest) = rest.split_at_checked(event)?;
    let (replace, rest) = rest.split_at_checked(replace)?;
    let (key, rest) = rest.split_at_checked(key)?;
    let (data, rest) = rest.split_at_checked(data)?;
    let replace = if replace.is_empty() { None } else { Some(ReplaceKey::new(replace).ok()?) };
    let key = (!key.is_empty()).then_some(key);
    let name = EventName::new(event).ok()?;
    Some((Event { name, replace, key, data, is_final }, rest))
}

/// A channel's name as one token of a subject: dots separate tokens, so they become `%`, which no
/// name contains.
pub(super) fn word(name: &str) -> String {
    name.replace('.', "%")
}

/// The channel of a subject token.
pub(super) fn channel(word: &str) -> Option<ChannelName> {
    ChannelName::new(&word.replace('%', ".")).ok()
}

#[cfg(test)]
mod tests {
    use super::{ChannelStep, channel, events, forgotten, kept, step, word};
    use crate::tests::{event, keyed, last, replacing};

    #[test]
    fn a_message_gives_back_every_event_of_it() {
        let mut publishes = [event("a"), keyed("a", "key 进"), replacing("a", "b c"), last("a")];
        publishes[1].data = steadfast_protocol::Payload::new("\"\\n 1 2\"").unwrap();
        let text = events("base-1", 7, publishes.iter());
        let Some(ChannelStep::Events { base, first, events }) = step(text.as_bytes()) else {
            panic!("no events")
        };
        assert_eq!((base, first, events.len()), ("base-1", 7, 4));
        for (event, publish) in events.iter().zip(&publishes) {
            assert_eq!((&event.name, &event.replace), (&publish.event, &publish.replace));
            assert_eq!(event.key, publish.idempotency_key.as_deref());
            assert_eq!((event.data, event.is_final), (publish.data.as_str(), publish.is_final));
        }
        for len in 0..text.len() {
            let Some(ChannelStep::Events { events: fewer, .. }) = step(&text.as_bytes()[..len])
            else {
                continue;
            };
            assert!(fewer.len() < events.len(), "cut at {len}");
        }
    }

    #[test]
    fn the_other_steps_are_told_apart() {
        let text = kept("base-1", 3);
        assert_eq!(step(text.as_bytes()), Some(ChannelStep::KeptEvent { base: "base-1", head: 3 }));
        assert_eq!(step(forgotten().as_bytes()), Some(ChannelStep::Forgotten));
        for other in ["", "x a 1\n", "p a x\n", "k a\n", "p a 1\n1 2 3\n"] {
            assert_eq!(step(other.as_bytes()), None, "{other:?}");
        }
        assert_eq!(step(b"\xff"), None);
    }

    #[test]
    fn every_name_is_one_word_and_comes_back() {
        for name in ["a", "a:b.c", "..:.", "a-b_c:1"] {
            assert!(!word(name).contains(['.', '*', '>', ' ']));
            assert_eq!(channel(&word(name)).unwrap().as_str(), name);
        }
    }
}
