//! Salvages a damaged store: copies what can be read into a new store, which replaces it. Each
//! channel keeps its events up to the first that cannot be read, and gets a new epoch if that is
//! not all of them, or if the store is known to lack some. The damaged store is put aside.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use steadfast_history::EpochMaker;
use steadfast_protocol::ChannelName;

use super::data_dir::DataDir;
use super::error::DiskError;
use super::load::{COMMIT_MARK, FENCE_MARK, FORMAT_MARK, GONE_MARK, mark, put_mark, seed};
use super::record::{self, ChannelNumbers, StoredEvent};
use super::store::{Pair, Store, StoreError, Sync, WriteBatch};

/// The approximate bytes of values in one batch.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Copies what can be read into a new store, which replaces the old one. `has_lost` if any channel
/// may lack events at its end.
pub(super) fn copy_out(
    damaged: Store,
    folder: &DataDir,
    epochs: &EpochMaker,
    has_lost: bool,
) -> Result<Store, DiskError> {
    let failed = |error: StoreError| DiskError::store(folder.path().to_owned(), &error);
    let moved = |source| DiskError::DataDir { path: folder.path().to_owned(), source };
    let mending = folder.beside_store("mending");
    remove(&mending).map_err(moved)?;
    let fresh = Store::open(&mending).map_err(failed)?;
    let copied = copy(&damaged, &fresh, folder, (epochs, has_lost));
    drop((damaged, fresh));
    let (kept, cut) = match copied {
        Ok(copied) => copied,
        Err(error) => {
            // A partial copy only takes room; the next attempt starts again.
            remove(&mending).map_err(moved)?;
            return Err(failed(error));
        }
    };
    let aside = free_place(folder);
    fs::rename(folder.store(), &aside).map_err(moved)?;
    fs::rename(&mending, folder.store()).map_err(moved)?;
    tracing::error!(
        channels = kept,
        cut,
        damaged_store = %aside.display(),
        "what can be read of the damaged store is served; channels that lost events have new epochs"
    );
    Store::open(&folder.store()).map_err(failed)
}

fn remove(path: &PathBuf) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn free_place(folder: &DataDir) -> PathBuf {
    let mut number = 1;
    loop {
        let place = folder.beside_store(&format!("damaged-{number}"));
        if !place.exists() {
            return place;
        }
        number += 1;
    }
}

/// How many channels were kept, and how many of them lost events.
fn copy(
    from: &Store,
    to: &Store,
    folder: &DataDir,
    (epochs, has_lost): (&EpochMaker, bool),
) -> Result<(usize, usize), StoreError> {
    let (fence, commit) = (mark(from, FENCE_MARK), mark(from, COMMIT_MARK));
    // Without the fence, valid epochs of the old store cannot be told from invalid ones.
    let (fence, are_known) = fence.map_or((1, false), |fence| (fence, true));
    let mut batch = to.batch();
    put_mark(&mut batch, FORMAT_MARK, mark(from, FORMAT_MARK).unwrap_or(1).max(1));
    put_mark(&mut batch, FENCE_MARK, fence);
    // What cannot be copied is lost, however many that are.
    let gone = mark(from, GONE_MARK).or_else(|_| seed().map(|seed| seed >> 16));
    put_mark(&mut batch, GONE_MARK, gone.unwrap_or(u64::MAX >> 16) + 1);
    put_mark(&mut batch, COMMIT_MARK, commit.unwrap_or(0).max(folder.acked()));
    batch.commit(Sync::Later)?;
    let (mut heads, mut cut) = (BTreeMap::new(), 0);
    for (name, (under, mut numbers)) in channels(from) {
        let is_whole = copy_events(from, to, &mut numbers)?;
        if !(is_whole && are_known && under >= fence && !has_lost)
            && let Some(epoch) = epochs.epoch()
        {
            numbers.epoch = epoch;
            cut += 1;
        }
        let mut batch = to.batch();
        batch.put(record::channel_key(&name), numbers.to_bytes(fence));
        batch.commit(Sync::Later)?;
        heads.insert(numbers.id, numbers.head);
    }
    copy_answers(from, to, &heads)?;
    to.settle()?;
    marked(to, fence).commit(Sync::Now)?;
    Ok((heads.len(), cut))
}

fn marked(to: &Store, fence: u64) -> WriteBatch {
    let mut batch = to.batch();
    put_mark(&mut batch, FENCE_MARK, fence);
    batch
}

/// All channels that can be read, from both ends towards the damage.
fn channels(from: &Store) -> BTreeMap<ChannelName, (u64, ChannelNumbers)> {
    let read = |(key, value): Pair| {
        Some((record::channel_of_key(&key)?, ChannelNumbers::of_bytes(&value)?))
    };
    let ahead = from.under(&[record::CHANNEL]).map_while(Result::ok).filter_map(read);
    let mut found: BTreeMap<_, _> = ahead.collect();
    let back = from.under(&[record::CHANNEL]).rev().map_while(Result::ok).filter_map(read);
    for (name, numbers) in back {
        if found.insert(name, numbers).is_some() {
            break;
        }
    }
    found
}

/// Copies a channel's events up to the first that cannot be read; returns whether that is all.
fn copy_events(from: &Store, to: &Store, numbers: &mut ChannelNumbers) -> Result<bool, StoreError> {
    let id = numbers.id;
    let end = find_end(from, numbers);
    let (first, last) =
        if end == ChannelEnd::Known { (numbers.first, numbers.head) } else { (1, u64::MAX) };
    let range = (record::event_key(id, first), record::event_key(id, last));
    let mut expected = (end == ChannelEnd::Known).then_some(first);
    let (mut bytes, mut oldest_at) = (0, 0);
    let (mut batch, mut batched) = (to.batch(), 0);
    let mut newest = BTreeMap::new();
    for (key, value) in from.between(&range.0, &range.1).map_while(Result::ok) {
        let Some(offset) = record::offset_of_key(&key) else { break };
        let Some(kept) = StoredEvent::of_bytes(&value) else { break };
        match expected {
            None => numbers.first = offset,
            Some(expected) if expected != offset => break,
            Some(_) => {}
        }
        if bytes == 0 {
            oldest_at = kept.item.at;
        }
        expected = Some(offset + 1);
        bytes += u64::from(kept.item.bytes);
        if let Some(key) = kept.item.replace {
            newest.insert(record::newest_key(id, &key), offset);
        }
        batched += value.len();
        batch.put(&*key, &*value);
        if batched > BATCH_BYTES {
            std::mem::replace(&mut batch, to.batch()).commit(Sync::Later)?;
            batched = 0;
        }
    }
    for (key, offset) in newest {
        batch.put(key, offset.to_be_bytes());
    }
    batch.commit(Sync::Later)?;
    let next = expected.unwrap_or(numbers.head + 1);
    let is_whole = end == ChannelEnd::Known && next > numbers.head;
    if !is_whole {
        numbers.is_final = false;
        numbers.head = next - 1;
        numbers.first = numbers.first.min(next);
    }
    (numbers.bytes, numbers.oldest_at) = (bytes, oldest_at);
    Ok(is_whole)
}

/// Whether the end of a channel is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChannelEnd {
    Known,
    Unknown,
}

/// Takes over the state that the newest event carries, if it can be read.
fn find_end(from: &Store, numbers: &mut ChannelNumbers) -> ChannelEnd {
    let [events, _] = record::prefixes_of(numbers.id);
    let Some(pair) = from.under(&events).next_back() else { return ChannelEnd::Known };
    let Ok((key, value)) = pair else { return ChannelEnd::Unknown };
    match (record::offset_of_key(&key), StoredEvent::of_bytes(&value)) {
        (Some(offset), Some(kept)) => {
            if offset > numbers.head {
                numbers.go_on(offset, &kept);
            }
            ChannelEnd::Known
        }
        _ => ChannelEnd::Unknown,
    }
}

/// Copies the answers whose events were copied: a publish whose event is lost may be repeated.
fn copy_answers(from: &Store, to: &Store, heads: &BTreeMap<u64, u64>) -> Result<(), StoreError> {
    let mut batch = to.batch();
    for (key, value) in from.under(&[record::ANSWER]).map_while(Result::ok) {
        let head = record::answered_of_key(&key).and_then(|answer| heads.get(&answer.of.channel));
        if let (Some(first), Some(head)) = (record::answer_of_value(&value), head)
            && first.offset <= *head
        {
            batch.put(&*key, &*value);
        }
    }
    batch.commit(Sync::Later)
}
