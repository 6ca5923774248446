"""One live WebSocket of a link: signs of life (P-40 to P-44), when it has to go, when its token
has to be followed by a newer one (P-39).

In: what the server said in `welcome`, what arrives, the time. Out: deadlines and verdicts.
"""

from __future__ import annotations

import math
from typing import Any, Mapping, Optional

LATE_S = 5.0
"""A timer that fired so late was asleep with its machine: nothing was missed."""
LEAVE_MAX_S = 3600.0
REFRESH_LEFT_MIN_S = 10.0


class Session:
    """A session that was welcomed at `now` on `socket`."""

    def __init__(
        self, socket: int, now: float, welcome: Mapping[str, Any], *, replaced: bool
    ) -> None:
        self.socket = socket
        self.began = now
        self.replaced_polling = replaced
        self.is_answered = False
        self.leave_at = math.inf
        self.leave_to: Optional[str] = None
        self.crash_window_s = welcome["crash_window_ms"] / 1000
        self._interval_s = welcome["heartbeat"]["interval"] / 1000
        self._timeout_s = welcome["heartbeat"]["timeout"] / 1000
        # One at once where polling waits for the session to prove itself.
        self.heartbeat_at = now if replaced else now + self._interval_s
        self.silent_at = math.inf
        self._is_paused = False
        self.refresh_at = math.inf
        self.refresh_id: Optional[int] = None
        self.offered: Optional[str] = None
        self._ends_at = math.inf
        self._may_retry = False

    @property
    def deadline(self) -> float:
        """When something is due."""
        silent_at = math.inf if self._is_paused else self.silent_at
        return min(self.heartbeat_at, silent_at, self.leave_at, self.refresh_at)

    def on_heard(self) -> None:
        """Something arrived."""
        self.silent_at = math.inf

    def heartbeat(self, now: float) -> Mapping[str, Any]:
        """Make the heartbeat that is due."""
        self.heartbeat_at = now + self._interval_s
        if self.silent_at == math.inf:
            self.silent_at = now + self._timeout_s
        return {"type": "heartbeat", "next_ms": round(self._interval_s * 1000)}

    def is_silent(self, now: float) -> bool:
        """Whether the server has to be given up; asks once more after the machine slept."""
        if self._is_paused or now < self.silent_at:
            return False
        if now > self.silent_at + LATE_S:
            self.silent_at, self.heartbeat_at = math.inf, now
            return False
        return True

    def on_reading(self, now: float, *, is_paused: bool) -> None:
        """The app does not take what has come: what is not read cannot be heard."""
        self._is_paused = is_paused
        if not is_paused and self.silent_at < math.inf:
            self.silent_at = now + self._timeout_s

    def on_go_away(self, now: float, frame: Mapping[str, Any], random: float) -> None:
        """The server asks to leave, within a window (P-55)."""
        after, spread = frame["after_ms"] / 1000, frame["spread_ms"] / 1000
        self.leave_at = now + min(after, LEAVE_MAX_S) + random * min(spread, LEAVE_MAX_S)
        self.leave_to = frame.get("to")

    def on_expiry(self, now: float, expires_in_ms: Optional[int], random: float) -> None:
        """The token ends then: a newer one is due when 10 to 20 % of its time is left."""
        self.offered = self.refresh_id = None
        if expires_in_ms is None:
            self.refresh_at = self._ends_at = math.inf
            return
        span = expires_in_ms / 1000
        left = min(max(REFRESH_LEFT_MIN_S, (0.1 + 0.1 * random) * span), span / 2)
        self._ends_at, self._may_retry = now + span, True
        self.refresh_at = self._ends_at - left

    def on_refresh_failed(self, now: float) -> None:
        """The newer token was none, or is not accepted: once more, halfway to the end."""
        self.offered = self.refresh_id = None
        if self._may_retry:
            self._may_retry = False
            self.refresh_at = now + (self._ends_at - now) / 2
