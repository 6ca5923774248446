//! The way of updates from a broker to the node's sessions. In: updates, in order for each channel.
//! Out: the same at the node's [`UpdateSink`], with a bound on how many are in flight.

use std::fmt::Debug;
use std::sync::Arc;

use steadfast_history::Publication;
use steadfast_protocol::{ChannelName, Generation, LinkKey, Position};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many updates may be in flight; publishers wait beyond that.
pub const IN_FLIGHT_MAX: usize = 4_096;

/// Channels in one page of those that are followed.
const FOLLOWED_PAGE: usize = 256;

/// A change of a channel that its followers have to see.
#[derive(Clone, Debug)]
pub enum ChannelUpdate {
    /// An event was appended.
    Published(Arc<Publication>),
    /// The history was deleted.
    Deleted(ChannelName),
    /// The position of the newest event, after a time in which some events may not have been
    /// announced.
    Head(ChannelName, Position),
}

/// One update's share of [`IN_FLIGHT_MAX`]. It is given back when every receiver has dropped it.
pub type UpdatePermit = Arc<OwnedSemaphorePermit>;

/// Receives the updates of a broker: the sessions of one node.
///
/// A broker calls [`UpdateSink::send`] while it holds the lock that orders the channel, so an
/// implementation queues the updates and returns; it must not call the broker.
pub trait UpdateSink: Debug + Send + Sync {
    /// Queues updates, in this order. The permit is kept until the last of them is handled.
    fn send(&self, updates: &[ChannelUpdate], permit: &UpdatePermit);

    /// Handles what is queued. The broker holds no lock when it calls this.
    fn wake(&self);

    /// The channels that sessions of this node follow, in order of name, after `after`, `limit` at
    /// most.
    fn followed(&self, after: Option<&ChannelName>, limit: usize) -> Vec<ChannelName>;

    /// Whether a session of this node follows the channel.
    fn is_followed(&self, channel: &ChannelName) -> bool;

    /// Closes the sessions of a link that are older than `generation`. Returns the generation of a
    /// newer one that lives on this node, if there is one.
    fn fence(&self, link: &LinkKey, generation: Generation) -> Option<Generation>;
}

/// An [`UpdateSink`] behind a bound on the updates in flight.
#[derive(Clone, Debug)]
pub struct UpdateBus {
    sink: Arc<dyn UpdateSink>,
    in_flight: Arc<Semaphore>,
}

impl UpdateBus {
    /// A bus that leads to `sink`.
    pub fn new(sink: Arc<dyn UpdateSink>) -> Self {
        Self { sink, in_flight: Arc::new(Semaphore::new(IN_FLIGHT_MAX)) }
    }

    /// Waits until one more update may be in flight.
    pub async fn permit(&self) -> Option<UpdatePermit> {
        self.permits(1).await
    }

    /// Waits until `count` more updates may be in flight; one permit for all of them.
    pub async fn permits(&self, count: usize) -> Option<UpdatePermit> {
        let count = u32::try_from(count.min(IN_FLIGHT_MAX)).unwrap_or(u32::MAX);
        Arc::clone(&self.in_flight).acquire_many_owned(count).await.ok().map(Arc::new)
    }

    /// Sends one update. The caller holds the lock that orders the channel.
    pub fn send(&self, update: &ChannelUpdate, permit: &UpdatePermit) {
        self.sink.send(std::slice::from_ref(update), permit);
    }

    /// Sends many updates, in this order. The caller holds the lock that orders the channels.
    pub fn send_all(&self, updates: &[ChannelUpdate], permit: &UpdatePermit) {
        self.sink.send(updates, permit);
    }

    /// Waits for a permit, sends one update and has it handled. The caller holds no lock.
    pub async fn deliver(&self, update: ChannelUpdate) {
        if let Some(permit) = self.permit().await {
            self.send(&update, &permit);
            self.wake();
        }
    }

    /// Has the sink handle what was sent. The caller need not hold a lock.
    pub fn wake(&self) {
        self.sink.wake();
    }

    /// The next page of the channels that sessions of this node follow, in order of name; `None`
    /// behind the last. `after` is where the caller stands, `None` at first.
    pub fn next_followed(&self, after: &mut Option<ChannelName>) -> Option<Vec<ChannelName>> {
        let names = self.sink.followed(after.as_ref(), FOLLOWED_PAGE);
        *after = Some(names.last()?.clone());
        Some(names)
    }

    /// See [`UpdateSink::is_followed`].
    pub fn is_followed(&self, channel: &ChannelName) -> bool {
        self.sink.is_followed(channel)
    }

    /// See [`UpdateSink::fence`].
    pub fn fence(&self, link: &LinkKey, generation: Generation) -> Option<Generation> {
        self.sink.fence(link, generation)
    }

    /// How many updates are in flight.
    pub fn in_flight(&self) -> usize {
        IN_FLIGHT_MAX - self.in_flight.available_permits()
    }
}
