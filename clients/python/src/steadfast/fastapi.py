"""FastAPI and Steadfast: a publisher for the life of the app, and a route that gives tokens.

In: an app, what a user may follow. Out: its lifespan, the dependencies `publisher_of` and
`jobs_of`, and `token_router`.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, AsyncIterator, Callable, Coroutine, Mapping, Optional, Sequence, Set

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response
from fastapi.requests import HTTPConnection

from .async_publisher import AsyncPublisher
from .tokens import make_token

_log = logging.getLogger("steadfast.fastapi")

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]


@dataclass(frozen=True)
class Grants:
    """Who a token is for, and what its holder may do; see `make_token`."""

    sub: str
    subscribe: Sequence[str] = ()
    publish: Sequence[str] = ()
    presence: Sequence[str] = ()


class Jobs:
    """Work in the background of an app. At the app's end it is cancelled, and waited for: so it
    still publishes how it ended. uvicorn alone kills it by the signal that ends the process.
    """

    def __init__(self) -> None:
        self._tasks: Set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any]) -> None:
        """Begin; what the work raises is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)

    async def end(self) -> None:
        """Cancel all that run, and wait for them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("a job failed", exc_info=error)


def publisher_lifespan(publisher: AsyncPublisher, inner: Optional[Lifespan] = None) -> Lifespan:
    """Make the `lifespan` of an app that holds `publisher` and `Jobs`, and ends them with it.

    `inner` is a lifespan of your own, which begins later and ends earlier.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[Any]:
        async with publisher:
            app.state.steadfast_publisher = publisher
            app.state.steadfast_jobs = jobs = Jobs()
            try:
                if inner is None:
                    yield None
                else:
                    async with inner(app) as state:
                        yield state
            finally:
                await jobs.end()

    return lifespan


def publisher_of(connection: HTTPConnection) -> AsyncPublisher:
    """Give the app's publisher: `publisher: AsyncPublisher = Depends(publisher_of)`."""
    publisher: AsyncPublisher = _held(connection, "steadfast_publisher")
    return publisher


def jobs_of(connection: HTTPConnection) -> Jobs:
    """Give the app's jobs: `jobs: Jobs = Depends(jobs_of)`."""
    jobs: Jobs = _held(connection, "steadfast_jobs")
    return jobs


def _held(connection: HTTPConnection, name: str) -> Any:
    held = getattr(connection.app.state, name, None)
    if held is None:
        raise RuntimeError("give the app `lifespan=publisher_lifespan(AsyncPublisher(…))`")
    return held


def token_router(
    key: str,
    grants: Callable[..., Any],
    *,
    path: str = "/realtime-token",
    ttl_s: int = 900,
    **options: Any,
) -> APIRouter:
    """Make a router with `POST path`, which answers `{"token", "expires_in_s"}`.

    `grants` is a dependency that gives the `Grants` of whoever asks, or None: then the answer is
    401, and a client of ours comes to rest. `options` go to `make_token`.
    """
    router = APIRouter()
    # A key that no server takes is found at the start, not by the first user.
    make_token(key, ttl_s=ttl_s, **options)

    @router.post(path)
    def token(response: Response, granted: Any = Depends(grants)) -> Mapping[str, Any]:
        if granted is None:
            raise HTTPException(401, "sign in first")
        made = make_token(
            key,
            sub=granted.sub,
            subscribe=granted.subscribe,
            publish=granted.publish,
            presence=granted.presence,
            ttl_s=ttl_s,
            **options,
        )
        response.headers["Cache-Control"] = "no-store"
        return {"token": made, "expires_in_s": ttl_s}

    return router
