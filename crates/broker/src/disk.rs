//! The disk broker: channels in an embedded store on this machine. An event is answered and
//! announced once the disk has it; publishers that arrive while a commit is on its way share the
//! next one. In: publishes and reads. Out: positions and pages. It outlives `kill -9`.

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

/// Pages that are read from the store at once; more wait.
const READS_AT_ONCE: usize = 16;
/// How often a page is tried where the channel changes while it is read.
const READ_TRIES: usize = 3;
/// How often, and how many times, a reader looks for a store that is being opened anew.
const STORE_LOOK: Duration = Duration::from_millis(50);
const STORE_LOOKS: u32 = 100;
/// How long a publish to itself may take.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// What a disk broker is set up with.
#[derive(Clone, Debug)]
pub struct DiskConfig {
    /// Where the data is.
    pub data_dir: PathBuf,
    /// The most bytes of events that are kept in memory besides.
    pub hot_bytes_max: usize,
    /// Retention and limits. The seed is not used: every opening has one of its own.
    pub streams: HistoryConfig,
}

/// Channels on disk, announced to this node's own shards.
#[derive(Debug)]
pub struct DiskBroker {
    shared: Arc<DiskShared>,
    requests: mpsc::Sender<WriterRequest>,
    reads: Semaphore,
    writer: Mutex<Option<std::thread::JoinHandle<()>>>,
}

impl DiskBroker {
    /// Opens a data directory, on the runtime it is called on, and starts the thread that writes.
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
        // As many as may be on their way: a request that waits for a place holds none.
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

    /// Puts a publish in line; the answer comes once the disk has the event. Refused at once while
    /// the store is being opened anew, which takes long where it has to be copied out.
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

    /// The store; while it is being opened anew, a little later.
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

    /// Closes the data directory, once what waits is done.
    pub async fn close(self) {
        let Self { shared, requests, reads: _, writer } = self;
        drop(requests);
        let writer = writer.lock().take();
        // A writer that has panicked has told so already.
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
                    // A member is one before it reads.
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
                        // It was trimmed or forgotten meanwhile.
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

    /// The way of a publish: a place in line, and a commit.
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

    /// Has the writer look at what has grown old.
    fn expire(&self) {
        // A full line means work, and the next time comes soon.
        drop(self.requests.try_send(WriterRequest::Tick));
    }

    /// Keeps the epochs to come of what is followed.
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
