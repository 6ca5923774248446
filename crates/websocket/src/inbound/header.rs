//! One frame's header: read, and judged as far as it can be alone.
//!
//! In: the first bytes of a frame. Out: the frame whose payload is due, able to unmask it.
//! Must not know: the frames before it, limits.

use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::{InboundError, Role};
use crate::mask;

/// The longest header: 2 bytes, 8 of length, 4 of mask.
pub(super) const HEADER_BYTES_MAX: usize = 14;

/// The opcode of a close frame.
const CLOSE_OPCODE: u8 = 8;

/// The longest payload of a ping, pong or close.
const CONTROL_BYTES_MAX: u64 = 125;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Binary,
    Continuation,
    Ping,
    Pong,
    Close,
}

/// A frame whose header has been read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) is_final: bool,
    /// Whether the first reserved bit says that a compressed message starts here.
    pub(super) is_compressed: bool,
    /// How many bytes of payload are yet to be unmasked.
    pub(super) remaining: u64,
    /// The mask, turned so that it starts with the key of the next byte. Zeros where there is none.
    mask: [u8; 4],
}

/// The frame that `bytes` start with and the length of its header, or `None` while the header
/// is not whole. `role` is the reader's.
pub(super) fn parse(bytes: &[u8], role: Role) -> Result<Option<(Frame, usize)>, InboundError> {
    let mut cursor = Cursor::new(bytes);
    let Ok(parsed) = FrameHeader::parse(&mut cursor) else {
        // Reading from a slice cannot fail, so only the opcode is left to be wrong.
        let opcode = bytes.first().map_or(0, |byte| byte & 0x0F);
        return Err(InboundError::ReservedOpcode { opcode });
    };
    let Some((header, length)) = parsed else {
        return Ok(None);
    };
    let kind = Kind::try_from(header.opcode)?;
    let may_compress = matches!(kind, Kind::Text | Kind::Binary);
    if header.rsv1 && !may_compress || header.rsv2 || header.rsv3 {
        return Err(InboundError::ReservedBits);
    }
    let mask = match (role, header.mask) {
        (Role::Server, Some(mask)) => mask,
        (Role::Server, None) => return Err(InboundError::Unmasked),
        (Role::Client, None) => [0; 4],
        (Role::Client, Some(_)) => return Err(InboundError::Masked),
    };
    let used = header.len(length);
    if cursor.position() != used as u64 {
        return Err(InboundError::LengthNotMinimal { bytes: length });
    }
    if kind.is_control() && !header.is_final {
        return Err(InboundError::ControlFragmented);
    }
    if kind.is_control() && length > CONTROL_BYTES_MAX {
        return Err(InboundError::ControlTooLong { bytes: length });
    }
    let (is_final, is_compressed) = (header.is_final, header.rsv1);
    Ok(Some((Frame { kind, is_final, is_compressed, remaining: length, mask }, used)))
}

/// The same of a frame that may break every rule: how long it is and whether it closes is all that
/// is read of it. `None` while the header is not whole.
pub(super) fn skim(bytes: &[u8]) -> Option<(Frame, usize)> {
    let &[first, second, ..] = bytes else { return None };
    let (length_bytes, short) = match second & 0x7F {
        126 => (2, 0),
        127 => (8, 0),
        short => (0, u64::from(short)),
    };
    let used = 2 + length_bytes + if second & 0x80 == 0 { 0 } else { 4 };
    let long = bytes.get(2..used)?.get(..length_bytes)?;
    let remaining = long.iter().fold(short, |sum, byte| sum << 8 | u64::from(*byte));
    let kind = if first & 0x0F == CLOSE_OPCODE { Kind::Close } else { Kind::Binary };
    let (is_final, is_compressed) = (true, false);
    Some((Frame { kind, is_final, is_compressed, remaining, mask: [0; 4] }, used))
}

impl Kind {
    /// Whether such a frame may come between the fragments of a message.
    pub(super) fn is_control(self) -> bool {
        match self {
            Self::Ping | Self::Pong | Self::Close => true,
            Self::Text | Self::Binary | Self::Continuation => false,
        }
    }
}

impl TryFrom<OpCode> for Kind {
    type Error = InboundError;

    fn try_from(opcode: OpCode) -> Result<Self, InboundError> {
        match opcode {
            OpCode::Data(Data::Text) => Ok(Self::Text),
            OpCode::Data(Data::Binary) => Ok(Self::Binary),
            OpCode::Data(Data::Continue) => Ok(Self::Continuation),
            OpCode::Control(Control::Ping) => Ok(Self::Ping),
            OpCode::Control(Control::Pong) => Ok(Self::Pong),
            OpCode::Control(Control::Close) => Ok(Self::Close),
            OpCode::Data(Data::Reserved(opcode)) | OpCode::Control(Control::Reserved(opcode)) => {
                Err(InboundError::ReservedOpcode { opcode })
            }
        }
    }
}

impl Frame {
    /// Unmasks the next bytes of the payload in place, and counts them.
    pub(super) fn unmask(&mut self, bytes: &mut [u8]) {
        mask::apply(self.mask, bytes);
        self.mask.rotate_left(bytes.len() % 4);
        self.remaining = self.remaining.saturating_sub(bytes.len() as u64);
    }
}
