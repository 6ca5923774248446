"""Text of the wire to frames (P-1, P-2). In: a text message, or the body of a poll's answer. Out:
an object whose fields have the kinds that its type says, or the verdict that it is none.
"""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Union

INTEGER_MAX = 2**53

_POSITION = {"epoch": "s", "offset": "n"}
_GAP = {"from": _POSITION, "to": _POSITION}
_EVENT = {"offset": "n", "event": "s", "time": "s"}
_FRAMES: Dict[str, Dict[str, Any]] = {
    "welcome": {
        "heartbeat": {"interval": "n", "timeout": "n"},
        "crash_window_ms": "n",
        "token_expires_in_ms?": "n",
    },
    "refreshed": {"expires_in_ms?": "n"},
    "subscribed": {"channel": "s", **_POSITION, "gap?": _GAP},
    "event": {"channel": "s", "epoch?": "s", **_EVENT},
    "superseded": {"channel": "s", "from": "n", "to": "n"},
    "finished": {"channel": "s"},
    "heartbeat_ack": {},
    "ping": {},
    "go_away": {"after_ms": "n", "spread_ms": "n", "to?": "s"},
    "error": {"channel?": "s", "code": "s", "message": "s", "retry": "b"},
}
_PAGE = {"channel": "s", **_POSITION, "events": [_EVENT], "final": "b", "gap?": _GAP}
_REFUSED = {"channel": "s", "code": "s", "detail": "s"}
_ANSWER = {"pages": [_PAGE], "refused": [_REFUSED], "next_poll_ms": "n"}


def read_frame(text: str) -> Optional[Dict[str, Any]]:
    """Read what a server said; None where it is to be ignored."""
    frame = _parse(text)
    kind = frame.get("type") if isinstance(frame, dict) else None
    shape = _FRAMES.get(kind) if isinstance(kind, str) else None
    return frame if shape is not None and _fits(frame, shape) else None


def read_poll(body: bytes) -> Optional[Dict[str, Any]]:
    """Read the answer to a poll; None where it is none."""
    answer = _parse(body)
    return answer if _fits(answer, _ANSWER) else None


def _parse(text: Union[str, bytes]) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _fits(value: Any, shape: Union[str, Dict[str, Any], List[Any]]) -> bool:
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(
            _field_fits(value, name, kind) for name, kind in shape.items()
        )
    if isinstance(shape, list):
        return isinstance(value, list) and all(_fits(one, shape[0]) for one in value)
    if shape == "n":
        return type(value) is int and 0 <= value <= INTEGER_MAX
    return isinstance(value, str if shape == "s" else bool)


def _field_fits(value: Dict[str, Any], name: str, shape: Any) -> bool:
    if name.endswith("?"):
        field = value.get(name[:-1])
        return field is None or _fits(field, shape)
    return _fits(value.get(name), shape)
