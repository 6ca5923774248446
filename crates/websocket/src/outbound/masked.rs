//! A client's frames: those of a server, with a mask.
//!
//! In: a whole frame of a server, and a key, which must be random. Out: the frame of a client.

use super::HEADER_BYTES_MAX;
use crate::mask;

/// The bit of a header's second byte that says that a mask follows.
const MASK_BIT: u8 = 0x80;

/// A whole frame as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked(Vec<u8>);

impl Masked {
    /// The frame that [`super::message_frame`] or one of its kind made, masked with `key`.
    pub fn new(frame: &[u8], key: [u8; 4]) -> Self {
        let length_bytes = match frame.get(1) {
            Some(126) => 2,
            Some(127) => 8,
            Some(_) | None => 0,
        };
        let header_bytes = (2 + length_bytes).min(HEADER_BYTES_MAX).min(frame.len());
        let (header, payload) = frame.split_at(header_bytes);
        let mut bytes = Vec::with_capacity(frame.len() + key.len());
        bytes.extend_from_slice(header);
        if let Some(second) = bytes.get_mut(1) {
            *second |= MASK_BIT;
        }
        bytes.extend_from_slice(&key);
        bytes.extend_from_slice(payload);
        if let Some(payload) = bytes.get_mut(header_bytes + key.len()..) {
            mask::apply(key, payload);
        }
        Self(bytes)
    }
}

impl AsRef<[u8]> for Masked {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
