//! The channels of a link, in the order in which the app asked for them, at most `channels_max`.
//! In: names, requests. Out: the subscription meant. Must not know sockets or polls.

use alloc::vec::Vec;

use steadfast_machine::Millis;
use steadfast_protocol::{ChannelName, ChannelRequest, Scalar, Since};

use crate::subscription::{Subscription, SubscriptionState};

/// All that the app follows.
#[derive(Clone, Debug)]
pub(crate) struct Channels {
    all: Vec<Subscription>,
    max: usize,
    last_id: u32,
    last_request: u32,
}

/// What came of adding a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// It is new, with this id.
    New(u32),
    /// It was there.
    Known,
    /// There are as many as there may be.
    Full,
}

impl Channels {
    /// None yet, and never more than `max`.
    pub(crate) const fn new(max: usize) -> Self {
        Self { all: Vec::new(), max, last_id: 0, last_request: 0 }
    }

    pub(crate) fn add(&mut self, channel: ChannelName, since: Since) -> Added {
        if self.find(&channel).is_some() {
            return Added::Known;
        }
        if self.all.len() >= self.max {
            return Added::Full;
        }
        self.last_id = self.last_id.wrapping_add(1);
        self.all.push(Subscription::new(self.last_id, channel, since));
        Added::New(self.last_id)
    }

    pub(crate) fn remove(&mut self, id: u32) -> Option<Subscription> {
        let at = self.all.iter().position(|subscription| subscription.id == id)?;
        Some(self.all.remove(at))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscription> {
        self.all.iter()
    }

    #[cfg(debug_assertions)]
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn find(&self, channel: &ChannelName) -> Option<&Subscription> {
        self.all.iter().find(|subscription| subscription.channel == *channel)
    }

    pub(crate) fn find_mut(&mut self, channel: &ChannelName) -> Option<&mut Subscription> {
        self.all.iter_mut().find(|subscription| subscription.channel == *channel)
    }

    pub(crate) fn by_id_mut(&mut self, id: u32) -> Option<&mut Subscription> {
        self.all.iter_mut().find(|subscription| subscription.id == id)
    }

    /// The subscription that asked with this echoed id.
    pub(crate) fn by_request(&self, echoed: &Scalar) -> Option<&Subscription> {
        let number = read_number(echoed)?;
        self.all.iter().find(|subscription| match subscription.progress {
            SubscriptionState::Asked { request, .. } => request == Some(number),
            SubscriptionState::Apart
            | SubscriptionState::Followed { .. }
            | SubscriptionState::Again { .. } => false,
        })
    }

    /// An id for a frame.
    pub(crate) fn new_request(&mut self) -> u32 {
        self.last_request = self.last_request.wrapping_add(1);
        self.last_request
    }

    /// What `hello` asks for: everything.
    pub(crate) fn ask_all(&mut self, now: Millis) -> Vec<ChannelRequest> {
        let ask = |subscription: &mut Subscription| {
            subscription.on_session_lost();
            let since = subscription.ask(now, None);
            ChannelRequest { id: None, channel: subscription.channel.clone(), since }
        };
        self.all.iter_mut().map(ask).collect()
    }

    /// The request to follow one channel on the session.
    pub(crate) fn ask(&mut self, now: Millis, id: u32) -> Option<ChannelRequest> {
        let request = self.new_request();
        let subscription = self.by_id_mut(id)?;
        let since = subscription.ask(now, Some(request));
        let channel = subscription.channel.clone();
        Some(ChannelRequest { id: Some(Scalar::number(request.into())), channel, since })
    }

    /// The channels that the session was not asked for, because they came after `hello`.
    pub(crate) fn unasked(&self) -> Vec<u32> {
        let is_apart = |one: &&Subscription| matches!(one.progress, SubscriptionState::Apart);
        self.all.iter().filter(is_apart).map(|one| one.id).collect()
    }

    /// The session is gone.
    pub(crate) fn on_session_lost(&mut self) {
        self.all.iter_mut().for_each(Subscription::on_session_lost);
    }

    /// Whether the session follows every channel.
    pub(crate) fn all_followed(&self) -> bool {
        self.all.iter().all(Subscription::is_followed)
    }

    /// The device slept: answers are waited for anew.
    pub(crate) fn renew(&mut self, now: Millis) {
        self.all.iter_mut().for_each(|one| one.renew(now));
    }

    /// The first channel that is due to be asked for again, because the server could not serve it
    /// or has not answered.
    pub(crate) fn due(&self, now: Millis) -> Option<u32> {
        self.all.iter().find(|one| again_at(one).is_some_and(|at| at <= now)).map(|one| one.id)
    }

    /// When the next channel is to be asked for again.
    pub(crate) fn wake(&self) -> Option<Millis> {
        self.all.iter().filter_map(again_at).min()
    }
}

/// The number in an echoed id; none where it is something this link never sends.
pub(crate) fn read_number(echoed: &Scalar) -> Option<u32> {
    echoed.as_json().parse().ok()
}

const fn again_at(subscription: &Subscription) -> Option<Millis> {
    match subscription.progress {
        SubscriptionState::Again { at } | SubscriptionState::Asked { until: at, .. } => Some(at),
        SubscriptionState::Apart | SubscriptionState::Followed { .. } => None,
    }
}
