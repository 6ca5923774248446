"""Close codes of WebSocket, and what each tells a client to do (P-50, P-52)."""

from __future__ import annotations

from enum import Enum

NORMAL = 1000
NO_CODE = 1005
ABNORMAL = 1006
TOKEN_EXPIRED = 4200
TOKEN_MISSING = 4201


class Advice(Enum):
    """What a client does about a close."""

    RETRY_NOW = "retry_now"
    RETRY_AFTER = "retry_after"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105
    MOVE_TO = "move_to"
    NEVER = "never"


def advice(code: int) -> Advice:
    """Tell the class of a code; unknown ones are retried after a while."""
    if code in (1001, NO_CODE, ABNORMAL, 1012) or 4000 <= code < 4100:
        return Advice.RETRY_NOW
    if code in (NORMAL, 1002, 1003) or 1007 <= code <= 1010 or 4400 <= code < 4500:
        return Advice.NEVER
    if 4200 <= code < 4300:
        return Advice.REFRESH_TOKEN
    return Advice.MOVE_TO if 4300 <= code < 4400 else Advice.RETRY_AFTER
