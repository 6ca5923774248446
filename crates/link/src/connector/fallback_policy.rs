//! What speaks for polling while no session can be had. In: how attempts ended, what probes found.
//! Out: whether to probe, and whether to poll. Must not know how either is done.

use steadfast_machine::{Millis, Span, Wake};

use crate::end::Evidence;
use crate::{Config, Why};

/// How long a probe's success counts.
const PROOF_SPAN: Span = Span::seconds(10);
/// How long an attempt may take before plain HTTP is tried beside it.
const PROBE_AFTER: Span = Span::seconds(2);
/// How long a socket that is dialled while plain HTTP gets through may take to open; no longer than
/// the effort that is to be made. Where no attempt can begin, twice as long is waited.
const TRIAL_SPAN: Span = Span::seconds(4);
/// After how many failed attempts a socket is given longer to open: Chromium delays every new
/// WebSocket of a process that has seen many fail, also one to a healthy server.
const HELD_BACK_AFTER: u32 = 5;
/// The longest of those delays.
const HELD_BACK_MAX: Span = Span::seconds(5);

/// Why polling may begin without effort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortcut {
    /// It may not.
    None,
    /// WebSocket is known not to get through: this network blocks it, or a session that had
    /// replaced polling was lost although the path works.
    Blocked,
    /// A session that had replaced polling was lost just now. Polling begins at once if plain HTTP
    /// turns out to get through; otherwise the path has failed, and not WebSocket.
    LostReturn,
}

impl Shortcut {
    /// On a network that is known to block WebSocket, or on another.
    const fn on_network(is_known_blocked: bool) -> Self {
        if is_known_blocked { Self::Blocked } else { Self::None }
    }
}

/// The effort made since data stopped flowing.
#[derive(Clone, Debug)]
pub(crate) struct FallbackPolicy {
    /// Since when no data flows.
    since: Millis,
    /// Attempts that failed although plain HTTP was seen to get through before they began.
    failed: u32,
    /// All attempts that failed.
    ended: u32,
    is_server_busy: bool,
    proven_at: Option<Millis>,
    /// Since when plain HTTP has been seen to get through; none while it does not.
    clear_since: Option<Millis>,
    /// Since when a socket has been asked for that was dialled while plain HTTP got through.
    tried_since: Option<Millis>,
    /// When effort becomes reason enough for what a probe has proven; none once that was looked at.
    due_at: Option<Millis>,
    /// When the attempt under way will have taken long, or the pause before the next one is due for
    /// a probe; none once that was looked at.
    probe_at: Option<Millis>,
    shortcut: Shortcut,
    /// Whether the attempt under way, or the next one, begins before anything is known to get
    /// through.
    is_inconclusive: bool,
}

impl FallbackPolicy {
    /// Data stopped flowing, or was first asked for; perhaps on a network that is known to block
    /// WebSocket.
    pub(crate) const fn new(now: Millis, is_known_blocked: bool) -> Self {
        Self {
            since: now,
            failed: 0,
            ended: 0,
            is_server_busy: false,
            proven_at: None,
            clear_since: None,
            tried_since: None,
            due_at: None,
            probe_at: None,
            shortcut: Shortcut::on_network(is_known_blocked),
            is_inconclusive: true,
        }
    }

    /// The same after the loss of a session that had replaced polling and did not live for long.
    pub(crate) const fn after_return(now: Millis, is_known_blocked: bool) -> Self {
        let shortcut = if is_known_blocked { Shortcut::Blocked } else { Shortcut::LostReturn };
        Self { shortcut, ..Self::new(now, is_known_blocked) }
    }

    /// The network is another one now.
    pub(crate) fn move_on(&mut self, is_known_blocked: bool) {
        self.shortcut = Shortcut::on_network(is_known_blocked);
        self.disprove();
    }

    /// The attempt's socket has opened: whatever it began in, it will tell something of WebSocket.
    pub(crate) fn open(&mut self, now: Millis, config: &Config) {
        self.is_inconclusive = false;
        self.tried_since.get_or_insert(now);
        self.watch(now, config);
    }

    /// An attempt began.
    pub(crate) fn watch(&mut self, now: Millis, config: &Config) {
        self.probe_at = Some(now + PROBE_AFTER);
        if self.is_proven(now) {
            self.is_inconclusive = false;
            self.tried_since.get_or_insert(now);
            self.plan_review(now, config);
        }
    }

    /// An attempt failed.
    pub(crate) fn fail(&mut self, evidence: Evidence) {
        if !self.is_inconclusive {
            self.failed = self.failed.saturating_add(1);
        }
        self.ended = self.ended.saturating_add(1);
        self.is_server_busy = evidence == Evidence::Busy;
        self.is_inconclusive = evidence == Evidence::Silence;
        self.probe_at = None;
        if self.is_server_busy {
            self.disprove();
        }
    }

    /// Plain HTTP got through to the server. Whether this was the first time: what was tried
    /// before says nothing of WebSocket.
    pub(crate) fn prove(&mut self, now: Millis, config: &Config) -> bool {
        let is_first = !self.is_proven(now) || self.clear_since.is_none();
        if is_first {
            self.clear_since = Some(now);
            if self.is_inconclusive {
                self.tried_since = None;
            }
        }
        self.proven_at = Some(now);
        self.plan_review(now, config);
        is_first
    }

    /// Plain HTTP did not get through.
    pub(crate) fn disprove(&mut self) {
        self.proven_at = None;
        self.clear_since = None;
        self.tried_since = None;
        self.due_at = None;
        self.failed = 0;
        if self.shortcut == Shortcut::LostReturn {
            self.shortcut = Shortcut::None;
        }
    }

    /// Whether a session that had replaced polling was lost although the path works, as is known
    /// now; once. Polling goes on at once then.
    pub(crate) fn confirm_lost_return(&mut self) -> bool {
        let is_confirmed = self.shortcut == Shortcut::LostReturn;
        if is_confirmed {
            self.shortcut = Shortcut::Blocked;
        }
        is_confirmed
    }

    /// Why polling may begin without effort.
    pub(crate) const fn shortcut(&self) -> Shortcut {
        self.shortcut
    }

    fn plan_review(&mut self, now: Millis, config: &Config) {
        self.due_at = self.enough_at(config).filter(|at| *at > now);
    }

    /// When WebSocket will have had its chance since plain HTTP began to get through.
    fn enough_at(&self, config: &Config) -> Option<Millis> {
        let held_back = if self.is_held_back() { HELD_BACK_MAX } else { Span::ZERO };
        let trial = TRIAL_SPAN.min(config.fallback_effort) + held_back;
        let latest = self.clear_since? + trial.times(2);
        let tried_at = self.tried_since.map_or(latest, |since| latest.min(since + trial));
        Some(tried_at.max(self.since + config.fallback_effort))
    }

    /// Whether a browser may delay the next socket.
    pub(crate) const fn is_held_back(&self) -> bool {
        self.ended >= HELD_BACK_AFTER
    }

    /// While no attempt is under way, plain HTTP is to be tried at this time.
    pub(crate) const fn plan_probe(&mut self, at: Millis) {
        self.probe_at = Some(at);
    }

    /// Time asleep is no effort.
    pub(crate) fn sleep(&mut self, slept: Span) {
        self.since += slept;
        let seen = [&mut self.clear_since, &mut self.tried_since];
        let times = seen.into_iter().chain([&mut self.due_at, &mut self.probe_at]);
        for at in times.flatten() {
            *at += slept;
        }
    }

    /// Whether a probe could tell anything.
    pub(crate) const fn wants_probe(&self) -> bool {
        !self.is_server_busy
    }

    /// Whether the attempt under way says nothing of WebSocket, since it began before anything got
    /// through.
    pub(crate) const fn is_inconclusive(&self) -> bool {
        self.is_inconclusive
    }

    /// Whether plain HTTP was seen to get through a moment ago.
    pub(crate) fn is_proven(&self, now: Millis) -> bool {
        self.proven_at.is_some_and(|at| now.since(at) <= PROOF_SPAN)
    }

    /// Whether to poll; on a network that is suspected of blocking WebSocket, sooner.
    pub(crate) fn wants_fallback(&self, now: Millis, is_suspected: bool, config: &Config) -> bool {
        let is_enough = self.enough_at(config).is_some_and(|at| at <= now)
            || is_suspected
            || self.failed >= config.fallback_attempts;
        let is_known = self.shortcut == Shortcut::Blocked;
        is_known || (self.is_proven(now) && is_enough && !self.is_server_busy)
    }

    /// Whether the time has come to look at effort; true once.
    pub(crate) fn take_due(&mut self, now: Millis) -> bool {
        self.due_at.take_if(|at| *at <= now).is_some()
    }

    /// Whether the attempt under way has taken long, or a probe was planned for now; true once.
    pub(crate) fn take_probe_due(&mut self, now: Millis) -> bool {
        self.probe_at.take_if(|at| *at <= now).is_some()
    }

    /// When one of these will be so.
    pub(crate) fn wake(&self) -> Option<Wake<Why>> {
        let due = self.due_at.map(|at| Wake::new(at, Why::Fallback));
        let probe = self.probe_at.map(|at| Wake::new(at, Why::Probe));
        match due {
            Some(due) => Some(due.earlier(probe)),
            None => probe,
        }
    }
}
