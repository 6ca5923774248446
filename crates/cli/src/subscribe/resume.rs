//! `--resume`: a file that remembers where the reader is. In: what was saved, and positions as they
//! move. Out: the file, replaced whole, so that a crash leaves the older or the newer one. Only one
//! process uses a file at a time: it holds a lock on an empty file beside it.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use steadfast_client::SavedPositions;

/// The largest file that is read, in bytes: 1,024 channels of the longest names.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A file of positions.
#[derive(Debug)]
pub(super) struct Resume {
    path: PathBuf,
    written: SavedPositions,
    /// Locked until it is closed, at the latest when the process ends.
    _lock: File,
}

impl Resume {
    /// Locks the file, and reads it if it is there. Fails where another process has it locked.
    pub(super) fn open(path: PathBuf) -> anyhow::Result<Self> {
        let lock = lock(&path)?;
        let written = match File::open(&path) {
            Ok(file) => read(file, &path)?,
            Err(error) if error.kind() == ErrorKind::NotFound => SavedPositions::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("{} cannot be read", path.display()));
            }
        };
        Ok(Self { path, written, _lock: lock })
    }

    /// What the file says.
    pub(super) const fn positions(&self) -> &SavedPositions {
        &self.written
    }

    /// Writes the file, if it says something else.
    pub(super) fn save(&mut self, positions: SavedPositions) -> anyhow::Result<()> {
        if positions != self.written {
            let saved = replace(&self.path, &positions.to_json());
            saved.with_context(|| format!("{} cannot be written", self.path.display()))?;
            self.written = positions;
        }
        Ok(())
    }
}

/// The file itself is replaced at every save, and a lock does not pass from one to the other. The
/// file beside it stays: to take it away would let a third process lock another one.
fn lock(path: &Path) -> anyhow::Result<File> {
    let beside = beside(path, ".lock");
    // Not truncated: whoever else has it open must find it as it was.
    let opened = File::options().write(true).create(true).truncate(false).open(&beside);
    let file = opened.with_context(|| format!("{} cannot be opened", beside.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!(
            "{} is in use by another process, which would overwrite the positions; \
             give each process a file of its own, or end the other one",
            path.display()
        ),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("{} cannot be locked", beside.display()))
        }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(ending);
    beside.into()
}

fn read(file: File, path: &Path) -> anyhow::Result<SavedPositions> {
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.with_context(|| format!("{} cannot be read", path.display()))?;
    let is_short = text.len() as u64 <= FILE_BYTES_MAX;
    ensure!(is_short, "{} is longer than {FILE_BYTES_MAX} bytes", path.display());
    SavedPositions::from_json(&text)
        .with_context(|| format!("{} cannot be resumed from", path.display()))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let beside = beside(path, ".new");
    let mut file = File::create(&beside)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::{FILE_BYTES_MAX, Resume};
    use steadfast_client::{ChannelName, SavedPositions, Since};

    const TEXT: &str = r#"{"version":1,"positions":{"a":{"epoch":"e1","offset":7}}}"#;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("positions.json");
        let mut resume = Resume::open(path.clone()).unwrap();
        assert_eq!(*resume.positions(), SavedPositions::default());
        resume.save(SavedPositions::default()).unwrap();
        assert!(!path.exists(), "nothing has moved");
        resume.save(SavedPositions::from_json(TEXT).unwrap()).unwrap();
        drop(resume);
        let again = Resume::open(path).unwrap();
        let since = again.positions().since(&ChannelName::new("a").unwrap(), Since::Start);
        assert!(matches!(since, Since::After(position) if position.offset == 7));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "only the lock beside it");
    }

    #[test]
    fn garbage_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("positions.json");
        let long = format!("{TEXT}{}", " ".repeat(usize::try_from(FILE_BYTES_MAX).unwrap()));
        for garbage in ["", "garbage", r#"{"version":1}"#, &long] {
            std::fs::write(&path, garbage).unwrap();
            let error = format!("{:#}", Resume::open(path.clone()).unwrap_err());
            assert!(error.contains("positions.json"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), garbage);
        }
    }
}
