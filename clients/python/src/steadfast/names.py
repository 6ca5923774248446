"""The names of channels, and the patterns of grants.

In: text from a program. Out: the same text, or a `ValueError` that says the rule.
"""

from __future__ import annotations

import re

CHANNEL_BYTES_MAX = 255

_SEGMENT = re.compile(r"[A-Za-z0-9_.-]+", re.ASCII)


def check_channel(name: str) -> str:
    """Return `name` if it names a channel: segments of `[A-Za-z0-9_.-]`, joined by `:`."""
    if not _is_channel(name):
        raise ValueError(
            f"{name!r} names no channel: it has segments of A-Z a-z 0-9 _ . - joined by ':', none "
            f"of them '.' or '..', and {CHANNEL_BYTES_MAX} bytes at most"
        )
    return name


def check_pattern(pattern: str) -> str:
    """Return `pattern` if a grant can hold it: a channel, `prefix:*` or `*`."""
    is_prefix = pattern.endswith(":*") and _is_channel(pattern[:-2])
    if not (pattern == "*" or is_prefix or _is_channel(pattern)):
        raise ValueError(f"{pattern!r} is no channel, and no prefix such as 'orders:*'")
    return pattern


def _is_channel(name: str) -> bool:
    segments = name.split(":")
    return len(name) <= CHANNEL_BYTES_MAX and all(
        _SEGMENT.fullmatch(segment) and segment not in (".", "..") for segment in segments
    )
