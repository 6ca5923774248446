"""The token of a link (P-17, P-19): when the app is asked for one, and when a refusal is final.

In: what the app gives, what the server refuses, the time. Out: what to do next.
"""

from __future__ import annotations

from enum import Enum
from random import Random
from typing import Optional

ASK_MIN_S = 1.0
ASK_MAX_S = 30.0
EXPIRED_SOON_S = 10.0
"""A token that is first used later than this after it was given may have ended meanwhile."""


class Need(Enum):
    """Whether an attempt can be made."""

    NOTHING = "nothing"
    ASK = "ask"
    WAIT = "wait"


class Credentials:
    """`is_asked_for`: the app has a function that gives tokens; else it gave one, or none."""

    def __init__(self, token: Optional[str], *, is_asked_for: bool, random: Random) -> None:
        self.token = token
        self._is_asked_for = is_asked_for
        self._random = random
        self.is_asking = False
        self._is_fresh = False
        self._given_at = 0.0
        self._failures = 0
        self.ask_at: Optional[float] = None
        """When to ask again, where the app could not say."""

    def need(self, now: float) -> Need:
        """Tell what an attempt needs now."""
        if self.token is not None or not self._is_asked_for:
            return Need.NOTHING
        if self.is_asking or (self.ask_at is not None and now < self.ask_at):
            return Need.WAIT
        self.is_asking, self.ask_at = True, None
        return Need.ASK

    def ask_newer(self) -> bool:
        """Whether the app is to be asked for a newer token, though one is in force."""
        if self.is_asking or not self._is_asked_for:
            return False
        self.is_asking = True
        return True

    def on_newer(self) -> None:
        """The app gave one, or could not; the old one is in force until it is replaced."""
        self.is_asking = False

    def on_token(self, now: float, token: str) -> None:
        """Keep what the app gave."""
        self.is_asking, self._failures = False, 0
        self.token, self._given_at = token, now

    def on_not_now(self, now: float) -> None:
        """The app cannot say now: ask again later, and more rarely."""
        self.is_asking = False
        pause = min(ASK_MIN_S * 2.0 ** min(self._failures, 10), ASK_MAX_S)
        self._failures += 1
        self.ask_at = now + self._random.uniform(0.7 * pause, 1.3 * pause)

    def on_accepted(self) -> None:
        """A session was welcomed with the token."""
        self._is_fresh = False

    def on_refused(self, now: float, *, is_expired: bool) -> bool:
        """Drop the token. Returns False where there is no use in asking for another one."""
        had_token, self.token = self.token is not None, None
        if not self._is_asked_for:
            return False
        was_fresh, self._is_fresh = self._is_fresh, True
        is_late = is_expired and now - self._given_at > EXPIRED_SOON_S
        return not was_fresh or is_late or not had_token
