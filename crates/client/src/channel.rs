//! One channel's own stream. In: the link's notices of this channel. Out: the same, to the part of
//! the app that wants them. Bounded as the stream of all notices is: while one is full, the link is
//! held still.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use steadfast_link::{Link, Notice};
use steadfast_protocol::{ChannelName, Event, Gap, Position};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::driver::Command;
use crate::notices::{NOTICES_MAX, SharedPositions};

/// What a channel's stream tells, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelNotice {
    /// The channel is followed from here on; told once for each session or first poll.
    Subscribed {
        /// The next event is the one after this.
        position: Position,
        /// Whether everything after the app's position will come.
        is_recovered: bool,
    },
    /// The next event, each offset once, in order. Its `epoch` is always filled in.
    Event(Box<Event>),
    /// Events that cannot be given; told before the next event.
    Gap(Gap),
    /// The channel has ended, and is followed no longer.
    Finished,
    /// The server will not serve the channel, which is followed no longer.
    Refused {
        /// The stable word.
        code: Box<str>,
        /// In words, for a developer.
        message: String,
    },
}

/// The stream of one channel; made by [`Client::channel`](crate::Client::channel). Dropping it
/// leaves the channel.
///
/// It holds 256 notices. While it is full the link is held still, this channel and every other: an
/// app reads each of its streams in a task of its own, or drops those that it is done with.
#[must_use = "a stream that nobody reads holds the link still"]
pub struct ChannelStream {
    channel: ChannelName,
    incoming: mpsc::Receiver<Notice>,
    left: Arc<Left>,
    positions: SharedPositions,
    commands: mpsc::WeakSender<Command<Link>>,
}

/// What the stream had no room for when the client closed.
type Left = std::sync::Mutex<VecDeque<Notice>>;

/// The driver's end of such a stream.
#[derive(Debug)]
pub(crate) struct Route {
    notices: mpsc::Sender<Notice>,
    left: Arc<Left>,
}

impl ChannelStream {
    /// A stream, and the end that the driver fills.
    pub(crate) fn new(
        channel: ChannelName,
        positions: SharedPositions,
        commands: mpsc::WeakSender<Command<Link>>,
    ) -> (Self, Route) {
        let (notices, incoming) = mpsc::channel(NOTICES_MAX);
        let left = Arc::new(Left::default());
        let route = Route { notices, left: left.clone() };
        (Self { channel, incoming, left, positions, commands }, route)
    }

    /// The channel.
    pub const fn channel(&self) -> &ChannelName {
        &self.channel
    }

    /// The next thing told of the channel; `None` once the client is closed, or the channel left,
    /// and everything is read. Safe to cancel.
    pub async fn next(&mut self) -> Option<ChannelNotice> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<ChannelNotice>> {
        let notice = match ready!(self.incoming.poll_recv(context)) {
            Some(notice) => Some(notice),
            None => self.left.lock().unwrap_or_else(PoisonError::into_inner).pop_front(),
        };
        let Some(notice) = notice else { return Poll::Ready(None) };
        self.positions.hand(&notice);
        Poll::Ready(own(notice))
    }
}

impl Route {
    /// The queue to the stream.
    pub(crate) const fn notices(&self) -> &mpsc::Sender<Notice> {
        &self.notices
    }

    /// Gives the stream a notice. At the end of the client, what it has no room for is kept.
    pub(crate) fn offer(&self, notice: Notice, is_end: bool) -> Result<(), TrySendError<Notice>> {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = if left.is_empty() {
            self.notices.try_send(notice)
        } else {
            Err(TrySendError::Full(notice))
        };
        match refused {
            Err(TrySendError::Full(notice)) if is_end => left.push_back(notice),
            refused => return refused,
        }
        Ok(())
    }
}

/// Of which channel a notice is.
pub(crate) const fn channel_of(notice: &Notice) -> Option<&ChannelName> {
    match notice {
        Notice::Event(event) => Some(&event.channel),
        Notice::Subscribed { channel, .. }
        | Notice::Gap { channel, .. }
        | Notice::Finished { channel }
        | Notice::Refused { channel, .. } => Some(channel),
        Notice::State { .. }
        | Notice::Quality(_)
        | Notice::Message { .. }
        | Notice::Published { .. }
        | Notice::PublishFailed { .. } => None,
    }
}

fn own(notice: Notice) -> Option<ChannelNotice> {
    Some(match notice {
        Notice::Event(event) => ChannelNotice::Event(event),
        Notice::Subscribed { position, is_recovered, .. } => {
            ChannelNotice::Subscribed { position, is_recovered }
        }
        Notice::Gap { gap, .. } => ChannelNotice::Gap(gap),
        Notice::Finished { .. } => ChannelNotice::Finished,
        Notice::Refused { code, message, .. } => ChannelNotice::Refused { code, message },
        Notice::State { .. }
        | Notice::Quality(_)
        | Notice::Message { .. }
        | Notice::Published { .. }
        | Notice::PublishFailed { .. } => return None,
    })
}

impl Stream for ChannelStream {
    type Item = ChannelNotice;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl Drop for ChannelStream {
    fn drop(&mut self) {
        let Some(commands) = self.commands.upgrade() else { return };
        // Where the queue is full, the driver sees that nobody reads when it next tells something.
        self.incoming.close();
        let _ = commands.try_send(Command::Leave(self.channel.clone()));
    }
}

impl std::fmt::Debug for ChannelStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChannelStream").field("channel", &self.channel).finish_non_exhaustive()
    }
}
