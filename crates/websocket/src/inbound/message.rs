//! A finished payload, read as what its frame says it is.
//!
//! In: the kind and the unmasked payload. Out: a message, borrowed or owned as the payload was.
//! Must not know: frames, fragments, limits.

use std::borrow::Cow;

use tungstenite::protocol::frame::coding::CloseCode;

use super::InboundError;
use super::header::Kind;

/// One thing a peer said. Borrowed from the bytes fed when it lay whole within them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message, of any number of fragments.
    Text(Cow<'a, str>),
    /// A binary message, where those are taken.
    Binary(Cow<'a, [u8]>),
    /// A ping: answer it with a pong of the same payload, at most 125 bytes.
    Ping(Cow<'a, [u8]>),
    /// A pong, asked for or not.
    Pong,
    /// The peer closes. Nothing comes after it.
    Close {
        /// The code, if one was sent: one that may be sent, so never 1005 or 1006.
        code: Option<u16>,
        /// The reason, at most 123 bytes; empty if none was sent.
        reason: Cow<'a, str>,
    },
}

/// Reads a finished payload. `kind` is that of its message's first frame.
pub(super) fn read(kind: Kind, payload: Cow<'_, [u8]>) -> Result<Message<'_>, InboundError> {
    match kind {
        Kind::Text | Kind::Continuation => {
            text(payload).map(Message::Text).ok_or(InboundError::TextNotUtf8)
        }
        Kind::Binary => Ok(Message::Binary(payload)),
        Kind::Ping => Ok(Message::Ping(payload)),
        Kind::Pong => Ok(Message::Pong),
        Kind::Close => close(payload),
    }
}

fn text(payload: Cow<'_, [u8]>) -> Option<Cow<'_, str>> {
    match payload {
        Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

fn close(payload: Cow<'_, [u8]>) -> Result<Message<'_>, InboundError> {
    let code = match *payload {
        [] => return Ok(Message::Close { code: None, reason: Cow::Borrowed("") }),
        [_] => return Err(InboundError::CloseCodeCut),
        [high, low, ..] => u16::from_be_bytes([high, low]),
    };
    if !CloseCode::from(code).is_allowed() {
        return Err(InboundError::CloseCodeIllegal { code });
    }
    let reason = match payload {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[2..]),
        Cow::Owned(mut bytes) => Cow::Owned(bytes.split_off(2)),
    };
    let reason = text(reason).ok_or(InboundError::ReasonNotUtf8)?;
    Ok(Message::Close { code: Some(code), reason })
}
