//! How often a session is sought while events come by polling: less often than without polls. In:
//! attempts that fail. Out: the delay of the next attempt.

use steadfast_machine::{Rng, Span};

use crate::Config;
use crate::backoff::{doubled, jittered};

/// How many delays double; the next is the largest.
const RETURNS_DOUBLED: u32 = 3;
/// How far they are jittered, in percent.
const RETURN_JITTER_PERCENT: u32 = 20;

/// The attempts since polling began.
#[derive(Clone, Debug)]
pub(crate) struct ReturnPace {
    /// How many have failed since then or since the network changed.
    failed: u32,
    /// Whether the attempt under way says nothing of WebSocket: it began before plain HTTP was
    /// known to get through, or has brought a session.
    is_inconclusive: bool,
}

impl ReturnPace {
    /// Polling begins beside an attempt.
    pub(crate) const fn new(is_inconclusive: bool) -> Self {
        Self { failed: 0, is_inconclusive }
    }

    /// Whether the failure of the attempt under way says nothing of WebSocket.
    pub(crate) const fn is_inconclusive(&self) -> bool {
        self.is_inconclusive
    }

    /// The attempt under way has shown that WebSocket gets through, whatever follows.
    pub(crate) const fn excuse(&mut self) {
        self.is_inconclusive = true;
    }

    /// The network is another one now.
    pub(crate) const fn restart(&mut self) {
        self.failed = 0;
    }

    /// Whether a browser may delay the next socket, as it does after failures.
    pub(crate) const fn is_held_back(&self) -> bool {
        self.failed > 0
    }

    /// The delay after a failure: doubled, capped, then jittered; as after a first failure where
    /// that said nothing of WebSocket.
    pub(crate) fn delay(&mut self, config: &Config, rng: &mut Rng) -> Span {
        if core::mem::take(&mut self.is_inconclusive) {
            let delay = jittered(config.backoff_min, config.jitter_percent, rng);
            return delay.max(config.delay_floor);
        }
        let delay = if self.failed < RETURNS_DOUBLED {
            doubled(config.return_min, self.failed, config.return_max)
        } else {
            config.return_max
        };
        self.failed = self.failed.saturating_add(1);
        jittered(delay, RETURN_JITTER_PERCENT, rng)
    }
}
