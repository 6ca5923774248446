//! A message to its compressed form.
//!
//! In: a payload. Out: raw deflate that ends in a sync flush, without its last four bytes; or
//! nothing where that would save too little. There is never a final block: Node's own WebSocket
//! reads every message after one as empty.

use flate2::{Compress, Compression, FlushCompress};

use super::TAIL;

/// The usual level of compression.
pub const LEVEL: u32 = 6;

/// What a payload may grow by: with this room from the start, one call of the library is enough,
/// and a second one could write blocks that nobody asked for.
const SLACK_BYTES: usize = 64;
/// The most bytes of a payload for which `SLACK_BYTES` were measured to be enough. Each further
/// part of this size has as much.
const SLACK_PER_BYTES: usize = 16 * 1024;

/// A compressor. It keeps about 270 kB once used, and nothing of any message.
#[derive(Debug)]
pub struct Deflater {
    compress: Option<Compress>,
    level: u32,
}

impl Deflater {
    /// Compresses at a level from 1 (fast) to 9 (small).
    pub const fn new(level: u32) -> Self {
        Self { compress: None, level }
    }

    /// The payload of the compressed message. `None` where it would not be a tenth smaller: then
    /// the message goes as it is.
    pub fn deflate(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let compressed = self.sync_flushed(payload)?;
        let is_worth_it = compressed.len() <= payload.len() - payload.len().div_ceil(10);
        is_worth_it.then_some(compressed)
    }

    /// The same, however small or large it is; `None` where the library fails.
    pub fn sync_flushed(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let level = Compression::new(self.level);
        let compress = self.compress.get_or_insert_with(|| Compress::new(level, false));
        compress.reset();
        let slack = SLACK_BYTES * (1 + payload.len() / SLACK_PER_BYTES);
        let mut compressed = Vec::with_capacity(payload.len() + slack);
        compress.compress_vec(payload, &mut compressed, FlushCompress::Sync).ok()?;
        let is_whole = compress.total_in() == payload.len() as u64
            && compressed.len() < compressed.capacity()
            && compressed.ends_with(&TAIL);
        if !is_whole {
            return None;
        }
        compressed.truncate(compressed.len() - TAIL.len());
        compressed.shrink_to_fit();
        Some(compressed)
    }
}
