//! One channel of a link: where its app stands, and what of a server's frames and answers the app
//! may be told. In: frames and answers about this channel. Out: notices, in offset order, each
//! offset once; and the verdict that something is missing. Must not know sockets.

use alloc::boxed::Box;

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{
    ChannelName, Epoch, Event, Gap, GapCause, PollPage, Position, Since, Subscribed, Superseded,
};

use crate::Notice;

/// How long an answer to a request is waited for.
const SUBSCRIBED_TIMEOUT: Span = Span::seconds(30);

/// A channel the app follows.
#[derive(Clone, Debug)]
pub(crate) struct Subscription {
    /// Its place in the order of creation; never used again.
    pub(crate) id: u32,
    pub(crate) channel: ChannelName,
    progress: SubscriptionState,
    /// Whether it was requested again on this session because events were missing.
    is_resubscribed: bool,
    since: Since,
    position: Option<Position>,
}

/// Where a channel stands on the session of the moment.
#[derive(Clone, Debug)]
enum SubscriptionState {
    /// There is no session.
    Apart,
    /// Asked for, by `hello` or by the request with this id; an answer is waited for until then.
    Asked { request: Option<u32>, since: Since, until: Millis },
    /// Followed; an event that names no epoch has this one. What comes behind `head` was published
    /// since.
    Followed { epoch: Epoch, head: u64 },
    /// The server could not serve it for now.
    Again { at: Millis },
}

/// Whether what came continues what the app has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Continuity {
    /// It does, or it was nothing new.
    Kept,
    /// Something between is missing, so nothing was told.
    Broken,
}

impl Subscription {
    /// A channel to be followed from `since`.
    pub(crate) fn new(id: u32, channel: ChannelName, since: Since) -> Self {
        let position = match &since {
            Since::After(position) => Some(position.clone()),
            Since::Start | Since::Now => None,
        };
        Self {
            id,
            channel,
            progress: SubscriptionState::Apart,
            is_resubscribed: false,
            since,
            position,
        }
    }

    /// The last event that the app has been handed, once it is known.
    pub(crate) const fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// What to ask for next.
    pub(crate) fn since(&self) -> Since {
        self.position.clone().map_or_else(|| self.since.clone(), Since::After)
    }

    /// Requests the channel on the current session, with this id or in `hello`.
    pub(crate) fn request(&mut self, now: Millis, request: Option<u32>) -> Since {
        let since = self.since();
        let until = now + SUBSCRIBED_TIMEOUT;
        self.progress = SubscriptionState::Asked { request, since: since.clone(), until };
        since
    }

    /// The device slept: the timeout of an unanswered request starts again.
    pub(crate) fn on_sleep(&mut self, now: Millis) {
        if let SubscriptionState::Asked { until, .. } = &mut self.progress {
            *until = now + SUBSCRIBED_TIMEOUT;
        }
    }

    /// The session has ended.
    pub(crate) fn on_session_lost(&mut self) {
        self.progress = SubscriptionState::Apart;
        self.is_resubscribed = false;
    }

    /// The server cannot serve the channel for now: it is requested again at this time.
    pub(crate) fn retry_later(&mut self, at: Millis) {
        self.progress = SubscriptionState::Again { at };
    }

    /// Marks the channel as requested again because events were missing. Returns false where that
    /// was done on this session before.
    pub(crate) fn try_resubscribe(&mut self) -> bool {
        !core::mem::replace(&mut self.is_resubscribed, true)
    }

    /// Whether the session was not asked for it.
    pub(crate) const fn is_unrequested(&self) -> bool {
        matches!(self.progress, SubscriptionState::Apart)
    }

    /// Whether a request for it has not been answered.
    pub(crate) const fn is_requested(&self) -> bool {
        matches!(self.progress, SubscriptionState::Asked { .. })
    }

    /// Whether that request has this id.
    pub(crate) fn is_requested_by(&self, id: u32) -> bool {
        matches!(self.progress, SubscriptionState::Asked { request, .. } if request == Some(id))
    }

    /// When it is due to be requested again.
    pub(crate) const fn retry_at(&self) -> Option<Millis> {
        match self.progress {
            SubscriptionState::Again { at } | SubscriptionState::Asked { until: at, .. } => {
                Some(at)
            }
            SubscriptionState::Apart | SubscriptionState::Followed { .. } => None,
        }
    }

    /// Whether the session follows it.
    pub(crate) const fn is_followed(&self) -> bool {
        match self.progress {
            SubscriptionState::Followed { .. } => true,
            SubscriptionState::Apart
            | SubscriptionState::Asked { .. }
            | SubscriptionState::Again { .. } => false,
        }
    }

    /// Whether an event with this offset is news: published since the session follows the channel,
    /// and not told yet.
    pub(crate) fn is_live(&self, offset: u64) -> bool {
        let told = self.position.as_ref().map_or(0, |position| position.offset);
        match self.progress {
            SubscriptionState::Followed { head, .. } => offset > head.max(told),
            SubscriptionState::Apart
            | SubscriptionState::Asked { .. }
            | SubscriptionState::Again { .. } => false,
        }
    }

    /// The server follows the channel from here on.
    pub(crate) fn on_subscribed(
        &mut self,
        frame: &Subscribed,
        id: Option<u32>,
        tell: &mut dyn FnMut(Notice),
    ) -> Continuity {
        let asked = match &self.progress {
            SubscriptionState::Asked { request, since, .. } if *request == id => since.clone(),
            // Asked for again since: the answer to that will follow.
            SubscriptionState::Asked { .. }
            | SubscriptionState::Apart
            | SubscriptionState::Again { .. } => {
                return Continuity::Kept;
            }
            SubscriptionState::Followed { .. } => {
                let named = frame.gap.as_ref().map(|gap| Since::After(gap.from.clone()));
                named.unwrap_or_else(|| self.since())
            }
        };
        let reached = Position::new(frame.epoch.clone(), frame.offset);
        let is_first = self.position.is_none();
        let Some(is_whole) = self.reach(&reached, frame.gap.is_some(), &asked, tell) else {
            return Continuity::Broken;
        };
        let is_recovered = is_whole && (frame.recovered || !is_first);
        self.progress =
            SubscriptionState::Followed { epoch: frame.epoch.clone(), head: frame.head };
        tell(self.followed(is_recovered, reached));
        Continuity::Kept
    }

    /// An event.
    pub(crate) fn on_event(&mut self, event: Event, tell: &mut dyn FnMut(Notice)) -> Continuity {
        let (SubscriptionState::Followed { epoch, .. }, Some(position)) =
            (&mut self.progress, &mut self.position)
        else {
            return Continuity::Kept;
        };
        if let Some(named) = &event.epoch
            && named != epoch
        {
            *epoch = named.clone();
        }
        if *epoch != position.epoch {
            return Continuity::Broken;
        }
        step(position, event, tell)
    }

    /// Offsets that will not come.
    pub(crate) fn on_superseded(&mut self, frame: &Superseded) -> Continuity {
        let (SubscriptionState::Followed { epoch, .. }, Some(position)) =
            (&self.progress, &mut self.position)
        else {
            return Continuity::Kept;
        };
        if *epoch != position.epoch || frame.from > position.offset.saturating_add(1) {
            return Continuity::Broken;
        }
        position.offset = position.offset.max(frame.to);
        Continuity::Kept
    }

    /// The answer to a poll that asked for `asked`. False where the position has gone elsewhere
    /// since, so that nothing of it was taken.
    pub(crate) fn on_page(
        &mut self,
        answer: PollPage,
        asked: &Since,
        is_first: bool,
        tell: &mut dyn FnMut(Notice),
    ) -> bool {
        let is_stale = match (asked, &self.position) {
            (Since::After(asked), Some(position)) => asked.epoch != position.epoch,
            (Since::Start | Since::Now, Some(_)) => true,
            (Since::Start | Since::Now | Since::After(_), None) => false,
        };
        if is_stale {
            return false;
        }
        let behind = behind(&answer);
        // An answer is whole, so what it leaves out of what was asked for is gone.
        let asked = self.since();
        let is_recovered =
            self.reach(&behind, answer.gap.is_some(), &asked, tell).unwrap_or_default();
        if is_first {
            tell(self.followed(is_recovered, behind));
        }
        let PollPage { channel, epoch, offset, events, .. } = answer;
        for event in events {
            let before = Position::new(epoch.clone(), event.offset.saturating_sub(1));
            let _ = self.reach(&before, false, &self.since(), tell);
            if let Some(position) = &mut self.position {
                let _ = step(position, event.into_event(&channel, &epoch), tell);
            }
        }
        let _ = self.reach(&Position::new(epoch, offset), false, &self.since(), tell);
        true
    }

    /// Moves the position to `reached`, where delivery goes on, and tells of what lies between, if
    /// it is certain not to come: because exactly it was `asked` for, or because the server named a
    /// gap, and not one that is older than the position. Whether nothing is missing; `None` where
    /// what is missing can still be asked for. Within an epoch the position never goes back: what
    /// the app has been handed stays handed.
    fn reach(
        &mut self,
        reached: &Position,
        is_gap_named: bool,
        asked: &Since,
        tell: &mut dyn FnMut(Notice),
    ) -> Option<bool> {
        let Some(position) = &self.position else {
            self.position = Some(reached.clone());
            if is_gap_named {
                self.tell_gap(Position::new(reached.epoch.clone(), 0), reached, tell);
            }
            return Some(!is_gap_named);
        };
        if self.has_passed(reached) {
            return Some(true);
        }
        let is_answer = matches!(asked, Since::After(asked) if asked == position);
        // Polls may have brought another epoch since: then the answer may lead back to one that is
        // no more.
        let is_of_epoch = reached.epoch == position.epoch
            || matches!(asked, Since::After(asked) if asked.epoch == position.epoch);
        let is_certain = is_answer || (is_gap_named && is_of_epoch);
        if !is_certain {
            return None;
        }
        let from = position.clone();
        self.position = Some(reached.clone());
        self.tell_gap(from, reached, tell);
        Some(false)
    }

    fn has_passed(&self, place: &Position) -> bool {
        let position = self.position.as_ref();
        position.is_some_and(|own| own.epoch == place.epoch && own.offset >= place.offset)
    }

    /// The cause follows from what the app is told, whatever made the server say so.
    fn tell_gap(&self, from: Position, to: &Position, tell: &mut dyn FnMut(Notice)) {
        let is_same_epoch = from.epoch == to.epoch;
        let cause = if is_same_epoch { GapCause::Retention } else { GapCause::EpochChanged };
        let gap = Gap { from, to: to.clone(), cause };
        tell(Notice::Gap { channel: self.channel.clone(), gap });
    }

    fn followed(&self, is_recovered: bool, reached: Position) -> Notice {
        let position = self.position.clone().unwrap_or(reached);
        Notice::Subscribed { channel: self.channel.clone(), position, is_recovered }
    }
}

/// The position that an answer's first event comes behind.
fn behind(answer: &PollPage) -> Position {
    let first = answer.events.first();
    let offset = first.map_or(answer.offset, |event| event.offset.saturating_sub(1));
    Position::new(answer.epoch.clone(), offset)
}

/// Tells the next event; drops one that was told before.
fn step(position: &mut Position, mut event: Event, tell: &mut dyn FnMut(Notice)) -> Continuity {
    if event.offset <= position.offset {
        return Continuity::Kept;
    }
    if event.offset > position.offset.saturating_add(1) {
        return Continuity::Broken;
    }
    position.offset = event.offset;
    event.epoch = Some(position.epoch.clone());
    tell(Notice::Event(Box::new(event)));
    Continuity::Kept
}

#[cfg(test)]
mod tests;
