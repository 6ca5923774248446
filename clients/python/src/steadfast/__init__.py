"""Steadfast for Python: publish from a backend, follow channels, make tokens.

docs/python.md in the repository is the manual.
"""

from .async_publisher import AsyncPublisher
from .errors import (
    BatchError,
    ChannelFinished,
    LinkRejected,
    PublishError,
    Refused,
    SteadfastError,
    TokenError,
    Unauthorized,
    Unavailable,
)
from .follower import Follower
from .http_client import VERSION as __version__
from .items import (
    ChannelRefused,
    Event,
    Finished,
    Gap,
    Item,
    Position,
    State,
    StateChange,
    load_positions,
    save_positions,
)
from .publisher import Publisher
from .publishing import Publish, Receipt
from .retry import RetryPolicy
from .stopping import run_until_stopped
from .tokens import make_token

__all__ = [
    "AsyncPublisher",
    "BatchError",
    "ChannelFinished",
    "ChannelRefused",
    "Event",
    "Finished",
    "Follower",
    "Gap",
    "Item",
    "LinkRejected",
    "Position",
    "Publish",
    "PublishError",
    "Publisher",
    "Receipt",
    "Refused",
    "RetryPolicy",
    "State",
    "StateChange",
    "SteadfastError",
    "TokenError",
    "Unauthorized",
    "Unavailable",
    "__version__",
    "load_positions",
    "make_token",
    "run_until_stopped",
    "save_positions",
]
