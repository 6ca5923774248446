"""`AsyncPublisher`: publishes from a backend that runs on asyncio. The sockets and the clock of
`publishing`; one is enough for a process, and any number of tasks may use it at once. In a new
event loop, as of a second `asyncio.run`, it opens connections of its own.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
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


class AsyncPublisher:
    """Publishes events to the internal port of a server; as `Publisher`, with `await`."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8081",
        *,
        key: Optional[str] = None,
        retry: Optional[RetryPolicy] = None,
        tls: Optional[ssl.SSLContext] = None,
        http: Optional[httpx.AsyncClient] = None,
    ) -> None:
        self._url = base_url(url)
        self._key = key_of(key)
        self._retry = retry or RetryPolicy()
        self._tls = tls
        self._given = http
        self._own: Optional[httpx.AsyncClient] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def __repr__(self) -> str:
        return f"AsyncPublisher({str(self._url)!r})"

    async def publish(
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
        """Publish one event; see `Publisher.publish`."""
        publish = Publish(channel, event, data, final, replace, idempotency_key)
        receipt = await self._drive(publish_one(publish, retry or self._retry, _moment()))
        _log.debug("published %s to %s as %d", event, channel, receipt.offset)
        return receipt

    async def publish_many(
        self, publishes: Iterable[Publish], *, retry: Optional[RetryPolicy] = None
    ) -> List[Receipt]:
        """Publish many events; see `Publisher.publish_many`."""
        receipts = await self._drive(publish_batch(publishes, retry or self._retry, _moment()))
        _log.debug("published %d events", len(receipts))
        return receipts

    async def close(self) -> None:
        """Close the connections. Publishing opens them again."""
        client, self._own = self._own, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()

    async def __aenter__(self) -> AsyncPublisher:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def _drive(self, call: Generator[Step, Moment, _Outcome]) -> _Outcome:
        try:
            step = next(call)
            while True:
                if isinstance(step, Pause):
                    _log.warning("publishing again in %.1f s: %s", step.seconds, step.why)
                    await asyncio.sleep(step.seconds)
                    step = call.send(_moment())
                else:
                    step = call.send(_moment(await self._post(step)))
        except StopIteration as done:
            outcome: _Outcome = done.value
            return outcome

    async def _post(self, request: Request) -> Response | NoResponse:
        try:
            # httpx counts its own timeout anew for each piece of an answer.
            return await asyncio.wait_for(self._exchange(request), request.timeout_s)
        except asyncio.TimeoutError:
            return NoResponse("the answer took too long", was_sent=True)
        except httpx.HTTPError as error:
            return no_response(error)

    async def _exchange(self, request: Request) -> Response:
        headers = {}
        if request.idempotency_key is not None:
            headers["Idempotency-Key"] = request.idempotency_key
        body = bytearray()
        async with self._client().stream(
            "POST", request.path, content=request.body, headers=headers, timeout=request.timeout_s
        ) as response:
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > ANSWER_BYTES_MAX:
                    raise AnswerTooLarge(f"the answer is over {ANSWER_BYTES_MAX} bytes")
            return Response(response.status_code, response.headers, bytes(body))

    def _client(self) -> httpx.AsyncClient:
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        # Connections belong to their loop: one that has ended cannot even close them.
        if self._own is None or self._loop is not loop:
            self._loop = loop
            self._own = httpx.AsyncClient(**client_settings(self._url, self._key, self._tls))
        return self._own


def _moment(outcome: Response | NoResponse | None = None) -> Moment:
    return Moment(time.monotonic(), time.time(), outcome)
