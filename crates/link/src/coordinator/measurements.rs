//! Connects the link to its health: what flows, which frames are timed, and who is told of the
//! quality. In: heartbeats and their answers, events, the time. Out: heartbeats with statistics,
//! and notices of the quality.

use steadfast_machine::Millis;
use steadfast_protocol::{ClientFrame, Event};

use super::Link;
use crate::phase::{Phase, ShownAs};
use crate::quality::Flow;
use crate::{Notice, QualityReport, Reason};

impl Link {
    /// How good the link is at `now`: a score from 0 to 100, what takes points off it, and a word
    /// that is steady enough to be shown. [`Notice::Quality`] tells when that word changes.
    pub fn quality(&self, now: Millis) -> QualityReport {
        self.health.report(now, self.slept_from(now), self.flow(now))
    }

    /// Sends a frame that is due on the session.
    pub(super) fn send_timed(&mut self, now: Millis, mut frame: ClientFrame) {
        let Some(socket) = self.health.socket() else { return };
        if let ClientFrame::Heartbeat(_) = frame {
            self.health.on_send(now, &mut frame, &self.record.statistics(now));
        }
        self.send(socket, frame);
    }

    /// An event came. One that was published after its channel was followed shows how long
    /// delivery takes.
    pub(super) fn measure_delivery(&mut self, now: Millis, event: &Event) {
        let is_live =
            self.subscriptions.find(&event.channel).is_some_and(|one| one.is_live(event.offset));
        if is_live {
            self.health.on_live_event(now, &event.time);
        }
    }

    /// Measures what flows now, and tells the app where the grade has changed.
    pub(super) fn update_quality(&mut self, now: Millis) {
        let flow = self.flow(now);
        if let Some(report) = self.health.review(now, flow) {
            self.tell(Notice::Quality(report));
        }
    }

    fn flow(&self, now: Millis) -> Flow {
        match self.phase {
            Phase::Resting => {
                let is_wanted = self.reason == Reason::Rejected;
                if is_wanted { Flow::Down } else { Flow::Unwanted }
            }
            Phase::Offline => Flow::Offline,
            Phase::Trying(ShownAs::Connecting | ShownAs::Reconnecting) => Flow::Down,
            Phase::Polling => Flow::Polled,
            Phase::Live(_) if self.health.is_suspect(now) => Flow::Suspect,
            Phase::Live(_) | Phase::Trying(ShownAs::Connected) => Flow::Live,
        }
    }

    /// Heartbeats come as often as the device's state wants them.
    pub(super) fn pace_session(&mut self, now: Millis) {
        self.health.set_background(now, self.device.is_background, &self.config);
    }
}
