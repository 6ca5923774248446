//! One welcomed socket: its heartbeat, its idle time, and when the server wants it gone.
//! In: signs of life, the time. Out: frames to send, and the verdict that it has ended.
//! Must not know channels, nor what follows when it ends.

use steadfast_machine::{Millis, Span, Wake};
use steadfast_protocol::{ClientFrame, Welcome};

use crate::end::End;
use crate::heartbeat::{Beat, Pulse};
use crate::wake::Why;
use crate::{Config, SocketId};

/// A live session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) socket: SocketId,
    pub(crate) since: Millis,
    pub(crate) pulse: Pulse,
    /// After a loss without a word, attempts are spread over this.
    pub(crate) crash_window: Span,
    /// When to leave, as the server asked.
    pub(crate) leave_at: Option<Millis>,
    heard_at: Millis,
    is_pinged: bool,
}

/// What is due.
#[derive(Debug)]
pub(crate) enum Due {
    /// Say this.
    Say(ClientFrame),
    /// The session is over.
    End(End),
}

impl Session {
    /// A session that was welcomed now.
    pub(crate) fn new(socket: SocketId, welcome: &Welcome, now: Millis) -> Self {
        Self {
            socket,
            since: now,
            pulse: Pulse::new(welcome.heartbeat, now),
            crash_window: Span(welcome.crash_window_ms),
            leave_at: None,
            heard_at: now,
            is_pinged: false,
        }
    }

    /// The next thing that is due; to be asked until there is none.
    pub(crate) fn due(&mut self, now: Millis, config: &Config) -> Option<Due> {
        if self.leave_at.is_some_and(|at| at <= now) {
            return Some(Due::End(End::Left));
        }
        match self.pulse.due(now) {
            Beat::Dead => return Some(Due::End(End::Silent)),
            Beat::Send(frame) => return Some(Due::Say(frame)),
            Beat::Nothing => {}
        }
        if self.health_at(config) > now {
            None
        } else if self.is_pinged {
            Some(Due::End(End::Silent))
        } else {
            self.is_pinged = true;
            Some(Due::Say(ClientFrame::Ping { id: None }))
        }
    }

    /// Something came.
    pub(crate) const fn hear(&mut self, now: Millis) {
        self.heard_at = now;
        self.is_pinged = false;
        self.pulse.hear();
    }

    /// How long nothing has come.
    pub(crate) const fn idle(&self, now: Millis) -> Span {
        now.since(self.heard_at)
    }

    /// The device slept: silence until now tells nothing.
    pub(crate) const fn renew(&mut self, now: Millis) {
        self.hear(now);
        self.pulse.renew(now);
    }

    /// When something will be due.
    pub(crate) fn wake(&self, config: &Config) -> Wake<Why> {
        let leave = self.leave_at.map(|at| Wake::new(at, Why::Leave));
        let health = Wake::new(self.health_at(config), Why::Health);
        self.pulse.wake().earlier(Some(health)).earlier(leave)
    }

    /// The first look at health that will find anything. Looks come every interval from the
    /// welcome on; those that would find nothing need no waking.
    fn health_at(&self, config: &Config) -> Millis {
        let idle = if self.is_pinged { config.idle_close } else { config.idle_ping };
        let interval = config.health_interval.0.max(1);
        let looks = (self.heard_at + idle).since(self.since).0.div_ceil(interval);
        self.since + config.health_interval.times(looks)
    }
}
