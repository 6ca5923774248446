//! The binary as people run it: `steadfast serve` as a process on free ports, spoken to with plain
//! HTTP, plain WebSockets, `steadfast subscribe` and `publish` as processes, and the Rust client,
//! with a proxy in between that does what networks do. Every wait is for an event; `PATIENCE` is
//! only for what never comes.

#![allow(clippy::unwrap_used, reason = "a test's own functions may fail the test")]

#[path = "e2e/addresses.rs"]
mod addresses;
#[path = "e2e/answers.rs"]
mod answers;
#[path = "e2e/bad_input.rs"]
mod bad_input;
#[path = "e2e/blocked.rs"]
mod blocked;
#[path = "e2e/cluster.rs"]
mod cluster;
#[path = "e2e/compression.rs"]
mod compression;
#[path = "e2e/demo.rs"]
mod demo;
#[path = "e2e/disk.rs"]
mod disk;
#[path = "e2e/doctor.rs"]
mod doctor;
#[path = "e2e/endpoints.rs"]
mod endpoints;
#[path = "e2e/front.rs"]
mod front;
#[path = "e2e/holds.rs"]
mod holds;
#[path = "e2e/hostile.rs"]
mod hostile;
#[path = "e2e/keys.rs"]
mod keys;
#[path = "e2e/legacy.rs"]
mod legacy;
#[path = "e2e/load.rs"]
mod load;
#[path = "e2e/log.rs"]
mod log;
#[path = "e2e/metric_names.rs"]
mod metric_names;
#[path = "e2e/operate.rs"]
mod operate;
#[path = "e2e/polling.rs"]
mod polling;
#[path = "e2e/process.rs"]
mod process;
#[path = "e2e/proxy.rs"]
mod proxy;
#[path = "e2e/publish_rate.rs"]
mod publish_rate;
#[path = "e2e/raw.rs"]
mod raw;
#[path = "e2e/reading.rs"]
mod reading;
#[path = "e2e/rounds.rs"]
mod rounds;
#[path = "e2e/secure.rs"]
mod secure;
#[path = "e2e/server.rs"]
mod server;
#[path = "e2e/service.rs"]
mod service;
#[path = "e2e/store.rs"]
mod store;
#[path = "e2e/storm.rs"]
mod storm;
#[path = "e2e/strangers.rs"]
mod strangers;
#[path = "e2e/surface.rs"]
mod surface;
#[path = "e2e/tokens.rs"]
mod tokens;
#[path = "e2e/user_limits.rs"]
mod user_limits;
#[path = "e2e/users.rs"]
mod users;
#[path = "e2e/wire.rs"]
mod wire;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How long anything may take that does come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What `coming` gives, or a failure that says what was waited for.
async fn within<T>(what: &str, coming: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, coming).await;
    outcome.unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// How far a long test has come. How long all of it takes is a matter of the machine; patience is
/// for what does not move at all.
#[derive(Clone, Debug, Default)]
struct Progress(Arc<watch::Sender<u64>>);

impl Progress {
    /// Something came that was waited for.
    fn step(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    /// What `coming` gives, or a failure where there was no step within `PATIENCE`.
    async fn within<T>(&self, what: &str, coming: impl Future<Output = T>) -> T {
        let mut steps = self.0.subscribe();
        let standing_still =
            async { while tokio::time::timeout(PATIENCE, steps.changed()).await.is_ok() {} };
        tokio::select! {
            outcome = coming => outcome,
            () = standing_still => {
                panic!("{what}: no step within {PATIENCE:?} after {} of them", *self.0.borrow())
            }
        }
    }
}
