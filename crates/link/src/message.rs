//! What people are told of a link, and when. In: states, clues and the time. Out: at most one
//! message, the most severe that is true: silent for 3 s, small until 10 s, a banner after that.
//! One that is no longer true is taken down at once; another goes up no sooner than 5 s after the
//! last, but for the word that all is well again. Must not know a text or a language.

mod code;

use steadfast_machine::{Millis, Span};

use crate::{LinkState, Reason};

pub use code::{MessageCode, Severity};

/// An outage that may heal by itself is told as a banner after this.
const BANNER_AFTER: Span = Span::seconds(10);
/// How long it is said that all is well again.
const RECOVERED_SPAN: Span = Span::seconds(2);
/// How long it is said that events are missing.
const GAP_SPAN: Span = Span::seconds(30);
/// A message goes up no sooner than this after the last one did.
const PACE: Span = Span::seconds(5);
/// A promise of the next attempt is never shorter.
const RETRY_MIN: Span = Span::seconds(1);

/// A message that is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "scenario", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "scenario", serde(rename_all = "camelCase"))]
pub struct Message {
    /// Which.
    pub code: MessageCode,
    /// How loudly: softer at first than the code's own severity.
    pub severity: Severity,
    /// Within how many milliseconds from now the link tries again, where the text says so.
    pub retry_in_ms: Option<u64>,
}

/// What speaks for one message and against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clue {
    /// An attempt or session ended without a word on why.
    NoWord,
    /// The server said that it is full for now.
    Busy,
    /// The server said that it leaves.
    Leaving,
    /// The network answered in the server's place, and sent the link to a page of its own.
    Portal,
    /// If the link is rejected now, then because it has no token.
    TokenMissing,
    /// If the link is rejected now, then because of its token.
    TokenRefused,
    /// If the link is rejected now, then because its token's times do not fit.
    ClockWrong,
    /// If the link is rejected now, then because an operator ended it.
    Disconnected,
    /// If the link is rejected now, then because a newer session took its place.
    Replaced,
    /// If the link is rejected now, then because the server will not have it.
    Refused,
    /// The app was told of a gap.
    Gap,
    /// Whether the network is poor.
    Poor(bool),
    /// Whether polls go unanswered.
    Stalled(bool),
}

/// Chooses what is to be seen. Feed it with [`Messages::enter`] and [`Messages::on_clue`], then
/// call [`Messages::review`], at the latest when [`Messages::wake`] says. Time never goes back.
#[derive(Clone, Debug)]
pub struct Messages {
    state: LinkState,
    reason: Reason,
    /// Since when events come by polling.
    polled_since: Option<Millis>,
    /// Since when no events have come, while they are wanted.
    dry_since: Option<Millis>,
    poor_since: Option<Millis>,
    gap_at: Option<Millis>,
    recovered_at: Option<Millis>,
    is_busy: bool,
    is_leaving: bool,
    is_portal: bool,
    /// What a rejection would be put down to.
    blamed: MessageCode,
    /// What the last rejection was put down to.
    verdict: MessageCode,
    /// When the link tries again, as it last said.
    next_try: Option<Millis>,
    /// Whether people have seen a banner since events last flowed.
    had_banner: bool,
    shown: Option<Shown>,
    put_up_at: Option<Millis>,
    reviewed_at: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shown {
    code: MessageCode,
    severity: Severity,
    retry_at: Option<Millis>,
}

/// Something that is so.
#[derive(Clone, Copy, Debug)]
struct Truth {
    code: MessageCode,
    since: Millis,
    /// How long it is worth saying.
    worth: Option<Span>,
}

impl Default for Messages {
    fn default() -> Self {
        Self::new()
    }
}

impl Messages {
    /// Of a link at rest that was never asked to connect.
    pub const fn new() -> Self {
        Self {
            state: LinkState::Disconnected,
            reason: Reason::Closed,
            polled_since: None,
            dry_since: None,
            poor_since: None,
            gap_at: None,
            recovered_at: None,
            is_busy: false,
            is_leaving: false,
            is_portal: false,
            blamed: MessageCode::Policy,
            verdict: MessageCode::Policy,
            next_try: None,
            had_banner: false,
            shown: None,
            put_up_at: None,
            reviewed_at: Millis::ZERO,
        }
    }

    /// The link's state changed.
    pub fn enter(&mut self, now: Millis, state: LinkState, reason: Reason) {
        self.state = state;
        self.reason = reason;
        match state {
            LinkState::Connected => {
                self.recovered_at = self.had_banner.then_some(now);
                self.flow(now);
            }
            LinkState::Fallback => {
                self.flow(now);
                self.polled_since = Some(now);
            }
            LinkState::Connecting | LinkState::Reconnecting => self.dry_up(now, reason),
            LinkState::Disconnected => match reason {
                Reason::Closed | Reason::Finished => self.rest(reason),
                Reason::Rejected => {
                    self.verdict = self.blamed;
                    self.stop();
                }
                Reason::Offline
                | Reason::Asked
                | Reason::NetworkRestored
                | Reason::Welcomed
                | Reason::Lost
                | Reason::HeartbeatTimeout
                | Reason::ConnectTimeout
                | Reason::Unreachable
                | Reason::ServerAsked
                | Reason::WebSocketBlocked => self.dry_up(now, reason),
            },
        }
    }

    /// There is a clue. What an attempt ended with is heard before the state that follows.
    pub fn on_clue(&mut self, now: Millis, clue: Clue) {
        match clue {
            Clue::NoWord | Clue::Busy | Clue::Leaving | Clue::Portal => {
                self.is_busy = clue == Clue::Busy;
                self.is_portal = clue == Clue::Portal;
                self.is_leaving |= clue == Clue::Leaving;
            }
            Clue::TokenMissing => self.blamed = MessageCode::AuthRequired,
            Clue::TokenRefused => self.blamed = MessageCode::AuthExpired,
            Clue::ClockWrong => self.blamed = MessageCode::ClockSkew,
            Clue::Disconnected => self.blamed = MessageCode::Disconnected,
            Clue::Replaced => self.blamed = MessageCode::Replaced,
            Clue::Refused => self.blamed = MessageCode::Policy,
            Clue::Gap => self.gap_at = Some(now),
            Clue::Stalled(is_stalled) => {
                if self.state == LinkState::Fallback {
                    self.stall(now, is_stalled);
                }
            }
            Clue::Poor(false) => self.poor_since = None,
            Clue::Poor(true) => {
                self.poor_since.get_or_insert(now);
            }
        }
    }

    /// The device slept that long until now: no outage grew older.
    pub fn sleep(&mut self, slept: Span) {
        let times =
            [&mut self.polled_since, &mut self.dry_since, &mut self.poor_since, &mut self.gap_at];
        for at in times.into_iter().flatten() {
            *at += slept;
        }
    }

    /// Chooses anew. `next_try` is when the link tries again, while that is planned. Whether what
    /// is to be seen has changed; see [`Messages::message`].
    pub fn review(&mut self, now: Millis, next_try: Option<Millis>) -> bool {
        self.next_try = next_try.or(self.next_try);
        self.reviewed_at = now;
        let due = self.due(now);
        if due == self.shown {
            return false;
        }
        if let Some(shown) = due {
            self.put_up_at = Some(now);
            let is_banner = shown.severity >= Severity::Warn;
            self.had_banner |= is_banner && shown.code != MessageCode::GapLost;
        }
        self.shown = due;
        true
    }

    /// What is to be seen, as of the last review; `None` for nothing.
    pub fn message(&self) -> Option<Message> {
        let Shown { code, severity, retry_at } = self.shown?;
        let retry_in = retry_at.map(|at| at.since(self.reviewed_at).max(RETRY_MIN));
        Some(Message { code, severity, retry_in_ms: retry_in.map(|span| span.0) })
    }

    /// When what is to be seen changes next, if nothing else happens.
    pub fn wake(&self) -> Option<Millis> {
        let banner_at = self.dry_since.map(|at| at + BANNER_AFTER);
        let paced_at = self.put_up_at.map(|at| at + PACE);
        let ends = self.truths().filter_map(Truth::until);
        let begins = self.truths().map(Truth::from);
        let times = begins.chain(ends).chain(banner_at).chain(paced_at);
        times.filter(|at| *at > self.reviewed_at && self.due(*at) != self.shown).min()
    }

    /// A network that was poor while nothing flowed may be better now.
    fn flow(&mut self, now: Millis) {
        if self.dry_since.take().is_some() {
            self.poor_since = self.poor_since.map(|_| now);
        }
        self.had_banner = false;
        self.forget_hints();
    }

    /// While it polls nothing comes once polls go unanswered, and until one is answered again.
    fn stall(&mut self, now: Millis, is_stalled: bool) {
        if is_stalled {
            self.dry_since.get_or_insert(now);
        } else if self.dry_since.is_some() {
            self.flow(now);
        }
    }

    /// What was said before the network came back, or before the app asked anew, is old.
    fn dry_up(&mut self, now: Millis, reason: Reason) {
        self.recovered_at = None;
        self.dry_since.get_or_insert(now);
        if matches!(reason, Reason::Asked | Reason::NetworkRestored | Reason::Offline) {
            self.forget_hints();
        }
    }

    /// Nothing is wanted any more. What was lost on the way to the end is still worth saying.
    fn rest(&mut self, reason: Reason) {
        self.stop();
        self.had_banner = false;
        if reason == Reason::Closed {
            self.gap_at = None;
        }
    }

    const fn stop(&mut self) {
        self.polled_since = None;
        self.dry_since = None;
        self.recovered_at = None;
        self.poor_since = None;
        self.forget_hints();
    }

    const fn forget_hints(&mut self) {
        self.is_busy = false;
        self.is_leaving = false;
        self.is_portal = false;
    }

    fn is_rejected(&self) -> bool {
        self.state == LinkState::Disconnected && self.reason == Reason::Rejected
    }

    /// What is to be seen at that time, no later clue given.
    fn due(&self, at: Millis) -> Option<Shown> {
        let best = self.truths().filter(|truth| truth.holds(at)).map(|truth| self.show(truth, at));
        let best = best.max_by_key(|shown| (shown.severity, shown.code))?;
        let is_paced = self.put_up_at.is_some_and(|up| at < up + PACE);
        if self.shown == Some(best) || !is_paced || best.code == MessageCode::Recovered {
            return Some(best);
        }
        let is_true = |code| self.truths().any(|truth| truth.code == code && truth.holds(at));
        self.shown.filter(|shown| is_true(shown.code))
    }

    fn show(&self, truth: Truth, at: Millis) -> Shown {
        let code = truth.code;
        let is_early = self.dry_since.is_some_and(|since| at < since + BANNER_AFTER);
        let severity = code.severity();
        let severity =
            if is_early && code.heals() { severity.min(Severity::Info) } else { severity };
        let retry_at = self.next_try.filter(|_| code == MessageCode::SrvBusy);
        Shown { code, severity, retry_at }
    }

    /// Everything that is so, whether or not it is time to say it.
    fn truths(&self) -> impl Iterator<Item = Truth> {
        use MessageCode as Code;
        let is_trying = matches!(self.state, LinkState::Connecting | LinkState::Reconnecting);
        let is_polling = self.state == LinkState::Fallback;
        let is_polled = is_polling && self.dry_since.is_none();
        let is_flowing = self.state == LinkState::Connected || is_polled;
        let stalled = self.dry_since.filter(|_| is_polling);
        let trying = self.dry_since.filter(|_| is_trying);
        let offline = self.dry_since.filter(|_| self.state == LinkState::Disconnected);
        let polling = self.polled_since.filter(|_| is_polled);
        let rejected = self.is_rejected().then_some(Millis::ZERO);
        [
            (Code::Recovered, self.recovered_at, Some(RECOVERED_SPAN)),
            (Code::LinkSlow, self.poor_since.filter(|_| is_flowing), None),
            (Code::LinkFallback, polling, None),
            (Code::GapLost, self.gap_at, Some(GAP_SPAN)),
            (Code::LinkReconnecting, trying.or(stalled), None),
            (Code::SrvBusy, trying.filter(|_| self.is_busy), None),
            (Code::SrvMaint, trying.filter(|_| self.is_leaving), None),
            (Code::NetOffline, offline, None),
            (Code::Captive, trying.filter(|_| self.is_portal), None),
            (self.verdict, rejected, None),
        ]
        .into_iter()
        .filter_map(|(code, since, worth)| Some(Truth { code, since: since?, worth }))
    }
}

impl Truth {
    fn from(self) -> Millis {
        self.since + self.code.show_after()
    }

    fn until(self) -> Option<Millis> {
        self.worth.map(|worth| self.from() + worth)
    }

    fn holds(self, at: Millis) -> bool {
        self.from() <= at && self.until().is_none_or(|until| at < until)
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod walk;
