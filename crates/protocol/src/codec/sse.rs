//! Server-sent events (WHATWG HTML, section 9.2): `id:` is `epoch:offset`, `data:` the event's
//! frame. A payload may hold line breaks between its tokens, so data is split into as many lines.

use alloc::vec::Vec;

use bytes::Bytes;

use crate::{Epoch, EventName, Position};

/// A comment line: keeps the path open, and is shown to nobody.
pub const COMMENT: &[u8] = b":\n\n";

/// What follows the frame of an event.
pub const EVENT_END: &[u8] = b"\n\n";

/// What precedes the frame of an event in one stream, up to the frame itself; `None` if that has
/// line breaks, so that it has to be split.
pub fn event_head((epoch, offset): (&Epoch, u64), name: &EventName, frame: &[u8]) -> Option<Bytes> {
    let is_line = !frame.iter().any(|byte| matches!(byte, b'\n' | b'\r'));
    let head = || alloc::format!("id: {epoch}:{offset}\nevent: {name}\ndata: ");
    is_line.then(|| head().into_bytes().into())
}

/// An event for one stream.
pub fn event(position: (&Epoch, u64), name: &EventName, frame: &[u8]) -> Bytes {
    notice_at(position, name.as_str(), frame)
}

/// Any other frame for one stream that moves its position. P-82
pub fn notice_at((epoch, offset): (&Epoch, u64), name: &str, frame: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(frame.len() + 96);
    out.extend_from_slice(alloc::format!("id: {epoch}:{offset}\n").as_bytes());
    message(&mut out, name, frame);
    out.into()
}

/// How long a client waits before it comes back, in milliseconds. P-83
pub fn retry(ms: u64) -> Bytes {
    alloc::format!("retry: {ms}\n\n").into_bytes().into()
}

/// Any other frame for one stream: it moves no position.
pub fn notice(name: &str, frame: &[u8]) -> Bytes {
    let mut out = Vec::with_capacity(frame.len() + 32);
    message(&mut out, name, frame);
    out.into()
}

/// Reads `Last-Event-ID`.
pub fn position(id: &str) -> Option<Position> {
    let (epoch, offset) = id.rsplit_once(':')?;
    let offset = offset.parse().ok().filter(|&n| n <= crate::Limits::OFFSET_MAX)?;
    Some(Position::new(Epoch::new(epoch).ok()?, offset))
}

fn message(out: &mut Vec<u8>, name: &str, frame: &[u8]) {
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    for line in frame.split(|&byte| byte == b'\n' || byte == b'\r') {
        out.extend_from_slice(b"\ndata: ");
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::{event, notice, notice_at, position, retry};
    use crate::{Epoch, EventName, Position};

    #[test]
    fn an_event_names_its_position_and_splits_lines() {
        let epoch = Epoch::new("e1").unwrap();
        let name = EventName::new("progress").unwrap();
        let bytes = event((&epoch, 3), &name, b"{\n\"a\":\r1}");
        assert_eq!(
            core::str::from_utf8(&bytes).unwrap(),
            "id: e1:3\nevent: progress\ndata: {\ndata: \"a\":\ndata: 1}\n\n"
        );
    }

    /// P-82, P-83
    #[test]
    fn a_frame_that_moves_the_position_names_it_and_others_do_not() {
        let epoch = Epoch::new("e1").unwrap();
        let moving = notice_at((&epoch, 0), "subscribed", b"{}");
        assert_eq!(&*moving, b"id: e1:0\nevent: subscribed\ndata: {}\n\n");
        assert_eq!(&*notice("finished", b"{}"), b"event: finished\ndata: {}\n\n");
        assert_eq!(&*retry(1500), b"retry: 1500\n\n");
    }

    #[test]
    fn a_last_event_id_is_an_epoch_and_an_offset() {
        let epoch = Epoch::new("e1").unwrap();
        assert_eq!(position("e1:3"), Some(Position::new(epoch, 3)));
        for bad in ["", "e1", ":3", "e1:", "e1:-1", "e1:x", "e 1:3", "e1:9007199254740993"] {
            assert_eq!(position(bad), None, "{bad}");
        }
    }
}
