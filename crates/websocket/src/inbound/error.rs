//! Why a peer's bytes end the connection, and the close code that tells it so.
//!
//! In: nothing. Out: one flat list of reasons. Must not know: how they are found.

use thiserror::Error;

use crate::deflate::InflateError;

/// A peer broke the protocol or a limit. The connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InboundError {
    /// A client's frame without a mask.
    #[error("a frame is not masked: a client must mask every frame")]
    Unmasked,
    /// A server's frame with a mask.
    #[error("a frame is masked: a server must not mask any")]
    Masked,
    /// A reserved bit is set although no extension was agreed that would have it there.
    #[error("a reserved bit is set: no extension was agreed that has it in this frame")]
    ReservedBits,
    /// An opcode that has no meaning.
    #[error("opcode {opcode} is reserved: use text, ping, pong or close")]
    ReservedOpcode {
        /// The opcode, 3–7 or 11–15.
        opcode: u8,
    },
    /// A length written in more bytes than it needs.
    #[error("a frame of {bytes} bytes has a longer length field than it needs")]
    LengthNotMinimal {
        /// The length that the frame gives.
        bytes: u64,
    },
    /// A ping, pong or close in fragments.
    #[error("a control frame is fragmented: send it in one piece")]
    ControlFragmented,
    /// A ping, pong or close with too long a payload.
    #[error("a control frame has {bytes} bytes: send at most 125")]
    ControlTooLong {
        /// The length that the frame gives.
        bytes: u64,
    },
    /// A continuation although no message is open.
    #[error("a continuation came although no message is open")]
    ContinuationUnexpected,
    /// A new message before the last fragment of the one before.
    #[error("a new message came before the last fragment of the one before")]
    MessageUnfinished,
    /// A close frame with one byte, which is half a code.
    #[error("a close frame has 1 byte: send none, or a code of 2 bytes and a reason")]
    CloseCodeCut,
    /// A close code that must not be sent.
    #[error("close code {code} must not be sent: use 1000, or one of 3000 to 4999")]
    CloseCodeIllegal {
        /// The code received.
        code: u16,
    },
    /// A binary message.
    #[error("a binary message came: send text")]
    Binary,
    /// A text message that is not UTF-8.
    #[error("a text message is not valid UTF-8")]
    TextNotUtf8,
    /// A close reason that is not UTF-8.
    #[error("a close reason is not valid UTF-8")]
    ReasonNotUtf8,
    /// A message longer than the limit.
    #[error("a message has at least {bytes} bytes: send at most {max}")]
    MessageTooLong {
        /// What the headers so far add up to.
        bytes: u64,
        /// The limit.
        max: usize,
    },
    /// A compressed message longer than the limit.
    #[error("a compressed message inflates to more than {max} bytes: send at most that")]
    InflatedTooLong {
        /// The limit.
        max: usize,
    },
    /// A compressed message that is not deflate.
    #[error("a compressed message is not valid deflate data")]
    NotDeflate,
    /// A message with more empty fragments than the limit.
    #[error("a message has more than {max} empty fragments: send whole messages")]
    TooManyEmptyFragments {
        /// The limit.
        max: u32,
    },
}

impl InboundError {
    /// The close code to send: 1002, 1003, 1007 or 1009.
    pub fn close_code(self) -> u16 {
        match self {
            Self::Unmasked
            | Self::Masked
            | Self::ReservedBits
            | Self::ReservedOpcode { .. }
            | Self::LengthNotMinimal { .. }
            | Self::ControlFragmented
            | Self::ControlTooLong { .. }
            | Self::ContinuationUnexpected
            | Self::MessageUnfinished
            | Self::CloseCodeCut
            | Self::CloseCodeIllegal { .. } => 1002,
            Self::Binary => 1003,
            Self::TextNotUtf8 | Self::ReasonNotUtf8 | Self::NotDeflate => 1007,
            Self::MessageTooLong { .. }
            | Self::InflatedTooLong { .. }
            | Self::TooManyEmptyFragments { .. } => 1009,
        }
    }
}

impl From<InflateError> for InboundError {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::TooLong { max } => Self::InflatedTooLong { max },
            InflateError::Corrupt => Self::NotDeflate,
        }
    }
}
