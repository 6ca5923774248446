//! How fast a session may speak: within what the server takes, so that it never closes a link for
//! speaking too fast. In: what the server said, frames. Out: what may be sent now, in order, and
//! when the next one may. Must not know sockets.

use alloc::collections::VecDeque;

use steadfast_machine::{Millis, Span, Wake};
use steadfast_protocol::{ChannelName, ClientFrame, LinkLimits};

use crate::Why;

/// The pace of a session: four fifths of the frames a second that its server takes, three quarters
/// of the burst. The rest is for what cannot wait: signs of life are sent at once, and counted.
#[derive(Debug, Default)]
pub(crate) struct FramePacer {
    /// At most two for each channel that the server was told of, and one for each other.
    waiting: VecDeque<QueuedRequest>,
    /// The least time from one frame to the next, in the long run.
    pause: Span,
    /// How far a burst may run ahead of that.
    ahead: Span,
    paced_to: Millis,
}

/// A request that waits for its turn.
#[derive(Debug)]
struct QueuedRequest {
    channel: ChannelName,
    frame: ClientFrame,
    /// Whether the server may follow the channel already.
    is_known: bool,
}

impl FramePacer {
    /// A session has begun.
    pub(crate) fn on_welcome(&mut self, now: Millis, limits: &LinkLimits) {
        let burst = limits.frames_burst.max(1).saturating_mul(3) / 4;
        self.pause = Span(1250_u64.div_ceil(limits.frames_per_second.max(1)).max(1));
        self.ahead = Span(self.pause.0.saturating_mul(burst.saturating_sub(1)));
        self.paced_to = now;
        self.waiting.clear();
    }

    /// The session is gone.
    pub(crate) fn on_session_lost(&mut self) {
        self.waiting.clear();
    }

    /// A frame is sent.
    pub(crate) fn on_sent(&mut self, now: Millis) {
        self.paced_to = self.paced_to.max(now) + self.pause;
    }

    /// When the next frame may be sent that can wait.
    pub(crate) fn open_at(&self) -> Millis {
        self.open_behind(0)
    }

    /// The same, behind so many others.
    fn open_behind(&self, count: usize) -> Millis {
        let others = Span(self.pause.0.saturating_mul(count as u64));
        Millis::ZERO + ((self.paced_to + others).since(Millis::ZERO) - self.ahead)
    }

    /// When a request will be sent that is made now.
    pub(crate) fn request_at(&self, now: Millis) -> Millis {
        now.max(self.open_behind(self.waiting.len()))
    }

    /// Takes a request about a channel, which is sent in its turn. One to leave a channel that the
    /// server was not told of yet takes back the one to follow it, and that is all.
    pub(crate) fn push(&mut self, channel: ChannelName, frame: ClientFrame, is_known: bool) {
        let is_same = |one: &QueuedRequest| {
            matches!(one.frame, ClientFrame::Subscribe(_)) && one.channel == channel
        };
        let same = self.waiting.iter().position(is_same);
        let old = same.and_then(|at| self.waiting.remove(at));
        let is_leave = matches!(frame, ClientFrame::Unsubscribe { .. });
        let is_undone = is_leave && old.is_some_and(|old| !old.is_known);
        if !is_undone {
            self.waiting.push_back(QueuedRequest { channel, frame, is_known });
        }
    }

    /// The next request, where one may be sent.
    pub(crate) fn next(&mut self, now: Millis) -> Option<ClientFrame> {
        if self.open_at() > now {
            return None;
        }
        self.waiting.pop_front().map(|one| one.frame)
    }

    /// When a request may be sent.
    pub(crate) fn next_deadline(&self) -> Option<Wake<Why>> {
        (!self.waiting.is_empty()).then(|| Wake::new(self.open_at(), Why::Subscribe))
    }
}

#[cfg(test)]
mod tests;
