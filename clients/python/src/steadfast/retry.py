"""How long a publisher goes on trying, and how long it pauses.

In: failures, the server's hints, the time, random numbers. Out: a pause, or that it is enough.
Knows neither clock nor network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

DEADLINE_S_MAX = 240.0
"""The server knows an idempotency key for five minutes: nothing is repeated after four."""


LAST_ATTEMPT_S = 1.0
"""The last attempt begins so long before the deadline at the latest."""


@dataclass(frozen=True)
class RetryPolicy:
    """The times of a publisher, in seconds."""

    deadline_s: float = 30.0
    """How long one call may take in all, pauses included; 240 at most."""
    attempt_s: float = 10.0
    """How long one request may take."""
    pause_min_s: float = 0.1
    """No pause is shorter."""
    pause_first_s: float = 0.5
    """The first pause is drawn from up to this, doubled for each failure …"""
    pause_max_s: float = 8.0
    """… up to this."""

    def __post_init__(self) -> None:
        for name in ("deadline_s", "attempt_s", "pause_min_s", "pause_first_s", "pause_max_s"):
            value = getattr(self, name)
            if not 0 < value <= DEADLINE_S_MAX:
                raise ValueError(f"{name} is above 0 and at most {DEADLINE_S_MAX:g}, not {value}")


class Attempts:
    """The attempts at one request that began at `now`."""

    def __init__(self, policy: RetryPolicy, now: float) -> None:
        self._policy = policy
        self._end = now + policy.deadline_s
        self.failed = 0

    def time_left(self, now: float) -> float:
        """How long the call may still take."""
        return max(self._end - now, 0.0)

    def attempt_s(self, now: float) -> float:
        """How long the next request may take."""
        return min(self._policy.attempt_s, self.time_left(now))

    def pause_s(self, now: float, hint_s: float, random: float) -> Optional[float]:
        """Count a failure; the pause behind it, or None where the deadline would come first.

        `random` is drawn from [0, 1). The pause begins behind the server's hint, so that publishers
        that were given the same one do not come back together.
        """
        policy = self._policy
        cap = min(policy.pause_first_s * 2.0 ** min(self.failed, 16), policy.pause_max_s)
        self.failed += 1
        pause = hint_s + max(policy.pause_min_s, random * cap)
        left = self.time_left(now)
        if pause < left:
            return pause
        # One last attempt, with time for its answer.
        last = left - LAST_ATTEMPT_S
        return last if last >= hint_s + policy.pause_min_s else None
