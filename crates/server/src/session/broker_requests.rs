//! The requests of a session that the broker has not answered: one page and one publish at a time,
//! on tasks of their own, so that a slow broker delays no socket and no heartbeat. In: reads and
//! publishes. Out: results for the hub. Publishes that wait are bounded and keep their order. They
//! are made even if the session has ended meanwhile, because their frames were accepted.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::Mutex;
use steadfast_history::{Page, Publish, PublishError, ReadError, Receipt};
use steadfast_hub::{Read, SessionKey};
use steadfast_protocol::Scalar;

use crate::net::access_limits::Refusal;
use crate::node::{Counters, Node};
use crate::session::shard::Shard;
use crate::session::user_budgets::{OverBudget, UserPermit};

/// The publishes of a session that may wait for the one before. A link keeps no more than this
/// either.
const WAITING_MAX: usize = 256;

/// A publish of a session, and the `id` of its frame.
type PublishFrame = (Option<Scalar>, Publish);

/// The session that results are for.
#[derive(Clone, Debug)]
pub(crate) struct ReplyTarget {
    pub(crate) node: Arc<Node>,
    pub(crate) shard: Arc<Shard>,
    pub(crate) key: SessionKey,
}

/// The publishes of one session. It has a queue once it publishes, or from the start if its token
/// names a user.
#[derive(Debug)]
pub(super) struct SessionPublishes {
    queue: Option<Arc<SessionQueue>>,
}

#[derive(Debug, Default)]
struct SessionQueue {
    /// Counted until the last publish is made.
    user: Option<UserPermit>,
    publishes: Mutex<PublishQueue>,
}

#[derive(Debug, Default)]
struct PublishQueue {
    /// Whether a task makes a publish. It takes the next one from here afterwards.
    is_busy: bool,
    waiting: VecDeque<PublishFrame>,
    bytes: usize,
}

impl ReplyTarget {
    /// Reads a page and hands it to the hub: now if the broker has it at hand, otherwise later. The
    /// hub asks for one at a time.
    pub(crate) fn read(&self, read: Read) {
        let target = self.clone();
        run(async move {
            let page = target.node.broker.read(&read.channel, &read.since, read.limit).await;
            target.hand_over(&read, page);
        });
    }

    /// Reads a page and hands it to the hub, if the broker has it at hand; otherwise returns false.
    pub(crate) fn read_at_once(&self, read: &Read) -> bool {
        let page = self.node.broker.read_at_once(&read.channel, &read.since, read.limit);
        page.map(|page| self.hand_over(read, page)).is_some()
    }

    fn hand_over(&self, read: &Read, page: Result<Page, ReadError>) {
        self.shard.with(|hub, now| hub.page(now, self.key, read, page));
    }

    async fn publish(&self, user: Option<&UserPermit>, (id, publish): PublishFrame) {
        let answer = match user {
            Some(user) => self.publish_within(user, publish).await,
            None => self.node.publish(publish).await,
        };
        self.shard.with(|hub, now| hub.published(now, self.key, id, answer));
    }

    /// Publishes within the budget of the user. Which channels there are is asked only once the
    /// user may make no more of them.
    async fn publish_within(
        &self,
        user: &UserPermit,
        publish: Publish,
    ) -> Result<Receipt, PublishError> {
        let (now, channel) = (self.node.clock.now(), publish.channel.clone());
        let has_key = publish.idempotency_key.is_some();
        let refused = |over: OverBudget| {
            Counters::add(&self.node.counters.publish_errors);
            self.node.access.count(Refusal::User(over));
            over.into()
        };
        user.publish(now, publish.data.as_str().len(), has_key).map_err(refused)?;
        let may_make = user.new_channel(now);
        let answer = match may_make {
            Ok(()) => self.node.publish(publish).await,
            Err(over) => match self.node.broker.info(&channel).await {
                Ok(Some(_)) => self.node.publish(publish).await,
                Ok(None) => Err(refused(over)),
                Err(ReadError::Unavailable) => Err(PublishError::Unavailable),
            },
        };
        let receipt = answer.as_ref().ok().filter(|receipt| !receipt.is_repeat);
        if has_key && receipt.is_none() {
            user.give_back_key();
        }
        if may_make.is_ok() && receipt.is_none_or(|receipt| receipt.offset > 1) {
            user.give_back_channel();
        }
        answer
    }
}

impl SessionPublishes {
    /// Of a session of this user.
    pub(super) fn new(user: Option<UserPermit>) -> Self {
        let queue = |user| Arc::new(SessionQueue { user: Some(user), ..SessionQueue::default() });
        Self { queue: user.map(queue) }
    }

    /// Makes a publish, after those that were put before it. If too many wait, it is refused
    /// without being made.
    pub(super) fn put(&mut self, asker: &ReplyTarget, id: Option<Scalar>, publish: Publish) {
        let bytes_max = asker.node.message_limits().message_bytes_max;
        let bytes = publish.data.as_str().len();
        let queue = self.queue.get_or_insert_default();
        {
            let mut queue = queue.publishes.lock();
            if queue.is_busy {
                let has_room = queue.waiting.len() < WAITING_MAX
                    && (queue.waiting.is_empty() || queue.bytes + bytes <= bytes_max);
                if has_room {
                    queue.bytes += bytes;
                    queue.waiting.push_back((id, publish));
                } else {
                    drop(queue);
                    let refused = Err(PublishError::Unavailable);
                    asker.shard.with(|hub, now| hub.published(now, asker.key, id, refused));
                }
                return;
            }
            queue.is_busy = true;
        }
        run(make_all(asker.clone(), Arc::clone(queue), (id, publish)));
    }
}

/// Makes a publish, and then those that were queued meanwhile.
async fn make_all(asker: ReplyTarget, queue: Arc<SessionQueue>, first: PublishFrame) {
    let mut next = Some(first);
    while let Some(request) = next {
        asker.publish(queue.user.as_ref(), request).await;
        next = queue.publishes.lock().next();
    }
}

impl PublishQueue {
    fn next(&mut self) -> Option<PublishFrame> {
        let next = self.waiting.pop_front();
        match &next {
            Some((_, publish)) => self.bytes -= publish.data.as_str().len(),
            None => self.is_busy = false,
        }
        next
    }
}

/// Polls the future once. If it has to wait, a task of its own drives the rest.
pub(super) fn run(task: impl Future<Output = ()> + Send + 'static) {
    let mut task = Box::pin(task);
    // The task that polls it next has a waker.
    if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tokio::spawn(task);
    }
}
