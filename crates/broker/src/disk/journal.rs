//! Repairs journals that the store refuses: finds the end of the intact part and truncates there.
//! In: the store's directory. Out: what was truncated; a copy stays under another name.
//!
//! Reads the journal format of this version of the store's library: batches of a start, entries and
//! an end with a checksum. Called only after the store has refused its journals.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

/// The file extension of journals.
const ENDING: &str = "jnl";
/// The file extension of journals put aside.
const ASIDE: &str = "damaged";

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const CLEAR: u8 = 4;

/// The repair of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JournalCut {
    /// The journal.
    pub(super) journal: PathBuf,
    /// How many bytes of it are intact.
    pub(super) good_bytes: u64,
    /// Later journals that were put aside whole.
    pub(super) put_aside: usize,
}

/// Truncates the first damaged journal after its last intact batch, and puts later ones aside:
/// batches after a missing one must not be read. `None` if all are intact.
pub(super) fn cut_at_damage(folder: &Path) -> io::Result<Option<JournalCut>> {
    let mut journals = journals(folder)?.into_iter();
    for journal in journals.by_ref() {
        let bytes = fs::read(&journal)?;
        let Some(good) = damaged_behind(&bytes) else { continue };
        fs::copy(&journal, journal.with_extension(ASIDE))?;
        let file = OpenOptions::new().write(true).open(&journal)?;
        file.set_len(good as u64)?;
        file.sync_all()?;
        let mut put_aside = 0;
        for later in journals {
            fs::rename(&later, later.with_extension(ASIDE))?;
            put_aside += 1;
        }
        return Ok(Some(JournalCut { journal, good_bytes: good as u64, put_aside }));
    }
    Ok(None)
}

/// Journals in the order in which they were written.
fn journals(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
        if let Some(number) = number
            && path.extension().is_some_and(|ending| ending == ENDING)
        {
            found.push((number, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The end of the intact part, if something other than free space follows.
fn damaged_behind(journal: &[u8]) -> Option<usize> {
    let mut good = 0;
    loop {
        let rest = journal.get(good..).unwrap_or_default();
        if rest.first().is_none_or(|byte| *byte == 0) {
            return None;
        }
        match batch_len(rest) {
            Some(len) => good += len,
            None => return Some(good),
        }
    }
}

/// The length of the batch at the start of `bytes`; `None` if it is incomplete or damaged.
fn batch_len(bytes: &[u8]) -> Option<usize> {
    let mut rest = JournalTail { bytes, at: 0 };
    if rest.byte()? != START {
        return None;
    }
    let entries = rest.u32()?;
    rest.skip(8)?;
    let from = rest.at;
    for _ in 0..entries {
        match rest.byte()? {
            ITEM => rest.skip_item()?,
            CLEAR => rest.skip(8)?,
            _ => return None,
        }
    }
    let hashed = xxh3_64(bytes.get(from..rest.at)?);
    if rest.byte()? != END || rest.u64()? != hashed {
        return None;
    }
    rest.skip(4)?;
    Some(rest.at)
}

struct JournalTail<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl JournalTail<'_> {
    fn take(&mut self, count: usize) -> Option<&[u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(|_| ())
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// Kind, compression, space, lengths of key and value, the value's length on disk, key, value.
    fn skip_item(&mut self) -> Option<()> {
        self.skip(2 + 8)?;
        let key = usize::from(self.u16()?);
        self.skip(4)?;
        let value = usize::try_from(self.u32()?).ok()?;
        self.skip(key)?;
        self.skip(value)
    }
}
