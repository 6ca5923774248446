//! Why a disk broker cannot start, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::store::StoreError;

/// A failure to open a data directory.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The directory cannot be created, read or written.
    #[error(
        "the data directory {} cannot be used: {source}; name a directory that this user may \
         write to",
        path.display()
    )]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// Another process uses the directory.
    #[error(
        "the data directory {} is in use by {}; stop that one, or give each node a directory of \
         its own",
        path.display(),
        holder.map_or("another process".to_owned(), |holder| format!("process {holder}"))
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, if known.
        holder: Option<u32>,
    },
    /// The store has the format of another version.
    #[error(
        "the store in {} has format {found}, and this version reads format {known}; start the \
         version that made it, or another data directory",
        path.display()
    )]
    Format {
        /// The directory.
        path: PathBuf,
        /// The format found.
        found: u64,
        /// The format that this version reads.
        known: u64,
    },
    /// The disk refuses the writes of opening the store.
    #[error(
        "the store in {} cannot be opened: {reason}; see that the disk works, has room and may be \
         written to, and start again",
        path.display()
    )]
    Disk {
        /// The directory.
        path: PathBuf,
        /// The error of the system.
        reason: String,
    },
    /// The store exists and cannot be opened.
    #[error(
        "the store in {} cannot be opened: {reason}. Mend it by restoring {} from a backup and \
         putting an empty file named restored beside it, or, giving up all history, by moving {} \
         away; links are told of the gap either way",
        path.display(),
        path.join("store").display(),
        path.join("store").display()
    )]
    Store {
        /// The directory.
        path: PathBuf,
        /// The error of the store.
        reason: String,
    },
    /// The operating system gave no randomness or no thread.
    #[error("the system refused what the disk broker needs: {0}")]
    System(io::Error),
}

impl DiskError {
    pub(super) fn store(path: PathBuf, error: &StoreError) -> Self {
        let reason = error.to_string();
        match error {
            StoreError::Failed(_) | StoreError::Stopped => Self::Disk { path, reason },
            StoreError::Damaged(_) | StoreError::JournalDamaged(_) => Self::Store { path, reason },
        }
    }
}
