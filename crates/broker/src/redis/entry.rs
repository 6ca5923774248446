//! The text format of stored and announced events. In: publishes. Out: entries for the scripts, and
//! publications parsed from entries and announcements. An entry is
//! `size final event_len replace_len\n` and then the event's name, its key and its data.

use std::sync::Arc;

use steadfast_history::{Publication, Publish};
use steadfast_protocol::codec::json::{encode_event, encode_kept_event};
use steadfast_protocol::{ChannelName, Epoch, EventName, ReplaceKey, Timestamp};

/// An announcement of a server to every node.
#[derive(Debug)]
pub(super) enum ServerUpdate {
    /// An event, and the server's count of writes with it.
    Published(Arc<Publication>, u64),
    /// A channel was deleted, under this fence and at this count of writes.
    Forgotten(ChannelName, String, u64),
}

/// The entry of a publish.
pub(super) fn entry(publish: &Publish, bare: &Epoch) -> Vec<u8> {
    let Publish { channel, event, data, replace, .. } = publish;
    // The size without the epoch and the offset, which only the script knows.
    let encoded = encode_event(channel, bare, 0, event, data, &Timestamp(0).into());
    let size = encoded.len() - bare.as_str().len() - 1;
    let key = replace.as_ref().map_or("", ReplaceKey::as_str);
    let is_final = u8::from(publish.is_final);
    let (event, data) = (event.as_str(), data.as_str());
    let mut entry = format!("{size} {is_final} {} {}\n", event.len(), key.len()).into_bytes();
    for part in [event, key, data] {
        entry.extend_from_slice(part.as_bytes());
    }
    entry
}

/// Parses an entry; `None` if it has another format.
pub(super) fn publication(
    channel: &ChannelName,
    epoch: &Epoch,
    offset: u64,
    time: u64,
    entry: &[u8],
) -> Option<Arc<Publication>> {
    let text = std::str::from_utf8(entry).ok()?;
    let (head, body) = text.split_once('\n')?;
    let mut numbers = head.split(' ').map(str::parse::<usize>);
    let (_size, is_final) = (numbers.next()?.ok()?, numbers.next()?.ok()? == 1);
    let (event, key) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let (event, rest) = body.split_at_checked(event)?;
    let (key, data) = rest.split_at_checked(key)?;
    let event = EventName::new(event).ok()?;
    let replace = if key.is_empty() { None } else { Some(ReplaceKey::new(key).ok()?) };
    let encoded = encode_kept_event(channel, epoch, offset, &event, data, &Timestamp(time).into());
    let (channel, epoch) = (channel.clone(), epoch.clone());
    Some(Arc::new(Publication { channel, epoch, offset, event, replace, is_final, encoded }))
}

/// Parses an announcement; `None` if it has another format.
pub(super) fn parse_update(announcement: &[u8]) -> Option<ServerUpdate> {
    let end = announcement.iter().position(|byte| *byte == b'\n').unwrap_or(announcement.len());
    let (head, entry) = announcement.split_at_checked(end)?;
    let mut words = std::str::from_utf8(head).ok()?.split(' ');
    match words.next()? {
        "p" => {
            let n = words.next()?.parse().ok()?;
            let epoch = Epoch::new(words.next()?).ok()?;
            let offset = words.next()?.parse().ok()?;
            let time = words.next()?.parse().ok()?;
            let channel = ChannelName::new(words.next()?).ok()?;
            let publication = publication(&channel, &epoch, offset, time, entry.get(1..)?)?;
            Some(ServerUpdate::Published(publication, n))
        }
        "d" => {
            let n = words.next()?.parse().ok()?;
            let fence = words.next()?.to_owned();
            Some(ServerUpdate::Forgotten(ChannelName::new(words.next()?).ok()?, fence, n))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{ServerUpdate, entry, parse_update, publication};
    use steadfast_history::Publish;
    use steadfast_protocol::{ChannelName, Epoch, EventName, Payload, ReplaceKey};

    #[test]
    fn an_entry_gives_back_the_event_and_knows_its_size() {
        let publish = Publish {
            channel: ChannelName::new("a:1").unwrap(),
            event: EventName::new("进度 1").unwrap(),
            data: Payload::new("{\"n\": \"1 2\\n\"}").unwrap(),
            is_final: true,
            replace: Some(ReplaceKey::new("bar 2").unwrap()),
            idempotency_key: None,
        };
        let entry = entry(&publish, &Epoch::new("e").unwrap());
        let epoch = Epoch::new("epoch-1").unwrap();
        let kept = publication(&publish.channel, &epoch, 12, 5, &entry).unwrap();
        assert_eq!((&kept.event, &kept.replace), (&publish.event, &publish.replace));
        assert_eq!(kept.encoded.data(), publish.data.as_str().as_bytes());
        assert!(kept.is_final);
        let size: usize =
            String::from_utf8_lossy(&entry).split(' ').next().unwrap().parse().unwrap();
        assert_eq!(kept.encoded.len(), size + "epoch-1".len() + "12".len());

        let announced = [b"p 7 epoch-1 12 5 a:1\n", &*entry].concat();
        let Some(ServerUpdate::Published(told, 7)) = parse_update(&announced) else {
            panic!("no news")
        };
        assert_eq!(told, kept);
        let Some(ServerUpdate::Forgotten(channel, fence, 8)) = parse_update(b"d 8 f a:1") else {
            panic!("none")
        };
        assert_eq!((channel.as_str(), fence.as_str()), ("a:1", "f"));
        assert!(parse_update(b"p 7 epoch-1 12 5 a:1").is_none() && parse_update(b"").is_none());
    }
}
