//! Frames to text. An event is written once and shared; everything else is small and per session.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::{
    ChannelName, ClientFrame, EncodedEvent, Epoch, EventName, Payload, ServerFrame, TimeText,
};

const CHANNEL: &[u8] = br#"{"type":"event","channel":"#;
const EPOCH: &[u8] = br#","epoch":"#;
const OFFSET: &[u8] = br#""offset":"#;
const EVENT: &[u8] = br#","event":"#;
const DATA: &[u8] = br#","data":"#;
const TIME: &[u8] = br#","time":""#;
const END: &[u8] = br#""}"#;
/// Bytes of an event that are the same for all: the above, a comma, and quotes around three names.
const FIXED: usize = CHANNEL.len()
    + EPOCH.len()
    + OFFSET.len()
    + EVENT.len()
    + DATA.len()
    + TIME.len()
    + END.len()
    + 7;

/// Writes what a client says.
pub fn encode_client(frame: &ClientFrame) -> String {
    write(frame)
}

/// Writes what a server says, but for events: those come from [`encode_event`].
pub fn encode_server(frame: &ServerFrame) -> String {
    write(frame)
}

/// Writes an event once, for every subscriber and every history that will hold it.
pub fn encode_event(
    channel: &ChannelName,
    epoch: &Epoch,
    offset: u64,
    event: &EventName,
    data: &Payload,
    time: &TimeText,
) -> EncodedEvent {
    encode_kept_event(channel, epoch, offset, event, data.as_str(), time)
}

/// Whether this text is an `event` frame, which is the same for all who are sent it.
pub fn is_event(text: &[u8]) -> bool {
    text.starts_with(CHANNEL)
}

/// The same for a store that gives back what it was given: `data` is the text of a [`Payload`],
/// and is not checked again.
pub fn encode_kept_event(
    channel: &ChannelName,
    epoch: &Epoch,
    offset: u64,
    event: &EventName,
    data: &str,
    time: &TimeText,
) -> EncodedEvent {
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(offset);
    let names = channel.as_str().len() + epoch.as_str().len() + event.as_str().len();
    // Exactly what it takes: a history has many of these.
    let len = FIXED + names + digits.len() + data.len() + time.as_bytes().len();
    let mut out = Vec::with_capacity(len);
    out.extend_from_slice(CHANNEL);
    push_text(&mut out, channel.as_str());
    out.extend_from_slice(EPOCH);
    push_text(&mut out, epoch.as_str());
    out.push(b',');
    let entry_at = place(&out);
    out.extend_from_slice(OFFSET);
    out.extend_from_slice(digits.as_bytes());
    out.extend_from_slice(EVENT);
    push_text(&mut out, event.as_str());
    out.extend_from_slice(DATA);
    let data_from = place(&out);
    out.extend_from_slice(data.as_bytes());
    let data_to = place(&out);
    out.extend_from_slice(TIME);
    let time_at = place(&out);
    out.extend_from_slice(time.as_bytes());
    out.extend_from_slice(END);
    EncodedEvent::new(out.into(), entry_at, (data_from, data_to), time_at)
}

fn place(out: &[u8]) -> u32 {
    // Messages are limited to far less than 4 GiB where they enter.
    u32::try_from(out.len()).unwrap_or(u32::MAX)
}

/// A name in quotes. Names have no control characters, so hardly one has anything to escape.
fn push_text(out: &mut Vec<u8>, name: &str) {
    if name.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count() > 0 {
        out.extend_from_slice(write(&name).as_bytes());
        return;
    }
    out.push(b'"');
    out.extend_from_slice(name.as_bytes());
    out.push(b'"');
}

fn write<T: Serialize>(value: &T) -> String {
    // Our frames hold strings, integers and checked JSON: none of them can fail to be written.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::encode_event;
    use crate::codec::json::server_frame;
    use crate::{ChannelName, Epoch, EventName, Payload, ServerFrame, Timestamp};

    /// P-5
    #[test]
    fn one_encoding_serves_every_transport() {
        let data = r#"{ "pct" : 40, "note":"héllo" }"#;
        let encoded = encode_event(
            &ChannelName::new("d:1").unwrap(),
            &Epoch::new("e1").unwrap(),
            7,
            &EventName::new("进度\"").unwrap(),
            &Payload::new(data).unwrap(),
            &Timestamp(0).into(),
        );
        let text = core::str::from_utf8(encoded.frame()).unwrap();
        let Some(ServerFrame::Event(event)) = server_frame(text).unwrap() else {
            panic!("not an event: {text}")
        };
        assert_eq!(event.data.as_str(), data);
        assert_eq!(event.event.as_str(), "进度\"");
        assert_eq!(&*event.time, "1970-01-01T00:00:00.000Z");
        assert_eq!(encoded.data(), data.as_bytes());
        assert_eq!(encoded.time(), b"1970-01-01T00:00:00.000Z");
        assert!(encoded.entry().starts_with(b"\"offset\":7,\"event\":"));
        assert!(encoded.entry().ends_with(b"Z\"}"));
    }
}
