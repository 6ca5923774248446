//! A compressed message to its payload, within a limit.
//!
//! In: the payloads of a message's frames, joined. Out: what they inflate to, or why they do not.
//! Never holds more than the limit and one byte.

use flate2::{Decompress, FlushDecompress, Status};
use thiserror::Error;

use super::TAIL;

/// The first guess at how many times larger a message becomes.
const GROWTH: usize = 4;

/// A compressed message that has no payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InflateError {
    /// It inflates to more than the limit.
    #[error("a compressed message inflates to more than {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// It is not deflate, or not to its end.
    #[error("a compressed message is not valid deflate data")]
    Corrupt,
}

/// A decompressor. It keeps about 50 kB once used, and nothing of any message.
#[derive(Debug, Default)]
pub struct Inflater {
    decompress: Option<Decompress>,
}

impl Inflater {
    /// Inflates one message of at most `max` bytes.
    pub fn inflate(&mut self, compressed: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
        let decompress = self.decompress.get_or_insert_with(|| Decompress::new(false));
        decompress.reset(false);
        let room = compressed.len().saturating_mul(GROWTH).min(max).saturating_add(1);
        let mut payload = Vec::with_capacity(room);
        match run(decompress, compressed, &mut payload, max)? {
            End::Flushed => {
                // The block that these bytes end must not be the last one.
                match run(decompress, &TAIL, &mut payload, max)? {
                    End::Flushed => Ok(payload),
                    End::Final { .. } => Err(InflateError::Corrupt),
                }
            }
            // RFC 7692, 7.2.3.4: a final block has a zero byte behind it.
            End::Final { rest: [] | [0] } => Ok(payload),
            End::Final { .. } => Err(InflateError::Corrupt),
        }
    }
}

/// Why a run ended without an error.
enum End<'a> {
    /// All was taken.
    Flushed,
    /// A final block came, and this behind it.
    Final { rest: &'a [u8] },
}

fn run<'a>(
    decompress: &mut Decompress,
    mut input: &'a [u8],
    payload: &mut Vec<u8>,
    max: usize,
) -> Result<End<'a>, InflateError> {
    loop {
        if payload.len() == payload.capacity() {
            let room = (max + 1).saturating_sub(payload.len());
            payload.reserve_exact(payload.len().max(64).min(room));
        }
        let (before, had) = (decompress.total_in(), payload.len());
        let status = decompress
            .decompress_vec(input, payload, FlushDecompress::Sync)
            .map_err(|_| InflateError::Corrupt)?;
        let taken = usize::try_from(decompress.total_in() - before).unwrap_or(usize::MAX);
        input = input.get(taken..).unwrap_or_default();
        if payload.len() > max {
            return Err(InflateError::TooLong { max });
        }
        let is_full = payload.len() == payload.capacity();
        match status {
            Status::StreamEnd => return Ok(End::Final { rest: input }),
            Status::Ok | Status::BufError if input.is_empty() && !is_full => {
                return Ok(End::Flushed);
            }
            Status::Ok | Status::BufError if taken == 0 && payload.len() == had && !is_full => {
                return Err(InflateError::Corrupt);
            }
            Status::Ok | Status::BufError => {}
        }
    }
}
