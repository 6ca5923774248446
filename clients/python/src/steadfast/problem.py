"""What an answer of the server means to a publisher.

In: status, headers and body of an answer that is no success. Out: its code, its text, whether the
same request may succeed later, and when. Answers of proxies, which are no problem documents,
count too.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Mapping, Optional, Type

from .errors import ChannelFinished, PublishError, Refused, Unauthorized, Unavailable

_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_DETAIL_CHARS_MAX = 200


@dataclass(frozen=True)
class Problem:
    """Why a request failed."""

    status: int
    code: str
    detail: str
    retry_after_s: Optional[float] = None

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _RETRIED

    def error(self, attempts: int) -> PublishError:
        """Make the error that says so, after this many requests."""
        kind: Type[PublishError] = Refused
        if self.is_retryable:
            kind = Unavailable
        elif self.status in (401, 403):
            kind = Unauthorized
        elif self.code == "channel_finished":
            kind = ChannelFinished
        return kind(
            self.code,
            self.detail,
            status=self.status,
            retry_after_s=self.retry_after_s,
            attempts=attempts,
        )


def read_problem(status: int, headers: Mapping[str, str], body: bytes, now_s: float) -> Problem:
    """Read an answer; `now_s` is the time of day, for a `Retry-After` that is a date."""
    hint = _seconds(headers.get("retry-after"), now_s)
    document = _document(body)
    if document is None:
        text = " ".join(body[: 4 * _DETAIL_CHARS_MAX].decode("utf-8", "replace").split())
        detail = f"HTTP {status} without a problem document: {text[:_DETAIL_CHARS_MAX]!r}"
        return Problem(status, f"http_{status}", detail, hint)
    return problem_of(document, status, hint)


def problem_of(document: Mapping[str, Any], status: int, hint: Optional[float] = None) -> Problem:
    """Read a problem document, as an answer's body or as one result of a batch."""
    own = document.get("retry_after_s")
    if hint is None and isinstance(own, (int, float)) and math.isfinite(own) and own >= 0:
        hint = float(own)
    own_status = document.get("status")
    code = document.get("code")
    detail = document.get("detail") or document.get("title")
    return Problem(
        own_status if isinstance(own_status, int) else status,
        code if isinstance(code, str) else f"http_{status}",
        detail if isinstance(detail, str) else "the answer gives no reason",
        hint,
    )


def _document(body: bytes) -> Optional[Mapping[str, Any]]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) and "code" in document else None


def _seconds(header: Optional[str], now_s: float) -> Optional[float]:
    """Read `Retry-After`: whole seconds, or a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        at = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    return max((at - datetime.fromtimestamp(now_s, timezone.utc)).total_seconds(), 0.0)
