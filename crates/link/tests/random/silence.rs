//! What silence may lead to, and when: no verdict without a question and its patience, none by a
//! late timer, and one in time where nothing comes.

use steadfast_link::{Input, LinkState, Reason, SocketId};
use steadfast_protocol::{ClientFrame, ServerFrame};

/// The least wait for an answer before the verdict.
const HARD_MS_MIN: u64 = 4_000;
/// How late a timer may be before it shows that the device slept.
const LATE_MS: u64 = 1_000;
/// How long a successor that has said `hello` passes for a session.
const MOVING_MS: u64 = 2_000;
/// The interval of heartbeats while nobody looks.
const BACKGROUND_MS: u64 = 55_000;

/// The silence of the session, as it is seen from outside.
#[derive(Debug, Default)]
pub(crate) struct Silence {
    socket: Option<SocketId>,
    interval_ms: u64,
    timeout_ms: u64,
    /// By when the next heartbeat was promised, as far as the device was awake.
    promised: u64,
    /// Since when nothing came, as far as the device was awake.
    since: u64,
    /// The heartbeats that were sent since.
    asked: Vec<u64>,
    /// Since when the device has wanted to know at once.
    probed: Option<u64>,
    is_background: bool,
    is_late: bool,
    now: u64,
}

impl Silence {
    pub(crate) fn on_input(&mut self, now: u64, wake: Option<u64>, input: &Input) {
        self.now = now;
        self.is_late = wake.is_some_and(|wake| now > wake + LATE_MS);
        if self.is_late {
            self.since = now;
            self.promised = self.promised.max(now);
            self.asked.clear();
            self.probed = self.probed.map(|_| now);
        }
        match input {
            Input::SocketFrame { socket, frame } => self.on_frame(now, *socket, frame),
            Input::SocketAlive { socket } if self.socket == Some(*socket) => self.on_activity(now),
            Input::Online | Input::NetworkChanged { .. } | Input::Resumed | Input::Foreground => {
                self.is_background &= *input != Input::Foreground;
                self.probed.get_or_insert(now);
            }
            Input::Background => self.is_background = true,
            Input::SocketAlive { .. }
            | Input::Connect
            | Input::Retry
            | Input::Subscribe { .. }
            | Input::Unsubscribe { .. }
            | Input::Publish { .. }
            | Input::Token(_)
            | Input::TokenUnavailable
            | Input::Close
            | Input::Offline
            | Input::WeakNetwork(_)
            | Input::SocketOpened { .. }
            | Input::SocketFailed { .. }
            | Input::SocketClosed { .. }
            | Input::Polled { .. }
            | Input::Probed { .. }
            | Input::Tick => {}
        }
    }

    pub(crate) fn on_send(&mut self, now: u64, frame: &ClientFrame) {
        if let ClientFrame::Heartbeat(heartbeat) = frame {
            self.asked.push(now);
            let (least, most) = (self.interval_ms, self.interval_ms.max(BACKGROUND_MS));
            let next = heartbeat.next_ms.expect("no word of the next heartbeat");
            self.promised = now + next;
            assert_eq!(next, if self.is_background { most } else { least });
        }
    }

    /// A session that made way for another is nobody's concern.
    pub(crate) fn on_close(&mut self, now: u64, socket: SocketId) {
        if self.socket == Some(socket) {
            self.promised = self.promised.max(now + MOVING_MS);
            self.since = now;
            self.probed = None;
        }
    }

    pub(crate) fn on_state(&self, now: u64, new: LinkState, reason: Reason) {
        if new == LinkState::Reconnecting && reason == Reason::HeartbeatTimeout {
            assert!(!self.is_late, "a late timer was taken for a missed answer");
            let asked = self.asked.first().expect("dead, though it was not asked");
            let hard = HARD_MS_MIN.min(self.timeout_ms);
            assert!(now >= asked + hard, "dead {} ms after it was asked", now - asked);
        }
    }

    /// The session lives on: it was heard not long ago.
    pub(crate) fn check(&self, now: u64, state: LinkState) {
        if state == LinkState::Connected {
            assert!(now <= self.promised + LATE_MS, "a heartbeat is late: {self:?}");
            let interval_ms = self.interval_ms.max(BACKGROUND_MS);
            // A heartbeat may have told the longer interval before the app was looked at again.
            let most = if self.is_background { interval_ms } else { self.interval_ms };
            let silent = now - self.since;
            let is_known = self.probed.is_none();
            assert!(
                !is_known || silent <= most + self.timeout_ms + LATE_MS,
                "{silent} ms: {self:?}"
            );
            if let Some(probed) = self.probed {
                assert!(now <= probed + HARD_MS_MIN + LATE_MS, "a probe is late: {self:?}");
            }
        }
    }

    fn on_frame(&mut self, now: u64, socket: SocketId, frame: &ServerFrame) {
        if let ServerFrame::Welcome(welcome) = frame
            && self.socket.is_none_or(|before| before != socket)
        {
            self.socket = Some(socket);
            self.interval_ms = welcome.heartbeat.interval.clamp(1000, 3_600_000);
            self.timeout_ms = welcome.heartbeat.timeout.clamp(1000, 3_600_000);
            self.promised = now + self.interval_ms;
            self.on_activity(now);
        } else if self.socket == Some(socket) {
            self.on_activity(now);
        }
    }

    fn on_activity(&mut self, now: u64) {
        self.since = now;
        self.asked.clear();
        self.probed = None;
    }
}
