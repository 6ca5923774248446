"""Every way in which a call of this package fails.

What a program decides by is an attribute (`code`, `status`, `is_uncertain`), never the text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Sequence, Union

if TYPE_CHECKING:
    from .publishing import Receipt


class SteadfastError(Exception):
    """The base of all errors of this package."""


class PublishError(SteadfastError):
    """An event was not published, or nobody knows whether it was.

    `code` is the stable word of the server's problem document, or one of this package:
    `no_answer`, `bad_answer`, `not_tried`. `detail` is for a developer's log. `status` is the HTTP
    status of the last answer, `retry_after_s` the server's hint in it, `attempts` how many requests
    were made. `is_uncertain`: a request was sent and not answered, so the event may be published;
    publishing it again with the same idempotency key within five minutes does no harm.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: Optional[int] = None,
        retry_after_s: Optional[float] = None,
        attempts: int = 1,
        is_uncertain: bool = False,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.status = status
        self.retry_after_s = retry_after_s
        self.attempts = attempts
        self.is_uncertain = is_uncertain

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class Refused(PublishError):
    """The server refused, and would refuse the same request again."""


class Unauthorized(Refused):
    """The key is missing or wrong (401), or does not permit this (403)."""


class ChannelFinished(Refused):
    """The channel has had its final event."""


class Unavailable(PublishError):
    """No attempt within the deadline was answered with success."""


class BatchError(SteadfastError):
    """Some events of a batch were not published.

    `results` has one entry for each event, in order: a `Receipt` or a `PublishError`.
    """

    def __init__(self, results: Sequence[Union[Receipt, PublishError]]) -> None:
        self.results = list(results)
        failed = [result for result in results if isinstance(result, PublishError)]
        super().__init__(f"{len(failed)} of {len(results)} events failed, the first: {failed[0]}")


class TokenError(SteadfastError, ValueError):
    """A token with these claims or this key would be refused by every server."""


class LinkRejected(SteadfastError):
    """The server does not serve this link, and would not after a new attempt.

    `code` is a close code of WebSocket or the word of a problem document.
    """

    def __init__(self, code: Union[int, str], detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
