//! permessage-deflate (RFC 7692): how it is agreed, and a message to compressed bytes and back.
//!
//! In: the lines of `Sec-WebSocket-Extensions`, payloads. Out: the answer to an offer, payloads.
//! Every message is a stream of its own, on either side: one compressed copy serves all receivers,
//! and no connection keeps a window. Must not know: frames, who gets a message.

mod deflater;
mod extensions;
mod inflater;

pub use deflater::{Deflater, LEVEL};
pub use extensions::{AnswerError, EXTENSIONS, OFFER, accept_offer, read_answer};
pub use inflater::{InflateError, Inflater};

/// How each message ends before compression is taken off the wire, and again before it is undone.
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

#[cfg(test)]
mod tests;
