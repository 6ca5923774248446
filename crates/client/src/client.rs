//! The public handle. In: what the app asks. Out: notices, state, statistics. Everything goes
//! through bounded queues to and from the one task that owns the link.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use serde::Serialize;
use steadfast_link::{
    Input, Link, LinkState, NetworkKey, NetworkKind, Notice, QualityReport, Statistics,
};
use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ChannelName, EventName, Position, Since};
use tokio::sync::{mpsc, oneshot, watch};

use crate::builder::Builder;
use crate::channel::ChannelStream;
use crate::clock;
use crate::dial_error::DialError;
use crate::driver::Command;
use crate::error::{ClosedError, PublishError};
use crate::networks::SavedNetworks;
use crate::notices::Notices;
use crate::positions::SavedPositions;
use crate::publish::Publisher;

/// A link to a Steadfast server, kept alive in the background. Dropping it closes the link.
///
/// It is also a [`Stream`] of what [`Client::next`] gives. What is asked of it waits until the link
/// has taken it, and fails with [`ClosedError`] once the client is closed. None of it fails because
/// of the network: how that fares is told by notices.
pub struct Client {
    commands: mpsc::Sender<Command<Link>>,
    notices: Notices,
    state: watch::Receiver<LinkState>,
    last_error: watch::Receiver<Option<Arc<DialError>>>,
}

impl Client {
    /// Sets up a client of the server at `url`, such as `http://127.0.0.1:8080`. Where a service
    /// has more servers, [`Builder::endpoint`] adds them.
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(crate) const fn new(
        commands: mpsc::Sender<Command<Link>>,
        notices: Notices,
        state: watch::Receiver<LinkState>,
        last_error: watch::Receiver<Option<Arc<DialError>>>,
    ) -> Self {
        Self { commands, notices, state, last_error }
    }

    /// The next thing the link tells, in order; `None` once the client is closed and everything is
    /// read. A link at rest (finished, rejected) tells so by a [`Notice::State`], and ends nothing.
    ///
    /// An app that stops reading stops its link: nothing is dropped, and nothing more is taken from
    /// the network. Only states hold nothing up: once 256 notices wait, changes of state that
    /// follow are joined into one. Safe to cancel.
    pub async fn next(&mut self) -> Option<Notice> {
        self.notices.next().await
    }

    /// Follows a channel. Nothing happens where the link follows it already. A link that is at
    /// rest because it finished starts again.
    ///
    /// A channel that is not served to this client is told as [`Notice::Refused`], with the code
    /// `forbidden`, or `too_many_channels` beyond 128 or what the server permits.
    pub async fn subscribe(&self, channel: ChannelName, since: Since) -> Result<(), ClosedError> {
        self.ask(Input::Subscribe { channel, since }).await?;
        self.ask(Input::Connect).await
    }

    /// Follows a channel by a stream of its own: what is told of it is told there, and no longer
    /// by [`Client::next`]. Where the link follows it already, `since` means nothing; an older
    /// stream of the same channel ends.
    pub async fn channel(
        &self,
        channel: ChannelName,
        since: Since,
    ) -> Result<ChannelStream, ClosedError> {
        let (positions, commands) = (self.notices.positions().clone(), self.commands.downgrade());
        let (stream, route) = ChannelStream::new(channel.clone(), positions, commands);
        let lead = Command::Route(channel.clone(), route);
        self.commands.send(lead).await.map_err(|_| ClosedError)?;
        self.subscribe(channel, since).await?;
        Ok(stream)
    }

    /// Stops following a channel. Its own stream, where it has one, ends.
    pub async fn unsubscribe(&self, channel: ChannelName) -> Result<(), ClosedError> {
        self.ask(Input::Unsubscribe { channel }).await
    }

    /// Publishes an event where the token permits it, and waits until the server has it. Its `data`
    /// nests at most 64 levels deep and fits a message of the server's, of 1 MiB unless that says
    /// otherwise; [`PublishError`] tells what else may go wrong, and whether trying again helps.
    ///
    /// Events of one channel are published in the order asked for. What a lost session left
    /// unanswered is sent again and makes no second event. Without a session, also while the link
    /// polls, events wait; there is room for [`crate::Builder::publish_limits`]. While the app
    /// leaves notices unread the link is held still, and no answer comes: an app that reads and
    /// publishes in turn does the latter by a [`Client::publisher`] beside it.
    pub async fn publish<T>(
        &self,
        channel: ChannelName,
        event: EventName,
        data: &T,
    ) -> Result<Position, PublishError>
    where
        T: Serialize + ?Sized + Sync,
    {
        self.publisher().publish(channel, event, data).await
    }

    /// A handle that publishes, to be moved to another task or cloned.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.commands.downgrade())
    }

    /// Tries again after the link came to rest. Nothing happens while it is not at rest.
    pub async fn reconnect(&self) -> Result<(), ClosedError> {
        self.ask(Input::Connect).await
    }

    /// Tries again now rather than when it is planned, as where somebody asks for it: within the
    /// floor of a second, the budget, and what the server asked for. Nothing happens while a
    /// session is live, an attempt is under way, or the link is at rest.
    pub async fn retry(&self) -> Result<(), ClosedError> {
        self.ask(Input::Retry).await
    }

    /// Tells the link what the device knows of its network; that it is another one is told by
    /// [`Client::network_changed`].
    pub async fn set_network(&self, network: Network) -> Result<(), ClosedError> {
        self.ask(match network {
            Network::Online => Input::Online,
            Network::Offline => Input::Offline,
            Network::Weak(is_weak) => Input::WeakNetwork(is_weak),
        })
        .await
    }

    /// Tells the link that the device is on another network, of this kind. The link asks at once
    /// whether its session lives, and seeks another one until it answers.
    ///
    /// With a key, what the link learns of a network is known again when the device is back on it;
    /// without, networks of a kind are taken for one. The key is saved with [`Client::networks`]:
    /// make it a hash of what names the network, with something in it that only this device knows,
    /// and not the SSID itself, which tells where somebody lives.
    pub async fn network_changed(
        &self,
        kind: NetworkKind,
        key: Option<NetworkKey>,
    ) -> Result<(), ClosedError> {
        self.ask(Input::NetworkChanged { kind, key }).await
    }

    /// Tells the link whether somebody looks at the app; at first it takes it so. In the background
    /// it says less often that it lives, so it notices a loss later; back in the foreground it asks
    /// at once.
    pub async fn set_foreground(&self, is_foreground: bool) -> Result<(), ClosedError> {
        self.ask(if is_foreground { Input::Foreground } else { Input::Background }).await
    }

    /// The state now, and a way to wait for the next one. A watcher may miss states that were
    /// short; [`Client::next`] tells each.
    pub fn state(&self) -> watch::Receiver<LinkState> {
        self.state.clone()
    }

    /// The link's statistics, right at this instant. Its times are in milliseconds since
    /// [`Builder::connect`].
    pub async fn statistics(&self) -> Result<Statistics, ClosedError> {
        self.inspect(Link::statistics).await
    }

    /// How good the link is, right at this instant. [`Notice::Quality`] tells when its grade
    /// changes.
    pub async fn quality(&self) -> Result<QualityReport, ClosedError> {
        self.inspect(Link::quality).await
    }

    /// In how long the next attempt to get a session begins, also while the link polls; `None`
    /// where none is planned, or one is under way.
    pub async fn next_attempt_in(&self) -> Result<Option<Span>, ClosedError> {
        self.inspect(|link, now| link.next_attempt_at().map(|at| at.since(now))).await
    }

    /// The last event of a channel that the app was handed, or is about to be; `None` where the
    /// link does not follow it, or has no position in it yet.
    pub async fn position(&self, channel: ChannelName) -> Result<Option<Position>, ClosedError> {
        self.inspect(move |link, _| link.position(&channel).cloned()).await
    }

    /// Where the app stands in every channel that it was handed something of: what to save, so that
    /// [`Builder::resume`](crate::Builder::resume) goes on there. What was not read yet, by
    /// [`Client::next`] or from a [`ChannelStream`], does not count. Works on a closed client too.
    pub fn positions(&self) -> SavedPositions {
        self.notices.positions().save()
    }

    /// What the link remembers of networks on which WebSocket did not get through: what to save, so
    /// that [`Builder::networks`](crate::Builder::networks) knows them after a restart. At most 20,
    /// of the last 24 hours. Save it now and then, and before [`Client::close`].
    pub async fn networks(&self) -> Result<SavedNetworks, ClosedError> {
        let records = self.inspect(Link::networks).await?;
        Ok(SavedNetworks::new(records, clock::date_ms()))
    }

    /// Why there is no session, for developers: why the newest attempt to open a WebSocket failed,
    /// to whichever endpoint; the code and the words with which the server closed the last one; or
    /// why the app gave no token. `None` before the first attempt and once a WebSocket was opened.
    /// An attempt that took too long leaves it as it was.
    pub fn last_dial_error(&self) -> Option<Arc<DialError>> {
        self.last_error.borrow().clone()
    }

    /// Closes the link and waits until it has said goodbye, about a second at most. What the link
    /// told before that can still be read.
    pub async fn close(&mut self) {
        // A full queue of requests is emptied once the app's own is.
        let ask = self.commands.send(Command::Input(Input::Close));
        // Already closed where this fails.
        let ((), _) = tokio::join!(self.notices.keep_to_the_end(), ask);
    }

    async fn ask(&self, input: Input) -> Result<(), ClosedError> {
        self.commands.send(Command::Input(input)).await.map_err(|_| ClosedError)
    }

    async fn inspect<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Link, Millis) -> T + Send + 'static,
    ) -> Result<T, ClosedError> {
        let (tell, told) = oneshot::channel();
        let look = Box::new(move |link: &Link, now| {
            // Nobody waits any more where this fails.
            let _ = tell.send(look(link, now));
        });
        self.commands.send(Command::Inspect(look)).await.map_err(|_| ClosedError)?;
        told.await.map_err(|_| ClosedError)
    }
}

/// What the device knows of its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// There is one again.
    Online,
    /// There is none.
    Offline,
    /// The device calls it weak, or no longer does: answers are given more time.
    Weak(bool),
}

impl Stream for Client {
    type Item = Notice;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Notice>> {
        Pin::new(&mut self.notices).poll_next(context)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}
