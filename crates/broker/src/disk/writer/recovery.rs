//! Recovery from failures of the store: publishes are refused, reads get what can be read, and the
//! store is reopened until it accepts writes. In: failures. Out: a working store, and updates of
//! what changed meanwhile. A damaged store is salvaged first.

use std::sync::Arc;
use std::time::Duration;

use steadfast_history::PageLimit;
use steadfast_machine::{Millis, Span};
use steadfast_protocol::ChannelName;

use super::{DiskWriter, Permit};
use crate::disk::load::{self, Loaded};
use crate::disk::page::StoreRead;
use crate::disk::record;
use crate::disk::store::{Store, StoreError, Sync};
use crate::disk::table::DiskTable;
use crate::update_bus::ChannelUpdate;

/// The delay before the store is reopened after a failure, at first and at most.
const PAUSE_MIN: Span = Span(250);
const PAUSE_MAX: Span = Span(5_000);
/// How often, and how many times, is checked whether readers have released the store.
const READERS_LOOK: Duration = Duration::from_millis(5);
const READERS_LOOKS: u32 = 1_000;
/// The size of the test write to a reopened store, in bytes.
const TRIAL_BYTES: usize = 64 * 1024;
const TRIAL_MARK: &str = "trial";
/// A store that stops this often in a row, while the disk accepts writes, is damaged.
const STOPS_MAX: u32 = 3;

/// Whether the store accepts writes.
#[derive(Debug)]
pub(super) enum StoreHealth {
    /// It does, as far as is known; `stops` counts recent failures.
    Sound { stops: u32 },
    /// It does not, because of `cause`.
    Failing { cause: StoreError, again_at: Millis, pause: Span, stops: u32 },
}

impl StoreHealth {
    pub(super) const fn is_sound(&self) -> bool {
        matches!(self, Self::Sound { .. })
    }

    /// Forgets old failures.
    pub(super) fn calm(&mut self) {
        if let Self::Sound { stops } = self {
            *stops = 0;
        }
    }
}

impl DiskWriter {
    /// The store, if it accepts writes, or accepts them again.
    pub(super) fn sound_store(&mut self) -> Option<Arc<Store>> {
        self.try_to_heal();
        if self.health.is_sound() { self.shared.handle.store() } else { None }
    }

    /// Notes that the store has failed.
    pub(super) fn fail(&mut self, cause: &StoreError) {
        let now = self.shared.times.clock.now();
        let is_damaged = matches!(cause, StoreError::Damaged(_));
        match &mut self.health {
            StoreHealth::Sound { stops } => {
                tracing::error!(%cause, "the store takes no more writes; publishers are refused");
                let stops = *stops + u32::from(*cause == StoreError::Stopped);
                let again_at = if is_damaged { now } else { now + PAUSE_MIN };
                let cause = cause.clone();
                self.health = StoreHealth::Failing { cause, again_at, pause: PAUSE_MIN, stops };
                self.shared.tally.set_failing(true);
            }
            StoreHealth::Failing { cause: known, again_at, .. } if is_damaged => {
                *known = cause.clone();
                *again_at = now;
            }
            StoreHealth::Failing { .. } => {}
        }
        self.shared.tally.failed();
    }

    fn try_to_heal(&mut self) {
        let now = self.shared.times.clock.now();
        let StoreHealth::Failing { cause, again_at, pause, stops } = &mut self.health else {
            return;
        };
        if now < *again_at {
            return;
        }
        let (was_damaged, stops) = (matches!(cause, StoreError::Damaged(_)), *stops);
        let is_damaged = was_damaged || stops >= STOPS_MAX;
        *pause = Span((pause.0 * 2).min(PAUSE_MAX.0));
        let pause = *pause;
        self.shared.tally.set_healing(true);
        let healed = self.heal(is_damaged);
        self.shared.tally.set_healing(false);
        match healed {
            Ok(()) => {
                tracing::info!("the store takes writes again");
                let stops = if is_damaged { 0 } else { stops };
                self.health = StoreHealth::Sound { stops };
                self.shared.tally.set_failing(false);
            }
            Err(error) => {
                tracing::warn!(error, "the store still fails");
                let after = self.shared.times.clock.now() + pause;
                if let StoreHealth::Failing { again_at, .. } = &mut self.health {
                    *again_at = after;
                }
            }
        }
    }

    fn heal(&mut self, is_damaged: bool) -> Result<(), String> {
        self.folder.try_disk().map_err(|error| error.to_string())?;
        self.close()?;
        let times = self.shared.times;
        let loaded = load::load(&self.folder, &self.setup, times, is_damaged);
        let mut loaded = loaded.map_err(|error| error.to_string())?;
        let taken = try_store(&loaded.store);
        let news = taken
            .is_ok()
            .then(|| Changes::between(&self.shared.table.lock(), &mut loaded, times.clock.now()));
        let Loaded { store, table, commit, fence, tombstones } = loaded;
        if let Err(error) = taken {
            self.shared.handle.put(store);
            return Err(error.to_string());
        }
        (self.commit, self.fence) = (commit, fence);
        self.maintenance = super::Maintenance::new(tombstones);
        self.oldest_events.clear();
        // The table is updated first: readers with old states must not find events missing.
        {
            let mut known = self.shared.table.lock();
            let yields = known.yields;
            *known = table;
            known.yields = yields;
        }
        self.shared.handle.put(store);
        if let Some(news) = news {
            self.tell(news);
        }
        Ok(())
    }

    /// Closes the store once no reader holds it.
    fn close(&self) -> Result<(), String> {
        let Some(mut store) = self.shared.handle.take() else { return Ok(()) };
        for _ in 0..READERS_LOOKS {
            store = match Arc::try_unwrap(store) {
                Ok(_) => return Ok(()),
                Err(store) => store,
            };
            std::thread::sleep(READERS_LOOK);
        }
        self.shared.handle.put_back(store);
        Err("readers do not let go of the store".into())
    }

    /// Sends updates of what changed during the failure.
    fn tell(&self, news: Changes) {
        for name in news.forgotten {
            let Some(permit) = self.permit() else { return };
            self.shared.updates.send(&ChannelUpdate::Deleted(name), &permit);
        }
        let Some(store) = self.shared.handle.store() else { return };
        for reading in news.longer {
            let Ok(page) = reading.read(&store) else { continue };
            for publication in page.events {
                let Some(permit) = self.permit() else { return };
                self.shared.updates.send(&ChannelUpdate::Published(publication), &permit);
            }
        }
        self.shared.updates.wake();
    }

    fn permit(&self) -> Option<Permit> {
        self.runtime.block_on(self.shared.updates.permit())
    }
}

/// Whether the store accepts a write as large as a usual commit, and can flush: data that a failed
/// sync left in the system's page cache is written again, into new files.
fn try_store(store: &Store) -> Result<(), StoreError> {
    let mut batch = store.batch();
    batch.put(record::mark_key(TRIAL_MARK), vec![0x5a; TRIAL_BYTES]);
    batch.commit(Sync::Now)?;
    store.settle()?;
    let mut batch = store.batch();
    batch.remove(record::mark_key(TRIAL_MARK));
    batch.commit(Sync::Now)
}

/// How the reopened store differs from what readers were given.
#[derive(Debug, Default)]
struct Changes {
    /// Channels with another epoch, or fewer events, or none.
    forgotten: Vec<ChannelName>,
    /// Channels with events that were not delivered: their publishers got no answer.
    longer: Vec<StoreRead>,
}

impl Changes {
    fn between(told: &DiskTable, loaded: &mut Loaded, now: Millis) -> Self {
        let mut changes = Self::default();
        let mut unsaved = Vec::new();
        for (name, channel) in told.after(None) {
            let was = channel.numbers();
            let Some(is) = loaded.table.numbers(name) else {
                if was.head == 0 {
                    unsaved.push((name.clone(), was.clone()));
                } else {
                    changes.forgotten.push(name.clone());
                }
                continue;
            };
            if is.epoch != was.epoch || is.head < was.head {
                changes.forgotten.push(name.clone());
            } else if is.head > was.head {
                let events_max = usize::try_from(is.head - was.head).unwrap_or(usize::MAX);
                changes.longer.push(StoreRead {
                    channel: name.clone(),
                    numbers: is.clone(),
                    start: was.head.max(is.first - 1),
                    gap: None,
                    limit: PageLimit { events_max, bytes_max: usize::MAX, is_thinned: false },
                });
            }
        }
        for (name, numbers) in unsaved {
            loaded.table.load_unsaved(name, numbers, now);
        }
        changes
    }
}
