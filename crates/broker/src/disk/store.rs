//! The embedded store: the only file that uses its library. In: batches and ranges of keys. Out:
//! values, or whether the store failed or is damaged. Must not know what keys mean.

use std::io::ErrorKind;
use std::ops::Bound;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

/// The name of the only keyspace: everything in it is kept or lost together.
const SPACE: &str = "steadfast";
/// The size of the cache of the store's blocks, in bytes.
const BLOCK_CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// The size of the memtable in bytes; after a crash that much is read from journals.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// The most bytes of journals.
const JOURNAL_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// The store's threads. With more than one, the first leaves compaction to the others: after a full
/// disk has ended those, it retries the same task endlessly and keeps a core busy.
const WORKERS: usize = 1;

/// A key and its value.
pub(super) type Pair = (Slice, Slice);

/// Why an operation of the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StoreError {
    /// The disk or the system refused; the stored data is intact.
    #[error("{0}")]
    Failed(String),
    /// An earlier failure, or one in the background, has stopped all writes.
    #[error("the store stopped after a failure in the background")]
    Stopped,
    /// Bytes on disk differ from those that were written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A journal is incomplete.
    #[error("the store's journal is damaged: {0}")]
    JournalDamaged(String),
}

/// An open store.
pub(super) struct Store {
    database: Database,
    space: Keyspace,
}

/// An atomic batch of writes.
pub(super) struct WriteBatch {
    writes: OwnedWriteBatch,
    space: Keyspace,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    /// It waits until the disk has it.
    Now,
    /// It does not wait; the next commit that waits syncs it, too.
    Later,
}

impl Store {
    /// Opens the store in `folder`, creating it if it does not exist. A panic of the library over a
    /// damaged file fails the opening, not the process.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let opened = std::panic::catch_unwind(|| Self::open_it(folder));
        opened.unwrap_or_else(|_| Err(StoreError::JournalDamaged("it makes no sense".into())))
    }

    fn open_it(folder: &Path) -> Result<Self, StoreError> {
        let database = Database::builder(folder)
            .cache_size(BLOCK_CACHE_BYTES)
            .max_journaling_size(JOURNAL_BYTES_MAX)
            .worker_threads(WORKERS)
            .manual_journal_persist(true)
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let space = database.keyspace(SPACE, options)?;
        Ok(Self { database, space })
    }

    /// An empty batch.
    pub(super) fn batch(&self) -> WriteBatch {
        WriteBatch { writes: self.database.batch(), space: self.space.clone() }
    }

    /// The value of a key.
    pub(super) fn find(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        Ok(self.space.get(key)?)
    }

    /// Keys with this prefix, and their values, in order. Ends after an error.
    pub(super) fn under(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<Pair, StoreError>> + use<> {
        self.space.prefix(prefix).map(|guard| Ok(guard.into_inner()?))
    }

    /// Keys from `from` to `to` inclusive, and their values, in order. Ends after an error.
    pub(super) fn between(
        &self,
        from: &[u8],
        to: &[u8],
    ) -> impl Iterator<Item = Result<Pair, StoreError>> + use<> {
        let range = (Bound::Included(from), Bound::Included(to));
        self.space.range::<&[u8], _>(range).map(|guard| Ok(guard.into_inner()?))
    }

    /// Flushes the memtable to disk.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        Ok(self.space.rotate_memtable_and_wait()?)
    }

    /// The store's size on disk, in bytes.
    pub(super) fn bytes_on_disk(&self) -> u64 {
        self.database.disk_space().unwrap_or(0)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl WriteBatch {
    /// Writes a value.
    pub(super) fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.insert(&self.space, key.into(), value.into());
    }

    /// Removes a key.
    pub(super) fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.writes.remove(&self.space, key.into());
    }

    /// Commits the batch. After an error nothing can be written until the store is reopened, and
    /// the batch may have been stored or not.
    pub(super) fn commit(self, sync: Sync) -> Result<(), StoreError> {
        let mode = match sync {
            Sync::Now => PersistMode::SyncData,
            Sync::Later => PersistMode::Buffer,
        };
        Ok(self.writes.durability(Some(mode)).commit()?)
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        use fjall::{Error, LsmError};
        let text = error.to_string();
        if matches!(error, Error::JournalRecovery(_)) {
            Self::JournalDamaged(text)
        } else if matches!(error, Error::Poisoned) {
            Self::Stopped
        } else if let Error::Io(error) | Error::Storage(LsmError::Io(error)) = error {
            // A file that is too short, or refers to a position beyond its end.
            let damaged =
                [ErrorKind::UnexpectedEof, ErrorKind::InvalidInput, ErrorKind::InvalidData];
            if damaged.contains(&error.kind()) {
                Self::Damaged(text)
            } else {
                Self::Failed(error.to_string())
            }
        } else {
            Self::Damaged(text)
        }
    }
}
