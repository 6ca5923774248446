//! A WebSocket as seen from its client, without a socket: the request that opens it, the answer,
//! frames. In: bytes as they come, in any pieces. Out: frames that borrow from them, bytes to send.

use memchr::memmem;
use std::io::Cursor;
use thiserror::Error;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

/// The key of every request: nothing between a generator and its server is to be protected.
const KEY: &str = "c3RlYWRmYXN0LWJlbmNoIQ==";
/// The longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The longest message, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a connection cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum WireError {
    #[error("it answers {0}")]
    Status(String),
    #[error("its answer to the upgrade is wrong: {0}")]
    Upgrade(&'static str),
    #[error("it breaks the framing: {0}")]
    Framing(&'static str),
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// A whole text message.
    Text(&'a [u8]),
    /// To be answered with the same.
    Ping(&'a [u8]),
    /// An answer to a ping.
    Pong,
    /// The end, with code and reason where it has them.
    Close(Option<u16>, &'a [u8]),
}

/// The request that opens a WebSocket at `path`.
pub(crate) fn request(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
    .into_bytes()
}

/// What the upgrade is answered with.
pub(crate) fn accept() -> String {
    derive_accept_key(KEY.as_bytes())
}

/// How long the answer's head is, once it is whole and takes the upgrade up.
pub(crate) fn upgraded(bytes: &[u8], accept: &str) -> Result<Option<usize>, WireError> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        let is_long = bytes.len() > HEAD_BYTES_MAX;
        return if is_long { Err(WireError::Upgrade("it is too long")) } else { Ok(None) };
    };
    let head = std::str::from_utf8(&bytes[..end]).map_err(|_| WireError::Upgrade("no text"))?;
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("101") {
        return Err(WireError::Status(status.to_owned()));
    }
    let taken = lines.filter_map(|line| line.split_once(':')).any(|(name, value)| {
        name.eq_ignore_ascii_case("sec-websocket-accept") && value.trim() == accept
    });
    if taken { Ok(Some(end + 4)) } else { Err(WireError::Upgrade("no matching accept key")) }
}

/// The first frame of `bytes` and how many of them it takes; none while it is not whole.
pub(crate) fn frame(bytes: &[u8]) -> Result<Option<(Frame<'_>, usize)>, WireError> {
    let mut cursor = Cursor::new(bytes);
    let parsed = FrameHeader::parse(&mut cursor).map_err(|_| WireError::Framing("bad header"))?;
    let Some((header, length)) = parsed else { return Ok(None) };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MESSAGE_BYTES_MAX {
        return Err(WireError::Framing("a message of more than 4 MiB"));
    }
    if header.mask.is_some() {
        return Err(WireError::Framing("a masked frame of a server"));
    }
    let from = usize::try_from(cursor.position()).unwrap_or(usize::MAX);
    let Some(payload) = bytes.get(from..from.saturating_add(length)) else { return Ok(None) };
    let frame = match header.opcode {
        OpCode::Data(Data::Text) if header.is_final => Frame::Text(payload),
        OpCode::Control(Control::Ping) => Frame::Ping(payload),
        OpCode::Control(Control::Pong) => Frame::Pong,
        OpCode::Control(Control::Close) => {
            let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            Frame::Close(code, payload.get(2..).unwrap_or_default())
        }
        OpCode::Data(_) => return Err(WireError::Framing("a message in parts, or no text")),
        OpCode::Control(Control::Reserved(_)) => return Err(WireError::Framing("bad opcode")),
    };
    Ok(Some((frame, from + length)))
}

/// Appends a text message of a client.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str, mask: u32) {
    push(out, OpCode::Data(Data::Text), text.as_bytes(), mask);
}

/// Appends the answer to a ping.
pub(crate) fn push_pong(out: &mut Vec<u8>, payload: &[u8], mask: u32) {
    push(out, OpCode::Control(Control::Pong), payload, mask);
}

/// Appends the end of a client's side, without a reason.
pub(crate) fn push_close(out: &mut Vec<u8>, mask: u32) {
    push(out, OpCode::Control(Control::Close), &1000_u16.to_be_bytes(), mask);
}

fn push(out: &mut Vec<u8>, opcode: OpCode, payload: &[u8], mask: u32) {
    let mask = mask.to_be_bytes();
    let header = FrameHeader { opcode, mask: Some(mask), ..FrameHeader::default() };
    let written = header.format(payload.len() as u64, out);
    debug_assert!(written.is_ok(), "memory takes every header");
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::{Frame, WireError, accept, frame, push_pong, push_text, upgraded};

    #[test]
    fn frames_are_found_one_by_one_and_only_when_whole() {
        let long = [b'y'; 300];
        let bytes = [&[0x81, 2][..], b"hi", &[0x89, 1, 7, 0x81, 126, 1, 44], &long[..]].concat();
        assert_eq!(frame(&bytes), Ok(Some((Frame::Text(b"hi"), 4))));
        assert_eq!(frame(&bytes[4..]), Ok(Some((Frame::Ping(&[7]), 3))));
        assert_eq!(frame(&bytes[7..]), Ok(Some((Frame::Text(&long), 304))));
        for cut in 0..bytes.len() - 7 {
            assert_eq!(frame(&bytes[7..7 + cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn an_end_says_why_and_broken_framing_is_one() {
        assert_eq!(
            frame(&[0x88, 4, 16, 104, b'n', b'o']),
            Ok(Some((Frame::Close(Some(4200), b"no"), 6)))
        );
        assert_eq!(frame(&[0x88, 0]), Ok(Some((Frame::Close(None, b""), 2))));
        for bad in [&[0x82, 0][..], &[0x01, 0], &[0x81, 0x80, 0, 0, 0, 0], &[0x8b, 0]] {
            assert!(matches!(frame(bad), Err(WireError::Framing(_))), "{bad:?}");
        }
        assert!(frame(&[0x81, 127, 0, 0, 0, 0, 1, 0, 0, 0]).is_err());
    }

    #[test]
    fn an_upgrade_is_taken_up_by_its_key_alone() {
        let good = format!("HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: {}\r\n\r\nrest", accept());
        assert_eq!(upgraded(good.as_bytes(), &accept()), Ok(Some(good.len() - 4)));
        assert_eq!(upgraded(&good.as_bytes()[..30], &accept()), Ok(None));
        let none = b"HTTP/1.1 101 Go\r\n\r\n";
        assert!(matches!(upgraded(none, &accept()), Err(WireError::Upgrade(_))));
        let busy = b"HTTP/1.1 503 Busy\r\n\r\n";
        assert_eq!(upgraded(busy, "x"), Err(WireError::Status("HTTP/1.1 503 Busy".into())));
        assert!(upgraded(&"a".repeat(16 * 1024 + 1).into_bytes(), "x").is_err());
    }

    #[test]
    fn what_a_client_sends_is_masked() {
        let mut out = Vec::new();
        push_text(&mut out, "abc", 0x0102_0304);
        assert_eq!(out, [0x81, 0x83, 1, 2, 3, 4, b'a' ^ 1, b'b' ^ 2, b'c' ^ 3]);
        out.clear();
        push_pong(&mut out, &[9], 0);
        assert_eq!(out, [0x8a, 0x81, 0, 0, 0, 0, 9]);
    }
}
