//! The channels of a link, in the order in which the app asked for them. In: channel names, ids of
//! requests, sessions that begin and end, the time. Out: what to request from the server, and the
//! subscription that a frame is about. Must not know sockets or polls.

mod subscription;

use alloc::vec::Vec;

use steadfast_machine::{Millis, Wake};
use steadfast_protocol::{ChannelName, ChannelRequest, Scalar, Since};

use crate::Why;

pub(crate) use subscription::{Continuity, Subscription};

/// The channels that the app follows.
#[derive(Clone, Debug)]
pub(crate) struct Subscriptions {
    all: Vec<Subscription>,
    max: usize,
    last_id: u32,
    last_request: u32,
    /// Whether the last channel has ended, so that only publishes keep the session.
    is_finishing: bool,
}

/// The outcome of adding a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It was added, with this id.
    New(u32),
    /// The link follows it already.
    Known,
    /// The link follows as many channels as it may.
    Full,
}

impl Subscriptions {
    /// No channel, and never more than `max`.
    pub(crate) const fn new(max: usize) -> Self {
        Self { all: Vec::new(), max, last_id: 0, last_request: 0, is_finishing: false }
    }

    /// Adds a channel to be followed from `since`.
    pub(crate) fn add(&mut self, channel: ChannelName, since: Since) -> Added {
        if self.find(&channel).is_some() {
            return Added::Known;
        }
        if self.all.len() >= self.max {
            return Added::Full;
        }
        self.is_finishing = false;
        self.last_id = self.last_id.wrapping_add(1);
        self.all.push(Subscription::new(self.last_id, channel, since));
        Added::New(self.last_id)
    }

    /// Removes a channel.
    pub(crate) fn remove(&mut self, id: u32) -> Option<Subscription> {
        let at = self.all.iter().position(|subscription| subscription.id == id)?;
        Some(self.all.remove(at))
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.all.iter()
    }

    #[cfg(debug_assertions)]
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether the link follows no channel.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The subscription of a channel.
    pub(crate) fn find(&self, channel: &ChannelName) -> Option<&Subscription> {
        self.all.iter().find(|subscription| subscription.channel == *channel)
    }

    /// The subscription of a channel, to be changed.
    pub(crate) fn find_mut(&mut self, channel: &ChannelName) -> Option<&mut Subscription> {
        self.all.iter_mut().find(|subscription| subscription.channel == *channel)
    }

    /// The subscription with this id.
    pub(crate) fn by_id(&self, id: u32) -> Option<&Subscription> {
        self.all.iter().find(|subscription| subscription.id == id)
    }

    /// The subscription with this id, to be changed.
    pub(crate) fn by_id_mut(&mut self, id: u32) -> Option<&mut Subscription> {
        self.all.iter_mut().find(|subscription| subscription.id == id)
    }

    /// The subscription that asked with this echoed id.
    pub(crate) fn by_request(&self, echoed: &Scalar) -> Option<&Subscription> {
        let number = read_number(echoed)?;
        self.all.iter().find(|subscription| subscription.is_requested_by(number))
    }

    /// A new id for a frame of this link.
    pub(crate) fn new_request(&mut self) -> u32 {
        self.last_request = self.last_request.wrapping_add(1);
        self.last_request
    }

    /// The requests of `hello`: one for each channel.
    pub(crate) fn request_all(&mut self, now: Millis) -> Vec<ChannelRequest> {
        let ask = |subscription: &mut Subscription| {
            subscription.on_session_lost();
            let since = subscription.request(now, None);
            ChannelRequest { id: None, channel: subscription.channel.clone(), since }
        };
        self.all.iter_mut().map(ask).collect()
    }

    /// The request to follow one channel on the session.
    pub(crate) fn request(&mut self, now: Millis, id: u32) -> Option<ChannelRequest> {
        let request = self.new_request();
        let subscription = self.by_id_mut(id)?;
        let since = subscription.request(now, Some(request));
        let channel = subscription.channel.clone();
        Some(ChannelRequest { id: Some(Scalar::number(request.into())), channel, since })
    }

    /// The channels that `hello` did not request, because the app asked for them later.
    pub(crate) fn unrequested(&self) -> Vec<u32> {
        let unrequested = self.all.iter().filter(|one| one.is_unrequested());
        unrequested.map(|one| one.id).collect()
    }

    /// The session has ended.
    pub(crate) fn on_session_lost(&mut self) {
        self.all.iter_mut().for_each(Subscription::on_session_lost);
    }

    /// Whether the session follows every channel.
    pub(crate) fn all_followed(&self) -> bool {
        self.all.iter().all(Subscription::is_followed)
    }

    /// The device slept: the timeouts of unanswered requests start again.
    pub(crate) fn on_sleep(&mut self, now: Millis) {
        self.all.iter_mut().for_each(|one| one.on_sleep(now));
    }

    /// The first channel that is due to be requested again, because the server could not serve it
    /// or has not answered.
    pub(crate) fn due(&self, now: Millis) -> Option<u32> {
        self.all.iter().find(|one| one.retry_at().is_some_and(|at| at <= now)).map(|one| one.id)
    }

    /// The last channel has ended, if there is none left. Returns whether that is so.
    pub(crate) fn on_finished(&mut self) -> bool {
        self.is_finishing = self.all.is_empty();
        self.is_finishing
    }

    /// Whether the last channel has ended.
    pub(crate) const fn is_finishing(&self) -> bool {
        self.is_finishing
    }

    /// The link comes to rest.
    pub(crate) const fn on_rest(&mut self) {
        self.is_finishing = false;
    }

    /// When the next channel is due to be requested again.
    pub(crate) fn next_deadline(&self) -> Option<Wake<Why>> {
        let at = self.all.iter().filter_map(Subscription::retry_at).min()?;
        Some(Wake::new(at, Why::Subscribe))
    }
}

/// The number in an echoed id; `None` where this link never sends such an id.
pub(crate) fn read_number(echoed: &Scalar) -> Option<u32> {
    echoed.as_json().parse().ok()
}

#[cfg(test)]
mod tests;
