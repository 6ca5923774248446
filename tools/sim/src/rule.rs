//! Faults of the path as rules. In: one passage (a frame, a dial, a request) of one link.
//! Out: a verdict; the first rule that has one wins. Must not know: wires, sessions, who is right.

use steadfast_link::DialFailure;

/// The first pause of a TCP before it sends again, and the longest.
const SEND_AGAIN_MS: u64 = 200;
const SEND_AGAIN_MS_MAX: u64 = 120_000;
/// The pause before a connection is asked for again.
const DIAL_AGAIN_MS: u64 = 1_000;

/// Something that wants to travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// A frame on an open socket, to the server.
    FrameUp,
    /// A frame on an open socket, to the link.
    FrameDown,
    /// The opening of a socket to this endpoint.
    Dial { endpoint: u8 },
    /// A poll or a probe.
    Request,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It travels, and takes this many milliseconds more than usual.
    Pass { extra_ms: u64 },
    /// It waits until then, and is looked at again.
    Hold { until: u64 },
    /// It fails at once, and the link is told how.
    Fail(DialFailure),
    /// Nothing is ever heard of it.
    Vanish,
}

/// One fault, for one link, for a while.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The link it is about.
    pub(crate) link: usize,
    /// When it ends.
    pub(crate) until: u64,
    /// What it does.
    pub(crate) effect: Effect,
}

/// What a rule does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Everything takes longer.
    Delay { extra_ms: u64 },
    /// Nothing passes either way, and nobody is told.
    Stall,
    /// Frames to the link come one by one, so far apart.
    Trickle { each_ms: u64 },
    /// No new WebSocket, refused or never answered; plain HTTP works.
    NoWebSocket { is_hanging: bool },
    /// The first endpoint never answers a new WebSocket.
    DeafEndpoint,
    /// No new connection at all; what is open stalls.
    NoRoute { is_silent: bool },
    /// The path is gone for a while. What is open outlives it, as TCP does: what was sent is sent
    /// again after pauses that double, so also some time after the path is back.
    Blackout { since: u64 },
    /// Whoever asks for anything new is shown a page to log in, a WebSocket too.
    Portal,
    /// The server refuses newcomers.
    Busy { retry_after_ms: u64 },
}

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    active: Vec<Rule>,
}

impl Rule {
    fn verdict(&self, now: u64, passage: Passage) -> Option<Verdict> {
        use Passage::{Dial, FrameDown, FrameUp, Request};
        match (self.effect, passage) {
            (Effect::Delay { extra_ms }, _) => Some(Verdict::Pass { extra_ms }),
            (Effect::Stall, _) | (Effect::NoRoute { .. }, FrameUp | FrameDown) => {
                Some(Verdict::Hold { until: self.until })
            }
            (Effect::Trickle { each_ms }, FrameDown) => Some(Verdict::Pass { extra_ms: each_ms }),
            (Effect::NoWebSocket { is_hanging: false } | Effect::Portal, Dial { .. }) => {
                Some(Verdict::Fail(DialFailure::Blocked))
            }
            (Effect::NoRoute { is_silent: true }, Dial { .. } | Request)
            | (Effect::NoWebSocket { is_hanging: true }, Dial { .. })
            | (Effect::DeafEndpoint, Dial { endpoint: 0 })
            | (Effect::Blackout { .. }, Request) => Some(Verdict::Vanish),
            (Effect::NoRoute { is_silent: false }, Dial { .. } | Request)
            | (Effect::Portal, Request) => Some(Verdict::Fail(DialFailure::Unreachable)),
            (Effect::Blackout { since }, FrameUp | FrameDown) => {
                Some(Verdict::Hold { until: sent_again_at(since, now) })
            }
            (Effect::Blackout { .. }, Dial { .. }) => {
                Some(Verdict::Hold { until: now + DIAL_AGAIN_MS })
            }
            (Effect::Busy { retry_after_ms }, Dial { .. } | Request) => {
                Some(Verdict::Fail(DialFailure::Busy { retry_after_ms }))
            }
            (Effect::Trickle { .. }, FrameUp | Dial { .. } | Request)
            | (Effect::NoWebSocket { .. }, FrameUp | FrameDown | Request)
            | (Effect::DeafEndpoint, _)
            | (Effect::Portal | Effect::Busy { .. }, FrameUp | FrameDown) => None,
        }
    }
}

impl Rules {
    /// From now on, `rule` too.
    pub(crate) fn add(&mut self, rule: Rule) {
        self.active.push(rule);
    }

    /// All faults stop.
    pub(crate) fn clear(&mut self) {
        self.active.clear();
    }

    /// What happens to this passage of `link` now.
    pub(crate) fn verdict(&mut self, now: u64, link: usize, passage: Passage) -> Verdict {
        self.active.retain(|rule| rule.until > now);
        let mut own = self.active.iter().filter(|rule| rule.link == link);
        own.find_map(|rule| rule.verdict(now, passage)).unwrap_or(Verdict::Pass { extra_ms: 0 })
    }
}

/// When what could not be sent since then is sent again, as TCP does it: after as long again.
fn sent_again_at(since: u64, now: u64) -> u64 {
    now + now.saturating_sub(since).clamp(SEND_AGAIN_MS, SEND_AGAIN_MS_MAX)
}

#[cfg(test)]
mod tests {
    use super::{Effect, Passage, Rule, Rules, Verdict};
    use steadfast_link::DialFailure;

    #[test]
    fn the_first_rule_with_a_verdict_wins_until_it_ends() {
        let mut rules = Rules::default();
        let rule = |until, effect| Rule { link: 1, until, effect };
        rules.add(rule(10, Effect::NoWebSocket { is_hanging: false }));
        rules.add(rule(20, Effect::Stall));
        let mut ask = |now, link, passage| rules.verdict(now, link, passage);
        assert_eq!(ask(5, 1, Passage::Dial { endpoint: 0 }), Verdict::Fail(DialFailure::Blocked));
        assert_eq!(ask(5, 1, Passage::FrameUp), Verdict::Hold { until: 20 });
        assert_eq!(ask(5, 2, Passage::Dial { endpoint: 0 }), Verdict::Pass { extra_ms: 0 });
        assert_eq!(ask(10, 1, Passage::Dial { endpoint: 0 }), Verdict::Hold { until: 20 });
        assert_eq!(ask(20, 1, Passage::Dial { endpoint: 0 }), Verdict::Pass { extra_ms: 0 });
    }
    #[test]
    fn in_a_blackout_pauses_double() {
        let mut rules = Rules::default();
        let effect = Effect::Blackout { since: 1_000 };
        rules.add(Rule { link: 1, until: 3_000, effect });
        let mut ask = |now| rules.verdict(now, 1, Passage::FrameUp);
        assert_eq!(ask(1_000), Verdict::Hold { until: 1_200 });
        assert_eq!(ask(1_500), Verdict::Hold { until: 2_000 });
        assert_eq!(ask(2_000), Verdict::Hold { until: 3_000 });
        assert_eq!(ask(2_500), Verdict::Hold { until: 4_000 });
        assert_eq!(ask(3_000), Verdict::Pass { extra_ms: 0 });
    }
}
