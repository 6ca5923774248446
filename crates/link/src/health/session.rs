//! One welcomed socket: its heartbeat, its idle time, and when the server wants it gone.
//! In: signs of life, the time. Out: frames to send, and the verdict that it has ended.
//! Must not know channels, nor what follows when it ends.

use steadfast_machine::{Millis, Span, Wake};
use steadfast_protocol::{ClientFrame, Scalar, Welcome};

use super::heartbeat_timer::{AnswerTimeouts, HeartbeatAction, HeartbeatTimer};
use super::rtt::{Path, Rtt};
use crate::end::End;
use crate::wake::Why;
use crate::{Config, Detection, SocketId};

/// The share of what the path allows that may pass in silence, in percent.
const PATH_SHARE: u64 = 80;

/// A live session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    socket: SocketId,
    since: Millis,
    timer: HeartbeatTimer,
    /// After a loss without a word, attempts are spread over this.
    crash_window: Span,
    leave: LeaveRequest,
    /// How long the path in front of the server lets a session be silent.
    path_limit: Option<Span>,
    heard_at: Millis,
    /// The same, or the end of a sleep: from when on silence counts.
    counted_from: Millis,
    is_pinged: bool,
}

/// Whether the server wants the session gone.
#[derive(Clone, Copy, Debug)]
enum LeaveRequest {
    Unasked,
    /// By this time.
    At(Millis),
    /// It has said so, and the time has come.
    Due,
}

/// What is due.
#[derive(Debug)]
pub(crate) enum SessionAction {
    /// Say this.
    Say(ClientFrame),
    /// An answer is overdue: ask again, with this.
    Doubt(ClientFrame),
    /// The server wants the session gone by now. Said once.
    Leave,
    /// The session is over.
    End(End),
}

impl Session {
    /// A session that was welcomed now.
    pub(crate) fn new(socket: SocketId, welcome: &Welcome, now: Millis) -> Self {
        Self {
            socket,
            since: now,
            timer: HeartbeatTimer::new(welcome.heartbeat, now),
            crash_window: Span(welcome.crash_window_ms),
            leave: LeaveRequest::Unasked,
            path_limit: welcome.path_idle_limit_ms.map(Span),
            heard_at: now,
            counted_from: now,
            is_pinged: false,
        }
    }

    /// The socket it is on.
    pub(crate) const fn socket(&self) -> SocketId {
        self.socket
    }

    /// When it was welcomed.
    pub(crate) const fn since(&self) -> Millis {
        self.since
    }

    /// The span over which attempts are spread after a loss without a close frame.
    pub(crate) const fn crash_window(&self) -> Span {
        self.crash_window
    }

    /// Whether a heartbeat of it was ever answered.
    pub(crate) const fn is_answered(&self) -> bool {
        self.timer.is_answered()
    }

    /// Whether a second heartbeat asks for the answer to the first.
    pub(crate) const fn is_doubted(&self) -> bool {
        self.timer.is_doubted()
    }

    /// An answer to a heartbeat; its round trip where it answers the one that is timed.
    pub(crate) fn on_ack(&mut self, id: Option<&Scalar>, now: Millis) -> Option<Span> {
        self.timer.on_ack(id, now)
    }

    /// The device slept for a time that no timer shows: what was asked is not timed.
    pub(crate) const fn give_up_timing(&mut self) {
        self.timer.give_up_timing();
    }

    /// The server wants the session gone by that time.
    pub(crate) const fn leave_at(&mut self, at: Millis) {
        self.leave = LeaveRequest::At(at);
    }

    /// Whether the server wants the session gone.
    pub(crate) const fn is_leaving(&self) -> bool {
        match self.leave {
            LeaveRequest::Unasked => false,
            LeaveRequest::At(_) | LeaveRequest::Due => true,
        }
    }

    /// When it is to be gone, while that is to come.
    pub(crate) const fn leave_due_at(&self) -> Option<Millis> {
        match self.leave {
            LeaveRequest::At(at) => Some(at),
            LeaveRequest::Unasked | LeaveRequest::Due => None,
        }
    }

    /// The next thing that is due; to be asked until there is none.
    pub(crate) fn due(&mut self, now: Millis, config: &Config, rtt: &Rtt) -> Option<SessionAction> {
        if matches!(self.leave, LeaveRequest::At(at) if at <= now) {
            self.leave = LeaveRequest::Due;
            return Some(SessionAction::Leave);
        }
        let timeouts = self.answer_timeouts(now, config, rtt);
        match self.timer.due(now, timeouts) {
            HeartbeatAction::Dead => Some(SessionAction::End(End::Silent)),
            HeartbeatAction::Send(frame) => Some(SessionAction::Say(frame)),
            HeartbeatAction::Doubt(frame) => Some(SessionAction::Doubt(frame)),
            HeartbeatAction::Nothing => self.look(now, config, timeouts),
        }
    }

    /// A heartbeat at once, with little patience; none while one is already waited for.
    pub(crate) fn probe(&mut self, now: Millis, config: &Config) -> Option<ClientFrame> {
        let timeouts = self.probe_timeouts(config);
        self.timer.probe(now, timeouts)
    }

    /// A heartbeat right behind an answer.
    pub(crate) fn echo(&mut self, now: Millis, config: &Config, rtt: &Rtt) -> ClientFrame {
        let timeouts = self.answer_timeouts(now, config, rtt);
        self.timer.beat(now, timeouts)
    }

    /// Something came.
    pub(crate) const fn on_activity(&mut self, now: Millis) {
        self.heard_at = now;
        self.counted_from = now;
        self.is_pinged = false;
        self.timer.on_activity();
    }

    /// How long nothing has come.
    pub(crate) const fn idle(&self, now: Millis) -> Span {
        now.since(self.heard_at)
    }

    /// The device slept: silence until now tells nothing.
    pub(crate) const fn renew(&mut self, now: Millis) {
        self.counted_from = now;
        self.is_pinged = false;
        self.timer.renew(now);
    }

    /// As [`Session::renew`], where an answer is waited for; whether it is.
    pub(crate) const fn forgive_lateness(&mut self, now: Millis) -> bool {
        let is_waiting = self.is_pinged || self.timer.is_waiting() || self.timer.is_timing();
        if is_waiting {
            self.renew(now);
        }
        is_waiting
    }

    /// Nobody looks, or somebody does again: heartbeats come more rarely, or as agreed.
    pub(crate) fn pace(&mut self, now: Millis, is_background: bool, config: &Config) {
        let slow = match config.detection {
            Detection::Adaptive if is_background => {
                let limit = self.path_limit.map(|limit| Span(limit.0 / 100 * PATH_SHARE));
                Some(limit.map_or(config.background_interval, |limit| {
                    limit.min(config.background_interval)
                }))
            }
            Detection::Adaptive | Detection::Fixed => None,
        };
        self.timer.pace(now, slow);
    }

    /// When something will be due.
    pub(crate) fn wake(&self, config: &Config) -> Wake<Why> {
        let leave = self.leave_due_at().map(|at| Wake::new(at, Why::Leave));
        let health = Wake::new(self.health_at(config), Why::Health);
        self.timer.wake().earlier(Some(health)).earlier(leave)
    }

    /// How long the answer to a heartbeat that is sent now is waited for.
    fn answer_timeouts(&self, now: Millis, config: &Config, rtt: &Rtt) -> AnswerTimeouts {
        if self.timer.is_probe_due() {
            return self.probe_timeouts(config);
        }
        let timeout = self.timer.timeout();
        match config.detection {
            Detection::Adaptive => {
                let path = Path::after(self.idle(now));
                AnswerTimeouts::new(rtt.soft(path), rtt.hard(path), timeout)
            }
            Detection::Fixed => AnswerTimeouts { soft: None, hard: timeout },
        }
    }

    fn probe_timeouts(&self, config: &Config) -> AnswerTimeouts {
        let timeout = self.timer.timeout();
        match config.detection {
            Detection::Adaptive => {
                AnswerTimeouts::new(config.probe_soft, config.probe_hard, timeout)
            }
            Detection::Fixed => AnswerTimeouts { soft: None, hard: config.probe_hard.min(timeout) },
        }
    }

    /// Looks at how long nothing has come.
    fn look(
        &mut self,
        now: Millis,
        config: &Config,
        timeouts: AnswerTimeouts,
    ) -> Option<SessionAction> {
        if self.health_at(config) > now {
            return None;
        }
        if self.is_pinged {
            return Some(SessionAction::End(End::Silent));
        }
        self.is_pinged = true;
        match config.detection {
            // A heartbeat that is waited for asks the same.
            Detection::Adaptive if self.timer.is_waiting() => None,
            Detection::Adaptive => Some(SessionAction::Say(self.timer.beat(now, timeouts))),
            Detection::Fixed => Some(SessionAction::Say(ClientFrame::Ping { id: None })),
        }
    }

    /// The first look at health that will find anything. Looks come every interval from the
    /// welcome on; those that would find nothing need no waking.
    fn health_at(&self, config: &Config) -> Millis {
        let idle = if self.is_pinged { config.idle_close } else { config.idle_ping };
        let interval = config.health_interval.0.max(1);
        let looks = (self.counted_from + idle).since(self.since).0.div_ceil(interval);
        self.since + config.health_interval.times(looks)
    }
}
