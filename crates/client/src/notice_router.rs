//! What the app hears. In: the link's notices. Out: each in the one queue where it belongs, that of
//! its channel's own stream or the common one, or the word that there is no room. Holds back the
//! last state, quality and message that the app leaves unread, and nothing else.

use std::collections::HashMap;

use steadfast_link::{LinkState, Notice};
use steadfast_protocol::ChannelName;
use tokio::sync::{mpsc, watch};

use crate::channel::{Route, channel_of};

/// The app's side of the driver.
#[derive(Debug)]
pub(crate) struct NoticeRouter {
    notices: mpsc::Sender<Notice>,
    state: watch::Sender<LinkState>,
    /// The channels that have a stream of their own; as many as the link follows.
    routes: HashMap<ChannelName, Route>,
    /// The last state, quality and message that found no room, one of each at most. The next takes
    /// its place, so that an app that reads its channels alone is not held up by them.
    late: Vec<Notice>,
}

/// What became of a notice.
#[derive(Debug)]
pub(crate) enum Offered {
    /// It is in its queue.
    Taken,
    /// There is no room; here it is again.
    Full(Notice),
    /// The channel's own stream was dropped: the link may leave the channel.
    Left(ChannelName),
    /// The app will never read again.
    Closed,
}

impl NoticeRouter {
    /// Every notice goes to `notices`, and the state now to `state`, whatever the app has read.
    pub(crate) fn new(notices: mpsc::Sender<Notice>, state: watch::Sender<LinkState>) -> Self {
        Self { notices, state, routes: HashMap::new(), late: Vec::new() }
    }

    /// The link's state is this now.
    pub(crate) fn show(&self, state: LinkState) {
        self.state.send_replace(state);
    }

    /// A channel has a stream of its own from now on; an older one ends.
    pub(crate) fn lead(&mut self, channel: ChannelName, route: Route) {
        self.routes.insert(channel, route);
    }

    /// A channel has no stream of its own any more; whether it had one.
    pub(crate) fn forget(&mut self, channel: &ChannelName) -> bool {
        self.routes.remove(channel).is_some()
    }

    /// Whether the channel's own stream was dropped.
    pub(crate) fn is_left(&self, channel: &ChannelName) -> bool {
        self.routes.get(channel).is_some_and(|route| route.notices().is_closed())
    }

    /// Puts a notice into its queue. At the end of the client, what a channel's stream has no room
    /// for is kept beside it.
    pub(crate) fn offer(&mut self, notice: Notice, is_end: bool) -> Offered {
        let channel = channel_of(&notice);
        let Some(route) = channel.and_then(|channel| self.routes.get(channel)) else {
            return self.offer_all(notice);
        };
        let last_of = match &notice {
            Notice::Finished { channel } | Notice::Refused { channel, .. } => Some(channel.clone()),
            Notice::State { .. }
            | Notice::Subscribed { .. }
            | Notice::Event(_)
            | Notice::Gap { .. }
            | Notice::Quality(_)
            | Notice::Message { .. }
            | Notice::Published { .. }
            | Notice::PublishFailed { .. } => None,
        };
        match route.offer(notice, is_end) {
            Ok(()) => {
                if let Some(channel) = last_of {
                    self.routes.remove(&channel);
                }
                Offered::Taken
            }
            Err(mpsc::error::TrySendError::Full(notice)) => Offered::Full(notice),
            Err(mpsc::error::TrySendError::Closed(notice)) => match channel_of(&notice) {
                Some(channel) => {
                    self.routes.remove(channel);
                    Offered::Left(channel.clone())
                }
                None => Offered::Taken,
            },
        }
    }

    fn offer_all(&mut self, notice: Notice) -> Offered {
        if let Offered::Closed = self.hurry() {
            return Offered::Closed;
        }
        let is_standing = is_standing(&notice);
        if !self.late.is_empty() {
            return if is_standing { self.hold_back(notice) } else { Offered::Full(notice) };
        }
        match self.notices.try_send(notice) {
            Ok(()) => Offered::Taken,
            Err(mpsc::error::TrySendError::Full(notice)) if is_standing => self.hold_back(notice),
            Err(mpsc::error::TrySendError::Full(notice)) => Offered::Full(notice),
            Err(mpsc::error::TrySendError::Closed(_)) => Offered::Closed,
        }
    }

    /// Keeps what stands until the next of its kind, in the place of the one before.
    fn hold_back(&mut self, notice: Notice) -> Offered {
        let kind = std::mem::discriminant(&notice);
        let same = self.late.iter_mut().find(|late| std::mem::discriminant(*late) == kind);
        match same {
            Some(late) => *late = joined(late, notice),
            None => self.late.push(notice),
        }
        Offered::Taken
    }

    /// Tries again to tell what is late.
    pub(crate) fn hurry(&mut self) -> Offered {
        while !self.late.is_empty() {
            match self.notices.try_reserve() {
                Ok(place) => place.send(self.late.remove(0)),
                Err(mpsc::error::TrySendError::Full(())) => break,
                Err(mpsc::error::TrySendError::Closed(())) => return Offered::Closed,
            }
        }
        Offered::Taken
    }

    /// Whether something is late.
    pub(crate) const fn is_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Waits until there is room for the notice that waits first, or for the state that is late.
    /// False once nobody will read again.
    pub(crate) async fn room(&self, first: Option<&Notice>) -> bool {
        let route = first.and_then(channel_of).and_then(|channel| self.routes.get(channel));
        match route {
            // One that was dropped takes what waits for it along.
            Some(route) => route.notices().reserve().await.is_ok() || !self.notices.is_closed(),
            None => self.notices.reserve().await.is_ok(),
        }
    }
}

/// Whether a notice says what is so from now on, so that the next of its kind makes it old.
const fn is_standing(notice: &Notice) -> bool {
    match notice {
        Notice::State { .. } | Notice::Quality(_) | Notice::Message { .. } => true,
        Notice::Subscribed { .. }
        | Notice::Event(_)
        | Notice::Gap { .. }
        | Notice::Finished { .. }
        | Notice::Refused { .. }
        | Notice::Published { .. }
        | Notice::PublishFailed { .. } => false,
    }
}

/// One notice in the place of two: a change of state from the older's old to the newer's new.
fn joined(late: &Notice, notice: Notice) -> Notice {
    match (late, notice) {
        (Notice::State { old, .. }, Notice::State { new, reason, .. }) => {
            Notice::State { new, old: *old, reason }
        }
        (_, notice) => notice,
    }
}
