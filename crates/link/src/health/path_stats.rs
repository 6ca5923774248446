//! What a link measures of its path. In: what was asked and what was answered, and when. Out: round
//! trips for the estimates, answers and misses for the quality, and what operators are told of it.
//! Must not know frames or sockets.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use steadfast_machine::{Millis, Span};

use super::rtt::{Bounds, Path, Rtt};
use crate::quality::{Grade, Part, Parts, Quality};
use crate::statistics::Statistics;

/// How often operators are told at most.
const TELL_INTERVAL: Span = Span::seconds(60);
/// How old the last round trip on a warm path may be.
const WARM_AGE_MAX: Span = Span::seconds(300);

/// What is measured, and what has been told of it.
#[derive(Clone, Debug)]
pub(crate) struct PathStats {
    pub(crate) quality: Quality,
    pub(crate) rtt: Rtt,
    /// What waits for its answer: the newest `hello` or heartbeat.
    unanswered: Option<PendingAnswer>,
    /// When the warm path was last measured.
    warm_at: Millis,
    told_at: Option<Millis>,
    told_grade: Grade,
}

#[derive(Clone, Copy, Debug)]
struct PendingAnswer {
    at: Millis,
    path: Path,
    /// Whether the next thing that is asked has been given more time because of this.
    is_doubted: bool,
}

impl PathStats {
    pub(crate) const fn new(bounds: Bounds) -> Self {
        Self {
            quality: Quality::new(),
            rtt: Rtt::new(bounds),
            unanswered: None,
            warm_at: Millis::ZERO,
            told_at: None,
            told_grade: Grade::Unknown,
        }
    }

    /// Something is asked that has an answer; nothing had come for `idle`.
    pub(crate) fn ask(&mut self, now: Millis, idle: Span) {
        let unanswered = PendingAnswer { at: now, path: Path::after(idle), is_doubted: false };
        if let Some(before) = self.unanswered.replace(unanswered)
            && (before.is_doubted || now.since(before.at) >= self.rtt.soft(before.path))
        {
            self.miss(now, before);
        }
    }

    /// An answer is overdue: the next one is given more time.
    pub(crate) fn doubt(&mut self) {
        if let Some(unanswered) = &mut self.unanswered
            && !unanswered.is_doubted
        {
            unanswered.is_doubted = true;
            self.rtt.miss();
        }
    }

    /// The `hello` was answered; how long that took. That is no heartbeat, but a round trip on a
    /// warm path: the socket had opened just before.
    pub(crate) fn welcome(&mut self, now: Millis) -> Option<Span> {
        self.measure(now)
    }

    /// The newest heartbeat was answered.
    pub(crate) fn answer(&mut self, now: Millis) {
        if let Some(rtt) = self.measure(now) {
            self.quality.on_answer(now, rtt);
        }
    }

    /// Nothing came in time.
    pub(crate) fn silence(&mut self, now: Millis) {
        if let Some(unanswered) = self.unanswered.take() {
            self.miss(now, unanswered);
        }
    }

    /// What was asked will not be answered, which tells nothing.
    pub(crate) const fn give_up(&mut self) {
        self.unanswered = None;
    }

    /// The device slept: what was asked before it cannot be timed.
    pub(crate) fn sleep(&mut self, from: Millis, to: Millis) {
        self.give_up();
        self.quality.on_sleep(from, to);
    }

    /// What was measured was another network's.
    pub(crate) const fn forget_path(&mut self, bounds: Bounds) {
        self.rtt = Rtt::new(bounds);
        self.give_up();
    }

    /// Whether an answer is overdue where nothing has come for `idle`.
    pub(crate) fn is_overdue(&self, now: Millis, idle: Span) -> bool {
        self.unanswered.is_some_and(|unanswered| {
            let span = now.since(unanswered.at);
            idle >= span && span >= self.rtt.soft(unanswered.path)
        })
    }

    /// Whether to ask again right behind an answer, so that the warm path is measured too.
    pub(crate) fn wants_echo(&self, now: Millis) -> bool {
        now.since(self.warm_at) > WARM_AGE_MAX
    }

    /// Whether the grade has changed since this was last asked.
    pub(crate) fn take_change(&mut self) -> bool {
        core::mem::replace(&mut self.told_grade, self.quality.grade()) != self.told_grade
    }

    /// What operators are told, as JSON; none where they were told less than a minute ago.
    pub(crate) fn tell(&mut self, now: Millis, statistics: &Statistics) -> Option<String> {
        if self.told_at.is_some_and(|at| now.since(at) < TELL_INTERVAL) {
            return None;
        }
        self.told_at = Some(now);
        let report = self.quality.report(now);
        let score = match report.grade {
            Grade::Unknown => String::from("null"),
            Grade::Bad | Grade::Poor | Grade::Fair | Grade::Good | Grade::Excellent => {
                format!("{}", report.score)
            }
        };
        let availability = percent(statistics.availability);
        let realtime = percent(statistics.realtime_availability);
        let (grade, reconnects) = (report.grade.as_str(), statistics.total_reconnects);
        let rtt = self.rtt.round_trip().map(|ms| format!(r#","rtt_ms":{ms}"#)).unwrap_or_default();
        let Parts { delay, loss, disconnects, outage, delivery } = report.parts;
        let parts = [
            (Part::Delay, delay),
            (Part::Loss, loss),
            (Part::Disconnects, disconnects),
            (Part::Outage, outage),
            (Part::Delivery, delivery),
        ];
        let parts = parts.iter().filter(|(_, points)| *points > 0);
        let parts: Vec<String> =
            parts.map(|(part, points)| format!(r#""{}":{points}"#, part.as_str())).collect();
        Some(
            format!(r#"{{"availability":{availability},"realtime_availability":{realtime},"#)
                + &format!(r#""score":{score},"grade":"{grade}","reconnects":{reconnects}{rtt},"#)
                + &format!(r#""parts":{{{}}}}}"#, parts.join(",")),
        )
    }

    /// Takes the round trip of what was asked, if it can be timed.
    fn measure(&mut self, now: Millis) -> Option<Span> {
        let unanswered = self.unanswered.take()?;
        let rtt = now.since(unanswered.at);
        self.rtt.sample(unanswered.path, rtt);
        if unanswered.path == Path::Warm {
            self.warm_at = now;
        }
        if let Some(warm) = self.rtt.warm() {
            self.quality.on_delay(warm.delay());
        }
        Some(rtt)
    }

    fn miss(&mut self, now: Millis, unanswered: PendingAnswer) {
        if !unanswered.is_doubted {
            self.rtt.miss();
        }
        self.quality.on_miss(now);
    }
}

/// Hundredths of a percent as percent.
fn percent(hundredths: u32) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}
