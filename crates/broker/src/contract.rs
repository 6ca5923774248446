//! The contract of a broker: what each call promises, in which order, and which calls a broker may
//! leave as they are. In: publishes, reads and ticks. Out: positions, pages, and updates of
//! channels by way of the update bus.

use std::future::Future;

use steadfast_history::{
    ChannelInfo, Page, PageLimit, Publish, PublishError, ReadError, Receipt, ReservedTotals,
    YieldTotals,
};
use steadfast_protocol::{ChannelName, Generation, LinkKey, Since};

use crate::metrics::{BrokerMetric, BrokerStat};

/// What every broker does. [`crate::Broker`] calls the one that the node uses; the page of this
/// crate says what holds for all calls together.
///
/// A broker starts with a [`crate::UpdateBus`], and its constructor returns before it has reached
/// any server. No call panics, and each may be dropped at any point where it waits: a publish that
/// was handed over is kept or not, and the same idempotency key settles it.
pub trait BrokerBackend: Send + Sync {
    /// The broker's name: the `kind` of its settings, and how operators see it.
    const NAME: &'static str;

    /// Stores an event and announces it. Answers once the event is kept as well as this broker
    /// keeps events; followers may hear of it before that answer and never without the event being
    /// kept.
    ///
    /// Offsets of a channel go up by one from 1, without a hole. A repeated idempotency key gets
    /// the first answer. On an error nothing was stored, except that after
    /// [`PublishError::Unavailable`] the event may be there: once, under its key.
    fn publish(
        &self,
        publish: Publish,
    ) -> impl Future<Output = Result<Receipt, PublishError>> + Send;

    /// Stores many events: those of one channel get their offsets in the order of the list, and
    /// each is stored or refused for itself. The answers come together, one for each, in order.
    fn publish_many(
        &self,
        publishes: Vec<Publish>,
    ) -> impl Future<Output = Vec<Result<Receipt, PublishError>>> + Send;

    /// Reads the events after a position, in order, as far as `limit` allows; the first one is
    /// given however large it is. What is missing before it is told as the page's gap.
    ///
    /// To read a name without events makes no channel: it reserves the epoch that the first event
    /// will have. Every event that was announced before the call is in the page or in a later one.
    fn read(
        &self,
        channel: &ChannelName,
        since: &Since,
        limit: PageLimit,
    ) -> impl Future<Output = Result<Page, ReadError>> + Send;

    /// What is known of a channel; `None` if there is none.
    fn info(
        &self,
        channel: &ChannelName,
    ) -> impl Future<Output = Result<Option<ChannelInfo>, ReadError>> + Send;

    /// Channels in order of name, after `after`, `limit` at most.
    fn list(
        &self,
        after: Option<&ChannelName>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<ChannelInfo>, ReadError>> + Send;

    /// Forgets a channel with its events and its idempotency keys, and announces that; false if
    /// there was none. What is published later has a new epoch.
    fn delete(&self, channel: &ChannelName)
    -> impl Future<Output = Result<bool, ReadError>> + Send;

    /// Whether a publish would be taken now, found out by sending something the way of one. Answers
    /// within two seconds, and stores nothing.
    fn is_ready(&self) -> impl Future<Output = bool> + Send;

    /// How many channels are kept, and the bytes of their events, as last known.
    fn size(&self) -> (usize, usize);

    /// How many epochs are reserved for names without events, and how many had no room.
    fn reserved_epochs(&self) -> ReservedTotals;

    /// Optional: what has gone to make room. A broker that refuses instead leaves it empty.
    fn yields(&self) -> YieldTotals {
        YieldTotals::default()
    }

    /// Optional: the page of [`Self::read`] where it can be had without waiting. `None` says
    /// nothing about the channel: the caller reads.
    fn read_at_once(
        &self,
        _channel: &ChannelName,
        _since: &Since,
        _limit: PageLimit,
    ) -> Option<Result<Page, ReadError>> {
        None
    }

    /// Optional: why a broker that is not ready knows that it is not, as the rest of a sentence
    /// that begins with its name. `None`: it just does not answer.
    fn failure(&self) -> Option<&'static str> {
        None
    }

    /// Optional: what operators should know though the broker is ready, a sentence each.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }

    /// Optional: what the broker counts besides, for a scrape. The names and their labels are the
    /// same at every call.
    fn metrics(&self) -> Vec<BrokerMetric> {
        Vec::new()
    }

    /// Optional: what the broker tells of itself in the statistics, as an object under its name.
    /// None of it where the list is empty.
    fn stats(&self) -> Vec<BrokerStat> {
        Vec::new()
    }

    /// Optional: drops some of what has grown too old. Called every ten seconds; does a bounded
    /// amount of work. A broker whose own tasks do that leaves it empty.
    fn expire(&self) {}

    /// Optional: keeps the epochs that followed channels without events will have. Called once a
    /// minute. A broker whose own tasks do that leaves it empty.
    fn keep_followed(&self) {}

    /// Optional: what the broker does all the time. It is polled for as long as the node runs and
    /// never ends.
    fn run(&self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Optional: the node leaves in peace, so that other nodes need not wait for what it may have
    /// seen. Takes a second at most.
    fn leave(&self) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Optional, for a broker that nodes share: a session of a link begins here, so that other
    /// nodes close older ones. Nobody is told while the broker cannot be reached.
    fn claim_link(
        &self,
        _link: &LinkKey,
        _generation: Generation,
    ) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}
