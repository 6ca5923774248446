"""When a link polls (P-73 to P-79, simplified): what is evidence that HTTP gets through and
WebSocket does not, when the next request is due, and when a session has proved itself.

In: probes, attempts, answers, the time. Out: deadlines and verdicts. Knows no channel.
"""

from __future__ import annotations

import math
from typing import Optional

from .backoff import Backoff

DATA_STOPPED_S = 6.0
"""Polling begins so long after data stopped …"""
NO_WEBSOCKET_S = 8.0
"""… or so long after HTTP began to get through, if no attempt has failed since."""
PROBE_AFTER_S = 2.0
PROBE_EACH_S = 5.0
WAIT_S = 25.0
EVENTS_MAX = 100
FAILURES_MAX = 3
"""After so many requests without an answer a link no longer counts as polling."""
PROVEN_AFTER_S = 20.0
SUSPECT_PROVEN_AFTER_S = 25.0
SHORT_LIVED_S = 60.0
NO_POLLS_S = 60.0
"""How long a server that has no polls is not asked for any."""
FLAPS_MAX = 3


class Polling:
    """Evidence and timers of polling; `is_on`: requests are made."""

    def __init__(self, now: float, backoff: Backoff) -> None:
        self._backoff = backoff
        self.is_on = False
        self.number = 0
        self.in_flight: Optional[int] = None
        self.next_at = math.inf
        self.probe_at = math.inf
        self._is_probing = False
        self._stopped_at: Optional[float] = now
        self._http_since: Optional[float] = None
        self._has_failed = False
        self._failed_since_http = 0
        self._blocked = 0
        self._failures = 0
        self._is_answered = False
        self._flaps = 0
        self._held_until = -math.inf

    def on_attempt(self, now: float) -> None:
        """An attempt began: HTTP is tried beside one that takes long."""
        if not self.is_on:
            self.probe_at = now + PROBE_AFTER_S

    def on_attempt_failed(self, now: float, dialed_at: float, *, is_blocked: bool) -> None:
        """An attempt failed, not because the server said so."""
        self._has_failed = True
        self._blocked = self._blocked + 1 if is_blocked else 0
        if self._http_since is not None and dialed_at >= self._http_since:
            self._failed_since_http += 1
        if not self.is_on:
            self.probe_at = now

    @property
    def probe_due(self) -> float:
        """When the next probe is to be made."""
        return math.inf if self._is_probing or self.is_on else self.probe_at

    def take_probe(self, now: float) -> bool:
        """Whether a probe is due; it then counts as made."""
        if now < self.probe_due:
            return False
        self._is_probing, self.probe_at = True, math.inf
        return True

    def on_probe(self, now: float, *, is_through: bool) -> bool:
        """Take a probe's outcome. Returns whether HTTP begins to get through behind an attempt that
        failed, which says nothing of WebSocket then.
        """
        self._is_probing = False
        if self._stopped_at is not None and not self.is_on:
            self.probe_at = now + self._backoff.jittered(PROBE_EACH_S)
        is_news = is_through and self._http_since is None and self._has_failed
        if is_through and self._http_since is None:
            self._http_since = now
        elif not is_through:
            self._http_since, self._failed_since_http = None, 0
        return is_news

    def begin_at(self) -> float:
        """When polling begins, as far as is known."""
        if self.is_on or self._stopped_at is None or self._http_since is None:
            return math.inf
        if self._blocked >= 2 or self._flaps:
            return max(self._http_since, self._held_until)
        least = max(self._stopped_at + DATA_STOPPED_S, self._held_until)
        if self._failed_since_http:
            return max(least, self._http_since)
        return max(least, self._http_since + NO_WEBSOCKET_S)

    def begin(self, now: float) -> None:
        """Polling begins."""
        self.is_on, self.next_at, self._failures, self._is_answered = True, now, 0, False
        self.probe_at = math.inf

    def on_session(self) -> None:
        """A session is live: data flows."""
        self._stopped_at = self._http_since = None
        self._failed_since_http = self._blocked = 0
        self._has_failed = False
        self.probe_at = math.inf

    def on_session_lost(self, now: float, held_s: float, *, replaced: bool) -> None:
        """Data stopped. A session that replaced polling and did not last is remembered."""
        self._stopped_at = now
        is_flap = replaced and held_s < SHORT_LIVED_S
        self._flaps = self._flaps + 1 if is_flap else 0
        if is_flap and not self.is_on:
            self.probe_at = now

    def is_proven(self, held_s: float, *, is_answered: bool) -> bool:
        """Whether a session that has held for so long takes the place of polling."""
        return held_s >= self.proven_after_s or (self._flaps < FLAPS_MAX and is_answered)

    @property
    def proven_after_s(self) -> float:
        """How long a session has to hold."""
        return SUSPECT_PROVEN_AFTER_S if self._flaps >= FLAPS_MAX else PROVEN_AFTER_S

    def end(self) -> None:
        """No more requests."""
        self.is_on, self.in_flight, self.next_at = False, None, math.inf

    def give_up(self, now: float, hold_s: float = 0.0) -> None:
        """HTTP does not get through either, or this server has no polls: not for `hold_s`."""
        self.end()
        self._held_until = now + hold_s
        self._stopped_at, self._http_since = now, None
        self.probe_at = now + self._backoff.jittered(PROBE_EACH_S)

    def take_request(self, now: float) -> Optional[int]:
        """Return the number of a request that is due; it then counts as made."""
        if not self.is_on or self.in_flight is not None or now < self.next_at:
            return None
        self.number += 1
        self.in_flight, self.next_at = self.number, math.inf
        return self.number

    @property
    def wait_s(self) -> float:
        """How long the server may hold the request: not at all until one was answered."""
        return WAIT_S if self._is_answered and not self._failures else 0.0

    def on_answer(self, now: float, pause_s: float) -> None:
        """A request was answered."""
        self.in_flight, self._failures, self.next_at = None, 0, now + pause_s
        self._is_answered = True

    def on_refused(self, now: float, pause_s: float) -> None:
        """A server asks for patience."""
        self.in_flight, self.next_at = None, now + pause_s

    def on_no_answer(self, now: float) -> bool:
        """A request got no answer. Returns whether to go on."""
        self.in_flight = None
        self._failures += 1
        self.next_at = now + self._backoff.jittered(2.0 ** (self._failures - 1))
        return self._failures < FAILURES_MAX
