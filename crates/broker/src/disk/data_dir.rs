//! The data directory: its lock, and the files beside the store.
//!
//! - `lock`: held while a process uses the directory.
//! - `acked`: the number of the last acknowledged commit. Written after each commit without waiting
//!   for the disk, so a store with fewer commits has lost some.
//! - `restored`: created by an operator who restores a backup: acknowledged events may be missing.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::DiskError;
use super::record;

const LOCK: &str = "lock";
const ACKED: &str = "acked";
const RESTORED: &str = "restored";
const STORE: &str = "store";
const TRIAL: &str = "trial";
/// Only the owner may access the directory and its files.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// What is written to test whether the disk accepts writes.
const TRIAL_BYTES: usize = 256 * 1024;

/// A data directory that this process holds.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    _lock: File,
    acked: File,
}

impl DataDir {
    /// Locks the directory, creating it if it does not exist.
    pub(super) fn take(path: &Path) -> Result<Self, DiskError> {
        let failed = |source| DiskError::DataDir { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path).map_err(failed)?;
        if is_open_to_others(path) {
            tracing::warn!(path = %path.display(), "others could read the data directory");
        }
        keep_private(path);
        let open = |name: &str| {
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(FILE_MODE)
                .open(path.join(name))
        };
        let mut lock = open(LOCK).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The holder's pid is optional: the error is clear without it.
                drop(lock.read_to_string(&mut holder));
                let holder = holder.trim().parse().ok();
                return Err(DiskError::Locked { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        lock.set_len(0).map_err(failed)?;
        writeln!(lock, "{}", std::process::id()).map_err(failed)?;
        let acked = open(ACKED).map_err(failed)?;
        Ok(Self { path: path.to_owned(), _lock: lock, acked })
    }

    /// Its name.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the store.
    pub(super) fn store(&self) -> PathBuf {
        self.path.join(STORE)
    }

    /// The path of a store that is being created or has been put aside.
    pub(super) fn beside_store(&self, ending: &str) -> PathBuf {
        self.path.join(STORE).with_extension(ending)
    }

    /// The number of the last acknowledged commit; 0 if unknown.
    pub(super) fn acked(&self) -> u64 {
        let mut bytes = [0; 16];
        if self.acked.read_exact_at(&mut bytes, 0).is_err() {
            return 0;
        }
        let (number, turned) = bytes.split_at(8);
        // The number and its complement: a torn or foreign file is ignored.
        match (record::number(number), record::number(turned)) {
            (Some(number), Some(turned)) if number == !turned => number,
            _ => 0,
        }
    }

    /// Notes that a commit is about to be acknowledged.
    pub(super) fn note_acked(&self, commit: u64) {
        let bytes = [commit.to_be_bytes(), (!commit).to_be_bytes()].concat();
        if let Err(error) = self.acked.write_all_at(&bytes, 0) {
            tracing::debug!(%error, commit, "the newest answered commit could not be noted");
        }
    }

    /// Syncs the noted number to disk.
    pub(super) fn sync_acked(&self) {
        if let Err(error) = self.acked.sync_data() {
            tracing::debug!(%error, "the newest answered commit could not be synced");
        }
    }

    /// Whether an operator has noted that a backup was restored.
    pub(super) fn is_restored(&self) -> bool {
        self.path.join(RESTORED).exists()
    }

    /// Removes that note once it has been handled.
    pub(super) fn forget_restored(&self) -> io::Result<()> {
        match fs::remove_file(self.path.join(RESTORED)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Tests whether the disk accepts writes, with a temporary file.
    pub(super) fn try_disk(&self) -> io::Result<()> {
        let path = self.path.join(TRIAL);
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(FILE_MODE);
        let written = options.open(&path).and_then(|mut file| {
            file.write_all(&vec![0x5a; TRIAL_BYTES])?;
            file.sync_data()
        });
        let removed = fs::remove_file(&path);
        written.and(removed)
    }
}

/// Restricts the directory and its files to their owner. If that fails, logs a warning: they may
/// belong to another user, or the file system has no modes.
fn keep_private(path: &Path) {
    let is_directory = path.is_dir();
    let mode = if is_directory { DIRECTORY_MODE } else { FILE_MODE };
    if is_open_to_others(path)
        && let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode))
    {
        tracing::warn!(path = %path.display(), %error, "others can read a file of the store");
    }
    let entries = if is_directory { fs::read_dir(path).ok() } else { None };
    for entry in entries.into_iter().flatten().flatten() {
        // A symbolic link leads out of the directory.
        if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
            keep_private(&entry.path());
        }
    }
}

fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use super::{DataDir, DiskError};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    #[test]
    fn a_folder_is_taken_once_and_says_by_whom() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a/b");
        let folder = DataDir::take(&path).unwrap();
        let error = DataDir::take(&path).unwrap_err();
        let holder = Some(std::process::id());
        assert!(matches!(&error, DiskError::Locked { holder: who, .. } if *who == holder));
        drop(folder);
        DataDir::take(&path).unwrap();
    }

    #[test]
    fn a_directory_and_its_files_are_the_owners_alone_whoever_made_them() {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let place = tempfile::tempdir().unwrap();
        let own = place.path().join("own");
        drop(DataDir::take(&own).unwrap());
        let found = place.path().join("found");
        fs::create_dir_all(found.join("store/tables")).unwrap();
        for file in ["lock", "acked", "store/tables/1"] {
            fs::write(found.join(file), "").unwrap();
            fs::set_permissions(found.join(file), Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(&found, Permissions::from_mode(0o755)).unwrap();
        let outside = place.path().join("outside");
        fs::write(&outside, "").unwrap();
        fs::set_permissions(&outside, Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&outside, found.join("store/link")).unwrap();
        drop(DataDir::take(&found).unwrap());
        for path in [&own, &found, &found.join("store"), &found.join("store/tables")] {
            assert_eq!(mode(path), 0o700, "{path:?}");
        }
        for path in [&own.join("lock"), &own.join("acked"), &found.join("store/tables/1")] {
            assert_eq!(mode(path), 0o600, "{path:?}");
        }
        assert_eq!(mode(&outside), 0o644, "what a link leads to is somebody else's");
    }

    #[test]
    fn what_was_noted_is_read_again_and_a_foreign_file_says_nothing() {
        let place = tempfile::tempdir().unwrap();
        let folder = DataDir::take(place.path()).unwrap();
        assert_eq!(folder.acked(), 0);
        folder.note_acked(77);
        assert_eq!(folder.acked(), 77);
        fs::write(place.path().join("acked"), "sixteen bytes of text").unwrap();
        assert_eq!(folder.acked(), 0);
        folder.try_disk().unwrap();
        assert!(!folder.is_restored());
        fs::write(place.path().join("restored"), "").unwrap();
        assert!(folder.is_restored());
        folder.forget_restored().unwrap();
        assert!(!folder.is_restored());
    }
}
