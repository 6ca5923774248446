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
from .http_client import VERSION as __version__
from .publisher import Publisher
from .publishing import Publish, Receipt
from .retry import RetryPolicy
from .tokens import make_token

__all__ = [
    "AsyncPublisher",
    "BatchError",
    "ChannelFinished",
    "LinkRejected",
    "Publish",
    "PublishError",
    "Publisher",
    "Receipt",
    "Refused",
    "RetryPolicy",
    "SteadfastError",
    "TokenError",
    "Unauthorized",
    "Unavailable",
    "__version__",
    "make_token",
]
