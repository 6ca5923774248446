//! One hub behind a lock, and the task that keeps its time and hands it publications. All sessions
//! of a link live on the same shard, so fencing concerns no other shard. The lock is held for work
//! on tables only: never during a write, a read of history or an await.

mod flush;
mod state;
mod updates;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use steadfast_broker::clock::Clock;
use steadfast_broker::{ChannelUpdate, UpdatePermit};
use steadfast_hub::{Hub, HubConfig, OpenError, Opening, Output, SessionKey};
use steadfast_machine::Millis;
use steadfast_protocol::CloseCode;
use tokio::sync::Notify;

use self::flush::FlushBatch;
use self::state::{ShardState, SocketOwner};
use crate::log;
use crate::node::Node;
use crate::session::compression::Compression;
use crate::session::session_count::SessionCount;

pub use self::state::{ShardSocket, TakenWork};
pub use self::updates::ShardUpdates;
pub use crate::session::waker::SessionWaker;

/// Publications handed to the hub under one lock. Other tasks get the lock in between.
const BATCH: usize = 64;

/// A hub, and the queue, lock and timer around it.
#[derive(Debug)]
pub struct Shard {
    /// Which of the node's shards it is.
    index: usize,
    clock: Clock,
    session_count: Arc<SessionCount>,
    compression: Arc<Compression>,
    state: Mutex<ShardState>,
    inbox: Mutex<UpdateQueue>,
    called: Notify,
    /// When the shard's task wakes next, in milliseconds of its clock.
    sleeps_until: AtomicU64,
}

/// What is left of a session that has ended.
#[derive(Debug, PartialEq, Eq)]
pub struct LeaveResult {
    /// Bytes that are to be written before anything else.
    pub rest: Bytes,
    /// Whether it followed no channel any more, and all that it was to be told was written.
    pub has_had_ends: bool,
}

/// Updates that the hub has not handled.
#[derive(Debug, Default)]
struct UpdateQueue {
    updates: VecDeque<QueuedUpdate>,
    /// When the first one came since the shard last had nothing to do.
    since: Option<Duration>,
}

/// An update of a channel that the hub has not handled.
#[derive(Debug)]
struct QueuedUpdate {
    update: ChannelUpdate,
    /// Released when every shard has handled the update: this bounds the updates in flight.
    _permit: UpdatePermit,
}

impl Shard {
    /// Creates a shard without sessions. `session_count` will count them; `compression` has the
    /// copies for those that agreed to it. Run [`Shard::run`] on a task of its own.
    pub fn new(
        index: usize,
        config: HubConfig,
        clock: Clock,
        session_count: Arc<SessionCount>,
        compression: Arc<Compression>,
    ) -> Self {
        let state = ShardState::new(Hub::new(config, clock.now()));
        Self {
            index,
            clock,
            session_count,
            compression,
            state: Mutex::new(state),
            inbox: Mutex::default(),
            called: Notify::new(),
            sleeps_until: AtomicU64::new(0),
        }
    }

    /// Opens a session whose task alone writes to its socket. `waker` wakes the task.
    pub fn open(
        &self,
        opening: Opening,
        waker: &Arc<SessionWaker>,
    ) -> Result<SessionKey, OpenError> {
        self.open_shared(opening, waker, None)
    }

    /// Opens a session. `waker` wakes its task. With a `socket`, the shard writes to it too, and
    /// the task writes only after [`Shard::take`] has given it the socket.
    pub fn open_shared(
        &self,
        opening: Opening,
        waker: &Arc<SessionWaker>,
        socket: Option<ShardSocket>,
    ) -> Result<SessionKey, OpenError> {
        self.work(Caller::Other, |state, now| {
            let key = state.hub.open(now, opening)?;
            self.session_count.begin();
            state.seat(key, waker, socket);
            Ok(key)
        })
    }

    /// Takes what the session's task has to do. The call tells the hub that everything taken before
    /// is written. With `has_more` the task has something of its own to write besides.
    pub fn take(&self, key: SessionKey, has_more: bool) -> TakenWork {
        self.work(Caller::Other, |state, now| state.take(now, key, has_more))
    }

    /// Ends a session whose transport is gone, or about to be. Returns `None` while the shard
    /// writes to the socket; the waker is called when it has finished.
    pub fn leave(&self, key: SessionKey, code: CloseCode, reason: &str) -> Option<LeaveResult> {
        self.work(Caller::Other, |state, now| {
            let owner = state.slot(key).map(|slot| &mut slot.owner);
            let rest = match owner {
                Some(owner @ SocketOwner::FlushBatch { .. }) => {
                    *owner = SocketOwner::FlushBatch { is_awaited: true };
                    return None;
                }
                Some(SocketOwner::Left(rest)) => std::mem::take(&mut **rest),
                Some(SocketOwner::Free | SocketOwner::Owner) | None => Bytes::new(),
            };
            let has_had_ends = rest.is_empty() && state.hub.has_had_ends(key);
            state.hub.closed(now, key, code, reason);
            Some(LeaveResult { rest, has_had_ends })
        })
    }

    /// Calls `work` with the hub, then handles the hub's outputs.
    pub fn with<T>(&self, work: impl FnOnce(&mut Hub, Millis) -> T) -> T {
        self.work(Caller::Other, |state, now| work(&mut state.hub, now))
    }

    /// Queues updates. The caller keeps the order of the channels' offsets.
    pub fn queue(&self, updates: &[ChannelUpdate], permit: &UpdatePermit) {
        let queued = updates
            .iter()
            .map(|update| QueuedUpdate { update: update.clone(), _permit: Arc::clone(permit) });
        let mut inbox = self.inbox.lock();
        inbox.updates.extend(queued);
        if inbox.since.is_none() {
            inbox.since = Some(self.clock.elapsed());
        }
    }

    /// Wakes the shard's task, which then handles its queue.
    pub fn call(&self) {
        self.called.notify_one();
    }

    /// Keeps the hub's time, hands it updates and writes what it has for its sessions, without end.
    pub async fn run(self: Arc<Self>) {
        let mut batch = FlushBatch::default();
        let mut sleep = pin!(tokio::time::sleep_until(self.clock.timer(Millis(0))));
        loop {
            let has_more = self.turn();
            if self.batch(&mut batch) || has_more {
                // Lets sessions and publishers run between two batches, however much waits.
                tokio::task::yield_now().await;
                continue;
            }
            self.time_fanout();
            let wake = self.state.lock().hub.wake().at;
            let before = self.sleeps_until.swap(wake.0, Ordering::AcqRel);
            // The time is often the same as before; then the timer is not touched.
            if wake.0 != before || sleep.is_elapsed() {
                sleep.as_mut().reset(self.clock.timer(wake));
            }
            tokio::select! {
                () = self.called.notified() => {}
                () = &mut sleep => {}
            }
        }
    }

    /// Handles one batch of queued updates, and deadlines that have passed. Returns whether more
    /// updates wait.
    fn turn(&self) -> bool {
        let (batch, has_more): (Vec<QueuedUpdate>, bool) = {
            let updates = &mut self.inbox.lock().updates;
            let some = updates.len().min(BATCH);
            (updates.drain(..some).collect(), !updates.is_empty())
        };
        self.work(Caller::Shard, |state, now| {
            for queued in &batch {
                match &queued.update {
                    ChannelUpdate::Published(publication) => {
                        state.hub.publication(now, publication);
                    }
                    ChannelUpdate::Deleted(channel) => state.hub.forgotten(channel),
                    ChannelUpdate::Head(channel, head) => state.hub.recheck(channel, head),
                }
            }
            if state.hub.wake().at <= now {
                state.hub.tick(now);
            }
        });
        has_more
    }

    /// All that had come is written: notes how long that took since the first of it.
    fn time_fanout(&self) {
        let mut inbox = self.inbox.lock();
        if inbox.updates.is_empty()
            && let Some(since) = inbox.since.take()
        {
            drop(inbox);
            self.session_count.fanned_out(self.clock.elapsed().saturating_sub(since));
        }
    }

    /// Writes to some of the sessions that have something to write. Returns whether more of them
    /// wait. Nothing is awaited here, so every batch that was begun is settled.
    fn batch(&self, batch: &mut FlushBatch) -> bool {
        let mut state = self.state.lock();
        if !state.is_anyone_ready() {
            return false;
        }
        batch.pick(&mut state, self.clock.now());
        drop(state);
        batch.write(&self.compression);
        let mut state = self.state.lock();
        batch.settle(&mut state, self.clock.now());
        let has_more = state.is_anyone_ready();
        drop(state);
        batch.wake();
        has_more
    }

    fn work<T>(&self, caller: Caller, work: impl FnOnce(&mut ShardState, Millis) -> T) -> T {
        let mut state = self.state.lock();
        let now = self.clock.now();
        let result = work(&mut state, now);
        let mut woken = Vec::new();
        let mut ended = Vec::new();
        while let Some(output) = state.hub.poll() {
            match output {
                Output::Ready(key) => {
                    let is_closing = state.hub.is_closing(key);
                    if caller == Caller::Shard && !is_closing && state.line_up(key) {
                        continue;
                    }
                    let waker = state.slot(key).map(|slot| Arc::clone(&slot.waker));
                    woken.extend(waker.map(|waker| (waker, is_closing)));
                }
                Output::Ended(report) => {
                    state.forget(report.session);
                    ended.push(report);
                }
            }
        }
        let wake = state.hub.wake().at;
        drop(state);
        for (waker, is_closing) in woken {
            waker.ready.notify_one();
            if is_closing {
                waker.closing.notify_one();
            }
        }
        for report in &ended {
            self.session_count.end(report.code);
            log::session_ended(&Node::connection_id(self.index, report.session), report);
        }
        if wake.0 < self.sleeps_until.load(Ordering::Acquire) {
            self.call();
        }
        result
    }
}

/// Who works on the state.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Caller {
    /// The shard's task, which then writes to the sessions itself.
    Shard,
    /// Any other task: the sessions' tasks are woken.
    Other,
}

#[cfg(test)]
mod tests;
