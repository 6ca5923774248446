//! One hub behind a lock, and the task that keeps its time and takes its publications.
//! Sessions of one link always live on one shard, so fencing needs no other. The lock is held for
//! table work only: never over a write, a read of history, or an await.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use steadfast_hub::{Hub, HubConfig, OpenError, Opening, Output, Publication, SessionKey};
use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, Position};
use tokio::sync::{Notify, OwnedSemaphorePermit};

use crate::clock::Clock;
use crate::headcount::Headcount;
use crate::log;

/// Publications handed to the hub in one go; other work gets the lock in between.
const BATCH: usize = 64;

/// A hub and what the shell needs around it.
#[derive(Debug)]
pub struct Shard {
    clock: Clock,
    headcount: Arc<Headcount>,
    desk: Mutex<Desk>,
    inbox: Mutex<VecDeque<Arrival>>,
    called: Notify,
    /// When the shard's task will look at the time next, in its clock's milliseconds.
    sleeps_until: AtomicU64,
}

/// Wakes the owner of one session.
#[derive(Debug, Default)]
pub struct Bell {
    /// There is something to take.
    pub ready: Notify,
    /// The session was closed and its owner may be stuck in a write.
    pub closing: Notify,
}

#[derive(Debug)]
struct Desk {
    hub: Hub,
    /// By slot of the session.
    bells: Vec<Option<(SessionKey, Arc<Bell>)>>,
}

/// Something that happened to a channel, on its way to the hub.
#[derive(Debug)]
struct Arrival {
    what: News,
    /// Given back when every shard has dealt with it: bounds what is on its way.
    _permit: Arc<OwnedSemaphorePermit>,
}

/// What happened to a channel.
#[derive(Clone, Debug)]
pub enum News {
    /// It has one more event.
    Published(Arc<Publication>),
    /// Its history is gone.
    Forgotten(ChannelName),
    /// This is its newest event: some before it may not have been announced.
    Standing(ChannelName, Position),
}

impl Shard {
    /// A shard without sessions, which `headcount` will count. Run [`Shard::run`] on a task of
    /// its own.
    pub fn new(config: HubConfig, clock: Clock, headcount: Arc<Headcount>) -> Self {
        let desk = Desk { hub: Hub::new(config, clock.now()), bells: Vec::new() };
        Self {
            clock,
            headcount,
            desk: Mutex::new(desk),
            inbox: Mutex::default(),
            called: Notify::new(),
            sleeps_until: AtomicU64::new(0),
        }
    }

    /// Begins a session whose owner hears `bell`.
    pub fn open(&self, opening: Opening, bell: &Arc<Bell>) -> Result<SessionKey, OpenError> {
        self.work(|desk, now| {
            let key = desk.hub.open(now, opening)?;
            self.headcount.one_more();
            let slot = key.index as usize;
            if desk.bells.len() <= slot {
                desk.bells.resize_with(slot + 1, || None);
            }
            if let Some(place) = desk.bells.get_mut(slot) {
                *place = Some((key, Arc::clone(bell)));
            }
            Ok(key)
        })
    }

    /// Works on the hub, then does what it asks for.
    pub fn with<T>(&self, work: impl FnOnce(&mut Hub, Millis) -> T) -> T {
        self.work(|desk, now| work(&mut desk.hub, now))
    }

    /// Puts news in line. Called in the order of the channel's offsets.
    pub fn announce(&self, what: News, permit: Arc<OwnedSemaphorePermit>) {
        self.inbox.lock().push_back(Arrival { what, _permit: permit });
    }

    /// Has the shard's task look at its inbox.
    pub fn call(&self) {
        self.called.notify_one();
    }

    /// Keeps the hub's time and hands it what arrives, for ever.
    pub async fn run(self: Arc<Self>) {
        loop {
            if self.turn() {
                // Sessions get their turn between two batches, however much arrives.
                tokio::task::yield_now().await;
                continue;
            }
            let wake = self.desk.lock().hub.wake().at;
            self.sleeps_until.store(wake.0, Ordering::Release);
            tokio::select! {
                () = self.called.notified() => {}
                () = tokio::time::sleep_until(self.clock.timer(wake)) => {}
            }
        }
    }

    /// Deals with one batch of what has arrived, and with what is due; false where nothing had
    /// arrived.
    fn turn(&self) -> bool {
        let batch: Vec<Arrival> = {
            let mut inbox = self.inbox.lock();
            let some = inbox.len().min(BATCH);
            inbox.drain(..some).collect()
        };
        self.work(|desk, now| {
            for arrival in &batch {
                match &arrival.what {
                    News::Published(publication) => desk.hub.publication(now, publication),
                    News::Forgotten(channel) => desk.hub.forgotten(channel),
                    News::Standing(channel, head) => desk.hub.recheck(channel, head),
                }
            }
            if desk.hub.wake().at <= now {
                desk.hub.tick(now);
            }
        });
        !batch.is_empty()
    }

    fn work<T>(&self, work: impl FnOnce(&mut Desk, Millis) -> T) -> T {
        let mut desk = self.desk.lock();
        let now = self.clock.now();
        let result = work(&mut desk, now);
        let mut rung = Vec::new();
        let mut ended = Vec::new();
        while let Some(output) = desk.hub.poll() {
            match output {
                Output::Ready(key) => {
                    let bell = desk.bell(key);
                    rung.extend(bell.map(|bell| (bell, desk.hub.is_closing(key))));
                }
                Output::Ended(report) => {
                    desk.forget(report.session);
                    ended.push(report);
                }
            }
        }
        let wake = desk.hub.wake().at;
        drop(desk);
        for (bell, is_closing) in rung {
            bell.ready.notify_one();
            if is_closing {
                bell.closing.notify_one();
            }
        }
        for report in &ended {
            self.headcount.one_less();
            log::session_ended(report);
        }
        if wake.0 < self.sleeps_until.load(Ordering::Acquire) {
            self.call();
        }
        result
    }
}

impl Desk {
    fn bell(&self, key: SessionKey) -> Option<Arc<Bell>> {
        let (owner, bell) = self.bells.get(key.index as usize)?.as_ref()?;
        (*owner == key).then(|| Arc::clone(bell))
    }

    fn forget(&mut self, key: SessionKey) {
        if let Some(place) = self.bells.get_mut(key.index as usize)
            && place.as_ref().is_some_and(|(owner, _)| *owner == key)
        {
            *place = None;
        }
    }
}
