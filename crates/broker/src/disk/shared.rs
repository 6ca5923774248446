//! The state shared by the writer and the readers of a disk broker. The table's lock is held for
//! work in memory only; readers hold the store by a reference count, so that it can be reopened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};
use steadfast_machine::Millis;

use super::metrics::DiskCounters;
use super::store::Store;
use super::table::DiskTable;
use crate::clock::Clock;
use crate::update_bus::UpdateBus;

/// The shared state.
#[derive(Debug)]
pub(super) struct DiskShared {
    pub(super) table: Mutex<DiskTable>,
    pub(super) handle: StoreHandle,
    pub(super) tally: DiskCounters,
    pub(super) times: StoreClock,
    pub(super) updates: UpdateBus,
}

/// The open store, unless it is being reopened.
#[derive(Debug)]
pub(super) struct StoreHandle {
    store: RwLock<Option<Arc<Store>>>,
    /// How often the store was opened: reports of damage to an earlier opening are ignored.
    openings: AtomicU64,
}

impl StoreHandle {
    pub(super) fn with(store: Store) -> Self {
        Self { store: RwLock::new(Some(Arc::new(store))), openings: AtomicU64::new(1) }
    }

    /// The store, for as long as it is needed.
    pub(super) fn store(&self) -> Option<Arc<Store>> {
        self.store.read().clone()
    }

    /// The number of the current opening, or of one that has just ended.
    pub(super) fn opening(&self) -> u64 {
        self.openings.load(Ordering::Acquire)
    }

    pub(super) fn take(&self) -> Option<Arc<Store>> {
        self.store.write().take()
    }

    pub(super) fn put(&self, store: Store) {
        self.openings.fetch_add(1, Ordering::AcqRel);
        self.put_back(Arc::new(store));
    }

    pub(super) fn put_back(&self, store: Arc<Store>) {
        *self.store.write() = Some(store);
    }
}

/// The store's clock: starts at the date, and then advances without jumps.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreClock {
    pub(super) clock: Clock,
    began_at: u64,
}

impl StoreClock {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, began_at: clock.date_of(Millis(0)).0 }
    }

    /// The time in milliseconds, comparable over restarts.
    pub(super) fn at(&self, now: Millis) -> u64 {
        self.began_at.saturating_add(now.0)
    }
}
