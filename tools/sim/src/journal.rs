//! The log of a run. In: facts and their virtual time. Out: readable lines where they are wanted,
//! and always one number that any difference between two runs changes.

use std::fmt::{self, Write as _};

/// Collects lines, or only counts them.
#[derive(Debug)]
pub(crate) struct Journal {
    lines: Option<Vec<String>>,
    digest: Digest,
}

#[derive(Debug)]
struct Digest(u64);

impl Journal {
    /// A journal that keeps its lines where `is_kept`.
    pub(crate) fn new(is_kept: bool) -> Self {
        // The offset and prime of 64-bit FNV-1a.
        Self { lines: is_kept.then(Vec::new), digest: Digest(0xcbf2_9ce4_8422_2325) }
    }

    /// Notes one line.
    pub(crate) fn note(&mut self, now: u64, text: &dyn fmt::Display) {
        // A digest takes everything.
        let _ = write!(self.digest, "{now} {text}");
        if let Some(lines) = &mut self.lines {
            lines.push(format!("[{:4}.{:03}] {text}", now / 1000, now % 1000));
        }
    }

    /// The number of all lines so far.
    pub(crate) const fn digest(&self) -> u64 {
        self.digest.0
    }

    /// The lines that were kept.
    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default()
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}
