//! From payloads to frames, which are never fragmented. Those of a server are not masked.
//!
//! In: text payloads, pings, pongs, closes. Out: headers and short whole frames.
//! Must not know: who gets them, what a payload says.

mod joined;
mod masked;

pub use joined::{Joined, JoinedSizes};
pub use masked::Masked;

use bytes::Bytes;
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// The longest header of a server's frame: 2 bytes and 8 of length.
const HEADER_BYTES_MAX: usize = 10;

/// The longest payload of a ping, pong or close.
const CONTROL_BYTES_MAX: usize = 125;

/// The longest close reason: a control payload less the code.
const REASON_BYTES_MAX: usize = 123;

/// The header of one frame; its bytes through [`AsRef`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl AsRef<[u8]> for Header {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The header that goes before a text payload of `payload_bytes` bytes: 2, 4 or 10 bytes.
pub fn text_header(payload_bytes: usize) -> Header {
    header(OpCode::Data(Data::Text), false, payload_bytes)
}

/// The same before a text that was compressed, for a peer that agreed to that.
pub fn compressed_text_header(payload_bytes: usize) -> Header {
    header(OpCode::Data(Data::Text), true, payload_bytes)
}

/// A whole text frame, header included, for a payload that goes to many.
pub fn text_frame(payload: &str) -> Bytes {
    frame(OpCode::Data(Data::Text), payload.as_bytes())
}

/// A whole frame of a text or binary message.
pub fn message_frame(payload: &[u8], is_binary: bool, is_compressed: bool) -> Bytes {
    let opcode = OpCode::Data(if is_binary { Data::Binary } else { Data::Text });
    let header = header(opcode, is_compressed, payload.len());
    [header.as_ref(), payload].concat().into()
}

/// A whole ping frame. A payload over 125 bytes is cut.
pub fn ping_frame(payload: &[u8]) -> Bytes {
    frame(OpCode::Control(Control::Ping), &payload[..payload.len().min(CONTROL_BYTES_MAX)])
}

/// A whole pong frame, carrying the payload of the ping it answers. Over 125 bytes it is cut.
pub fn pong_frame(payload: &[u8]) -> Bytes {
    frame(OpCode::Control(Control::Pong), &payload[..payload.len().min(CONTROL_BYTES_MAX)])
}

/// A whole close frame. `code` must be one that may be sent (1000–1003, 1007–1013, 3000–4999);
/// a reason over 123 bytes is cut between two characters.
pub fn close_frame(code: u16, reason: &str) -> Bytes {
    debug_assert!(CloseCode::from(code).is_allowed(), "close code {code} must not be sent");
    let reason = &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)];
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    frame(OpCode::Control(Control::Close), &payload)
}

fn header(opcode: OpCode, rsv1: bool, payload_bytes: usize) -> Header {
    let header = FrameHeader { opcode, rsv1, ..FrameHeader::default() };
    let length = payload_bytes as u64;
    let mut bytes = [0; HEADER_BYTES_MAX];
    let mut unwritten = &mut bytes[..];
    let written = header.format(length, &mut unwritten);
    debug_assert!(written.is_ok(), "a header without a mask has at most 10 bytes");
    let spare = unwritten.len();
    Header { bytes, len: u8::try_from(HEADER_BYTES_MAX - spare).unwrap_or(0) }
}

fn frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let header = header(opcode, false, payload.len());
    [header.as_ref(), payload].concat().into()
}

#[cfg(test)]
mod tests;
