"""`Publisher`: publishes from a backend without asyncio. The sockets and the clock of
`publishing`; may be used from several threads, and in processes forked after it was made.
"""

from __future__ import annotations

import logging
import os
import ssl
import threading
import time
from types import TracebackType
from typing import Any, Generator, Iterable, List, Optional, Type, TypeVar

import httpx

from .batches import publish_batch
from .http_client import (
    ANSWER_BYTES_MAX,
    AnswerTooLarge,
    base_url,
    client_settings,
    key_of,
    no_response,
)
from .publishing import (
    Moment,
    NoResponse,
    Pause,
    Publish,
    Receipt,
    Request,
    Response,
    Step,
    publish_one,
)
from .retry import RetryPolicy

_log = logging.getLogger("steadfast.publisher")
_Outcome = TypeVar("_Outcome")


class Publisher:
    """Publishes events to the internal port of a server.

    `key` is read from the variable STEADFAST_KEY where it is left out. `retry` says how long to
    try. `tls` is for a CA or a certificate of your own; without it a server is trusted that the
    machine trusts. `http` is an httpx client to use instead of an own one: its address, headers
    and TLS are not changed, and it is not closed.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8081",
        *,
        key: Optional[str] = None,
        retry: Optional[RetryPolicy] = None,
        tls: Optional[ssl.SSLContext] = None,
        http: Optional[httpx.Client] = None,
    ) -> None:
        self._url = base_url(url)
        self._key = key_of(key)
        self._retry = retry or RetryPolicy()
        self._tls = tls
        self._given = http
        self._own: Optional[httpx.Client] = None
        self._process = os.getpid()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Publisher({str(self._url)!r})"

    def publish(
        self,
        channel: str,
        event: str,
        data: Any = None,
        *,
        final: bool = False,
        replace: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        retry: Optional[RetryPolicy] = None,
    ) -> Receipt:
        """Publish one event. Returns once the server has it.

        Raises `ValueError` for data that is no JSON and for names against the rules, `Refused`
        (`Unauthorized`, `ChannelFinished`) and `Unavailable`.
        """
        publish = Publish(channel, event, data, final, replace, idempotency_key)
        receipt = self._drive(publish_one(publish, retry or self._retry, _moment()))
        _log.debug("published %s to %s as %d", event, channel, receipt.offset)
        return receipt

    def publish_many(
        self, publishes: Iterable[Publish], *, retry: Optional[RetryPolicy] = None
    ) -> List[Receipt]:
        """Publish many events, to one or many channels, in order: 1,000 in each request.

        Each request has the deadline of `retry`. Raises `BatchError`, which has the result of each
        event, where not all were published.
        """
        receipts = self._drive(publish_batch(publishes, retry or self._retry, _moment()))
        _log.debug("published %d events", len(receipts))
        return receipts

    def close(self) -> None:
        """Close the connections. Publishing opens them again."""
        with self._lock:
            client, self._own = self._own, None
        if client is not None:
            client.close()

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def _drive(self, call: Generator[Step, Moment, _Outcome]) -> _Outcome:
        try:
            step = next(call)
            while True:
                if isinstance(step, Pause):
                    _log.warning("publishing again in %.1f s: %s", step.seconds, step.why)
                    time.sleep(step.seconds)
                    step = call.send(_moment())
                else:
                    step = call.send(_moment(self._post(step)))
        except StopIteration as done:
            outcome: _Outcome = done.value
            return outcome

    def _post(self, request: Request) -> Response | NoResponse:
        headers = {}
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        ends = time.monotonic() + request.timeout_s
        body = bytearray()
        try:
            with self._client().stream(
                "POST",
                request.path,
                content=request.body,
                headers=headers,
                timeout=request.timeout_s,
            ) as response:
                for piece in response.iter_bytes():
                    body += piece
                    if len(body) > ANSWER_BYTES_MAX:
                        raise AnswerTooLarge(f"the answer is over {ANSWER_BYTES_MAX} bytes")
                    # httpx counts its timeout anew for each piece.
                    if time.monotonic() > ends:
                        raise httpx.ReadTimeout("the answer took too long")
                return Response(response.status_code, response.headers, bytes(body))
        except httpx.HTTPError as error:
            return no_response(error)

    def _client(self) -> httpx.Client:
        if self._given is not None:
            return self._given
        with self._lock:
            # A socket that two processes share mixes up their requests.
            if self._own is None or self._process != os.getpid():
                self._process = os.getpid()
                self._own = httpx.Client(**client_settings(self._url, self._key, self._tls))
            return self._own


def _moment(outcome: Response | NoResponse | None = None) -> Moment:
    return Moment(time.monotonic(), time.time(), outcome)
