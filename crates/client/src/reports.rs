//! What the app hears. In: the link's notices. Out: each in the one queue where it belongs, that of
//! its channel's own stream or the common one, or the word that there is no room. Holds one state
//! back where the app leaves states unread, and nothing else.

use std::collections::HashMap;

use steadfast_link::{LinkState, Notice, Reason};
use steadfast_protocol::ChannelName;
use tokio::sync::{mpsc, watch};

use crate::channel::{Route, channel_of};

/// The app's side of the driver.
#[derive(Debug)]
pub(crate) struct Reports {
    notices: mpsc::Sender<Notice>,
    state: watch::Sender<LinkState>,
    /// The channels that have a stream of their own; as many as the link follows.
    routes: HashMap<ChannelName, Route>,
    /// A change of state that found no room. The next one is joined to it, so that an app that
    /// reads its channels alone is not held up by states.
    late: Option<Notice>,
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

impl Reports {
    /// Every notice goes to `notices`, and the state now to `state`, whatever the app has read.
    pub(crate) fn new(notices: mpsc::Sender<Notice>, state: watch::Sender<LinkState>) -> Self {
        Self { notices, state, routes: HashMap::new(), late: None }
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
            | Notice::Gap { .. } => None,
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
        if let Some(late) = self.late.take() {
            if let Notice::State { new, reason, .. } = notice {
                self.late = Some(joined(&late, new, reason));
                return self.hurry();
            }
            self.late = Some(late);
            match self.hurry() {
                Offered::Taken if self.late.is_none() => {}
                Offered::Taken | Offered::Full(_) | Offered::Left(_) => {
                    return Offered::Full(notice);
                }
                Offered::Closed => return Offered::Closed,
            }
        }
        match self.notices.try_send(notice) {
            Ok(()) => Offered::Taken,
            Err(mpsc::error::TrySendError::Full(notice @ Notice::State { .. })) => {
                self.late = Some(notice);
                Offered::Taken
            }
            Err(mpsc::error::TrySendError::Full(notice)) => Offered::Full(notice),
            Err(mpsc::error::TrySendError::Closed(_)) => Offered::Closed,
        }
    }

    /// Tries again to tell the state that is late.
    pub(crate) fn hurry(&mut self) -> Offered {
        let Some(late) = self.late.take() else { return Offered::Taken };
        match self.notices.try_send(late) {
            Ok(()) => Offered::Taken,
            Err(mpsc::error::TrySendError::Full(late)) => {
                self.late = Some(late);
                Offered::Taken
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Offered::Closed,
        }
    }

    /// Whether a state is late.
    pub(crate) const fn is_late(&self) -> bool {
        self.late.is_some()
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

fn joined(late: &Notice, new: LinkState, reason: Reason) -> Notice {
    let old = match late {
        Notice::State { old, .. } => *old,
        Notice::Subscribed { .. }
        | Notice::Event(_)
        | Notice::Gap { .. }
        | Notice::Finished { .. }
        | Notice::Refused { .. } => new,
    };
    Notice::State { new, old, reason }
}
