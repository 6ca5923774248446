//! What only a disk broker does: it outlives its process, and says what a damaged store has lost.

mod damage;
mod restart;

use std::path::{Path, PathBuf};

use steadfast_history::{HistoryConfig, Page, Publish, Receipt};
use steadfast_protocol::{Epoch, Since};
use tempfile::TempDir;

use super::{DiskBroker, DiskConfig, DiskError};
use crate::clock::Clock;
use crate::contract::BrokerBackend;
use crate::tests::{ALL, TestNode, channel, event};

/// A data directory, and the broker on it while that runs.
struct Bench {
    folder: TempDir,
    streams: HistoryConfig,
    broker: Option<DiskBroker>,
}

impl Bench {
    fn new() -> Self {
        Self::with(HistoryConfig::default())
    }

    fn with(streams: HistoryConfig) -> Self {
        let mut bench = Self { folder: tempfile::tempdir().unwrap(), streams, broker: None };
        bench.start();
        bench
    }

    fn try_start(&self) -> Result<DiskBroker, DiskError> {
        let clock = Clock::start();
        let (_, updates) = TestNode::start(clock);
        let (data_dir, streams) = (self.folder.path().to_owned(), self.streams.clone());
        let config = DiskConfig { data_dir, hot_bytes_max: 1024 * 1024, streams };
        DiskBroker::start(config, clock, updates)
    }

    fn start(&mut self) {
        self.broker = Some(self.try_start().unwrap());
    }

    async fn stop(&mut self) {
        self.broker.take().unwrap().close().await;
    }

    async fn restart(&mut self) {
        self.stop().await;
        self.start();
    }

    fn broker(&self) -> &DiskBroker {
        self.broker.as_ref().unwrap()
    }

    async fn put(&self, publish: Publish) -> (Epoch, u64) {
        let Receipt { epoch, offset, .. } = self.broker().publish(publish).await.unwrap();
        (epoch, offset)
    }

    /// Publishes to a channel so often, one commit each.
    async fn fill(&self, name: &str, count: u64) -> Epoch {
        for _ in 1..count {
            self.put(event(name)).await;
        }
        self.put(event(name)).await.0
    }

    async fn read(&self, name: &str, since: Since) -> Page {
        self.broker().read(&channel(name), &since, ALL).await.unwrap()
    }

    /// Files of the store whose names end so, the largest last.
    fn files(&self, is_one: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("store")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if is_one(&path) {
                    found.push(path);
                }
            }
        }
        found.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
        found
    }

    fn journal(&self) -> PathBuf {
        let is_journal = |path: &Path| path.extension().is_some_and(|ending| ending == "jnl");
        self.files(is_journal).pop().unwrap()
    }
}

/// Changes a file's bytes.
fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}
