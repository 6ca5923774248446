//! Opens the store of a data directory. In: the directory. Out: the store, and a table of all its
//! channels; if acknowledged events may be missing, every channel has a new epoch. Damaged parts
//! are truncated or salvaged, and the log says so.

use getrandom::u64 as random;
use steadfast_history::{EpochMaker, FirstAnswer, HistoryConfig};
use steadfast_machine::Millis;

use super::data_dir::DataDir;
use super::error::DiskError;
use super::record::{self, AnsweredKey, ChannelKey, ChannelNumbers, Keyed, StoredEvent};
use super::salvage;
use super::store::{Store, StoreError, Sync, WriteBatch};
use super::table::{DiskTable, FenceEra, KeptAnswer};
use super::{journal, shared::StoreClock};

/// The version of the format of keys and values.
const FORMAT: u64 = 1;
pub(super) const FORMAT_MARK: &str = "format";
pub(super) const COMMIT_MARK: &str = "commit";
pub(super) const FENCE_MARK: &str = "fence";
pub(super) const GONE_MARK: &str = "gone";

/// An opened store.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) store: Store,
    pub(super) table: DiskTable,
    /// The number of the last commit.
    pub(super) commit: u64,
    /// The fence: epochs under a lower one are not valid any more.
    pub(super) fence: u64,
    /// Ids of deleted channels whose events are to be removed.
    pub(super) tombstones: Vec<u64>,
}

/// The settings of a table.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) streams: HistoryConfig,
    pub(super) hot_bytes_max: usize,
}

/// Opens the directory's store; `is_damaged` if it is known to be damaged.
pub(super) fn load(
    folder: &DataDir,
    setup: &Setup,
    times: StoreClock,
    is_damaged: bool,
) -> Result<Loaded, DiskError> {
    let failed = |error: &StoreError| DiskError::store(folder.path().to_owned(), error);
    let store = open(folder)?;
    let format = mark(&store, FORMAT_MARK);
    if let Ok(found @ 1..) = format
        && found != FORMAT
    {
        let (path, known) = (folder.path().to_owned(), FORMAT);
        return Err(DiskError::Format { path, found, known });
    }
    if has_lost(&store, folder) {
        let store = salvage::copy_out(store, folder, &epochs()?, true)?;
        return finish(store, folder, setup, times);
    }
    if !is_damaged {
        match read(store, folder, setup, times) {
            Err(LoadError::Store(StoreError::Damaged(what))) => {
                tracing::error!(what, "the store is damaged; what can be read is copied out of it");
            }
            Err(LoadError::Store(error)) => return Err(failed(&error)),
            Err(LoadError::System(error)) => return Err(error),
            Ok(loaded) => return Ok(loaded),
        }
        let store = salvage::copy_out(open(folder)?, folder, &epochs()?, false)?;
        return finish(store, folder, setup, times);
    }
    let store = salvage::copy_out(store, folder, &epochs()?, false)?;
    finish(store, folder, setup, times)
}

/// Whether the store lacks acknowledged commits, as after a truncated journal, or a change that no
/// checksum covers. Then its keys may be from different commits.
fn has_lost(store: &Store, folder: &DataDir) -> bool {
    let (commit, acked) = (mark(store, COMMIT_MARK), folder.acked());
    let Ok(commit) = commit else { return false };
    if commit < acked {
        let commits = acked - commit;
        tracing::error!(
            commits,
            "events that were answered are not in the store: every channel gets a new epoch"
        );
    }
    commit < acked && mark(store, FORMAT_MARK).is_ok_and(|format| format > 0)
}

fn finish(
    store: Store,
    folder: &DataDir,
    setup: &Setup,
    times: StoreClock,
) -> Result<Loaded, DiskError> {
    read(store, folder, setup, times).map_err(|trouble| match trouble {
        LoadError::Store(error) => DiskError::store(folder.path().to_owned(), &error),
        LoadError::System(error) => error,
    })
}

fn epochs() -> Result<EpochMaker, DiskError> {
    seed().map(EpochMaker::new)
}

pub(super) fn seed() -> Result<u64, DiskError> {
    random().map_err(|error| DiskError::System(std::io::Error::other(error)))
}

/// Opens the store, after repairing its journals if they are damaged.
fn open(folder: &DataDir) -> Result<Store, DiskError> {
    let path = folder.store();
    let error = match Store::open(&path) {
        Err(error @ StoreError::JournalDamaged(_)) => error,
        opened => return opened.map_err(|error| DiskError::store(folder.path().into(), &error)),
    };
    let cut = journal::cut_at_damage(&path)
        .map_err(|source| DiskError::DataDir { path: path.clone(), source })?;
    match cut {
        Some(cut) => tracing::error!(
            journal = %cut.journal.display(),
            good_bytes = cut.good_bytes,
            put_aside = cut.put_aside,
            "a journal is damaged; what comes before is served, and the whole is kept beside it"
        ),
        None => return Err(DiskError::store(folder.path().into(), &error)),
    }
    Store::open(&path).map_err(|error| DiskError::store(folder.path().into(), &error))
}

enum LoadError {
    Store(StoreError),
    System(DiskError),
}

impl From<StoreError> for LoadError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn read(
    store: Store,
    folder: &DataDir,
    setup: &Setup,
    times: StoreClock,
) -> Result<Loaded, LoadError> {
    let commit = mark(&store, COMMIT_MARK)?;
    let fence = fenced(&store, folder, commit)?;
    let mut streams = setup.streams.clone();
    streams.epoch_seed = seed().map_err(LoadError::System)?;
    let mut table = DiskTable::new(streams, setup.hot_bytes_max);
    table.era = FenceEra { fence, gone: gone(&store)? };
    let mut answers = Vec::new();
    let renumbered = read_channels(&store, &mut table, fence, times, &mut answers)?;
    if renumbered > 0 {
        tracing::warn!(channels = renumbered, "channels go on under a new epoch");
    }
    for pair in store.under(&[record::ANSWER]) {
        let (key, value) = pair?;
        match (record::answered_of_key(&key), record::answer_of_value(&value)) {
            (Some(answered), Some(first)) => {
                answers.push((answered, KeptAnswer { first, is_written: true }));
            }
            _ => return Err(unreadable("an answer").into()),
        }
    }
    answers.sort_by_key(|(answered, _)| answered.at);
    for (answered, answer) in answers {
        table.remember(answered, answer);
    }
    let tombstones = store.under(&[record::TOMBSTONE]).map(|pair| {
        let (key, _) = pair?;
        record::id_of_grave(&key).ok_or_else(|| unreadable("a tombstone"))
    });
    let tombstones = tombstones.collect::<Result<Vec<u64>, StoreError>>()?;
    Ok(Loaded { store, table, commit: commit.max(folder.acked()), fence, tombstones })
}

/// Adds all channels to the table; returns how many of them got a new epoch.
fn read_channels(
    store: &Store,
    table: &mut DiskTable,
    fence: u64,
    times: StoreClock,
    answers: &mut Vec<(AnsweredKey, KeptAnswer)>,
) -> Result<usize, LoadError> {
    let (now, mut renumbered) = (times.clock.now(), 0);
    let since = times.at(now).saturating_sub(table.answers_last().0);
    for pair in store.under(&[record::CHANNEL]) {
        let (key, value) = pair?;
        let (name, numbers) = (record::channel_of_key(&key), ChannelNumbers::of_bytes(&value));
        let (Some(name), Some((under, mut numbers))) = (name, numbers) else {
            return Err(unreadable("a channel").into());
        };
        read_newest(store, &mut numbers, since, answers)?;
        if under >= fence {
            table.load(name, numbers, now);
        } else if let Some(epoch) = table.epochs().epoch() {
            numbers.epoch = epoch;
            table.load_unsaved(name, numbers, now);
            renumbered += 1;
        }
    }
    Ok(renumbered)
}

/// Reads a channel from its newest event back: its state, and the answers from `since` on.
fn read_newest(
    store: &Store,
    numbers: &mut ChannelNumbers,
    since: u64,
    answers: &mut Vec<(AnsweredKey, KeptAnswer)>,
) -> Result<(), StoreError> {
    let id = numbers.id;
    let [events, _] = record::prefixes_of(id);
    for pair in store.under(&events).rev() {
        let (key, value) = pair?;
        let (offset, kept) = (record::offset_of_key(&key), StoredEvent::of_bytes(&value));
        let (Some(offset), Some(kept)) = (offset, kept) else {
            return Err(unreadable("an event"));
        };
        if offset > numbers.head {
            numbers.go_on(offset, &kept);
        }
        if offset < numbers.first || kept.item.at < since {
            return Ok(());
        }
        if let Some(Keyed { key, fingerprint }) = kept.item.key {
            let first = FirstAnswer { offset, fingerprint: Some(fingerprint) };
            let answered =
                AnsweredKey { at: Millis(kept.item.at), of: ChannelKey { channel: id, key } };
            answers.push((answered, KeptAnswer { first, is_written: false }));
        }
    }
    Ok(())
}

/// The count of deleted channels. It starts at a random number, so that it differs between stores.
fn gone(store: &Store) -> Result<u64, LoadError> {
    let known = mark(store, GONE_MARK)?;
    if known > 0 {
        return Ok(known);
    }
    let gone = (seed().map_err(LoadError::System)? >> 16).max(1);
    let mut batch = store.batch();
    put_mark(&mut batch, GONE_MARK, gone);
    batch.commit(Sync::Now)?;
    Ok(gone)
}

/// The fence: raised in a new store, and after a backup was restored.
fn fenced(store: &Store, folder: &DataDir, commit: u64) -> Result<u64, StoreError> {
    let fence = mark(store, FENCE_MARK)?;
    let is_restored = folder.is_restored();
    if mark(store, FORMAT_MARK)? > 0 && !is_restored {
        return Ok(fence);
    }
    if is_restored {
        tracing::warn!("a backup was restored, as a note says: every channel gets a new epoch");
    }
    let fence = fence + 1;
    let mut batch = store.batch();
    put_mark(&mut batch, FORMAT_MARK, FORMAT);
    put_mark(&mut batch, FENCE_MARK, fence);
    put_mark(&mut batch, COMMIT_MARK, commit.max(folder.acked()));
    batch.commit(Sync::Now)?;
    folder.forget_restored().map_err(|error| StoreError::Failed(error.to_string()))?;
    Ok(fence)
}

/// A number that concerns the whole store; 0 if there is none.
pub(super) fn mark(store: &Store, name: &str) -> Result<u64, StoreError> {
    let value = store.find(&record::mark_key(name))?;
    Ok(value.and_then(|bytes| record::number(&bytes)).unwrap_or(0))
}

pub(super) fn put_mark(batch: &mut WriteBatch, name: &str, number: u64) {
    batch.put(record::mark_key(name), number.to_be_bytes());
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} cannot be read"))
}
