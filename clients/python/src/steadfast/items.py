"""What a follower hands its app, and where it stands.

In: nothing. Out: plain values. A gap is an item of its own, never silence.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from typing import Any, Dict, Mapping, Union


@dataclass(frozen=True)
class Position:
    """The last event of a channel that an app was handed; offset 0 is before the first."""

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read what `str` wrote."""
        epoch, colon, offset = text.rpartition(":")
        if not colon or not epoch or not offset.isdecimal():
            raise ValueError(f"{text!r} is no position such as 'epoch:7'")
        return cls(epoch, int(offset))


Since = Union[str, Position]
"""Where to begin in a channel: `"start"`, `"now"`, or behind a position."""


@dataclass(frozen=True)
class Event:
    """One event of a channel; `time` is when it was published, as RFC 3339 in UTC."""

    channel: str
    epoch: str
    offset: int
    event: str
    data: Any
    time: str

    @property
    def position(self) -> Position:
        """Where it stands."""
        return Position(self.epoch, self.offset)


@dataclass(frozen=True)
class Gap:
    """Events behind `start` up to `end` cannot be had any more.

    `cause` is `retention` (no longer kept) or `epoch_changed` (history was lost or deleted).
    """

    channel: str
    start: Position
    end: Position
    cause: str


@dataclass(frozen=True)
class Finished:
    """The channel has ended, and its last event was handed over."""

    channel: str


@dataclass(frozen=True)
class ChannelRefused:
    """The server does not serve this channel; the others go on."""

    channel: str
    code: str
    detail: str


class State(str, Enum):
    """How a follower is connected."""

    DISCONNECTED = "disconnected"
    """At rest: closed, finished or rejected."""
    CONNECTING = "connecting"
    """The first attempt."""
    CONNECTED = "connected"
    """Events come over WebSocket."""
    RECONNECTING = "reconnecting"
    """The session was lost, and another is sought; nothing to do."""
    FALLBACK = "fallback"
    """Events come by polling; WebSocket goes on being tried."""


@dataclass(frozen=True)
class StateChange:
    """The state is another one; `reason` is for a log."""

    new: State
    old: State
    reason: str


@dataclass(frozen=True)
class Moved:
    """Not handed to an app: its position in the channel is this one without an event."""

    channel: str
    position: Position


Item = Union[Event, Gap, Finished, ChannelRefused, StateChange]


def save_positions(positions: Mapping[str, Position]) -> str:
    """Write positions as JSON text: `{"job:1": "epoch:7"}`."""
    return json.dumps({channel: str(position) for channel, position in positions.items()})


def load_positions(text: str) -> Dict[str, Position]:
    """Read what `save_positions` wrote."""
    return {channel: Position.parse(position) for channel, position in json.loads(text).items()}
