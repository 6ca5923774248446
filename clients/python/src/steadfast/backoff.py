"""When to try WebSocket next (P-60 to P-65): delays, hints of a server, and a budget.

In: failures, sessions that held, the time, random numbers. Out: the time of the next attempt.
"""

from __future__ import annotations

import math
from random import Random

DELAY_MIN_S = 1.0
DELAY_MAX_S = 30.0
JITTER = 0.3
ATTEMPT_COST_S = 15.0
"""One attempt in so long is earned back …"""
CREDIT_MAX_S = 150.0
"""… up to ten at once: at most 14 in any minute."""
STABLE_AFTER_S = 30.0
REFILL_AFTER_S = 60.0
LATER_MIN_S = 5.0
HINT_MAX_S = 3600.0


class Backoff:
    """The schedule of one link's attempts."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0
        self._credit = CREDIT_MAX_S
        self._credited_at = 0.0
        self._last = -math.inf
        self._held_until = 0.0

    def delay(self) -> float:
        """Doubled for each failure in a row, capped, then jittered, then floored."""
        span = min(DELAY_MIN_S * 2.0 ** min(self._failures, 31), DELAY_MAX_S)
        self._failures += 1
        return max(self.jittered(span), DELAY_MIN_S)

    def crash_delay(self, window_s: float) -> float:
        """Spread the first attempt after a sudden loss over half of the server's window."""
        spread = self._random.uniform(0, min(window_s, HINT_MAX_S) / 2)
        if self._failures:
            return max(spread, self.delay())
        self._failures = 1
        return max(spread, DELAY_MIN_S)

    def hold(self, now: float, hint_s: float) -> None:
        """Let no attempt begin before the server's hint has passed."""
        self._held_until = max(self._held_until, now + min(hint_s, HINT_MAX_S))

    def hold_a_while(self, now: float) -> None:
        """As `hold`, where the server named no time."""
        self.hold(now, self._random.uniform(LATER_MIN_S, LATER_MIN_S * (1 + JITTER)))

    def admit(self, wanted: float) -> float:
        """Return the first time from `wanted` on that budget and hints permit."""
        at = max(wanted, self._held_until)
        return at + max(ATTEMPT_COST_S - self._credit_at(at), 0.0)

    def admit_soon(self, now: float) -> float:
        """As `admit`: now, but never within the floor of the last attempt."""
        return self.admit(max(now, self._last + DELAY_MIN_S))

    def spend(self, now: float) -> None:
        """Count an attempt that begins."""
        self._credit = max(self._credit_at(now) - ATTEMPT_COST_S, 0.0)
        self._credited_at = self._last = now

    def credit_session(self, now: float, held_s: float, *, is_answered: bool) -> None:
        """Count a session that ended and had held for so long."""
        if held_s >= STABLE_AFTER_S and is_answered:
            self._failures = 0
        if held_s >= REFILL_AFTER_S:
            self._credit, self._credited_at = CREDIT_MAX_S, now

    def jittered(self, span: float, jitter: float = JITTER) -> float:
        """Return `span` up to `jitter` shorter or longer."""
        return self._random.uniform(span * (1 - jitter), span * (1 + jitter))

    def _credit_at(self, at: float) -> float:
        return min(self._credit + max(at - self._credited_at, 0.0), CREDIT_MAX_S)
