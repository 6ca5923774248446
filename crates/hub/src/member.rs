//! Who follows a channel, and how far each has got.
//! Members stand in order of their session: fan-out visits them in the same order every time.

use alloc::boxed::Box;
use alloc::vec::Vec;

use steadfast_protocol::{ChannelName, Epoch, Position, Scalar, Since};

use crate::SessionKey;

/// Members up to which a channel has room for exactly as many as it has.
const FEW: usize = 2;

/// One channel's members on this hub.
#[derive(Debug)]
pub(crate) struct ChannelMembers {
    pub(crate) name: ChannelName,
    pub(crate) members: Vec<Member>,
    /// The newest publication that came by here.
    pub(crate) head: Option<(Epoch, u64)>,
    /// How many publications came by.
    pub(crate) seen: u64,
}

/// One session's place in a channel.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) session: SessionKey,
    /// What its client has been sent; `None` until the first page.
    pub(crate) at: Option<Position>,
    pub(crate) stage: DeliveryState,
    /// `subscribed` is owed, from the position asked for.
    pub(crate) join: Option<Box<PendingSubscribe>>,
}

/// A subscription not yet answered.
#[derive(Clone, Debug)]
pub(crate) struct PendingSubscribe {
    pub(crate) id: Option<Scalar>,
    pub(crate) since: Since,
}

/// How a member gets its events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryState {
    /// From publications as they come by.
    Live,
    /// From history, as soon as its session has room.
    Behind,
    /// From history, and a page is on its way; `seen` is the channel's count when it was asked for.
    Reading { seen: u64 },
    /// From history, which could not be read: until [`crate::Hub::recheck`] says that it can.
    Waiting,
}

impl ChannelMembers {
    pub(crate) const fn new(name: ChannelName) -> Self {
        Self { name, members: Vec::new(), head: None, seen: 0 }
    }

    pub(crate) fn member(&mut self, session: SessionKey) -> Option<&mut Member> {
        let at = self.members.binary_search_by_key(&session, |member| member.session).ok()?;
        self.members.get_mut(at)
    }

    /// Adds the member, in the place of an earlier one of the same session.
    pub(crate) fn insert(&mut self, member: Member) {
        match self.members.binary_search_by_key(&member.session, |m| m.session) {
            Ok(at) => {
                if let Some(place) = self.members.get_mut(at) {
                    *place = member;
                }
            }
            Err(at) => {
                // Most channels have a member or two: room for more comes with the third.
                if self.members.len() < FEW {
                    self.members.reserve_exact(1);
                }
                self.members.insert(at, member);
            }
        }
    }

    pub(crate) fn remove(&mut self, session: SessionKey) {
        if let Ok(at) = self.members.binary_search_by_key(&session, |m| m.session) {
            self.members.remove(at);
        }
    }

    /// Whether a member at `offset` of `epoch` has all that came by since `seen`.
    pub(crate) fn is_reached_by(&self, epoch: &Epoch, offset: u64, seen: u64) -> bool {
        match &self.head {
            Some((head_epoch, head)) if head_epoch == epoch => offset >= *head,
            Some(_) => self.seen == seen,
            None => true,
        }
    }
}

impl Member {
    pub(crate) fn joining(session: SessionKey, join: PendingSubscribe) -> Self {
        Self { session, at: None, stage: DeliveryState::Behind, join: Some(Box::new(join)) }
    }

    /// Where the next page starts.
    pub(crate) fn since(&self) -> Since {
        match (&self.join, &self.at) {
            (Some(join), _) => join.since.clone(),
            (None, Some(at)) => Since::After(at.clone()),
            (None, None) => Since::Start,
        }
    }
}
