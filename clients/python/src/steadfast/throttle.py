"""At most so many a second, and always the last. In: values, the time. Out: the value that may go
now, or when one may. Knows no thread.
"""

from __future__ import annotations

import math
from typing import Generic, Optional, TypeVar

_Value = TypeVar("_Value")


class Throttle(Generic[_Value]):
    """Holds the newest value until `1 / per_second` after the one before."""

    def __init__(self, per_second: float) -> None:
        if not 0 < per_second <= 100:
            raise ValueError(f"per_second is above 0 and at most 100, not {per_second}")
        self._interval_s = 1 / per_second
        self._free_at = -math.inf
        self._held: Optional[_Value] = None

    def offer(self, value: _Value) -> None:
        """Hold a value in place of an older one."""
        self._held = value

    def put_back(self, value: _Value) -> None:
        """Hold a value that could not be sent, unless there is a newer one."""
        if self._held is None:
            self._held = value

    def due(self) -> float:
        """When the held value may go; infinity where there is none."""
        return math.inf if self._held is None else self._free_at

    def take(self, now: float) -> Optional[_Value]:
        """Take the held value, if it may go."""
        if now < self.due():
            return None
        self._free_at = now + self._interval_s
        return self.take_last()

    def take_last(self) -> Optional[_Value]:
        """Take the held value, because nothing follows."""
        value, self._held = self._held, None
        return value
