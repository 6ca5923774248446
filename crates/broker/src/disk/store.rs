//! The embedded store: the only room that knows which one it is. In: batches and ranges of keys.
//! Out: values, or whether the store failed or is damaged. It must not know what keys mean.

use std::io::ErrorKind;
use std::ops::Bound;
use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

/// The name of the one space of keys: all that is kept together is lost or kept together.
const SPACE: &str = "steadfast";
/// What is kept in memory of the store's own blocks, in bytes.
const BLOCK_CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// How much is written before it is put in order on disk, in bytes: read again after a crash.
const MEMTABLE_BYTES: u64 = 16 * 1024 * 1024;
/// The most bytes of journals.
const JOURNAL_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// The store's threads. With more than one of them the first leaves merging to the others: once a
/// full disk has ended those, it takes up the same task without end and keeps a core busy.
const WORKERS: usize = 1;

/// A key and its value.
pub(super) type Pair = (Slice, Slice);

/// Why the store did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StoreError {
    /// The disk or the system refused; what the store holds is sound.
    #[error("{0}")]
    Failed(String),
    /// An earlier failure, or one in the background, has stopped all writes.
    #[error("the store stopped after a failure in the background")]
    Stopped,
    /// Bytes on disk are not those that were written.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A journal breaks off in the middle.
    #[error("the store's journal is damaged: {0}")]
    JournalDamaged(String),
}

/// An open store.
pub(super) struct Store {
    database: Database,
    space: Keyspace,
}

/// Writes that take place together or not at all.
pub(super) struct WriteBatch {
    writes: OwnedWriteBatch,
    space: Keyspace,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sync {
    /// Until the disk has it.
    Now,
    /// No: it goes along with the next one that does.
    Later,
}

impl Store {
    /// Opens the store in `folder`, and makes it where there is none. What the library takes for
    /// impossible in a damaged file ends the opening, not the process.
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

    /// Keys that begin with `prefix`, and their values, in order. After an error there is no more.
    pub(super) fn under(
        &self,
        prefix: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<Pair, StoreError>> + use<> {
        self.space.prefix(prefix).map(|guard| Ok(guard.into_inner()?))
    }

    /// Keys from `from` to `to`, both included, and their values, in order. After an error there
    /// is no more.
    pub(super) fn between(
        &self,
        from: &[u8],
        to: &[u8],
    ) -> impl Iterator<Item = Result<Pair, StoreError>> + use<> {
        let range = (Bound::Included(from), Bound::Included(to));
        self.space.range::<&[u8], _>(range).map(|guard| Ok(guard.into_inner()?))
    }

    /// Puts all that is in memory in order on disk.
    pub(super) fn settle(&self) -> Result<(), StoreError> {
        Ok(self.space.rotate_memtable_and_wait()?)
    }

    /// The bytes that the store takes on disk.
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

    /// Carries it out. After an error nothing more can be written before the store was opened
    /// anew, and the batch may be there or not.
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
            // A file that ends too soon, or says to read where nothing is.
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
