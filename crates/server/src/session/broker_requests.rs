//! What a session has asked of the broker and not been answered: one page and one publish at a
//! time, on tasks of their own, so that a broker which takes long holds up no socket and no
//! heartbeat. In: reads and publishes. Out: answers to the hub. Publishes that wait are bounded,
//! keep their order, and are still made when the session has ended: their frames had been taken.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::Mutex;
use steadfast_history::{Publish, PublishError};
use steadfast_hub::{Read, SessionKey};
use steadfast_protocol::Scalar;

use crate::node::Node;
use crate::session::shard::Shard;

/// Publishes of a session that wait for the one before; a link keeps no more either.
const WAITING_MAX: usize = 256;

/// A publish of a session, and the `id` of its frame.
type PublishFrame = (Option<Scalar>, Publish);

/// Whom answers are for.
#[derive(Clone, Debug)]
pub(crate) struct ReplyTarget {
    pub(crate) node: Arc<Node>,
    pub(crate) shard: Arc<Shard>,
    pub(crate) key: SessionKey,
}

/// Publishes of one session.
#[derive(Debug, Default)]
pub(super) struct SessionPublishes {
    queue: Option<Arc<Mutex<PublishQueue>>>,
}

#[derive(Debug, Default)]
struct PublishQueue {
    /// Somebody makes one and looks here for the next.
    is_busy: bool,
    waiting: VecDeque<PublishFrame>,
    bytes: usize,
}

impl ReplyTarget {
    /// Reads a page and gives it to the hub: now where it is at hand, later where not. The hub asks
    /// for one at a time.
    pub(crate) fn read(&self, read: Read) {
        let Self { node, shard, key } = self.clone();
        run(async move {
            let page = node.broker.read(&read.channel, &read.since, read.limit).await;
            shard.with(|hub, now| hub.page(now, key, &read, page));
        });
    }

    async fn publish(&self, (id, publish): PublishFrame) {
        let answer = self.node.publish(publish).await;
        self.shard.with(|hub, now| hub.published(now, self.key, id, answer));
    }
}

impl SessionPublishes {
    /// Makes a publish, behind those that were asked for before. Where too many wait it is refused,
    /// and has not been made.
    pub(super) fn put(&mut self, asker: &ReplyTarget, id: Option<Scalar>, publish: Publish) {
        let bytes_max = asker.node.message_limits().message_bytes_max;
        let bytes = publish.data.as_str().len();
        let queue = self.queue.get_or_insert_default();
        {
            let mut queue = queue.lock();
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

/// Makes a publish, and then those that have come meanwhile.
async fn make_all(asker: ReplyTarget, queue: Arc<Mutex<PublishQueue>>, first: PublishFrame) {
    let mut next = Some(first);
    while let Some(request) = next {
        asker.publish(request).await;
        next = queue.lock().next();
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

/// Goes as far as it can without waiting; the rest is a task of its own.
fn run(task: impl Future<Output = ()> + Send + 'static) {
    let mut task = Box::pin(task);
    // Whoever polls it next has a waker.
    if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        tokio::spawn(task);
    }
}
