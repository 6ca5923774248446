//! The only thread that writes to the store: commits all waiting publishes together (group commit),
//! then answers and announces them. In: requests. Out: answers, and updates in the order of
//! offsets. Publishes that arrive during a commit share the next one.

mod recovery;
mod request_queue;
mod steps;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use steadfast_history::{Publish, PublishError, ReadError, Receipt};
use steadfast_machine::Millis;
use steadfast_protocol::ChannelName;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::commit_builder::{CommitBuilder, CommitOutcome, CommitTerms, PendingReply};
use super::data_dir::DataDir;
use super::load::{COMMIT_MARK, GONE_MARK, Setup, put_mark};
use super::record;
use super::shared::DiskShared;
use super::store::{Store, StoreError, Sync, WriteBatch};
use super::table::KeptAnswer;
use super::trim::OldestEvents;
use crate::update_bus::ChannelUpdate;
use recovery::StoreHealth;
use request_queue::{NoPublish, NoRequest, RequestQueue};
use steps::Maintenance;

/// The most publishes in one commit.
const COMMIT_EVENTS_MAX: usize = 4_096;
/// The most bytes of payloads in one commit, or one publish if that is larger.
const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// How long publishes are waited for: a quarter of the last commit's time, and this at most.
const GATHER_PART: u32 = 4;
const GATHER_MAX: Duration = Duration::from_micros(500);
/// How often the queue is polled meanwhile.
const GATHER_POLL: Duration = Duration::from_micros(20);
/// The most bytes of an event's encoding besides its names and payload.
const OVERHEAD_BYTES_MAX: usize = 256;
/// The most expired idempotency keys that one commit drops.
const ANSWERS_PER_COMMIT: usize = 1_024;

pub(super) type Permit = Arc<OwnedSemaphorePermit>;
pub(super) type Published = Result<Receipt, PublishError>;

/// A publish in the queue.
#[derive(Debug)]
pub(super) struct QueuedPublish {
    pub(super) publish: Publish,
    pub(super) permit: Permit,
    pub(super) answer: oneshot::Sender<Published>,
}

/// A request to the writer.
#[derive(Debug)]
pub(super) enum WriterRequest {
    /// Store and announce an event.
    Publish(QueuedPublish),
    /// Delete a channel.
    Delete(ChannelName, Permit, oneshot::Sender<Result<bool, ReadError>>),
    /// Commit something, to see whether a publish would succeed.
    Probe(oneshot::Sender<bool>),
    /// Repair the store: a reader found it damaged; the number is that of its opening.
    Damaged(String, u64),
    /// Look for expired events.
    Tick,
}

/// The writer.
#[derive(Debug)]
pub(super) struct DiskWriter {
    pub(super) shared: Arc<DiskShared>,
    pub(super) folder: DataDir,
    pub(super) setup: Setup,
    pub(super) runtime: Handle,
    requests: RequestQueue,
    oldest_events: OldestEvents,
    commit: u64,
    fence: u64,
    maintenance: Maintenance,
    health: StoreHealth,
    pace: CommitPace,
}

/// The events and the duration of the last commit.
#[derive(Clone, Copy, Debug, Default)]
struct CommitPace {
    events: usize,
    took: Duration,
}

impl DiskWriter {
    /// A writer for the store that was opened.
    pub(super) fn new(
        shared: Arc<DiskShared>,
        folder: DataDir,
        setup: Setup,
        requests: mpsc::Receiver<WriterRequest>,
        runtime: Handle,
        (commit, fence, tombstones): (u64, u64, Vec<u64>),
    ) -> Self {
        let maintenance = Maintenance::new(tombstones);
        let (oldest_events, health) = (OldestEvents::default(), StoreHealth::Sound { stops: 0 });
        Self {
            shared,
            folder,
            setup,
            runtime,
            requests: RequestQueue::new(requests),
            oldest_events,
            commit,
            fence,
            maintenance,
            health,
            pace: CommitPace::default(),
        }
    }

    /// Handles requests until every sender is gone.
    pub(super) fn run(mut self) {
        self.look_at_disk();
        loop {
            // A panic in the store's library must not end the writer.
            let done = catch_unwind(AssertUnwindSafe(|| match self.next() {
                Some(request) => {
                    self.handle(request);
                    true
                }
                None => false,
            }));
            match done {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => self.fail(&StoreError::Stopped),
            }
        }
    }

    fn handle(&mut self, request: WriterRequest) {
        match request {
            WriterRequest::Publish(first) => {
                let asked = self.gather(first);
                self.publish(asked);
            }
            WriterRequest::Delete(name, permit, answer) => {
                let deleted = self.delete(&name, &permit);
                let _ = answer.send(deleted);
            }
            WriterRequest::Probe(answer) => {
                let is_ready = self.probe();
                let _ = answer.send(is_ready);
            }
            WriterRequest::Damaged(_, opening) if opening != self.shared.handle.opening() => {}
            WriterRequest::Damaged(what, _) => {
                tracing::error!(what, "the store is damaged");
                self.fail(&StoreError::Damaged(what));
                self.sound_store();
            }
            WriterRequest::Tick => self.tick(),
        }
    }

    /// The next request. Does one step of maintenance before each, and further ones while there is
    /// no request.
    fn next(&mut self) -> Option<WriterRequest> {
        loop {
            if !self.step() {
                return self.requests.wait();
            }
            match self.requests.take() {
                Ok(request) => return Some(request),
                Err(NoRequest::Empty) => {}
                Err(NoRequest::Closed) => return None,
            }
        }
    }

    /// Collects the waiting publishes for one commit. Publishers that were answered together tend
    /// to publish again at nearly the same time, so this waits for as many as the last commit had,
    /// for a small part of a commit's time; after a commit of one event it does not wait.
    fn gather(&mut self, first: QueuedPublish) -> Vec<QueuedPublish> {
        let clock = self.shared.times.clock;
        let CommitPace { events, took } = self.pace;
        let wait_until = clock.elapsed() + (took / GATHER_PART).min(GATHER_MAX);
        let mut bytes = first.publish.data.as_str().len();
        let mut asked = vec![first];
        while asked.len() < COMMIT_EVENTS_MAX && bytes < COMMIT_BYTES_MAX {
            match self.requests.take_publish() {
                Ok(one) => {
                    bytes += one.publish.data.as_str().len();
                    asked.push(one);
                }
                Err(NoPublish::Empty) if asked.len() < events && clock.elapsed() < wait_until => {
                    std::thread::sleep(GATHER_POLL);
                }
                Err(NoPublish::Empty | NoPublish::OtherRequest) => break,
            }
        }
        asked
    }

    fn publish(&mut self, asked: Vec<QueuedPublish>) {
        let Some(store) = self.sound_store() else { return refuse(asked) };
        let done = self.build_commit(&store, &asked).and_then(|(answers, batch, outcome)| {
            let is_settled = batch.is_empty();
            if !is_settled {
                self.commit(batch, asked.len())?;
            }
            Ok((answers, outcome))
        });
        let (answers, outcome) = match done {
            Ok(done) => done,
            Err(error) => {
                self.close_empty(asked.iter());
                self.fail(&error);
                return refuse(asked);
            }
        };
        self.apply(outcome);
        let is_refused = |answer: &PendingReply| matches!(answer, PendingReply::Settled(Err(_)));
        let refused = asked.iter().zip(&answers).filter(|(_, answer)| is_refused(answer));
        self.close_empty(refused.map(|(one, _)| one));
        for (one, answer) in asked.into_iter().zip(answers) {
            let answer = match answer {
                PendingReply::Settled(answer) => answer,
                PendingReply::Placed { epoch, offset, publication } => {
                    let is_repeat = publication.is_none();
                    if let Some(publication) = publication {
                        self.shared
                            .updates
                            .send(&ChannelUpdate::Published(publication), &one.permit);
                    }
                    Ok(Receipt { epoch, offset, is_repeat })
                }
            };
            // The publisher may have stopped waiting.
            drop(one.answer.send(answer));
        }
        self.shared.updates.wake();
    }

    /// Closes channels that were opened for these publishes and got no event.
    fn close_empty<'a>(&self, asked: impl Iterator<Item = &'a QueuedPublish>) {
        let now = self.shared.times.clock.now();
        let mut table = self.shared.table.lock();
        asked.for_each(|one| table.close(&one.publish.channel, now));
    }

    /// Assigns offsets and builds the batch; nothing takes effect before the commit.
    fn build_commit(
        &mut self,
        store: &Store,
        asked: &[QueuedPublish],
    ) -> Result<(Vec<PendingReply>, WriteBatch, CommitOutcome), StoreError> {
        let times = self.shared.times;
        let (now, time) = (times.clock.now(), times.clock.date());
        let mut table = self.shared.table.lock();
        let (_, gone) = table.expire_answers(times.at(now), ANSWERS_PER_COMMIT);
        let (fence, totals) = (self.fence, table.totals());
        let bytes = asked.iter().map(|one| about_bytes(&one.publish)).sum();
        let evictions = table.evictions(bytes, bytes);
        let terms = CommitTerms { now: times.at(now), time, fence, totals };
        let mut builder = CommitBuilder::new(store, &mut self.oldest_events, terms);
        let settled = asked.iter().map(|one| {
            let Publish { channel, idempotency_key, .. } = &one.publish;
            let (numbers, is_saved) = match table.open(channel, now) {
                Ok(channel) => (channel.numbers().clone(), channel.is_saved),
                Err(error) => return Some(PendingReply::Settled(Err(error))),
            };
            let key = idempotency_key.as_deref();
            let at = Millis(times.at(now));
            let answer = key.and_then(|key| table.find_answer(at, numbers.id, key));
            if let Some(first) = answer {
                return Some(PendingReply::Settled(first.repeat(numbers.epoch, &one.publish)));
            }
            builder.begin(channel, numbers, is_saved, table.retention(channel));
            None
        });
        let settled: Vec<Option<PendingReply>> = settled.collect();
        for (channel, _) in &evictions {
            if let Some(numbers) = table.numbers(channel).cloned() {
                builder.begin(channel, numbers, table.is_saved(channel), table.retention(channel));
            }
        }
        builder.set_evictions(evictions);
        drop(table);
        let mut answers = Vec::with_capacity(asked.len());
        for (one, settled) in asked.iter().zip(settled) {
            answers.push(match settled {
                Some(answer) => answer,
                None => builder.publish(&one.publish)?,
            });
        }
        for answer in gone {
            builder.write(record::answer_key(&answer), None);
        }
        let (batch, outcome) = builder.finish();
        Ok((answers, batch, outcome))
    }

    /// Commits a batch of so many events and waits for the disk.
    fn commit(&mut self, mut batch: WriteBatch, events: usize) -> Result<(), StoreError> {
        let clock = self.shared.times.clock;
        let commit = self.commit + 1;
        put_mark(&mut batch, COMMIT_MARK, commit);
        let begun = clock.elapsed();
        batch.commit(Sync::Now)?;
        self.commit = commit;
        self.folder.note_acked(commit);
        let took = clock.elapsed().saturating_sub(begun);
        self.pace = CommitPace { events, took };
        self.shared.tally.committed(events, took);
        Ok(())
    }

    /// Makes a commit visible to readers.
    fn apply(&mut self, outcome: CommitOutcome) {
        let mut table = self.shared.table.lock();
        for (name, ahead) in outcome.channels {
            table.take_over(&name, ahead.numbers, ahead.events);
        }
        for (answered, first) in outcome.answers {
            table.remember(answered, KeptAnswer { first, is_written: false });
        }
        for answered in &outcome.written {
            table.is_written(answered);
        }
        table.yields.has_dropped(self.shared.times.clock.now(), outcome.yielded);
        drop(table);
        self.maintenance.over.extend(outcome.over);
    }

    fn delete(&mut self, name: &ChannelName, permit: &Permit) -> Result<bool, ReadError> {
        let store = self.sound_store().ok_or(ReadError::Unavailable)?;
        let (known, gone) = {
            let table = self.shared.table.lock();
            (table.numbers(name).map(|numbers| numbers.id), table.era.gone + 1)
        };
        let Some(id) = known else { return Ok(false) };
        let mut batch = store.batch();
        batch.remove(record::channel_key(name));
        put_mark(&mut batch, GONE_MARK, gone);
        batch.put(record::tombstone_key(id), []);
        if let Err(error) = self.commit(batch, 0) {
            self.fail(&error);
            return Err(ReadError::Unavailable);
        }
        {
            let mut table = self.shared.table.lock();
            table.remove(name);
            table.era.gone = gone;
        }
        self.oldest_events.forget(id);
        self.maintenance.add_deleted(id);
        self.shared.updates.send(&ChannelUpdate::Deleted(name.clone()), permit);
        self.shared.updates.wake();
        Ok(true)
    }

    fn probe(&mut self) -> bool {
        let Some(store) = self.sound_store() else { return false };
        let done = self.commit(store.batch(), 0);
        done.inspect_err(|error| self.fail(error)).is_ok()
    }
}

/// An upper bound of an event's bytes in the history.
fn about_bytes(publish: &Publish) -> u64 {
    let named = publish.channel.as_str().len() + publish.event.as_str().len();
    (named + publish.data.as_str().len() + OVERHEAD_BYTES_MAX) as u64
}

fn refuse(asked: Vec<QueuedPublish>) {
    for one in asked {
        drop(one.answer.send(Err(PublishError::Unavailable)));
    }
}
