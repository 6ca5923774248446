//! The disk broker: channels in an embedded store on this machine. An event is acknowledged and
//! delivered once the disk has it; publishes that arrive during a commit share the next one. In:
//! publishes and reads. Out: positions and pages. Acknowledged events survive `kill -9`.

mod channel;
mod commit_builder;
mod data_dir;
mod error;
mod journal;
mod load;
mod metrics;
mod page;
mod record;
mod salvage;
mod shared;
mod store;
mod table;
#[cfg(test)]
mod tests;
mod trim;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use steadfast_history::{
    ChannelInfo, HistoryConfig, Page, PageLimit, Publish, PublishError, ReadError, Receipt,
    ReservedTotals, YieldTotals,
};
use steadfast_protocol::{ChannelName, Since};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::clock::Clock;
use crate::contract::BrokerBackend;
use crate::metrics::{BrokerMetric, BrokerStat};
use crate::update_bus::{IN_FLIGHT_MAX, UpdateBus};
use data_dir::DataDir;
use load::{Loaded, Setup};
use page::PageFault;
use shared::{DiskShared, StoreClock, StoreHandle};
use store::StoreError;
use table::PageSource;
use writer::{DiskWriter, Published, QueuedPublish, WriterRequest};

pub use error::DiskError;
#[cfg(feature = "fuzzing")]
pub(crate) use record::read_records;

/// Pages that are read from the store concurrently; further ones wait.
const READS_AT_ONCE: usize = 16;
/// How often a page is read again if the channel changes meanwhile.
const READ_TRIES: usize = 3;
/// How often, and how many times, a reader checks for a store that is being reopened.
const STORE_LOOK: Duration = Duration::from_millis(50);
const STORE_LOOKS: u32 = 100;
/// How long the readiness probe may take.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// The settings of a disk broker.
#[derive(Clone, Debug)]
pub struct DiskConfig {
    /// The data directory.
    pub data_dir: PathBuf,
    /// The most bytes of events that are also kept in memory.
    pub hot_bytes_max: usize,
    /// Retention and limits. The seed is not used: every opening of the store draws its own.
    pub streams: HistoryConfig,
}

/// A broker of one node that keeps its channels on disk.
#[derive(Debug)]
pub struct DiskBroker {
    shared: Arc<DiskShared>,
    requests: mpsc::Sender<WriterRequest>,
    reads: Semaphore,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl DiskBroker {
    /// Opens a data directory and starts the writer thread. Must be called on a runtime.
    pub fn start(config: DiskConfig, clock: Clock, updates: UpdateBus) -> Result<Self, DiskError> {
        let runtime = Handle::try_current()
            .map_err(|error| DiskError::System(std::io::Error::other(error)))?;
        let folder = DataDir::take(&config.data_dir)?;
        let times = StoreClock::new(clock);
        let setup = Setup { streams: config.streams, hot_bytes_max: config.hot_bytes_max };
        let Loaded { store, table, commit, fence, tombstones } =
            load::load(&folder, &setup, times, false)?;
        let (channels, bytes) = (table.len(), table.bytes());
        tracing::info!(channels, bytes, data_dir = %folder.path().display(), "history is there");
        let shared = Arc::new(DiskShared {
            table: Mutex::new(table),
            handle: StoreHandle::with(store),
            tally: metrics::DiskCounters::default(),
            times,
            updates,
        });
        // As many as there may be publishes in flight: a request that waits for a permit has none.
        let (requests, coming) = mpsc::channel(IN_FLIGHT_MAX);
        let found = (commit, fence, tombstones);
        let writer = DiskWriter::new(Arc::clone(&shared), folder, setup, coming, runtime, found);
        let writer = std::thread::Builder::new()
            .name("disk-writer".into())
            .spawn(move || writer.run())
            .map_err(DiskError::System)?;
        let reads = Semaphore::new(READS_AT_ONCE);
        Ok(Self { shared, requests, reads, writer: Mutex::new(Some(writer)) })
    }

    /// Queues a publish; the answer comes once the disk has the event. Refuses at once while the
    /// store is being reopened, which takes long if it has to be salvaged.
    async fn submit(&self, publish: Publish) -> Result<oneshot::Receiver<Published>, PublishError> {
        if self.shared.tally.is_healing() {
            return Err(PublishError::Unavailable);
        }
        let permit = self.shared.updates.permit().await.ok_or(PublishError::Unavailable)?;
        let (answer, told) = oneshot::channel();
        let asked = WriterRequest::Publish(QueuedPublish { publish, permit, answer });
        self.requests.send(asked).await.map_err(|_| PublishError::Unavailable)?;
        Ok(told)
    }

    /// The store; waits a little while it is being reopened.
    async fn store(&self) -> Option<Arc<store::Store>> {
        for _ in 0..STORE_LOOKS {
            if let Some(store) = self.shared.handle.store() {
                return Some(store);
            }
            tokio::time::sleep(STORE_LOOK).await;
        }
        None
    }

    fn look(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<PageSource, ReadError> {
        let now = self.shared.times.clock.now();
        self.shared.table.lock().look(channel, since, limit, now)
    }

    /// Closes the data directory after the queued requests.
    pub async fn close(self) {
        let Self { shared, requests, reads: _, writer } = self;
        drop(requests);
        let writer = writer.lock().take();
        // A panic of the writer has been logged already.
        drop(tokio::task::spawn_blocking(move || writer.map(std::thread::JoinHandle::join)).await);
        drop(shared);
    }
}

impl BrokerBackend for DiskBroker {
    const NAME: &'static str = "disk";

    async fn publish(&self, publish: Publish) -> Published {
        let told = self.submit(publish).await?;
        told.await.unwrap_or(Err(PublishError::Unavailable))
    }

    async fn publish_many(&self, publishes: Vec<Publish>) -> Vec<Result<Receipt, PublishError>> {
        let mut told = Vec::with_capacity(publishes.len());
        for publish in publishes {
            told.push(self.submit(publish).await);
        }
        let mut answers = Vec::with_capacity(told.len());
        for told in told {
            answers.push(match told {
                Ok(told) => told.await.unwrap_or(Err(PublishError::Unavailable)),
                Err(error) => Err(error),
            });
        }
        answers
    }

    async fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> Result<Page, ReadError> {
        for _ in 0..READ_TRIES {
            let reading = match self.look(channel, since, limit)? {
                PageSource::Hot(page) => {
                    // A session is registered as a member before it reads.
                    if page.head == 0 && self.shared.updates.is_followed(channel) {
                        let now = self.shared.times.clock.now();
                        self.shared.table.lock().keep(channel, now);
                    }
                    return Ok(page);
                }
                PageSource::Cold(reading) => reading,
            };
            let numbers = reading.numbers.clone();
            let _place = self.reads.acquire().await.map_err(|_| ReadError::Unavailable)?;
            let opening = self.shared.handle.opening();
            let store = self.store().await.ok_or(ReadError::Unavailable)?;
            let read = tokio::task::spawn_blocking(move || reading.read(&store));
            let what = match read.await.map_err(|_| ReadError::Unavailable)? {
                Ok(page) => return Ok(page),
                Err(PageFault::Store(error @ StoreError::Damaged(_))) => error.to_string(),
                Err(PageFault::Store(error)) => {
                    tracing::warn!(%error, %channel, "history cannot be read");
                    return Err(ReadError::Unavailable);
                }
                Err(PageFault::Hole { offset }) => {
                    let is_same = |now: &record::ChannelNumbers| {
                        now.id == numbers.id && now.epoch == numbers.epoch && now.first <= offset
                    };
                    if !self.shared.table.lock().numbers(channel).is_some_and(is_same) {
                        // The channel was trimmed or deleted meanwhile.
                        continue;
                    }
                    format!("event {offset} of {channel} is missing")
                }
            };
            drop(self.requests.send(WriterRequest::Damaged(what, opening)).await);
            return Err(ReadError::Unavailable);
        }
        Err(ReadError::Unavailable)
    }

    async fn info(&self, channel: &ChannelName) -> Result<Option<ChannelInfo>, ReadError> {
        Ok(self.shared.table.lock().info(channel))
    }

    async fn list(
        &self,
        after: Option<&ChannelName>,
        limit: usize,
    ) -> Result<Vec<ChannelInfo>, ReadError> {
        Ok(self.shared.table.lock().list(after, limit))
    }

    async fn delete(&self, channel: &ChannelName) -> Result<bool, ReadError> {
        let permit = self.shared.updates.permit().await.ok_or(ReadError::Unavailable)?;
        let (answer, told) = oneshot::channel();
        let request = WriterRequest::Delete(channel.clone(), permit, answer);
        self.requests.send(request).await.map_err(|_| ReadError::Unavailable)?;
        told.await.unwrap_or(Err(ReadError::Unavailable))
    }

    /// Whether a probe is queued and committed in time, as a publish would be.
    async fn is_ready(&self) -> bool {
        let probe = async {
            let _permit = self.shared.updates.permit().await?;
            let (answer, told) = oneshot::channel();
            self.requests.send(WriterRequest::Probe(answer)).await.ok()?;
            told.await.ok()
        };
        matches!(tokio::time::timeout(READY_WITHIN, probe).await, Ok(Some(true)))
    }

    fn size(&self) -> (usize, usize) {
        let table = self.shared.table.lock();
        (table.len(), usize::try_from(table.bytes()).unwrap_or(usize::MAX))
    }

    fn reserved_epochs(&self) -> ReservedTotals {
        self.shared.table.lock().reserved_epochs()
    }

    fn yields(&self) -> YieldTotals {
        self.shared.table.lock().yields
    }

    fn failure(&self) -> Option<&'static str> {
        self.shared.tally.is_failing().then_some("takes no writes: see the log")
    }

    fn metrics(&self) -> Vec<BrokerMetric> {
        self.shared.tally.metrics()
    }

    fn stats(&self) -> Vec<BrokerStat> {
        self.shared.tally.stats()
    }

    /// Has the writer look for expired events.
    fn expire(&self) {
        // If the queue is full, the next tick comes soon enough.
        drop(self.requests.try_send(WriterRequest::Tick));
    }

    /// Keeps the reserved epochs of followed channels.
    fn keep_followed(&self) {
        let mut after = None;
        while let Some(names) = self.shared.updates.next_followed(&mut after) {
            let (mut table, now) = (self.shared.table.lock(), self.shared.times.clock.now());
            for name in &names {
                table.keep(name, now);
            }
        }
    }
}
