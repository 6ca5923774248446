//! Whether the session is alive, and how good the path is. In: the session's frames, heartbeats and
//! their answers, what the device reports, the time. Out: frames to send, the verdict that the
//! session has ended, round trips, and the quality. Must not know channels or what follows an end.

mod heartbeat_timer;
mod path_stats;
mod rtt;
mod server_clock;
mod session;

use steadfast_machine::{Millis, Span, Wake};
use steadfast_protocol::{ClientFrame, Payload, Scalar, Welcome};

use crate::end::End;
use crate::quality::{Flow, Grade};
use crate::statistics::Statistics;
use crate::{Config, QualityReport, SocketId, Why};

use path_stats::PathStats;
use server_clock::ServerClock;

pub(crate) use rtt::Bounds;
pub(crate) use session::{Session, SessionAction};

/// The lowest score that is not poor.
const FAIR_MIN: u8 = 50;

/// The current session, if there is one, and what was measured of the path.
#[derive(Debug)]
pub(crate) struct Health {
    session: Option<Session>,
    path_stats: PathStats,
    server_clock: ServerClock,
}

impl Health {
    /// Nothing measured; answers are waited for within these bounds.
    pub(crate) const fn new(bounds: Bounds) -> Self {
        Self { session: None, path_stats: PathStats::new(bounds), server_clock: ServerClock::new() }
    }

    /// The current session.
    pub(crate) const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// The socket of the current session.
    pub(crate) fn socket(&self) -> Option<SocketId> {
        self.session.as_ref().map(Session::socket)
    }

    /// A `hello` was sent.
    pub(crate) fn on_hello(&mut self, now: Millis) {
        self.path_stats.ask(now, Span::ZERO);
    }

    /// The server answered with `welcome`: a session begins.
    pub(crate) fn on_welcome(&mut self, now: Millis, socket: SocketId, welcome: &Welcome) {
        if let Some(rtt) = self.path_stats.welcome(now) {
            self.server_clock.sample(now, rtt, &welcome.server_time);
        }
        self.session = Some(Session::new(socket, welcome, now));
    }

    /// Bytes or a frame came on the session.
    pub(crate) const fn on_activity(&mut self, now: Millis) {
        if let Some(session) = &mut self.session {
            session.on_activity(now);
        }
    }

    /// A heartbeat was answered. Returns its round trip where it was the newest one and could be
    /// timed.
    pub(crate) fn on_heartbeat_ack(
        &mut self,
        now: Millis,
        id: Option<&Scalar>,
        server_time: &str,
    ) -> Option<Span> {
        let rtt = self.session.as_mut()?.on_ack(id, now)?;
        self.server_clock.sample(now, rtt, server_time);
        self.path_stats.answer(now);
        Some(rtt)
    }

    /// An event came that was published after the channel was followed.
    pub(crate) fn on_live_event(&mut self, now: Millis, time: &str) {
        if let Some(age) = self.server_clock.age(now, time) {
            self.path_stats.quality.on_delivery(now, age);
        }
    }

    /// The server asks the link to leave the session by this time.
    pub(crate) const fn on_go_away(&mut self, at: Millis) {
        if let Some(session) = &mut self.session {
            session.leave_at(at);
        }
    }

    /// The session is about to end in this way.
    pub(crate) fn on_session_end(&mut self, now: Millis, end: End) {
        if let Some(session) = &self.session {
            let is_planned = session.is_leaving() || end.is_planned();
            if end == End::Silent {
                self.path_stats.silence(now);
            }
            self.path_stats.quality.on_disconnect(now, is_planned);
        }
        self.give_up();
    }

    /// Takes out the session, which has ended.
    pub(crate) const fn take_session(&mut self) -> Option<Session> {
        self.session.take()
    }

    /// What was asked last will not be answered, which says nothing of the path.
    pub(crate) const fn give_up(&mut self) {
        self.path_stats.give_up();
    }

    /// The device has another network.
    pub(crate) const fn on_network_changed(&mut self, bounds: Bounds) {
        self.path_stats.forget_path(bounds);
    }

    /// The device calls its network weak, or no longer does.
    pub(crate) fn on_weak_network(&mut self, now: Millis, is_weak: bool, bounds: Bounds) {
        self.path_stats.rtt.bound(bounds);
        self.path_stats.quality.on_weak(now, is_weak);
    }

    /// The app went to the background or came back: heartbeats are sent less or more often.
    pub(crate) fn set_background(&mut self, now: Millis, is_background: bool, config: &Config) {
        if let Some(session) = &mut self.session {
            session.pace(now, is_background, config);
        }
    }

    /// The device woke from a sleep that the link's clock may not show: what was asked before it
    /// is not timed.
    pub(crate) const fn on_resumed(&mut self, now: Millis) {
        self.server_clock.sleep(now);
        if let Some(session) = &mut self.session {
            session.give_up_timing();
            self.path_stats.give_up();
        }
    }

    /// The device slept from `from` until now: nothing counts as missed.
    pub(crate) fn on_sleep(&mut self, from: Millis, now: Millis) {
        self.path_stats.sleep(from, now);
        if let Some(session) = &mut self.session {
            session.renew(now);
        }
        self.server_clock.sleep(now);
    }

    /// A timer fired a little late: the answer that is waited for may be waiting, too.
    pub(crate) fn on_late_timer(&mut self, now: Millis) {
        if self.session.as_mut().is_some_and(|session| session.forgive_lateness(now)) {
            self.path_stats.give_up();
        }
    }

    /// The next thing that is due on the session, until there is none.
    pub(crate) fn next_action(&mut self, now: Millis, config: &Config) -> Option<SessionAction> {
        let action = self.session.as_mut()?.due(now, config, &self.path_stats.rtt)?;
        if let SessionAction::Doubt(_) = action {
            self.path_stats.doubt();
        }
        Some(action)
    }

    /// A heartbeat that is sent at once; `None` while one is waited for already.
    pub(crate) fn probe(&mut self, now: Millis, config: &Config) -> Option<ClientFrame> {
        self.session.as_mut()?.probe(now, config)
    }

    /// A heartbeat that is sent right behind an answer.
    pub(crate) fn echo(&mut self, now: Millis, config: &Config) -> Option<ClientFrame> {
        Some(self.session.as_mut()?.echo(now, config, &self.path_stats.rtt))
    }

    /// Whether to send one, since the warm path has not been measured for long.
    pub(crate) fn wants_echo(&self, now: Millis) -> bool {
        self.path_stats.wants_echo(now)
    }

    /// Prepares a frame that is about to be sent: the answer to a heartbeat is timed, and now and
    /// then a heartbeat carries the link's statistics.
    pub(crate) fn on_send(
        &mut self,
        now: Millis,
        frame: &mut ClientFrame,
        statistics: &Statistics,
    ) {
        let ClientFrame::Heartbeat(heartbeat) = frame else { return };
        let idle = self.session.as_ref().map_or(Span::ZERO, |session| session.idle(now));
        self.path_stats.ask(now, idle);
        let text = self.path_stats.tell(now, statistics);
        heartbeat.stats = text.and_then(|text| Payload::new(&text).ok());
    }

    /// Whether the session may be dead, since an answer is overdue.
    pub(crate) fn is_suspect(&self, now: Millis) -> bool {
        self.session.as_ref().is_some_and(|session| {
            session.is_doubted() || self.path_stats.is_overdue(now, session.idle(now))
        })
    }

    /// Takes note of what flows now. Returns a report where the grade has changed.
    pub(crate) fn review(&mut self, now: Millis, flow: Flow) -> Option<QualityReport> {
        self.path_stats.quality.on_flow(now, flow);
        self.path_stats.take_change().then(|| self.path_stats.quality.report(now))
    }

    /// The quality at `now`, which is later than the last input. The device has slept since
    /// `slept_from`, or else this flows.
    pub(crate) fn report(
        &self,
        now: Millis,
        slept_from: Option<Millis>,
        flow: Flow,
    ) -> QualityReport {
        let mut quality = self.path_stats.quality.clone();
        match slept_from {
            Some(from) => quality.on_sleep(from, now),
            None => quality.on_flow(now, flow),
        }
        quality.report(now)
    }

    /// Whether the network is poor now. The grade alone does not say so: it rises slowly, so that
    /// one lost session keeps it low for a minute.
    pub(crate) fn is_poor(&self, now: Millis) -> bool {
        match self.path_stats.quality.grade() {
            Grade::Bad | Grade::Poor => self.path_stats.quality.report(now).score < FAIR_MIN,
            Grade::Unknown | Grade::Fair | Grade::Good | Grade::Excellent => false,
        }
    }

    /// When something will be due on the session.
    pub(crate) fn next_deadline(&self, config: &Config) -> Option<Wake<Why>> {
        self.session.as_ref().map(|session| session.wake(config))
    }
}

#[cfg(test)]
mod tests;
