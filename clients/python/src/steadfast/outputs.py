"""What a link wants done: plain values from the pure core to the shell that has the sockets."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Dict, Mapping, Optional, Union

from .errors import LinkRejected
from .items import Item, Moved


@dataclass(frozen=True)
class AskToken:
    """Ask the app for a token."""


@dataclass(frozen=True)
class Dial:
    """Open a WebSocket; at `url` where the server named another place."""

    socket: int
    url: Optional[str]


@dataclass(frozen=True)
class Send:
    """Send a frame."""

    socket: int
    frame: Dict[str, Any]


@dataclass(frozen=True)
class CloseSocket:
    """Close a socket, or give up one that is being opened. Nothing of it is reported any more."""

    socket: int


@dataclass(frozen=True)
class Probe:
    """Ask whether plain HTTP gets through."""


@dataclass(frozen=True)
class Poll:
    """Make a request for pages; any that is under way is given up."""

    number: int
    body: Dict[str, Any]
    wait_s: float


@dataclass(frozen=True)
class StopPolling:
    """Give up the request for pages that is under way."""


@dataclass(frozen=True)
class Tell:
    """Hand this to the app."""

    item: Union[Item, Moved]


@dataclass(frozen=True)
class End:
    """Nothing more will come."""

    error: Optional[LinkRejected]


Output = Union[AskToken, Dial, Send, CloseSocket, Probe, Poll, StopPolling, Tell, End]


class DialFailure(Enum):
    """Why a socket did not open."""

    UNREACHABLE = "unreachable"
    """Nothing answered."""
    BLOCKED = "blocked"
    """Something that is no Steadfast server answered."""
    BUSY = "busy"
    """The server is there, and wants patience."""
    REFUSED = "refused"
    """The server is there, and will not have this."""


@dataclass(frozen=True)
class HttpAnswer:
    """An answer over HTTP; `is_ours`: it has the header of a Steadfast server (P-75)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_ours: bool
