//! Where the link meets its gauge: what is measured, and who is told. In: heartbeats sent and
//! answered, ends, what flows. Out: heartbeats with statistics, and notices of the grade.

use steadfast_machine::{Millis, Span};
use steadfast_protocol::{ClientFrame, Event, Payload};

use super::Link;
use crate::end::End;
use crate::phase::{Live, Phase, ShownAs, Trying};
use crate::quality::Flow;
use crate::{Notice, QualityReport, Reason, SocketId};

impl Link {
    /// How good the link is at `now`: a score from 0 to 100, what takes points off it, and a word
    /// that is steady enough to be shown. [`Notice::Quality`] tells when that word changes.
    pub fn quality(&self, now: Millis) -> QualityReport {
        let mut quality = self.path_stats.quality.clone();
        match self.slept_from(now) {
            Some(from) => quality.on_sleep(from, now),
            None => quality.on_flow(now, self.flow(now)),
        }
        quality.report(now)
    }

    /// Sends what is due on a session. A heartbeat is timed, and now and then carries statistics.
    pub(super) fn send_timed(&mut self, now: Millis, socket: SocketId, mut frame: ClientFrame) {
        if let ClientFrame::Heartbeat(heartbeat) = &mut frame {
            let idle = self.phase.session().map_or(Span::ZERO, |session| session.idle(now));
            self.path_stats.ask(now, idle);
            let text = self.path_stats.tell(now, &self.record.statistics(now));
            heartbeat.stats = text.and_then(|text| Payload::new(&text).ok());
        }
        self.send(socket, frame);
    }

    /// The newest heartbeat was answered. Where the warm path has not been measured for long,
    /// another one follows: only now is the path sure to be warm.
    pub(super) fn on_answered(&mut self, now: Millis) {
        self.path_stats.answer(now);
        self.network_history.record_success();
        self.clear_session_doubt();
        self.return_if_proven(now);
        if self.path_stats.wants_echo(now)
            && let Some(session) = self.phase.session_mut()
        {
            let socket = session.socket;
            let frame = session.echo(now, &self.config, &self.path_stats.rtt);
            self.send_timed(now, socket, frame);
        }
    }

    /// An event comes. What was published since the channel is followed should come at once.
    pub(super) fn measure_delivery(&mut self, now: Millis, event: &Event) {
        let is_live =
            self.channels.find(&event.channel).is_some_and(|one| one.is_live(event.offset));
        if is_live && let Some(age) = self.server_clock.age(now, &event.time) {
            self.path_stats.quality.on_delivery(now, age);
        }
    }

    /// An attempt or a session ends; to be called while it is still there.
    pub(super) fn measure_end(&mut self, now: Millis, end: End) {
        if let Some(session) = self.phase.session() {
            let is_planned = session.is_leaving() || end.is_planned();
            if end == End::Silent {
                self.path_stats.silence(now);
            }
            self.path_stats.quality.on_disconnect(now, is_planned);
        }
        self.path_stats.give_up();
    }

    /// Looks at what flows now, and tells the app where the grade has changed.
    pub(super) fn update_quality(&mut self, now: Millis) {
        let flow = self.flow(now);
        self.path_stats.quality.on_flow(now, flow);
        if self.path_stats.take_change() {
            self.tell(Notice::Quality(self.path_stats.quality.report(now)));
        }
    }

    fn flow(&self, now: Millis) -> Flow {
        match &self.phase {
            Phase::Resting => {
                let is_wanted = self.reason == Reason::Rejected;
                if is_wanted { Flow::Down } else { Flow::Unwanted }
            }
            Phase::Offline => Flow::Offline,
            Phase::Trying(Trying {
                shown_as: ShownAs::Connecting | ShownAs::Reconnecting, ..
            }) => Flow::Down,
            Phase::Trying(Trying { shown_as: ShownAs::Connected, .. }) => Flow::Live,
            Phase::Polling(_) => Flow::Polled,
            Phase::Live(Live { session, .. }) => {
                let is_overdue = self.path_stats.is_suspect(now, session.idle(now));
                let is_suspect = is_overdue || session.timer.is_doubted();
                if is_suspect { Flow::Suspect } else { Flow::Live }
            }
        }
    }
}
