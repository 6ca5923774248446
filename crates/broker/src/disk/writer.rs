//! The one thread that writes: takes what publishers ask for, makes one commit of all that waits,
//! and answers and announces once the disk has it. In: requests. Out: answers, announcements in the
//! order of offsets. Whoever comes while a commit is on its way shares the next one.

mod recovery;
mod steps;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use steadfast_history::{Publish, PublishError, ReadError, Receipt};
use steadfast_machine::Millis;
use steadfast_protocol::ChannelName;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::commit_builder::{CommitBuilder, CommitOutcome, CommitTerms, PendingReply};
use super::data_dir::DataDir;
use super::load::{COMMIT_MARK, GONE_MARK, Setup, put_mark};
use super::record;
use super::shared::DiskShared;
use super::store::{Store, StoreError, Sync, WriteBatch};
use super::table::KeptAnswer;
use super::trim::Fronts;
use crate::update_bus::ChannelUpdate;
use recovery::StoreHealth;
use steps::Chores;

/// The most publishes in one commit.
const COMMIT_EVENTS_MAX: usize = 4_096;
/// The most bytes of payloads in one commit, or one publish if that is larger.
const COMMIT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// For which part of a commit's time, and how long at most, publishers are waited for.
const GATHER_PART: u32 = 4;
const GATHER_MAX: Duration = Duration::from_micros(500);
/// How often is looked whether they have come.
const GATHER_LOOK: Duration = Duration::from_micros(20);
/// The most bytes of an event's text around its names and payload, its epoch included.
const AROUND_BYTES_MAX: usize = 256;
/// Answers that one commit forgets at most.
const ANSWERS_PER_COMMIT: usize = 1_024;

pub(super) type Permit = Arc<OwnedSemaphorePermit>;
pub(super) type Published = Result<Receipt, PublishError>;

/// A publish that waits.
#[derive(Debug)]
pub(super) struct QueuedPublish {
    pub(super) publish: Publish,
    pub(super) permit: Permit,
    pub(super) answer: oneshot::Sender<Published>,
}

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum WriterRequest {
    /// To store and announce an event.
    Publish(QueuedPublish),
    /// To forget a channel.
    Delete(ChannelName, Permit, oneshot::Sender<Result<bool, ReadError>>),
    /// To commit something, as a publish would.
    Probe(oneshot::Sender<bool>),
    /// To mend the store: a reader has found the one of this opening damaged.
    Damaged(String, u64),
    /// To look what has grown old.
    Tick,
}

/// The writer.
#[derive(Debug)]
pub(super) struct DiskWriter {
    pub(super) shared: Arc<DiskShared>,
    pub(super) folder: DataDir,
    pub(super) setup: Setup,
    pub(super) requests: mpsc::Receiver<WriterRequest>,
    pub(super) runtime: Handle,
    held: Option<WriterRequest>,
    fronts: Fronts,
    commit: u64,
    fence: u64,
    chores: Chores,
    health: StoreHealth,
    pace: CommitPace,
}

/// The last commit: how many events it had, and how long it took.
#[derive(Clone, Copy, Debug, Default)]
struct CommitPace {
    events: usize,
    took: Duration,
}

impl DiskWriter {
    /// A writer of what was loaded.
    pub(super) fn new(
        shared: Arc<DiskShared>,
        folder: DataDir,
        setup: Setup,
        requests: mpsc::Receiver<WriterRequest>,
        runtime: Handle,
        (commit, fence, graves): (u64, u64, Vec<u64>),
    ) -> Self {
        let chores = Chores::new(graves);
        let (held, fronts, health) = (None, Fronts::default(), StoreHealth::Sound { stops: 0 });
        Self {
            shared,
            folder,
            setup,
            requests,
            runtime,
            held,
            fronts,
            commit,
            fence,
            chores,
            health,
            pace: CommitPace::default(),
        }
    }

    /// Works until nobody can ask for anything any more.
    pub(super) fn run(mut self) {
        self.look_at_disk();
        loop {
            // What the store's library takes for impossible must not end all writing.
            let done = catch_unwind(AssertUnwindSafe(|| match self.next() {
                Some(request) => {
                    self.deal_with(request);
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

    fn deal_with(&mut self, request: WriterRequest) {
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

    /// The next request; while there are chores, one step of them each time that none waits, and
    /// one after each request.
    fn next(&mut self) -> Option<WriterRequest> {
        loop {
            let has_more = self.step();
            if let Some(held) = self.held.take() {
                return Some(held);
            }
            if !has_more {
                return self.requests.blocking_recv();
            }
            match self.requests.try_recv() {
                Ok(request) => return Some(request),
                Err(TryRecvError::Empty) => {}
                Err(TryRecvError::Disconnected) => return None,
            }
        }
    }

    /// All publishes that wait, up to what fits into one commit. Publishers who were answered
    /// together come again together, but not at once: the first to come waits a little for as many
    /// as there were, a small part of what a commit takes, and alone for nobody.
    fn gather(&mut self, first: QueuedPublish) -> Vec<QueuedPublish> {
        let clock = self.shared.times.clock;
        let CommitPace { events, took } = self.pace;
        let wait_until = clock.elapsed() + (took / GATHER_PART).min(GATHER_MAX);
        let mut bytes = first.publish.data.as_str().len();
        let mut asked = vec![first];
        while asked.len() < COMMIT_EVENTS_MAX && bytes < COMMIT_BYTES_MAX {
            match self.requests.try_recv() {
                Ok(WriterRequest::Publish(one)) => {
                    bytes += one.publish.data.as_str().len();
                    asked.push(one);
                }
                Ok(other) => {
                    self.held = Some(other);
                    break;
                }
                Err(TryRecvError::Empty)
                    if asked.len() < events && clock.elapsed() < wait_until =>
                {
                    std::thread::sleep(GATHER_LOOK);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        asked
    }

    fn publish(&mut self, asked: Vec<QueuedPublish>) {
        let Some(store) = self.sound_store() else { return refuse(asked) };
        let done = self.draft(&store, &asked).and_then(|(answers, batch, outcome)| {
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
            // Whoever does not wait any more is not told.
            drop(one.answer.send(answer));
        }
        self.shared.updates.wake();
    }

    /// Channels that were opened for these publishes, and got no event, take no place.
    fn close_empty<'a>(&self, asked: impl Iterator<Item = &'a QueuedPublish>) {
        let now = self.shared.times.clock.now();
        let mut table = self.shared.table.lock();
        asked.for_each(|one| table.close(&one.publish.channel, now));
    }

    /// Gives every event its place, none of it true yet.
    fn draft(
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
        let givers = table.givers(bytes, bytes);
        let terms = CommitTerms { now: times.at(now), time, fence, totals };
        let mut draft = CommitBuilder::new(store, &mut self.fronts, terms);
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
            draft.begin(channel, numbers, is_saved, table.retention(channel));
            None
        });
        let settled: Vec<Option<PendingReply>> = settled.collect();
        for (giver, _) in &givers {
            if let Some(numbers) = table.numbers(giver).cloned() {
                draft.begin(giver, numbers, table.is_saved(giver), table.retention(giver));
            }
        }
        draft.set_givers(givers);
        drop(table);
        let mut answers = Vec::with_capacity(asked.len());
        for (one, settled) in asked.iter().zip(settled) {
            answers.push(match settled {
                Some(answer) => answer,
                None => draft.publish(&one.publish)?,
            });
        }
        for answer in gone {
            draft.write(record::answer_key(&answer), None);
        }
        let (batch, outcome) = draft.finish();
        Ok((answers, batch, outcome))
    }

    /// Has the disk keep a batch of so many events.
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

    /// Lets readers have what the store has.
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
        self.chores.over.extend(outcome.over);
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
        batch.put(record::grave_key(id), []);
        if let Err(error) = self.commit(batch, 0) {
            self.fail(&error);
            return Err(ReadError::Unavailable);
        }
        {
            let mut table = self.shared.table.lock();
            table.remove(name);
            table.era.gone = gone;
        }
        self.fronts.forget(id);
        self.chores.bury(id);
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

/// At most how many bytes the event takes in the history.
fn about_bytes(publish: &Publish) -> u64 {
    let named = publish.channel.as_str().len() + publish.event.as_str().len();
    (named + publish.data.as_str().len() + AROUND_BYTES_MAX) as u64
}

fn refuse(asked: Vec<QueuedPublish>) {
    for one in asked {
        drop(one.answer.send(Err(PublishError::Unavailable)));
    }
}
